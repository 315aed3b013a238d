import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  type FusedRanking,
  type Fusion,
  type FusionLeg,
  fuse,
  parseFusion,
} from "../../src/fusion/index.js";
import { compareDocIds } from "../../src/run/ranking.js";
import { doc, ranked } from "./random-legs.js";

type Scores = Readonly<Record<string, number>>;
type RawRun = Readonly<Record<string, Scores>>;

interface Golden {
  readonly tools: Readonly<Record<string, string>>;
  readonly runs: Readonly<Record<string, RawRun>>;
  readonly ordered: Readonly<Record<string, RawRun>>;
  readonly cases: readonly {
    readonly fusion: string;
    readonly runs: "runs" | "ordered";
    readonly scores: RawRun;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../golden/fusion/ranx.json", import.meta.url), "utf8"),
) as Golden;

const tolerance = 1e-10;

/** Which documents of a query ranx and we must score alike; docs/fusion.md says why not all. */
function comparable(fusion: Fusion, legs: readonly FusionLeg[]): (docId: string) => boolean {
  const scale = "normalization" in fusion ? String(fusion.normalization) : "";
  // Ours reads negative scores as 0 in CombMNZ.
  if (fusion.method === "combmnz" && (scale === "z-score" || scale === "max")) {
    return (id) => listedBy(legs, id).every(({ ranking }) => isPositive(ranking, id, scale));
  }
  return () => true;
}

/** The score without what unlisted documents get of a leg, which is 0 in ranx. */
function listedScore(fused: FusedRanking, docId: string): number {
  const parts = fused.explain(docId)?.parts ?? [];
  return parts.reduce((sum, { rank, contribution }) => sum + (rank === null ? 0 : contribution), 0);
}

function listedBy(legs: readonly FusionLeg[], id: string): readonly FusionLeg[] {
  return legs.filter(({ ranking }) => ranking.some(({ docId }) => docId === id));
}

function isPositive(ranking: FusionLeg["ranking"], id: string, scale: string): boolean {
  const mean = ranking.reduce((sum, { score }) => sum + score, 0) / ranking.length;
  const score = ranking.find(({ docId }) => docId === id)?.score ?? 0;
  return scale === "z-score" ? score > mean : score > 0;
}

describe(`agreement with ranx ${golden.tools["ranx"]}`, () => {
  it("has cases to look at", () => {
    assert.ok(golden.cases.length >= 27);
    assert.equal(Object.keys(golden.runs).length, 3);
  });

  for (const { fusion: text, runs, scores } of golden.cases) {
    it(`${text}: score by score`, () => {
      const fusion = parseFusion(text);
      let compared = 0;
      for (const [queryId, expected] of Object.entries(scores)) {
        const legs = Object.entries(golden[runs]).map(([name, run]) => ({
          name,
          ranking: ranked(Object.entries(run[queryId] ?? {}).map(([id, score]) => doc(id, score))),
        }));
        // Where ranx divides by a maximum smaller than the largest magnitude, the scale is another.
        const signed = legs.some(
          ({ ranking }) => -(ranking.at(-1)?.score ?? 0) > (ranking[0]?.score ?? 0),
        );
        assert.ok(!signed, "the golden runs keep their largest magnitude on top");
        const fused = fuse(legs, fusion);
        const got = fused.ranking;
        assert.equal(got.length, Object.keys(expected).length);
        if (fusion.method === "condorcet") {
          // Its score is a place from the end in ranx, wins less losses here: the order is compared.
          const order = Object.entries(expected).sort(
            ([a, x], [b, y]) => y - x || compareDocIds(b, a),
          );
          assert.deepEqual(
            got.map(({ docId }) => docId),
            order.map(([docId]) => docId),
          );
          compared += got.length;
          continue;
        }
        const compare = comparable(fusion, legs);
        const sums = fusion.method === "weighted" || fusion.method === "combsum";
        for (const { docId, score: whole } of got) {
          if (!compare(docId)) continue;
          const score = sums ? listedScore(fused, docId) : whole;
          const theirs = expected[docId] ?? Number.NaN;
          assert.ok(
            Math.abs(score - theirs) < tolerance,
            `${queryId} ${docId}: ${score}, ${theirs}`,
          );
          compared++;
        }
      }
      assert.ok(compared >= 14, `only ${compared} hits compared`);
    });
  }
});
