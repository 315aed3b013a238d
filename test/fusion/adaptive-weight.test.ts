import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { adaptiveModel } from "../../src/fusion/adaptive-model.js";
import { adaptiveWeight, legSignals } from "../../src/fusion/adaptive-weight.js";
import { type FusionLeg, fuse, parseFusion } from "../../src/fusion/index.js";
import { doc } from "./random-legs.js";

const sparse: FusionLeg = {
  name: "sparse",
  ranking: [doc("a", 8), doc("b", 4), doc("c", 2)],
  bounds: { lower: 0, upper: 16 },
};
const dense: FusionLeg = {
  name: "dense",
  ranking: [doc("c", 0.75), doc("e", 0.5)],
  similarity: "cosine",
};

describe("a weight per query", () => {
  it("reads its signals off the two legs", () => {
    assert.deepEqual(legSignals(sparse, dense), {
      coverage: 0.5,
      sparseDecay: 0.25,
      topSimilarity: 0.75,
      denseGap10: 0.25,
      denseGap100: 0.25,
      agreement10: 0.1,
      agreement100: 0.01,
    });
  });

  it("adds up the signals' slopes and stays between its limits", () => {
    const signals = legSignals(sparse, dense);
    const zero = { mean: 0, deviation: 1, slope: 0 };
    const terms = {
      coverage: { mean: 0.25, deviation: 0.25, slope: 0.1 },
      sparseDecay: { mean: 0, deviation: 0.01, slope: 0.02 },
      topSimilarity: zero,
      denseGap10: zero,
      denseGap100: zero,
      agreement10: zero,
      agreement100: zero,
    };
    // One deviation of coverage: .1; sparse decay 25 deviations, counted as 3: .06.
    const weight = adaptiveWeight(signals, { base: 0.5, least: 0.1, most: 0.9, terms });
    assert.ok(Math.abs(weight - 0.66) < 1e-12);
    assert.equal(adaptiveWeight(signals, { base: 2, least: 0.1, most: 0.9, terms }), 0.9);
    assert.equal(adaptiveWeight(signals, { base: -2, least: 0.1, most: 0.9, terms }), 0.1);
  });

  it("is what an adaptive fusion weighs with, and what it tells", () => {
    const fused = fuse([sparse, dense], parseFusion("weighted(adaptive=true)"));
    const weight = adaptiveWeight(legSignals(sparse, dense), adaptiveModel);
    assert.deepEqual(fused.weights, { dense: weight, sparse: 1 - weight });
    assert.deepEqual(fused.signals, legSignals(sparse, dense));
    const fixed = fuse([sparse, dense], {
      ...parseFusion("weighted"),
      weights: { dense: weight, sparse: 1 - weight },
    });
    assert.deepEqual(fused.ranking, fixed.ranking);
    assert.equal(fixed.signals, null);
  });

  it("is not asked for where one of the legs has no hits", () => {
    const empty = { name: "dense", ranking: [] };
    const fused = fuse([sparse, empty], parseFusion("weighted(adaptive=true)"));
    assert.deepEqual(fused.weights, { sparse: 1 });
    assert.equal(fused.signals, null);
  });
});
