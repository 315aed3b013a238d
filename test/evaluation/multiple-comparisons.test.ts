import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InputError } from "../../src/errors.js";
import { bonferroni, holm } from "../../src/evaluation/multiple-comparisons.js";

describe("corrections for several tests", () => {
  it("worked by hand", () => {
    // Ascending .005 · 4, .01 · 3, .03 · 2, .04 · 1: .02, .03, .06, and .04 raised to .06.
    const corrected = holm([0.01, 0.04, 0.03, 0.005]);
    [0.03, 0.06, 0.06, 0.02].forEach((p, i) => {
      assert.ok(Math.abs(p - (corrected[i] ?? 0)) < 1e-15);
    });
    assert.deepEqual(bonferroni([0.01, 0.5]), [0.02, 1]);
    assert.deepEqual(holm([]), []);
  });

  it("Holm is never above Bonferroni, never below the p value, and keeps the order", () => {
    const p = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(p), (pValues) => {
        const ours = holm(pValues);
        const plain = bonferroni(pValues);
        for (const [i, value] of ours.entries()) {
          assert.ok(value <= plain[i]! && value >= pValues[i]!);
          for (const [j, other] of ours.entries()) {
            if (pValues[i]! < pValues[j]!) assert.ok(value <= other);
          }
        }
      }),
    );
  });

  it("refuse what is no p value", () => {
    for (const wrong of [-0.1, 1.1, Number.NaN]) {
      assert.throws(() => holm([0.5, wrong]), InputError);
      assert.throws(() => bonferroni([wrong]), InputError);
    }
  });
});
