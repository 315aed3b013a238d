import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import { equivalenceTest, pairedTTest } from "../../src/evaluation/paired-t-test.js";

describe("paired t test", () => {
  it("worked by hand", () => {
    // Differences 1, 2, 3: mean 2, standard error 1/√3, t = 2√3 with 2 degrees of freedom, where
    // P(|T| > t) = 1 - t/√(t² + 2) = 1 - √(12/14).
    const test = pairedTTest([1, 2, 3], [0, 0, 0]);
    assert.ok(Math.abs(test.statistic - 2 * Math.sqrt(3)) < 1e-14);
    assert.equal(test.degreesOfFreedom, 2);
    assert.ok(Math.abs(test.pValue - (1 - Math.sqrt(12 / 14))) < 1e-14);
    assert.equal(test.meanDifference, 2);
  });

  it("no difference anywhere is p = 1; the same difference everywhere is p = 0", () => {
    assert.equal(pairedTTest([1, 2], [1, 2]).pValue, 1);
    const same = pairedTTest([0.3, 0.3, 0.3], [0.1, 0.1, 0.1]);
    assert.equal(same.statistic, Number.POSITIVE_INFINITY);
    assert.equal(same.pValue, 0);
    assert.equal(same.interval.low, same.meanDifference);
  });

  it("swapping the systems turns the sign and keeps the p value", () => {
    const a = [0.3, 0.5, 0.1, 0.9];
    const b = [0.2, 0.6, 0.0, 0.4];
    assert.equal(pairedTTest(a, b).statistic, -pairedTTest(b, a).statistic);
    assert.equal(pairedTTest(a, b).pValue, pairedTTest(b, a).pValue);
    const greater = pairedTTest(a, b, { alternative: "greater" });
    assert.equal(greater.pValue, pairedTTest(b, a, { alternative: "less" }).pValue);
  });

  it("refuses one pair and confidences outside (0, 1)", () => {
    assert.throws(() => pairedTTest([1], [2]), InputError);
    for (const confidence of [0, 1, 95, Number.NaN]) {
      assert.throws(() => pairedTTest([1, 2], [2, 1], { confidence }), InputError);
    }
  });
});

describe("equivalence test", () => {
  const values = [0.51, 0.49, 0.5, 0.52, 0.48, 0.5];
  const baseline = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5];

  it("is below its level exactly when its interval lies inside the margin", () => {
    for (const margin of [0.001, 0.005, 0.01, 0.0116, 0.0117, 0.02, 0.1]) {
      const test = equivalenceTest(values, baseline, margin);
      const inside = test.interval.low > -margin && test.interval.high < margin;
      assert.equal(test.pValue < 0.05, inside, `margin ${margin}`);
    }
  });

  it("without any spread it is decided by the margin alone", () => {
    assert.equal(equivalenceTest([1, 1], [1, 1], 0.1).pValue, 0);
    assert.equal(equivalenceTest([2, 2], [1, 1], 0.1).pValue, 1);
  });

  it("refuses margins that are not above 0 and levels outside (0, 0.5)", () => {
    for (const margin of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => equivalenceTest(values, baseline, margin), InputError);
    }
    assert.throws(() => equivalenceTest(values, baseline, 0.1, { level: 0.5 }), InputError);
  });
});
