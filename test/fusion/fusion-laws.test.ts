import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InputError } from "../../src/errors.js";
import { type Fusion, type FusionLeg, fuse } from "../../src/fusion/index.js";
import { compareScoredDocs } from "../../src/run/ranking.js";
import {
  doc,
  everyFusion,
  fusions,
  legNames,
  legSets,
  legs,
  ordinaryScores,
  ranked,
  rankings,
  weightsFor,
} from "./random-legs.js";

const numRuns = 2000;

/** Every leg named, so that adding or removing one moves no weight to another. */
function weighted(fusion: Fusion, weights: Readonly<Record<string, number>>): Fusion {
  return { ...fusion, weights };
}

const weightedLegs = legSets.chain((set) =>
  fc.record({ set: fc.constant(set), weights: weightsFor(set.map(({ name }) => name)) }),
);

describe("laws of fusion", () => {
  it("ranks the union of the legs, each document once, by THE tie rule, with finite scores", () => {
    fc.assert(
      fc.property(weightedLegs, fusions, ({ set, weights }, fusion) => {
        const { ranking } = fuse(set, weighted(fusion, weights));
        const union = new Set(set.flatMap((leg) => leg.ranking.map(({ docId }) => docId)));
        assert.deepEqual(new Set(ranking.map(({ docId }) => docId)), union);
        assert.equal(ranking.length, union.size);
        for (const { score } of ranking) assert.ok(Number.isFinite(score));
        assert.deepEqual(ranking, [...ranking].sort(compareScoredDocs));
      }),
      { numRuns },
    );
  });

  it("contributions add up to the score to the last bit, for every hit", () => {
    fc.assert(
      fc.property(weightedLegs, fusions, ({ set, weights }, fusion) => {
        const fused = fuse(set, weighted(fusion, weights));
        for (const { docId, score } of fused.ranking) {
          const explanation = fused.explain(docId);
          assert.ok(explanation);
          let sum = 0;
          for (const { contribution } of explanation.parts) sum += contribution;
          assert.equal(sum, score);
          assert.equal(explanation.score, score);
        }
      }),
      { numRuns },
    );
  });

  it("the order of the legs changes nothing, not even the last bit", () => {
    fc.assert(
      fc.property(weightedLegs, fusions, ({ set, weights }, fusion) => {
        const there = fuse(set, weighted(fusion, weights));
        const back = fuse([...set].reverse(), weighted(fusion, weights));
        assert.deepEqual(back.ranking, there.ranking);
        for (const { docId } of there.ranking) {
          assert.deepEqual(back.explain(docId), there.explain(docId));
        }
      }),
      { numRuns },
    );
  });

  it("a document at least as high as another in every leg is at least as high in the result", () => {
    fc.assert(
      fc.property(weightedLegs, fusions, ({ set, weights }, fusion) => {
        const fused = fuse(set, weighted(fusion, weights));
        const scores = new Map(fused.ranking.map(({ docId, score }) => [docId, score]));
        const ids = [...scores.keys()];
        const known = set.map((leg) => knownScores(leg));
        // A document of one leg more may score less under CombANZ, which averages: see its page.
        const sameLegs = fusion.method === "combanz";
        for (const a of ids) {
          for (const b of ids) {
            const dominates = known.every(({ of, listed }) => {
              if (sameLegs && listed.has(a) !== listed.has(b)) return false;
              return of(a) >= of(b) && (listed.has(a) || !listed.has(b));
            });
            if (dominates) assert.ok(scores.get(a)! >= scores.get(b)!, `${a} below ${b}`);
          }
        }
      }),
      { numRuns },
    );
  });

  it("a raised score never lowers its document, where a leg's scale does not move with spread", () => {
    // z-score and its like divide by the spread, which grows with an outlier: docs/fusion.md.
    const steady = everyFusion.filter(
      (fusion) =>
        !("normalization" in fusion) ||
        ["unit", "none", "max", "min-max", "theoretical", "rank"].includes(
          String(fusion.normalization),
        ),
    );
    fc.assert(
      fc.property(
        rankings({ minLength: 1, scores: ordinaryScores }),
        rankings({ scores: ordinaryScores }),
        fc.nat(),
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom(...steady),
        (first, second, at, raise, fusion) => {
          // With negative scores the magnitude that `max` divides by may be that of the worst one.
          const scale = "normalization" in fusion ? fusion.normalization : "rank";
          fc.pre(!(scale === "max" || scale === "unit") || first.every((hit) => hit.score >= 0));
          // A leg without a score above 0 has no distance between its hits and the unknown to keep.
          fc.pre(!(scale === "none") || first[0]!.score > 0);
          const chosen = first[at % first.length]!;
          const raised = ranked(
            first.map((hit) => (hit === chosen ? doc(hit.docId, hit.score + raise) : hit)),
          );
          const bounds = { lower: -100, upper: 100 };
          const scoresOf = (ranking: typeof first): Map<string, number> => {
            const set = [
              { name: "sparse", ranking, bounds },
              { name: "dense", ranking: second, bounds },
            ];
            return new Map(fuse(set, fusion).ranking.map(({ docId, score }) => [docId, score]));
          };
          const before = scoresOf(first);
          const after = scoresOf(raised);
          for (const other of before.keys()) {
            // Beyond rounding: what it was above, it is not below now.
            if (before.get(chosen.docId)! - before.get(other)! > 1e-9) {
              assert.ok(after.get(chosen.docId)! - after.get(other)! > -1e-9, `below ${other}`);
            }
          }
        },
      ),
      { numRuns },
    );
  });

  it("a leg with weight 0 is as if it were not there", () => {
    fc.assert(
      fc.property(
        weightedLegs,
        fusions,
        fc.constantFrom(...legNames),
        ({ set, weights }, fusion, removed) => {
          const rest = set.filter(({ name }) => name !== removed);
          fc.pre(rest.length < set.length && rest.length > 0);
          const { [removed]: _, ...others } = weights;
          const without = fuse(rest, weighted(fusion, others));
          const zero = fuse(set, weighted(fusion, { ...others, [removed]: 0 }));
          assert.deepEqual(zero.ranking, without.ranking);
        },
      ),
      { numRuns },
    );
  });

  it("weight 1 alone is that leg's ranking exactly: its documents in its order", () => {
    fc.assert(
      fc.property(legs("sparse"), legs("dense"), fusions, (sparse, dense, fusion) => {
        const fused = fuse([sparse, dense], weighted(fusion, { sparse: 1, dense: 0 }));
        assert.deepEqual(
          fused.ranking.map(({ docId }) => docId),
          sparse.ranking.map(({ docId }) => docId),
        );
      }),
      { numRuns },
    );
  });

  it("an empty leg changes nothing, with its own weight or with the one it is given", () => {
    fc.assert(
      fc.property(legSets, fusions, (set, fusion) => {
        const without = fuse(set, fusion);
        const withEmpty = fuse([{ name: "absent", ranking: [] }, ...set], fusion);
        assert.deepEqual(withEmpty.ranking, without.ranking);
      }),
      { numRuns },
    );
  });

  it("a leg with one hit does not vanish: its hit is above its equal in the other leg", () => {
    const bounds = { lower: -31, upper: 31 };
    const paired = everyFusion.filter(
      // CombMNZ reads scores below 0 as 0, and z-scores and raw ones are there: see comb-mnz.ts.
      (fusion) =>
        fusion.method !== "combanz" &&
        !(
          fusion.method === "combmnz" && ["z-score", "none"].includes(String(fusion.normalization))
        ),
    );
    fc.assert(
      fc.property(
        rankings({ scores: ordinaryScores }),
        ordinaryScores,
        ordinaryScores,
        fc.constantFrom(...paired),
        (others, tie, score, fusion) => {
          fc.pre(fusion.method !== "combmnz" || score > 0);
          const sparse = ranked([...others, doc("one", tie), doc("two", tie)]);
          const fused = fuse(
            [
              { name: "sparse", ranking: sparse, bounds },
              { name: "dense", ranking: [doc("one", score)], bounds },
            ],
            { ...fusion, weights: { sparse: 1, dense: 1 } },
          );
          const scores = new Map<string, number>(
            fused.ranking.map((hit) => [hit.docId, hit.score]),
          );
          assert.ok(scores.get("one")! > scores.get("two")!);
        },
      ),
      { numRuns },
    );
  });

  it("tied scores share their rank in every method that reads ranks", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 8 }),
        fusions,
        (ids, fusion) => {
          const tied = ranked(ids.map((docId) => doc(docId, 1)));
          const fused = fuse(
            [{ name: "sparse", ranking: tied, bounds: { lower: 0, upper: 2 } }],
            fusion,
          );
          assert.equal(new Set(fused.ranking.map(({ score }) => score)).size, 1);
          assert.ok(fused.ranking.every(({ docId }) => fused.explain(docId)?.parts[0]?.rank === 1));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("scores that are not finite are refused in every leg, counted or not", () => {
    for (const fusion of everyFusion) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        for (const weight of [1, 0]) {
          const set = [
            { name: "sparse", ranking: [doc("a", bad)] },
            { name: "dense", ranking: [doc("a", 1)], bounds: { lower: 0, upper: 1 } },
          ];
          assert.throws(
            () => fuse(set, weighted(fusion, { sparse: weight, dense: 1 })),
            (error: unknown) => error instanceof InputError && error.message.includes("sparse"),
          );
        }
      }
    }
  });
});

/** What a leg says of documents: exact where it tells, else the same for all, below the listed. */
function knownScores(leg: FusionLeg): { of: (id: string) => number; listed: Set<string> } {
  const listedScores = new Map<string, number>(
    leg.ranking.map(({ docId, score }) => [docId, score]),
  );
  const fallback = leg.absentScore ?? Number.NEGATIVE_INFINITY;
  return {
    of: (id) => listedScores.get(id) ?? leg.missing?.get(id) ?? fallback,
    listed: new Set(listedScores.keys()),
  };
}
