import { compareDocIds, type DocId, type ScoredDoc } from "../run/ranking.js";

/** Runs of this length are sorted by insertion before they are merged. */
const RUN_LENGTH = 16;

/**
 * Documents by THE order: score descending, then docId descending. A merge sort over ordinals, since
 * a typed array's own sort with a comparator takes three times as long.
 */
export function rankCandidates(docIds: readonly string[], scores: Float64Array): ScoredDoc[] {
  const count = scores.length;
  let from = new Uint32Array(count);
  let into = new Uint32Array(count);
  for (let start = 0; start < count; start += RUN_LENGTH) {
    const end = Math.min(start + RUN_LENGTH, count);
    for (let i = start; i < end; i++) {
      let hole = i;
      for (; hole > start && precedes(i, from[hole - 1]!, scores, docIds); hole--) {
        from[hole] = from[hole - 1]!;
      }
      from[hole] = i;
    }
  }
  for (let width = RUN_LENGTH; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      merge(from, into, start, Math.min(start + width, count), Math.min(start + 2 * width, count));
    }
    [from, into] = [into, from];
  }
  const ranking = new Array<ScoredDoc>(count);
  for (let i = 0; i < count; i++) {
    const ord = from[i]!;
    // Ids came in as DocId.
    ranking[i] = { docId: docIds[ord] as DocId, score: scores[ord]! };
  }
  return ranking;

  function merge(
    source: Uint32Array,
    target: Uint32Array,
    start: number,
    middle: number,
    end: number,
  ): void {
    let left = start;
    let right = middle;
    for (let at = start; at < end; at++) {
      const takeLeft =
        left < middle && (right >= end || !precedes(source[right]!, source[left]!, scores, docIds));
      target[at] = takeLeft ? source[left++]! : source[right++]!;
    }
  }
}

function precedes(a: number, b: number, scores: Float64Array, docIds: readonly string[]): boolean {
  const difference = scores[a]! - scores[b]!;
  if (difference !== 0) return difference > 0;
  return compareDocIds(docIds[a]!, docIds[b]!) > 0;
}
