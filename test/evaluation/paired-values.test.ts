import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import {
  pairedDifferences,
  pairedEffectSize,
  pairValues,
  winsTiesLosses,
} from "../../src/evaluation/paired-values.js";
import type { QueryId } from "../../src/run/ranking.js";

const column = (values: Record<string, number>) =>
  new Map(Object.entries(values) as [QueryId, number][]);

describe("paired values", () => {
  it("are joined by query, whatever the order of the columns", () => {
    const pairs = pairValues(column({ a: 1, b: 2 }), column({ b: 4, a: 3 }));
    assert.deepEqual(pairs.queryIds, ["a", "b"]);
    assert.deepEqual([...pairs.values], [1, 2]);
    assert.deepEqual([...pairs.baseline], [3, 4]);
  });

  it("over different queries are refused", () => {
    for (const other of [{ a: 1 }, { a: 1, c: 2 }, { a: 1, b: 2, c: 3 }]) {
      assert.throws(() => pairValues(column({ a: 1, b: 2 }), column(other)), InputError);
    }
    assert.throws(() => pairedDifferences([1], [1, 2]), InputError);
    assert.throws(() => pairedDifferences([], []), InputError);
    assert.throws(() => pairedDifferences([Number.NaN], [1]), InputError);
  });

  it("count as wins, ties and losses, with a tolerance where asked", () => {
    const values = [0.5, 0.5, 0.2, 0.9];
    const baseline = [0.4, 0.5, 0.3, 0.85];
    assert.deepEqual(winsTiesLosses(values, baseline), { wins: 2, ties: 1, losses: 1 });
    assert.deepEqual(winsTiesLosses(values, baseline, 0.06), { wins: 1, ties: 2, losses: 1 });
  });

  it("have an effect size of mean over standard deviation of the differences", () => {
    // Differences 1, 2, 3: mean 2, variance (1 + 0 + 1) / 2 = 1.
    assert.equal(pairedEffectSize([1, 2, 3], [0, 0, 0]), 2);
    assert.equal(pairedEffectSize([1, 2], [1, 2]), 0);
    assert.equal(pairedEffectSize([0.3, 0.3, 0.3], [0.1, 0.1, 0.1]), Number.POSITIVE_INFINITY);
    assert.throws(() => pairedEffectSize([1], [0]), InputError);
  });
});
