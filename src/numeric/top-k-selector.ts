/** A total order among entries of equal score, so that what is kept does not depend on arrival. */
export interface TieRule {
  /** Place among the entries of the same `major`, 0 .. 2^32 - 1: the greater ranks first. */
  rank(major: number, minor: number): number;
  /** Across majors: negative if entry `a` ranks first, positive if `b` does. */
  compare(aMajor: number, aMinor: number, bMajor: number, bMinor: number): number;
}

const bucketCount = 4096;

/**
 * The best `capacity` entries (score, major, minor) of all that are offered: a function of the set
 * of entries, not of their order.
 *
 * A histogram of the offered scores tells a score that `capacity` entries reach, so `threshold`
 * rises with every entry in constant time, where a heap takes log(capacity); it stays at most one
 * bucket below the score of the worst kept entry. Entries wait unordered in a buffer that is swept
 * of those below the threshold when it is full (and sorted and cut, where that frees too little),
 * and are sorted once at the end.
 *
 * Scores must not be NaN.
 */
export class TopKSelector {
  readonly capacity: number;
  /** An entry with a lower score cannot be among the best. -Infinity until `capacity` were offered. */
  threshold: number = Number.NEGATIVE_INFINITY;
  readonly #ties: TieRule;
  readonly #bucketsPerScore: number;
  readonly #histogram: Int32Array = new Int32Array(bucketCount);
  /** The bucket that the threshold stands at, and how many entries stand there or above. */
  #bucket = 0;
  #countFromBucket = 0;
  #size = 0;
  #scores: Float64Array;
  #majors: Uint32Array;
  #minors: Uint32Array;

  /** @param greatest about the greatest score to come, > 0: the histogram's range. Any is correct. */
  constructor(capacity: number, greatest: number, ties: TieRule) {
    this.capacity = capacity;
    this.#ties = ties;
    this.#bucketsPerScore = greatest > 0 ? bucketCount / greatest : 0;
    const initial = 3 * Math.min(capacity, 2048) + 64;
    this.#scores = new Float64Array(initial);
    this.#majors = new Uint32Array(initial);
    this.#minors = new Uint32Array(initial);
    if (capacity === 0) this.threshold = Number.POSITIVE_INFINITY;
  }

  /** Entries that are kept now, at most `capacity`. */
  get size(): number {
    return Math.min(this.#size, this.capacity);
  }

  push(score: number, major: number, minor: number): void {
    if (score < this.threshold) return;
    if (this.#size === this.#scores.length) this.#makeRoom();
    const at = this.#size++;
    this.#scores[at] = score;
    this.#majors[at] = major;
    this.#minors[at] = minor;
    const bucket = bucketOf(score, this.#bucketsPerScore);
    this.#histogram[bucket]!++;
    if (bucket >= this.#bucket && ++this.#countFromBucket >= this.capacity) this.#raise();
  }

  /** The kept entries, best first, as columns. Nothing is forgotten: more may be pushed. */
  drain(): { scores: Float64Array; majors: Uint32Array; minors: Uint32Array } {
    const order = this.#sortedOrder();
    const count = this.size;
    const [fromScores, fromMajors, fromMinors] = [this.#scores, this.#majors, this.#minors];
    const scores = new Float64Array(count);
    const majors = new Uint32Array(count);
    const minors = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const at = order[i]!;
      scores[i] = fromScores[at]!;
      majors[i] = fromMajors[at]!;
      minors[i] = fromMinors[at]!;
    }
    return { scores, majors, minors };
  }

  /** Moves the threshold up as long as `capacity` entries stand above its bucket. */
  #raise(): void {
    let count = this.#countFromBucket;
    let bucket = this.#bucket;
    while (bucket < bucketCount - 1 && count - this.#histogram[bucket]! >= this.capacity) {
      count -= this.#histogram[bucket++]!;
    }
    if (bucket === this.#bucket && this.threshold > Number.NEGATIVE_INFINITY) return;
    this.#countFromBucket = count;
    this.#bucket = bucket;
    // Bucket 0 holds everything below too. Lowered, so that rounding cannot put it above a score.
    if (bucket > 0) this.threshold = (bucket / this.#bucketsPerScore) * (1 - 2 ** -40);
  }

  #makeRoom(): void {
    this.#sweep();
    const length = this.#scores.length;
    if (this.#size * 4 <= length * 3) return;
    if (length >= 3 * this.capacity + 64) this.#cut();
    else this.#grow();
  }

  /** Drops the entries below the threshold. */
  #sweep(): void {
    const size = this.#size;
    const scores = this.#scores;
    const { threshold } = this;
    let kept = 0;
    for (let i = 0; i < size; i++) if (scores[i]! >= threshold) this.#move(i, kept++);
    this.#size = kept;
  }

  /** Keeps exactly the best `capacity` entries: many tie around the threshold. */
  #cut(): void {
    const { scores, majors, minors } = this.drain();
    this.#scores.set(scores);
    this.#majors.set(majors);
    this.#minors.set(minors);
    this.#size = scores.length;
    const worst = scores[scores.length - 1];
    if (worst !== undefined && worst > this.threshold) this.threshold = worst;
  }

  #grow(): void {
    const length = this.#scores.length * 2;
    const scores = new Float64Array(length);
    const majors = new Uint32Array(length);
    const minors = new Uint32Array(length);
    scores.set(this.#scores);
    majors.set(this.#majors);
    minors.set(this.#minors);
    this.#scores = scores;
    this.#majors = majors;
    this.#minors = minors;
  }

  #move(from: number, to: number): void {
    this.#scores[to] = this.#scores[from]!;
    this.#majors[to] = this.#majors[from]!;
    this.#minors[to] = this.#minors[from]!;
  }

  /**
   * Indexes of the entries, best first: by bucket with a counting sort, then inside the buckets,
   * which hold few entries unless many scores are equal.
   */
  #sortedOrder(): Uint32Array {
    this.#sweep();
    const size = this.#size;
    const scores = this.#scores;
    const perScore = this.#bucketsPerScore;
    const ends = new Uint32Array(bucketCount);
    for (let i = 0; i < size; i++) ends[bucketOf(scores[i]!, perScore)]!++;
    let sum = 0;
    for (let bucket = bucketCount - 1; bucket >= 0; bucket--) {
      const count = ends[bucket]!;
      ends[bucket] = sum;
      sum += count;
    }
    const order = new Uint32Array(size);
    for (let i = 0; i < size; i++) order[ends[bucketOf(scores[i]!, perScore)]!++] = i;
    let from = 0;
    while (from < size) {
      const to = ends[bucketOf(scores[order[from]!]!, perScore)]!;
      if (to - from > 1) this.#sortBucket(order, from, to);
      from = to;
    }
    return order;
  }

  #sortBucket(order: Uint32Array, from: number, to: number): void {
    if (to - from > 24) {
      this.#sortLarge(order.subarray(from, to));
      return;
    }
    const scores = this.#scores;
    for (let i = from + 1; i < to; i++) {
      const moved = order[i]!;
      const score = scores[moved]!;
      let at = i;
      for (; at > from; at--) {
        const other = order[at - 1]!;
        const otherScore = scores[other]!;
        if (otherScore > score) break;
        if (otherScore === score && this.#compareTies(other, moved) < 0) break;
        order[at] = other;
      }
      order[at] = moved;
    }
  }

  /** By a native sort of numbers where it can be: many times faster than one that calls back. */
  #sortLarge(order: Uint32Array): void {
    const scores = this.#scores;
    const count = order.length;
    const keys = new Float64Array(count);
    let areKeyed = this.#scores.length <= maxKeyed;
    for (let i = 0; i < count && areKeyed; i++) {
      const at = order[i]!;
      asFloat[0] = scores[at]!;
      areKeyed = asFloat[0] === scores[at];
      keys[i] = orderedBits() * maxKeyed + at;
    }
    if (!areKeyed) {
      order.sort((a, b) => scores[b]! - scores[a]! || this.#compareTies(a, b));
      return;
    }
    keys.sort();
    for (let i = 0; i < count; i++) order[count - 1 - i] = keys[i]! % maxKeyed;
    for (let from = 0; from < count; ) {
      const score = scores[order[from]!]!;
      let to = from + 1;
      while (to < count && scores[order[to]!] === score) to++;
      if (to - from > 1) this.#sortTies(order.subarray(from, to), keys);
      from = to;
    }
  }

  /** Entries of one score; those of one major are sorted by their rank as a number. */
  #sortTies(order: Uint32Array, scratch: Float64Array): void {
    const majors = this.#majors;
    const minors = this.#minors;
    const major = majors[order[0]!]!;
    if (!order.every((at) => majors[at] === major)) {
      order.sort((a, b) => this.#compareTies(a, b));
      return;
    }
    const count = order.length;
    const keys = scratch.subarray(0, count);
    for (let i = 0; i < count; i++) {
      const at = order[i]!;
      keys[i] = this.#ties.rank(major, minors[at]!) * maxKeyed + at;
    }
    keys.sort();
    for (let i = 0; i < count; i++) order[count - 1 - i] = keys[i]! % maxKeyed;
  }

  #compareTies(a: number, b: number): number {
    const majors = this.#majors;
    const minors = this.#minors;
    const [aMajor, aMinor, bMajor, bMinor] = [majors[a]!, minors[a]!, majors[b]!, minors[b]!];
    return aMajor === bMajor
      ? this.#ties.rank(bMajor, bMinor) - this.#ties.rank(aMajor, aMinor)
      : this.#ties.compare(aMajor, aMinor, bMajor, bMinor);
  }
}

function bucketOf(score: number, bucketsPerScore: number): number {
  return Math.min(Math.max(score * bucketsPerScore, 0), bucketCount - 1) | 0;
}

/** Entries whose index fits beside the 32 bits of a float32 in the 53 of a float64's integers. */
const maxKeyed: number = 2 ** 21;
const asFloat = new Float32Array(1);
const asBits = new Int32Array(asFloat.buffer);

/** The float32 in `asFloat` as an integer 0 .. 2^32 - 1 of the same order; -0 counts as 0. */
function orderedBits(): number {
  asFloat[0]! += 0;
  const bits = asBits[0]!;
  return bits >= 0 ? bits + 2 ** 31 : -1 - bits;
}
