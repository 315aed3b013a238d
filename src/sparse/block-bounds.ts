import { ByteReader } from "../numeric/byte-writer.js";
import { blockSize } from "./block-codec.js";
import { TermFrequencyFactor } from "./bm25.js";
import { frontierMaximum } from "./impact-frontier.js";
import type { PostingList, PostingsReader } from "./postings.js";
import { windowSize } from "./search-memory.js";

const maxFactors = 4;

/** What the postings of one list can give at most. */
export interface ListBounds {
  /** Greatest factor of each block; the tail counts as one block more. */
  readonly blocks: Float32Array;
  /** Greatest factor in each window of `windowSize` documents, for lists with more blocks than windows. */
  readonly windows: Float32Array | null;
}

interface FactorBounds {
  readonly factor: TermFrequencyFactor;
  /** By the list's offset in `sparse.bounds`. */
  readonly lists: Map<number, ListBounds>;
}

/**
 * Bounds of the lists that a segment's queries touched, as float32 rounded up. Filled when a list is
 * first queried: at most 8 bytes for 128 postings.
 *
 * Every factor of the BM25 family grows with the average length, so bounds made for an average
 * rounded up stay valid for all averages below: live updates move the average by little and rarely
 * empty the cache.
 */
export class BlockBoundsCache {
  /** By parameters and rounded average: a query may score several fields. */
  readonly #byFactor = new Map<string, FactorBounds>();

  #latest: { readonly factor: TermFrequencyFactor; readonly bounds: FactorBounds } | null = null;

  /** Bounds of a list with at least one full block. */
  of(
    list: PostingList,
    postings: PostingsReader,
    docCount: number,
    factor: TermFrequencyFactor,
  ): ListBounds {
    if (this.#latest?.factor !== factor) this.#latest = { factor, bounds: this.#boundsOf(factor) };
    const known = this.#latest.bounds;
    let bounds = known.lists.get(list.boundsOffset);
    if (bounds === undefined) {
      bounds = read(list, postings, docCount, known.factor);
      known.lists.set(list.boundsOffset, bounds);
    }
    return bounds;
  }

  #boundsOf(factor: TermFrequencyFactor): FactorBounds {
    const roundedUp = roundUp(factor.averageLength);
    const key = `${Object.values(factor.parameters).join()} ${roundedUp}`;
    let known = this.#byFactor.get(key);
    if (known === undefined) {
      const oldest = this.#byFactor.keys().next();
      if (this.#byFactor.size >= maxFactors && !oldest.done) this.#byFactor.delete(oldest.value);
      known = { factor: new TermFrequencyFactor(factor.parameters, roundedUp), lists: new Map() };
      this.#byFactor.set(key, known);
    }
    return known;
  }
}

function read(
  list: PostingList,
  postings: PostingsReader,
  docCount: number,
  factor: TermFrequencyFactor,
): ListBounds {
  const reader = new ByteReader(postings.bounds, list.boundsOffset);
  const blocks = new Float32Array(Math.ceil(list.df / blockSize));
  for (let i = 0; i < blocks.length; i++) blocks[i] = frontierMaximum(reader, factor) * aboveOne;
  const windowCount = Math.ceil(docCount / windowSize);
  if (blocks.length <= windowCount) return { blocks, windows: null };
  const windows = new Float32Array(windowCount);
  const fullBlocks = Math.floor(list.df / blockSize);
  let first = 0;
  for (let block = 0; block < blocks.length; block++) {
    const lastDoc =
      block < fullBlocks ? postings.blockEnds[2 * (list.firstBlock + block)]! : docCount - 1;
    const last = Math.floor(lastDoc / windowSize);
    for (let window = first; window <= last; window++) {
      if (blocks[block]! > windows[window]!) windows[window] = blocks[block]!;
    }
    first = Math.floor((lastDoc + 1) / windowSize);
  }
  return { blocks, windows };
}

/** More than float32 rounding can take away. */
const aboveOne: number = 1 + 2 ** -22;

/** Up to the next of 64 steps an octave: at most 1.1 % more. */
function roundUp(average: number): number {
  return average > 0 ? 2 ** (Math.ceil(Math.log2(average) * 64) / 64) * aboveOne : average;
}
