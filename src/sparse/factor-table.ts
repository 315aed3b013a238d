import type { TermFrequencyFactor } from "./bm25.js";

/** tf 0 .. 7 and lengths below 512 are looked up; everything else is computed. */
export const tableLengths = 512;
export const tableTfs = 8;

/**
 * `TermFrequencyFactor.factor` of small integer tf and length, tabulated: a query computes it
 * millions of times with few distinct arguments. Entry `tf * tableLengths + length` is the very
 * float64 that the function returns, so that both ways give the same bits.
 */
export class FactorTable {
  readonly factor: TermFrequencyFactor;
  readonly values: Float64Array = new Float64Array(tableTfs * tableLengths);

  constructor(factor: TermFrequencyFactor) {
    this.factor = factor;
    for (let tf = 1; tf < tableTfs; tf++) {
      for (let length = 0; length < tableLengths; length++) {
        this.values[tf * tableLengths + length] = factor.factor(tf, length);
      }
    }
  }

  of(tf: number, length: number): number {
    return tf < tableTfs && length < tableLengths
      ? this.values[tf * tableLengths + length]!
      : this.factor.factor(tf, length);
  }
}
