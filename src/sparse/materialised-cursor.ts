import type { WindowCursor } from "./postings-cursor.js";
import { type ScoringTerm, termScore } from "./scoring-plan.js";
import type { SearchMemory } from "./search-memory.js";
import type { SparseSegment } from "./sparse-segment.js";
import type { SparseSettings } from "./sparse-settings.js";
import { fieldLength, scoringMatches } from "./term-matches.js";

const blockSize = 128;

/**
 * A term whose tf' is not that of one stored list (`text:` terms, boosts other than 1 and 1, prefixes, fuzzy
 * terms): its
 * matches are scored once, when the cursor opens, and then read like any others.
 */
export class MaterialisedCursor implements WindowCursor {
  readonly decodedBlockCount: number;
  readonly postingCount: number;
  readonly #count: number;
  readonly #docs: Uint32Array;
  readonly #scores: Float64Array;
  readonly #blockMaxima: Float64Array;
  #at = 0;

  constructor(segment: SparseSegment, scoring: ScoringTerm, boosts: SparseSettings["boosts"]) {
    const { field } = scoring;
    const { docs, tfs, count } = scoringMatches(segment, scoring, boosts);
    const scores = new Float64Array(count);
    const blockMaxima = new Float64Array(Math.ceil(count / blockSize));
    for (let i = 0; i < count; i++) {
      const score = termScore(scoring, tfs[i]!, fieldLength(segment, docs[i]!, field, boosts));
      scores[i] = score;
      const block = Math.floor(i / blockSize);
      if (score > blockMaxima[block]!) blockMaxima[block] = score;
    }
    this.#count = count;
    this.postingCount = count;
    this.decodedBlockCount = blockMaxima.length;
    this.#docs = docs;
    this.#scores = scores;
    this.#blockMaxima = blockMaxima;
  }

  windowBound(lo: number, hi: number): number {
    this.#skipTo(lo);
    let maximum = 0;
    let at = this.#at;
    while (at < this.#count && this.#docs[at]! < hi) {
      const block = Math.floor(at / blockSize);
      if (this.#blockMaxima[block]! > maximum) maximum = this.#blockMaxima[block]!;
      at = (block + 1) * blockSize;
    }
    return maximum;
  }

  accumulate(lo: number, hi: number, { scores, touched }: SearchMemory): void {
    for (let at = this.#at; at < this.#count && this.#docs[at]! < hi; at++) {
      const offset = this.#docs[at]! - lo;
      scores[offset]! += this.#scores[at]!;
      touched[offset >>> 5]! |= 1 << (offset & 31);
    }
  }

  probe(
    count: number,
    lo: number,
    needed: number,
    rest: number,
    _restAfter: number,
    { candidates, candidateScores }: SearchMemory,
  ): number {
    let left = 0;
    for (let i = 0; i < count; i++) {
      const score = candidateScores[i]!;
      if (score + rest < needed) continue;
      const doc = lo + candidates[i]!;
      this.#skipTo(doc);
      const isHere = this.#at < this.#count && this.#docs[this.#at] === doc;
      candidates[left] = doc - lo;
      candidateScores[left++] = isHere ? score + this.#scores[this.#at]! : score;
    }
    return left;
  }

  /** First match not below `doc`, by doubling steps and then halving ones. */
  #skipTo(doc: number): void {
    const docs = this.#docs;
    let low = this.#at;
    if (low >= this.#count || docs[low]! >= doc) return;
    let step = 1;
    while (low + step < this.#count && docs[low + step]! < doc) {
      low += step;
      step *= 2;
    }
    let high = Math.min(low + step, this.#count);
    low++;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (docs[middle]! < doc) low = middle + 1;
      else high = middle;
    }
    this.#at = low;
  }
}
