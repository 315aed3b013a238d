import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type FusionSetting, fuseAgain, legWeights } from "../../src/web/fuse-again.js";
import { startTestService, type TestService } from "../server/running-service.js";

const words = ["fox", "dog", "den", "root", "leaf", "rain", "hill", "moss", "bark", "fern"];
/** Documents of a few words each; a small linear generator stands for chance. */
function documents(count: number): { _id: string; text: string }[] {
  let seed = 7;
  const next = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  return Array.from({ length: count }, (_, i) => ({
    _id: `d${i}`,
    text: Array.from({ length: 2 + next(6) }, () => words[next(words.length)]).join(" "),
  }));
}

describe("fusing again in the browser", () => {
  let service: TestService;
  before(async () => {
    service = await startTestService();
    await service.call("PUT", "/v1/collections/wood", {});
    await service.call("POST", "/v1/collections/wood/documents", documents(300));
  });
  after(() => service.end());

  const settings: FusionSetting[] = [
    ...[0, 0.05, 0.3, 0.5, 0.75, 1].map((denseWeight) => ({
      method: "weighted" as const,
      denseWeight,
      rankConstant: 60,
    })),
    ...[0, 1, 60, 200].map((rankConstant) => ({
      method: "rrf" as const,
      denseWeight: 0.5,
      rankConstant,
    })),
    { method: "rrf", denseWeight: 0.2, rankConstant: 10 },
  ];

  for (const setting of settings) {
    const { method, denseWeight, rankConstant } = setting;
    it(`gives what the service gives: ${method}, dense ${denseWeight}, constant ${rankConstant}`, async () => {
      const depth = 100;
      const query = "fox moss rain";
      const fusion =
        method === "rrf" ? { method, rankConstant } : { method, normalization: "unit" };
      const { json: comparison } = await service.call("POST", "/v1/collections/wood/compare", {
        query,
        candidates: depth,
        fusion,
      });
      const again = fuseAgain(comparison.candidates, setting, depth);
      const { json: answer } = await service.call("POST", "/v1/collections/wood/search", {
        query,
        limit: 300,
        fusion: { ...fusion, weights: legWeights(setting) },
      });
      assert.ok(again.certainCount >= 10, `only ${again.certainCount} places are certain`);
      for (let i = 0; i < again.certainCount; i++) {
        const { id, score } = again.ranking[i] ?? { id: "", score: Number.NaN };
        assert.equal(id, answer.hits[i].id, `place ${i + 1}`);
        // One leg alone may be spread apart by the service where rounding made scores equal.
        assert.ok(Math.abs(score - answer.hits[i].score) < 1e-9, `score at ${i + 1}`);
      }
    });
  }

  it("counts only places above what an unseen document could reach", () => {
    // Two candidates of each leg were asked for. A document beyond both lists scores at most
    // .5 · .4 + .5 · .2 = .3 (the last normalised score of each leg), so a (.75) and b (.4) are
    // certain; c (.5 · .2 + .5 · .0 = .1) is not.
    const word = (rank: number | null, normalized: number) => ({ rank, score: 1, normalized });
    const candidates = [
      { id: "a", title: "", sparse: word(1, 1), dense: word(1, 0.5) },
      { id: "b", title: "", sparse: word(2, 0.4), dense: word(7, 0.4) },
      { id: "c", title: "", sparse: word(null, 0), dense: word(2, 0.2) },
    ];
    const setting = { method: "weighted", denseWeight: 0.5, rankConstant: 60 } as const;
    const { ranking, certainCount } = fuseAgain(candidates, setting, 2);
    assert.deepEqual(
      ranking.map(({ id, place, score }) => [id, place, score]),
      [
        ["a", 1, 0.75],
        ["b", 2, 0.4],
        ["c", 3, 0.1],
      ],
    );
    assert.equal(certainCount, 2);
  });

  it("orders equal scores by id, descending, by code points", () => {
    const leg = { rank: 1, score: 1, normalized: 1 };
    const candidates = ["a", "b", "\u{1F98A}", "\uFFFD"].map((id) => ({
      id,
      title: "",
      sparse: leg,
      dense: leg,
    }));
    const setting = { method: "weighted", denseWeight: 0.5, rankConstant: 60 } as const;
    assert.deepEqual(
      fuseAgain(candidates, setting, 10).ranking.map(({ id }) => id),
      ["\u{1F98A}", "\uFFFD", "b", "a"],
    );
  });
});
