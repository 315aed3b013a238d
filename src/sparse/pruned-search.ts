import type { Bitset } from "../numeric/bitset.js";
import type { TopKSelector } from "../numeric/top-k-selector.js";
import type { WindowCursor } from "./postings-cursor.js";
import { type SearchMemory, windowSize } from "./search-memory.js";

/*
 * MaxScore over windows of documents (Turtle & Flood 1995; Strohman & Croft 2007; block maxima: Ding
 * & Suel 2011), exact to the last bit:
 *
 *   terms, weight descending   t0  t1 | t2  t3  t4        bound of the rest: S(i) = Σ j>=i bound(j)
 *                              essential  not essential   S(2) < threshold <= S(1)
 *
 * 1. Per window every term is bounded by the greatest of its blocks there. If S(0) is below the
 *    threshold (score of the worst kept hit), no document of the window can enter: it is skipped.
 * 2. A document that holds none of the essential terms scores below the threshold, so only the
 *    essential ones are accumulated; survivors are probed in the others, and leave as soon as what
 *    is still to come cannot lift them over the threshold.
 * 3. Terms are summed in the plan's order in both steps, so every score has the very bits that the
 *    exhaustive twin computes.
 *
 * Where a filter leaves fewer documents of a window than the essential terms have postings there,
 * those documents are the candidates and all terms are probed.
 *
 * Bounds are compared with a threshold lowered by `slack`, since sums are rounded, and the final
 * score to float32 too: a document that ties with the threshold must still be looked at.
 */

/** Postings a document from which it is cheaper to look at all documents of a window. */
const denseShare = 0.125;

/** How many postings may be accumulated in the time that one accepted document is probed. */
const acceptedShare = 4;

const slack: number = 1 - 2 ** -22;

/** How many windows and candidates a search looked at, for measurements. */
export interface PruningCounters {
  windows: number;
  skippedWindows: number;
  candidates: number;
  /** Blocks of postings that were decoded. */
  blocks: number;
}

/**
 * Offers the matches of one segment to the best, leaving out those that cannot enter it.
 *
 * @param cursors in the order in which scores are summed
 * @param isPositive whether every match of a term scores above 0
 * @param accept documents that may be hits; null: all
 * @param reject documents that may not (deleted); null: none
 */
export function searchSegment(
  cursors: readonly WindowCursor[],
  isPositive: boolean,
  docCount: number,
  accept: Bitset | null,
  reject: Bitset | null,
  best: TopKSelector,
  segmentOrd: number,
  memory: SearchMemory,
  counters: PruningCounters | null,
): void {
  const termCount = cursors.length;
  const countBlocks = (): void => {
    if (counters === null) return;
    for (const cursor of cursors) counters.blocks += cursor.decodedBlockCount;
  };
  /** rest[i] = S(i) of the present window. */
  const rest = new Float64Array(termCount + 1);
  for (let lo = 0; lo < docCount; lo += windowSize) {
    const hi = Math.min(lo + windowSize, docCount);
    if (counters !== null) counters.windows++;
    if (accept !== null) {
      const next = accept.next(lo);
      if (next < 0) break;
      if (next >= hi) continue;
    }
    let bound = 0;
    for (let i = termCount - 1; i >= 0; i--) {
      bound += cursors[i]!.windowBound(lo, hi);
      rest[i] = bound;
    }
    const threshold = best.threshold * slack;
    if (bound < threshold) {
      if (counters !== null) counters.skippedWindows++;
      continue;
    }
    let essential = termCount;
    while (essential > 0 && rest[essential - 1]! < threshold) essential--;

    let postings = 0;
    for (let i = 0; i < essential; i++) postings += cursors[i]!.postingCount;
    const { candidates, candidateScores } = memory;
    let from = 0;
    let count = -1;
    if (accept !== null && isPositive) {
      const limit = (postings * (hi - lo)) / (docCount * acceptedShare);
      count = listAccepted(accept, reject, lo, hi, limit, candidates);
      if (count >= 0) candidateScores.fill(0, 0, count);
    }
    if (count < 0) {
      from = essential;
      const needed = threshold - rest[essential]!;
      const isDense = needed > 0 && postings > docCount * denseShare;
      for (let i = 0; i < essential; i++) cursors[i]!.accumulate(lo, hi, memory, isDense);
      count = memory.select(hi - lo, needed, isDense);
      if (accept !== null || reject !== null) {
        count = keepAllowed(candidates, candidateScores, count, lo, accept, reject);
      }
    }
    if (counters !== null) counters.candidates += count;
    for (let i = from; i < termCount && count > 0; i++) {
      count = cursors[i]!.probe(count, lo, threshold, rest[i]!, rest[i + 1]!, memory);
    }
    for (let i = 0; i < count; i++) {
      const score = candidateScores[i]!;
      if (score > 0 || !isPositive) best.push(Math.fround(score), segmentOrd, lo + candidates[i]!);
    }
  }
  countBlocks();
}

/**
 * Lists the documents of lo .. hi - 1 that may be hits as offsets in the window; -1 if they are more
 * than `limit`.
 */
function listAccepted(
  accept: Bitset,
  reject: Bitset | null,
  lo: number,
  hi: number,
  limit: number,
  candidates: Int32Array,
): number {
  let count = 0;
  for (let doc = accept.next(lo); doc >= 0 && doc < hi; doc = accept.next(doc + 1)) {
    if (reject?.has(doc)) continue;
    if (count >= limit) return -1;
    candidates[count++] = doc - lo;
  }
  return count;
}

/** Moves the candidates that may be hits to the front; returns their number. */
function keepAllowed(
  candidates: Int32Array,
  candidateScores: Float64Array,
  count: number,
  lo: number,
  accept: Bitset | null,
  reject: Bitset | null,
): number {
  let left = 0;
  for (let i = 0; i < count; i++) {
    const offset = candidates[i]!;
    const doc = lo + offset;
    if ((accept !== null && !accept.has(doc)) || reject?.has(doc)) continue;
    candidates[left] = offset;
    candidateScores[left++] = candidateScores[i]!;
  }
  return left;
}
