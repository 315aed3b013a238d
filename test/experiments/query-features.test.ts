import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { featureEffects, queryFeatures } from "../../src/experiments/query-features.js";
import type { QueryId } from "../../src/run/ranking.js";
import { qrelsOf, textsOf } from "./tiny-comparison.js";

const texts = textsOf({
  a: ["Tides", "The moon pulls the sea."],
  b: ["Bread", "Flour and water."],
});

describe("features of queries", () => {
  it("are counted over the distinct analysed terms", () => {
    const topics = new Map([["q1" as QueryId, "the moon, the moons and a zebra"]]);
    const features = queryFeatures(topics, qrelsOf({ q1: { a: 1, b: 0 } }), texts).get(
      "q1" as QueryId,
    );
    // moon and zebra are left: one of two is unknown, and a holds one of them.
    assert.equal(features?.termCount, 2);
    assert.equal(features?.unknownShare, 0.5);
    assert.equal(features?.overlap, 0.5);
    assert.equal(features?.relevantCount, 1);
    // df 1 of 2: ln(1 + 1.5/1.5); df 0: ln(1 + 2.5/.5).
    assert.equal(features?.rarity.toFixed(10), ((Math.log(2) + Math.log(6)) / 2).toFixed(10));
  });

  it("leave the overlap open where no relevant document has a text", () => {
    const topics = new Map([["q1" as QueryId, "moon"]]);
    const features = queryFeatures(topics, qrelsOf({ q1: { gone: 1 } }), texts).get(
      "q1" as QueryId,
    );
    assert.equal(features?.overlap, null);
  });

  it("part queries into groups of like size without parting equal values", () => {
    const lengths = [1, 1, 1, 1, 2, 3];
    const features = new Map(
      lengths.map((termCount, i) => [
        `q${i}` as QueryId,
        { termCount, rarity: 0, unknownShare: 0, overlap: null, relevantCount: 1 },
      ]),
    );
    const differences = new Map(lengths.map((length, i) => [`q${i}` as QueryId, length / 10]));
    const effect = featureEffects(features, differences, 42).find(
      ({ name }) => name === "query length",
    );
    // Cuts at the 2nd and 4th of six, both 1: the four ones stay together.
    assert.deepEqual(
      effect?.bins.map(({ low, high, queryCount }) => [low, high, queryCount]),
      [
        [1, 1, 4],
        [2, 3, 2],
      ],
    );
    assert.equal(effect?.bins[1]?.meanDifference, 0.25);
    assert.equal(effect?.tau?.toFixed(10), "1.0000000000");
    const constant = featureEffects(features, differences, 42).find(
      ({ name }) => name === "rarity of the words",
    );
    assert.equal(constant?.tau, null);
  });
});
