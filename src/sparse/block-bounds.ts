import { ByteReader } from "../numeric/byte-writer.js";
import { blockSize } from "./block-codec.js";
import { TermFrequencyFactor } from "./bm25.js";
import { frontierMaximum } from "./impact-frontier.js";
import type { PostingList, PostingsReader } from "./postings.js";

const maxFactors = 4;

interface FactorBounds {
  readonly factor: TermFrequencyFactor;
  /** By the list's offset in `sparse.bounds`. */
  readonly lists: Map<number, Float32Array>;
}

/**
 * Greatest factor of every block of the lists that a segment's queries touched, as float32 rounded
 * up; the tail counts as one block more. Filled when a list is first queried: 4 bytes for 128
 * postings at most.
 *
 * Every factor of the BM25 family grows with the average length, so bounds made for an average
 * rounded up stay valid for all averages below: live updates move the average by little and rarely
 * empty the cache.
 */
export class BlockBoundsCache {
  /** By parameters and rounded average: a query may score several fields. */
  readonly #byFactor = new Map<string, FactorBounds>();

  /** Bounds of a list with at least one full block. */
  of(list: PostingList, postings: PostingsReader, factor: TermFrequencyFactor): Float32Array {
    const roundedUp = roundUp(factor.averageLength);
    const key = `${Object.values(factor.parameters).join()} ${roundedUp}`;
    let known = this.#byFactor.get(key);
    if (known === undefined) {
      const oldest = this.#byFactor.keys().next();
      if (this.#byFactor.size >= maxFactors && !oldest.done) this.#byFactor.delete(oldest.value);
      known = { factor: new TermFrequencyFactor(factor.parameters, roundedUp), lists: new Map() };
      this.#byFactor.set(key, known);
    }
    let bounds = known.lists.get(list.boundsOffset);
    if (bounds === undefined) {
      bounds = read(list, postings, known.factor);
      known.lists.set(list.boundsOffset, bounds);
    }
    return bounds;
  }
}

function read(
  list: PostingList,
  postings: PostingsReader,
  factor: TermFrequencyFactor,
): Float32Array {
  const reader = new ByteReader(postings.bounds, list.boundsOffset);
  const bounds = new Float32Array(Math.ceil(list.df / blockSize));
  for (let i = 0; i < bounds.length; i++) bounds[i] = frontierMaximum(reader, factor) * aboveOne;
  return bounds;
}

/** More than float32 rounding can take away. */
const aboveOne: number = 1 + 2 ** -22;

/** Up to the next of 64 steps an octave: at most 1.1 % more. */
function roundUp(average: number): number {
  return average > 0 ? 2 ** (Math.ceil(Math.log2(average) * 64) / 64) * aboveOne : average;
}
