import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import { pairedTTest } from "../../src/evaluation/paired-t-test.js";
import { randomizationTest } from "../../src/evaluation/randomization-test.js";
import { SeededRandom } from "../../src/numeric/seeded-random.js";

const random = new SeededRandom(3);
const baseline = Array.from({ length: 300 }, () => random.float64());
const values = baseline.map((value) => value + (random.float64() - 0.48) * 0.3);

describe("Fisher's randomisation test", () => {
  it("worked by hand", () => {
    // Differences 1, 2, 3 sum to 6: of 8 sign patterns only +++ and --- are as far from 0.
    const test = randomizationTest([1, 2, 3], [0, 0, 0]);
    assert.deepEqual(test, {
      meanDifference: 2,
      pValue: 0.25,
      method: "exact",
      randomizationCount: 8,
      seed: 42,
    });
  });

  it("patterns whose sums differ by rounding alone count as equally far", () => {
    // 0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in float64; every pattern below ties or is nearer.
    assert.equal(
      randomizationTest([0.1, 0.2, 0.3, 0.3, 0.2, 0.1], [0, 0, 0, 0, 0, 0]).pValue,
      2 / 64,
    );
    assert.equal(randomizationTest([1, 1], [1, 1]).pValue, 1);
  });

  it("gives the same p value for the same seed, near to the t test's", () => {
    const test = randomizationTest(values, baseline);
    assert.equal(test.method, "sampled");
    assert.deepEqual(randomizationTest(values, baseline), test);
    assert.notEqual(randomizationTest(values, baseline, { seed: 1 }).pValue, test.pValue);
    // Standard error of a sampled p is at most 0.005; the two tests agree for 300 queries.
    assert.ok(Math.abs(test.pValue - pairedTTest(values, baseline).pValue) < 0.02);
  });

  it("sampled and exact agree within the sampling error", () => {
    const few = values.slice(0, 13);
    const base = baseline.slice(0, 13);
    const exact = randomizationTest(few, base);
    const sampled = randomizationTest(few, base, { randomizationCount: 8191 });
    assert.equal(exact.method, "exact");
    assert.equal(sampled.method, "sampled");
    assert.ok(Math.abs(exact.pValue - sampled.pValue) < 0.02);
  });

  it("is never 0 when sampled, and refuses counts below 1", () => {
    const better = baseline.map((value) => value + 1);
    const test = randomizationTest(better, baseline, { randomizationCount: 999 });
    assert.equal(test.pValue, 1 / 1000);
    for (const randomizationCount of [0, 1.5, -1, Number.NaN]) {
      assert.throws(() => randomizationTest(values, baseline, { randomizationCount }), InputError);
    }
  });
});
