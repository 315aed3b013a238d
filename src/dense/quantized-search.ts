import type { Bitset } from "../numeric/bitset.js";
import type { Similarity } from "./encoder.js";
import type { QuantizedRows } from "./quantized-rows.js";
import { rowsPerBlock } from "./quantized-rows.js";

/**
 * The `depth` largest lower bounds seen so far: whatever cannot reach the smallest of them is not among
 * the best `depth`.
 */
export class ScoreFloor {
  /** A score below this is beaten by `depth` documents; -Infinity until there are so many. */
  value: number = Number.NEGATIVE_INFINITY;
  readonly #heap: Float64Array;
  #count = 0;

  constructor(depth: number) {
    this.#heap = new Float64Array(depth);
  }

  offer(lowerBound: number): void {
    const heap = this.#heap;
    if (this.#count < heap.length) {
      let at = this.#count++;
      while (at > 0) {
        const parent = (at - 1) >>> 1;
        if (heap[parent]! <= lowerBound) break; // parent < at < count
        heap[at] = heap[parent]!;
        at = parent;
      }
      heap[at] = lowerBound;
      if (this.#count === heap.length) this.value = heap[0]!;
      return;
    }
    if (lowerBound <= this.value) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= lowerBound) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = lowerBound;
    this.value = heap[0] ?? this.value;
  }
}

/**
 * Offers a lower bound of a score that is clamped to [-1, 1] for cosine. A clamped score of -1 may hide
 * any lower one, so such a bound says nothing.
 */
export function offerLowerBound(
  floor: ScoreFloor,
  bound: number,
  { similarity }: { readonly similarity: Similarity },
): void {
  if (similarity === "dot") floor.offer(bound);
  else if (bound > -1) floor.offer(Math.min(bound, 1));
}

/** Documents that may be among the best, with upper bounds of their scores. */
export class Candidates {
  count = 0;
  docOrds: Uint32Array = new Uint32Array(1024);
  upperBounds: Float64Array = new Float64Array(1024);

  add(docOrd: number, upperBound: number): void {
    if (this.count === this.docOrds.length) {
      const docOrds = new Uint32Array(this.count * 2);
      docOrds.set(this.docOrds);
      this.docOrds = docOrds;
      const upperBounds = new Float64Array(this.count * 2);
      upperBounds.set(this.upperBounds);
      this.upperBounds = upperBounds;
    }
    this.docOrds[this.count] = docOrd;
    this.upperBounds[this.count++] = upperBound;
  }

  /** Drops those that the floor, risen since they were added, now excludes. */
  prune(floor: number): void {
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      const upperBound = this.upperBounds[i]!; // i < count
      if (upperBound < floor) continue;
      this.docOrds[kept] = this.docOrds[i]!;
      this.upperBounds[kept++] = upperBound;
    }
    this.count = kept;
  }
}

/** What a scan looks at. */
export interface QuantizedScan {
  readonly rows: QuantizedRows;
  readonly owners: Uint32Array | null;
  readonly query: Float32Array;
  readonly deleted: Bitset | null;
  readonly accept: Bitset | null;
  readonly similarity: Similarity;
}

/**
 * Scans all rows in int8. A document whose score is among the best `depth` of all is in the result:
 * its upper bound is at least the floor, which is at most the depth-th best score, since so many
 * lower bounds reach it.
 */
export function collectCandidates(scan: QuantizedScan, floor: ScoreFloor): Candidates {
  const { rows, owners, query, deleted, accept } = scan;
  const { rowCount, scales, errors } = rows;
  const { step, errorFactor, margin } = rows.prepare(query);
  const candidates = new Candidates();
  const offer = (docOrd: number, upper: number, lower: number): void => {
    if (deleted?.has(docOrd) || accept?.has(docOrd) === false) return;
    candidates.add(docOrd, upper);
    offerLowerBound(floor, lower, scan);
  };
  let owner = 0;
  let upper = Number.NEGATIVE_INFINITY;
  let lower = Number.NEGATIVE_INFINITY;
  for (let first = 0; first < rowCount; first += rowsPerBlock) {
    const count = Math.min(rowsPerBlock, rowCount - first);
    const sums = rows.scanBlock(first, count);
    for (let i = 0; i < count; i++) {
      const row = first + i;
      // row < rowCount, the length of both columns
      const middle = sums[i]! * scales[row]! * step;
      const reach = errors[row]! * errorFactor + margin;
      if (owners === null) {
        if (middle + reach >= floor.value) offer(row, middle + reach, middle - reach);
        continue;
      }
      if (owners[row] !== owner) {
        if (upper >= floor.value) offer(owner, upper, lower);
        owner = owners[row]!;
        upper = Number.NEGATIVE_INFINITY;
        lower = Number.NEGATIVE_INFINITY;
      }
      upper = Math.max(upper, middle + reach);
      lower = Math.max(lower, middle - reach);
    }
  }
  if (owners !== null && upper >= floor.value) offer(owner, upper, lower);
  return candidates;
}
