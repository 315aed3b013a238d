import type { ByteReader, ByteWriter } from "../numeric/byte-writer.js";
import type { TermFrequencyFactor } from "./bm25.js";

/*
 * What a run of postings can score at most, without knowing collection statistics, k1 or b: the
 * (tf, length) pairs that no other posting of the run beats in both. Every BM25 factor grows with tf
 * and falls with length, so its maximum over the run is its maximum over these pairs.
 *
 *   varint pair count, then per pair, tf falling: varint tf, varint length
 *
 * More than `maxPairs` pairs are thinned by replacing neighbours with (the greater tf, the smaller
 * length): the bound becomes looser, never low.
 *
 * @see Ding & Suel, SIGIR 2011 (block-max indexes); pairs as in Lucene's `Impacts`
 */
const maxPairs = 6;

const pairTfs: number[] = [];
const pairLengths: number[] = [];

/** Appends the frontier of postings `from` .. `to`; `lengths[docOrd]` are the list's own lengths. */
export function writeFrontier(
  docs: Uint32Array,
  tfs: Uint32Array,
  from: number,
  to: number,
  lengths: Uint32Array,
  out: ByteWriter,
): void {
  pairTfs.length = 0;
  pairLengths.length = 0;
  // Most postings have a tf of 1: of those only the shortest document counts.
  let shortestOfOnes = Number.POSITIVE_INFINITY;
  for (let i = from; i < to; i++) {
    const tf = tfs[i]!;
    const length = lengths[docs[i]!]!;
    if (tf !== 1) insert(tf, length);
    else if (length < shortestOfOnes) shortestOfOnes = length;
  }
  if (shortestOfOnes < Number.POSITIVE_INFINITY) insert(1, shortestOfOnes);
  while (pairTfs.length > maxPairs) thin();
  out.varint(pairTfs.length);
  for (let i = 0; i < pairTfs.length; i++) {
    out.varint(pairTfs[i]!);
    out.varint(pairLengths[i]!);
  }
}

/** Keeps the pairs sorted by tf falling, and so by length falling too. */
function insert(tf: number, length: number): void {
  let at = 0;
  while (at < pairTfs.length && pairTfs[at]! > tf) at++;
  if (at > 0 && pairLengths[at - 1]! <= length) return;
  let end = at;
  if (end < pairTfs.length && pairTfs[end] === tf) {
    if (pairLengths[end]! <= length) return;
    end++;
  }
  while (end < pairTfs.length && pairLengths[end]! >= length) end++;
  pairTfs.splice(at, end - at, tf);
  pairLengths.splice(at, end - at, length);
}

/** Merges the two neighbours whose tfs are closest in ratio. */
function thin(): void {
  let best = 0;
  let bestRatio = Number.POSITIVE_INFINITY;
  for (let i = 0; i + 1 < pairTfs.length; i++) {
    const ratio = pairTfs[i]! / pairTfs[i + 1]!;
    if (ratio < bestRatio) {
      best = i;
      bestRatio = ratio;
    }
  }
  pairTfs.splice(best + 1, 1);
  pairLengths.splice(best, 1);
}

/** Reads one frontier and returns the greatest factor over its pairs. */
export function frontierMaximum(reader: ByteReader, factor: TermFrequencyFactor): number {
  let maximum = 0;
  for (let count = reader.varint(); count > 0; count--) {
    const tf = reader.varint();
    const value = factor.factor(tf, reader.varint());
    if (value > maximum) maximum = value;
  }
  return maximum;
}
