import type { Bm25Parameters } from "./bm25.js";

/*
 * Lucene's own arithmetic, bit for bit (BM25Similarity and SmallFloat of Lucene 9): lengths kept in
 * one byte with four significant bits, float32 at every step. Only for comparison: it is exact about
 * Lucene and less exact about BM25.
 */

/** Lengths below this are kept exactly: the 256 codes that the four-bit floats up to 2^31 leave. */
const exactLengths: number = 255 - fourBitCode(0x7fffffff);

/** Sign-free float of 3 mantissa bits and an implicit one: 5 bits of exponent, rounded down. */
function fourBitCode(value: number): number {
  const bits = 32 - Math.clz32(value);
  if (bits < 4) return value;
  const shift = bits - 4;
  return ((value >>> shift) & 7) | ((shift + 1) << 3);
}

function fourBitValue(code: number): number {
  const mantissa = code & 7;
  const shift = (code >>> 3) - 1;
  return shift < 0 ? mantissa : (mantissa | 8) * 2 ** shift;
}

/** The length that Lucene remembers of a length: equal below 40, else up to an eighth less. */
export function luceneLength(length: number): number {
  if (length < exactLengths) return length;
  return exactLengths + fourBitValue(fourBitCode(length - exactLengths));
}

/** One term's score as Lucene computes it. */
export class LuceneTermScorer {
  readonly #weight: number;
  readonly #k1: number;
  readonly #b: number;
  readonly #averageLength: number;

  /**
   * @param docCount documents with at least one term of the field
   * @param boost how often the query says the term
   */
  constructor(
    { k1, b }: Bm25Parameters,
    docCount: number,
    df: number,
    totalLength: number,
    boost: number,
  ) {
    const f = Math.fround;
    const idf = f(Math.log(1 + (docCount - df + 0.5) / (df + 0.5)));
    this.#weight = f(f(boost) * idf);
    this.#k1 = f(k1);
    this.#b = f(b);
    this.#averageLength = f(totalLength / docCount);
  }

  score(tf: number, length: number): number {
    const f = Math.fround;
    const share = f(f(this.#b * luceneLength(length)) / this.#averageLength);
    const inverse = f(1 / f(this.#k1 * f(f(1 - this.#b) + share)));
    return f(this.#weight - f(this.#weight / f(1 + f(tf * inverse))));
  }
}
