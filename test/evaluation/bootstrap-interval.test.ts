import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import { bootstrapInterval } from "../../src/evaluation/bootstrap-interval.js";
import { SeededRandom } from "../../src/numeric/seeded-random.js";

describe("bootstrap intervals", () => {
  it("cover the true mean about as often as they claim", () => {
    const random = new SeededRandom(11);
    const covered = { bca: 0, percentile: 0 };
    for (let trial = 0; trial < 200; trial++) {
      const sample = Array.from({ length: 40 }, () => random.float64());
      for (const method of ["bca", "percentile"] as const) {
        const { low, high } = bootstrapInterval(sample, {
          method,
          confidence: 0.9,
          resampleCount: 400,
          seed: trial,
        });
        if (low <= 0.5 && 0.5 <= high) covered[method]++;
      }
    }
    // 180 expected, standard deviation 4.2.
    for (const count of Object.values(covered))
      assert.ok(count > 160 && count < 197, String(count));
  });

  it("are the same for the same seed and grow with the confidence", () => {
    const sample = [0.1, 0.5, 0.2, 0.9, 0.3, 0.0, 0.7];
    const narrow = bootstrapInterval(sample, { confidence: 0.8 });
    const wide = bootstrapInterval(sample, { confidence: 0.99 });
    assert.deepEqual(bootstrapInterval(sample, { confidence: 0.8 }), narrow);
    assert.ok(wide.low < narrow.low && narrow.high < wide.high);
  });

  it("of values without spread are that value", () => {
    for (const method of ["bca", "percentile"] as const) {
      const { low, high } = bootstrapInterval([0.25, 0.25, 0.25], { method });
      assert.equal(low, 0.25);
      assert.equal(high, 0.25);
    }
  });

  it("refuse too few values, values that are not finite and options out of range", () => {
    assert.throws(() => bootstrapInterval([1]), InputError);
    assert.throws(() => bootstrapInterval([1, Number.NaN]), InputError);
    assert.throws(() => bootstrapInterval([1, 2], { confidence: 1 }), InputError);
    assert.throws(() => bootstrapInterval([1, 2], { resampleCount: 99 }), InputError);
  });
});
