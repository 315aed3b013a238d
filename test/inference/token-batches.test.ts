import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { planTokenBatches } from "../../src/inference/token-batches.js";

describe("planTokenBatches", () => {
  it("puts neighbours in length together, longest first", () => {
    // Budget 12: 5+4 -> 2 x 5 = 10; 3+2+2 -> 3 x 3 = 9, a fourth would be 12, and there is one: 1.
    const limits = { tokenBudget: 12, maxTexts: 9, grouping: "sorted" } as const;
    assert.deepEqual(planTokenBatches([2, 5, 3, 4, 2, 1], limits), [
      [1, 3],
      [2, 0, 4, 5],
    ]);
    assert.deepEqual(planTokenBatches([2, 2, 3], { ...limits, grouping: "equal" }), [[2], [0, 1]]);
    assert.deepEqual(planTokenBatches([2, 2], { ...limits, grouping: "single" }), [[0], [1]]);
    assert.deepEqual(planTokenBatches([99], limits), [[0]]);
    assert.deepEqual(planTokenBatches([], limits), []);
  });

  it("plans every text once and keeps to the limits", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 })),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 8 }),
        (lengths, tokenBudget, maxTexts) => {
          const batches = planTokenBatches(lengths, { tokenBudget, maxTexts, grouping: "sorted" });
          const planned = batches.flat().sort((a, b) => a - b);
          assert.deepEqual(
            planned,
            lengths.map((_, i) => i),
          );
          for (const batch of batches) {
            const longest = Math.max(...batch.map((index) => lengths[index] ?? 0));
            assert.ok(batch.length <= maxTexts);
            assert.ok(batch.length === 1 || batch.length * longest <= tokenBudget);
          }
        },
      ),
    );
  });
});
