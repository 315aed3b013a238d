import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InputError } from "../../src/errors.js";
import {
  jaccardAtDepth,
  kendallTau,
  kendallTauB,
  rankBiasedOverlap,
} from "../../src/evaluation/ranking-similarity.js";
import type { DocId, Ranking } from "../../src/run/ranking.js";

const ranked = (ids: string): Ranking =>
  [...ids].map((docId, i) => ({ docId: docId as DocId, score: -i }));

const ranking = fc.shuffledSubarray([..."abcdefghij"]).map((letters) => ranked(letters.join("")));

/** RBO's sum carried on to depth 3,000 with the agreement that the seen part implies. */
function plainRankBiasedOverlap(a: Ranking, b: Ranking, p: number): number {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  const s = short.length;
  const l = long.length;
  const common = (d: number) => {
    const top = new Set(long.slice(0, d).map(({ docId }) => docId));
    return short.slice(0, d).filter(({ docId }) => top.has(docId)).length;
  };
  const agreement = (d: number): number => {
    if (d <= s) return common(d) / d;
    if (d <= l) return (common(d) + (common(s) * (d - s)) / s) / d;
    return agreement(l);
  };
  const atEnd = agreement(l);
  let sum = 0;
  for (let d = 1; d <= 3000; d++) sum += (1 - p) * p ** (d - 1) * (d <= l ? agreement(d) : atEnd);
  return sum;
}

describe("similarity of rankings", () => {
  it("Jaccard, worked by hand", () => {
    assert.equal(jaccardAtDepth(ranked("abc"), ranked("bcd"), 3), 2 / 4);
    assert.equal(jaccardAtDepth(ranked("abc"), ranked("bcd"), 1), 0);
    assert.equal(jaccardAtDepth(ranked("abc"), ranked("a"), 10), 1 / 3);
    assert.equal(jaccardAtDepth(ranked(""), ranked(""), 10), 1);
    assert.equal(jaccardAtDepth(ranked("a"), ranked(""), 10), 0);
    assert.throws(() => jaccardAtDepth(ranked("a"), ranked("a"), 0), InputError);
  });

  it("rank-biased overlap, worked by hand", () => {
    // ab against ba, p = 1/2: X(1) = 0, X(2) = 2. (1/2)/(1/2) · (0 + 2/2 · 1/4) + 2/2 · 1/4 = 1/2.
    assert.ok(Math.abs(rankBiasedOverlap(ranked("ab"), ranked("ba"), 0.5) - 0.5) < 1e-15);
    assert.ok(Math.abs(rankBiasedOverlap(ranked("abc"), ranked("abc")) - 1) < 1e-12);
    assert.equal(rankBiasedOverlap(ranked("abc"), ranked("def")), 0);
    assert.equal(rankBiasedOverlap(ranked(""), ranked("")), 1);
    assert.equal(rankBiasedOverlap(ranked("a"), ranked("")), 0);
    assert.throws(() => rankBiasedOverlap(ranked("a"), ranked("a"), 1), InputError);
  });

  it("rank-biased overlap equals its infinite sum, for lists of different length too", () => {
    fc.assert(
      fc.property(ranking, ranking, fc.constantFrom(0.3, 0.9, 0.98), (a, b, p) => {
        fc.pre(a.length > 0 && b.length > 0);
        const overlap = rankBiasedOverlap(a, b, p);
        assert.ok(Math.abs(overlap - plainRankBiasedOverlap(a, b, p)) < 1e-9);
        assert.ok(Math.abs(overlap - rankBiasedOverlap(b, a, p)) < 1e-12);
        assert.ok(overlap > -1e-12 && overlap < 1 + 1e-12);
      }),
      { numRuns: 200 },
    );
  });

  it("Kendall's tau over the shared documents equals counting pairs", () => {
    assert.equal(kendallTau(ranked("abcx"), ranked("yabc")), 1);
    assert.equal(kendallTau(ranked("abc"), ranked("cba")), -1);
    assert.ok(Number.isNaN(kendallTau(ranked("ab"), ranked("bc"))));
    fc.assert(
      fc.property(ranking, ranking, (a, b) => {
        const inB = new Map(b.map(({ docId }, rank) => [docId, rank]));
        const ranks = a.flatMap(({ docId }) => inB.get(docId) ?? []);
        fc.pre(ranks.length > 1);
        let sum = 0;
        let pairs = 0;
        for (let i = 0; i < ranks.length; i++) {
          for (let j = i + 1; j < ranks.length; j++) {
            sum += ranks[i]! < ranks[j]! ? 1 : -1;
            pairs++;
          }
        }
        assert.ok(Math.abs(kendallTau(a, b) - sum / pairs) < 1e-12);
      }),
    );
  });

  it("tau-b of columns needs the same length and some spread", () => {
    assert.equal(kendallTauB([1, 2, 3], [10, 20, 30]), 1);
    assert.ok(Number.isNaN(kendallTauB([1, 1], [1, 2])));
    assert.ok(Number.isNaN(kendallTauB([], [])));
    assert.throws(() => kendallTauB([1], [1, 2]), InputError);
  });
});
