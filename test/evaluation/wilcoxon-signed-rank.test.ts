import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { wilcoxonSignedRank } from "../../src/evaluation/wilcoxon-signed-rank.js";

/** All 2^n signs one after the other, with mean ranks found by counting. */
function plainExact(differences: readonly number[]): number {
  const used = differences.filter((difference) => difference !== 0);
  const ranks = used.map((d) => {
    const below = used.filter((e) => Math.abs(e) < Math.abs(d)).length;
    const same = used.filter((e) => Math.abs(e) === Math.abs(d)).length;
    return below + (same + 1) / 2;
  });
  const observed = ranks.reduce((sum, rank, i) => sum + (used[i]! > 0 ? rank : 0), 0);
  let atMost = 0;
  let atLeast = 0;
  for (let signs = 0; signs < 2 ** used.length; signs++) {
    const sum = ranks.reduce((total, rank, i) => total + ((signs >> i) & 1 ? rank : 0), 0);
    if (sum <= observed) atMost++;
    if (sum >= observed) atLeast++;
  }
  return Math.min(1, (2 * Math.min(atMost, atLeast)) / 2 ** used.length);
}

describe("Wilcoxon's signed-rank test", () => {
  it("worked by hand", () => {
    // |d| = 1, 2, 3, 4 with ranks 1-4, only rank 1 negative: W- = 1. Of 16 sign patterns two have
    // a sum of at most 1 (0 and 1), so p = 2 · 2/16.
    const test = wilcoxonSignedRank([-1, 2, 3, 4], [0, 0, 0, 0]);
    assert.deepEqual(test, {
      statistic: 1,
      pValue: 0.25,
      method: "exact",
      usedCount: 4,
      zeroCount: 0,
    });
  });

  it("counts exactly what going through all signs counts, with ties and zeros", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 10 }),
        (d) => {
          const zeros = d.map(() => 0);
          const test = wilcoxonSignedRank(d, zeros, { method: "exact" });
          assert.ok(Math.abs(test.pValue - plainExact(d)) < 1e-12);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("no pair that differs is p = 1", () => {
    const test = wilcoxonSignedRank([1, 2], [1, 2]);
    assert.equal(test.pValue, 1);
    assert.equal(test.zeroCount, 2);
    assert.equal(wilcoxonSignedRank([1], [1], { method: "normal" }).pValue, 1);
  });

  it("exact and normal come close for many pairs", () => {
    const d = Array.from({ length: 200 }, (_, i) => Math.sin(i * 7.3) + 0.1);
    const zeros = d.map(() => 0);
    const exact = wilcoxonSignedRank(d, zeros, { method: "exact" });
    const normal = wilcoxonSignedRank(d, zeros);
    assert.equal(normal.method, "normal");
    assert.ok(Math.abs(exact.pValue - normal.pValue) < 0.002);
  });
});
