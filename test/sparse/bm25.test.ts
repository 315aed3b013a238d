import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InputError } from "../../src/errors.js";
import {
  type Bm25Variant,
  bm25Parameters,
  inverseDocumentFrequency,
  TermFrequencyFactor,
} from "../../src/sparse/bm25.js";
import { FactorTable } from "../../src/sparse/factor-table.js";

const variants: readonly Bm25Variant[] = ["lucene", "robertson", "atire", "bm25plus", "bm25l"];
const near = (got: number, expected: number): void =>
  assert.ok(Math.abs(got - expected) < 1e-6, `${got}, not ${expected}`);

describe("bm25 family", () => {
  it("has the idf of each paper", () => {
    // N = 10, df = 3
    near(inverseDocumentFrequency("lucene", 10, 3), Math.log(1 + 7.5 / 3.5)); // 1.145132
    near(inverseDocumentFrequency("robertson", 10, 3), 0.76214); // ln(7.5 / 3.5)
    near(inverseDocumentFrequency("atire", 10, 3), 1.203973); // ln(10 / 3)
    near(inverseDocumentFrequency("bm25plus", 10, 3), 1.299283); // ln(11 / 3)
    near(inverseDocumentFrequency("bm25l", 10, 3), 1.145132); // ln(11 / 3.5)
    // Robertson's would be negative for a word of most documents: 0 instead.
    assert.equal(inverseDocumentFrequency("robertson", 10, 9), 0);
  });

  it("has the factor of each paper", () => {
    // tf 2, length 30, average 20, k1 1.2, b .75: n = .25 + .75 · 1.5 = 1.375, K = 1.65
    const factor = (variant: Bm25Variant): number =>
      new TermFrequencyFactor(bm25Parameters({ variant }), 20).factor(2, 30);
    near(factor("lucene"), 2 / 3.65);
    near(factor("robertson"), 2 / 3.65);
    near(factor("atire"), (2.2 * 2) / 3.65);
    near(factor("bm25plus"), (2.2 * 2) / 3.65 + 1); // delta 1
    // c = 2 / 1.375 = 1.454545, c + .5 = 1.954545: 2.2 · 1.954545 / 3.154545
    near(factor("bm25l"), 1.363112);
  });

  it("grows with tf and the average, falls with length, and stays within its limit", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...variants),
        fc.double({ min: 0, max: 3, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.double({ min: 1, max: 1000, noNaN: true }),
        (variant, k1, b, tf, length, average) => {
          const parameters = bm25Parameters({ variant, k1, b });
          const of = (avg: number) => new TermFrequencyFactor(parameters, avg);
          const value = of(average).factor(tf, length);
          assert.ok(of(average).factor(tf + 1, length) >= value);
          assert.ok(of(average).factor(tf, length + 1) <= value);
          assert.ok(of(average * 1.1).factor(tf, length) >= value);
          assert.ok(value >= 0 && value <= of(average).limit * (1 + 1e-12));
        },
      ),
    );
  });

  it("is tabulated without changing a bit", () => {
    for (const variant of variants) {
      const factor = new TermFrequencyFactor(bm25Parameters({ variant }), 77.7);
      const table = new FactorTable(factor);
      for (const [tf, length] of [
        [1, 1],
        [7, 511],
        [8, 3],
        [2, 512],
        [900, 90_000],
      ] as const) {
        assert.equal(table.of(tf, length), factor.factor(tf, length));
      }
    }
  });

  it("fills in the delta of the variant and refuses parameters out of range", () => {
    assert.equal(bm25Parameters({ variant: "bm25l" }).delta, 0.5);
    assert.equal(bm25Parameters({ k1: 0.9 }, bm25Parameters({ b: 0.4 })).b, 0.4);
    for (const wrong of [{ k1: -1 }, { b: 1.5 }, { k1: Number.NaN }, { delta: -1 }]) {
      assert.throws(() => bm25Parameters(wrong), InputError);
    }
    assert.throws(() => bm25Parameters({ variant: "bm42" as "lucene" }), InputError);
  });
});
