import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import {
  type FusionLeg,
  fuse,
  fuseRuns,
  fusionSchema,
  parseFusion,
} from "../../src/fusion/index.js";
import type { QueryId } from "../../src/run/ranking.js";
import { doc } from "./random-legs.js";

const sparse: FusionLeg = {
  name: "sparse",
  ranking: [doc("a", 8), doc("b", 4), doc("c", 4), doc("d", 2)],
  bounds: { lower: 0, upper: 16 },
};
const dense: FusionLeg = {
  name: "dense",
  ranking: [doc("c", 0.8), doc("e", 0.6), doc("a", 0.2)],
  similarity: "cosine",
};

function scoresOf(
  text: string,
  legs: readonly FusionLeg[] = [sparse, dense],
): Record<string, number> {
  const { ranking } = fuse(legs, parseFusion(text));
  return Object.fromEntries(ranking.map(({ docId, score }) => [docId, score]));
}

function near(actual: Record<string, number>, expected: Record<string, number>): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected), "order");
  for (const [docId, score] of Object.entries(expected)) {
    assert.ok(Math.abs(actual[docId]! - score) < 1e-12, `${docId}: ${actual[docId]}, not ${score}`);
  }
}

describe("fuse", () => {
  it("reciprocal rank: ranks from 1, tied scores share theirs, unlisted add nothing", () => {
    // a: 1/61 + 1/63; c: 1/62 (tied with b) + 1/61; e: 1/62; b: 1/62; d: 1/64. e before b: higher id.
    near(scoresOf("rrf"), {
      c: 1 / 62 + 1 / 61,
      a: 1 / 61 + 1 / 63,
      e: 1 / 62,
      b: 1 / 62,
      d: 1 / 64,
    });
    // k = 0, dense counts twice. c: 1/2 + 2; a: 1 + 2/3; e: 2/2; b: 1/2; d: 1/4.
    near(scoresOf("rrf(k=0,dense=2)"), { c: 2.5, a: 1 + 2 / 3, e: 1, b: 0.5, d: 0.25 });
  });

  it("weighted, unit: BM25 by its top score, cosine as it is, unknown a little below the worst", () => {
    // sparse / 8: a 1, b c .5, d .25, e (unknown, of 4) max(0, .25 - 1 / 4) = 0;
    // dense: c .8, e .6, a .2, b d (unknown, of 3) max(0, .2 - .8 / 3) = 0.
    near(scoresOf("weighted(norm=unit)"), {
      c: (0.5 + 0.8) / 2,
      a: (1 + 0.2) / 2,
      e: 0.6 / 2,
      b: 0.5 / 2,
      d: 0.25 / 2,
    });
    // Near the worst of a longer list: dense unknown .6 - .8 / 4 = .4 for b and d.
    const closer = [doc("c", 0.8), doc("e", 0.7), doc("a", 0.65), doc("f", 0.6)];
    near(
      scoresOf("weighted(norm=unit,dense=1,sparse=1)", [sparse, { ...dense, ranking: closer }]),
      {
        a: 1 + 0.65,
        c: 0.5 + 0.8,
        b: 0.5 + 0.4,
        e: 0.7,
        d: 0.25 + 0.4,
        f: 0.6,
      },
    );
  });

  it("weighted with exact scores of what a leg did not list", () => {
    // e has BM25 0 for certain; the cosine of b is known to be .1, that of d is not:
    // max(0, .1 - .8 / 4) = 0.
    const complete = { ...sparse, absentScore: 0 };
    const completed = { ...dense, missing: new Map([["b", 0.1]]) };
    near(scoresOf("weighted(norm=unit,dense=.25)", [complete, completed]), {
      a: 0.75 * 1 + 0.25 * 0.2,
      c: 0.75 * 0.5 + 0.25 * 0.8,
      b: 0.75 * 0.5 + 0.25 * 0.1,
      d: 0.75 * 0.25,
      e: 0.25 * 0.6,
    });
  });

  it("each normalisation, by hand", () => {
    const alone = (norm: string): Record<string, number> =>
      scoresOf(`weighted(norm=${norm})`, [sparse]);
    near(alone("theoretical"), { a: 0.5, c: 0.25, b: 0.25, d: 0.125 });
    near(alone("min-max"), { a: 1, c: 1 / 3, b: 1 / 3, d: 0 });
    near(alone("max"), { a: 1, c: 0.5, b: 0.5, d: 0.25 });
    // Above the lowest: 6 + 2 + 2 + 0 = 10.
    near(alone("sum"), { a: 0.6, c: 0.2, b: 0.2, d: 0 });
    // Mean 4.5; squares 12.25 + .25 + .25 + 6.25 = 19; sd = sqrt(19 / 4).
    const sd = Math.sqrt(19 / 4);
    near(alone("z-score"), { a: 3.5 / sd, c: -0.5 / sd, b: -0.5 / sd, d: -2.5 / sd });
    near(alone("distribution"), {
      a: 0.5 + 3.5 / sd / 6,
      c: 0.5 - 0.5 / sd / 6,
      b: 0.5 - 0.5 / sd / 6,
      d: 0.5 - 2.5 / sd / 6,
    });
    near(alone("rank"), { a: 1, c: 0.75, b: 0.75, d: 0.25 });
    near(alone("none"), { a: 8, c: 4, b: 4, d: 2 });
    // bounded: by its bounds, and without any as min-max.
    near(alone("bounded"), { a: 0.5, c: 0.25, b: 0.25, d: 0.125 });
    const unbounded = { name: "sparse", ranking: sparse.ranking };
    near(scoresOf("weighted", [unbounded]), { a: 1, c: 1 / 3, b: 1 / 3, d: 0 });
    near(scoresOf("weighted(norm=theoretical)", [dense]), { c: 0.9, e: 0.8, a: 0.6 });
    const known = { ...sparse, statistics: { mean: 1, standardDeviation: 2 } };
    near(scoresOf("weighted(norm=z-score)", [known]), { a: 3.5, c: 1.5, b: 1.5, d: 0.5 });
  });

  it("CombSUM, CombMNZ, CombANZ over min-max", () => {
    // sparse: a 1, b c 1/3, d 0; dense: c 1, e 2/3, a 0; unlisted 0.
    near(scoresOf("combsum(norm=min-max)"), { c: 4 / 3, a: 1, e: 2 / 3, b: 1 / 3, d: 0 });
    near(scoresOf("combmnz(norm=min-max)"), { c: 8 / 3, a: 2, e: 2 / 3, b: 1 / 3, d: 0 });
    // c: (1/3 + 1) / 2 rounds to a float64 above e's 2/3.
    near(scoresOf("combanz(norm=min-max)"), { c: 2 / 3, e: 2 / 3, a: 1 / 2, b: 1 / 3, d: 0 });
  });

  it("inverse square rank, and its logarithmic form", () => {
    // a: 1 + 1/9, c: 1/4 + 1, both in two legs; e b: 1/4; d: 1/16.
    near(scoresOf("isr"), { c: 2.5, a: 20 / 9, e: 0.25, b: 0.25, d: 1 / 16 });
    const [two, one] = [Math.log(2.01), Math.log(1.01)];
    near(scoresOf("logisr"), {
      c: two * 1.25,
      a: (two * 10) / 9,
      e: one / 4,
      b: one / 4,
      d: one / 16,
    });
  });

  it("Borda: unlisted documents share the points left over", () => {
    // Five candidates. sparse: a 5, b c 4, d 2, e (5 - 4 + 1) / 2 = 1.
    // dense: c 5, e 4, a 3, b d (5 - 3 + 1) / 2 = 1.5.
    near(scoresOf("borda"), { c: 9, a: 8, b: 5.5, e: 5, d: 3.5 });
  });

  it("Condorcet: wins less losses against every other candidate", () => {
    // sparse a > b = c > d > e; dense c > e > a > b = d.
    // a-b a, a-c even, a-d a, a-e even; b-c c, b-d b, b-e even; c-d c, c-e c; d-e even.
    near(scoresOf("condorcet"), { c: 3, a: 2, e: -1, b: -1, d: -3 });
  });

  it("shares what the named weights leave of 1, and refuses where nothing is left", () => {
    near(scoresOf("weighted(norm=unit,dense=1)"), { c: 0.8, e: 0.6, a: 0.2 });
    assert.throws(() => scoresOf("weighted(dense=1.5)"), /weight for leg sparse/);
    near(scoresOf("weighted(norm=unit,dense=2,sparse=0)"), { c: 1.6, e: 1.2, a: 0.4 });
  });

  it("refuses what is not a set of rankings", () => {
    const refused = (leg: Partial<FusionLeg>, message: RegExp): void => {
      assert.throws(
        () => fuse([{ ...sparse, ...leg }, dense], parseFusion("rrf")),
        (error: unknown) => error instanceof InputError && message.test(error.message),
      );
    };
    refused({ ranking: [doc("a", 1), doc("b", 2)] }, /best first/);
    refused({ ranking: [doc("a", 1), doc("a", 1)] }, /a twice/);
    refused({ name: "dense" }, /"dense" twice/);
    refused({ absentScore: 3 }, /absentScore/);
    refused({ missing: new Map([["z", Number.NaN]]) }, /NaN for z/);
    assert.throws(() => scoresOf("rrf(dense=0,sparse=0)"), /above 0/);
    assert.throws(() => scoresOf("rrf(dnese=2)"), /got one of "dnese"/);
    const unbounded = { name: "sparse", ranking: sparse.ranking };
    assert.throws(() => scoresOf("weighted(norm=theoretical)", [unbounded]), /needs the bounds/);
  });

  it("gives an empty ranking for no legs and for empty legs", () => {
    assert.deepEqual(fuse([], parseFusion("rrf")).ranking, []);
    assert.deepEqual(fuse([{ name: "sparse", ranking: [] }], parseFusion("weighted")).ranking, []);
    assert.equal(fuse([sparse], parseFusion("rrf")).explain("nowhere"), null);
  });

  it("explains a document that one leg did not list", () => {
    const explanation = fuse([sparse, dense], parseFusion("weighted(norm=unit)")).explain("e");
    assert.deepEqual(explanation, {
      score: 0.3,
      parts: [
        { leg: "dense", rank: 2, score: 0.6, normalized: 0.6, contribution: 0.3 },
        { leg: "sparse", rank: null, score: null, normalized: 0, contribution: 0 },
      ],
    });
  });
});

describe("fusing runs", () => {
  const q = (id: string): QueryId => id as QueryId;

  it("fuses query by query, also those that only some runs have", () => {
    const one = new Map([[q("1"), [doc("a", 2), doc("b", 1)]]]);
    const two = new Map([
      [q("2"), [doc("c", 1)]],
      [q("1"), [doc("b", 9)]],
    ]);
    const fused = fuseRuns(
      [
        { name: "one", run: one },
        { name: "two", run: two },
      ],
      parseFusion("rrf"),
    );
    assert.deepEqual([...fused.keys()], ["1", "2"]);
    assert.deepEqual(fused.get(q("1")), [doc("b", 1 / 61 + 1 / 62), doc("a", 1 / 61)]);
    assert.deepEqual(fused.get(q("2")), [doc("c", 1 / 61)]);
  });

  it("takes a ranking shorter than its run's depth for complete, so the rest scores 0", () => {
    const lexical = new Map([
      [q("1"), [doc("a", 10), doc("b", 9)]],
      [q("2"), [doc("a", 3), doc("b", 2), doc("c", 1)]],
    ]);
    const other = new Map([[q("1"), [doc("c", 1), doc("a", 0.5), doc("b", 0.5)]]]);
    const runs = [
      { name: "lexical", run: lexical },
      { name: "other", run: other },
    ];
    const fused = fuseRuns(runs, parseFusion("weighted(norm=max)"));
    // a (1 + .5) / 2, b (.9 + .5) / 2, c (0 + 1) / 2.
    assert.deepEqual(fused.get(q("1")), [doc("a", 0.75), doc("b", 0.7), doc("c", 0.5)]);
  });

  it("names the query of a bad ranking, and asks for runs", () => {
    const run = new Map([[q("7"), [doc("a", Number.NaN)]]]);
    assert.throws(() => fuseRuns([{ name: "x", run }], fusionSchema.parse({})), /query 7: .*NaN/);
    assert.throws(() => fuseRuns([], fusionSchema.parse({})), /at least one run/);
  });
});
