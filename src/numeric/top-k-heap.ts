/**
 * Order among entries of equal score: negative if (major, minor) `a` ranks before `b`, positive if
 * after. It must be a total order, so that what the heap keeps does not depend on arrival order.
 */
export type TieOrder = (aMajor: number, aMinor: number, bMajor: number, bMinor: number) => number;

/**
 * The best `capacity` entries (score, major, minor) seen so far, in a binary heap with the worst
 * kept entry at its root. Its content is a function of the set of entries offered, not of their order.
 * Scores must not be NaN.
 */
export class TopKHeap {
  readonly capacity: number;
  size = 0;
  /** Score of the worst kept entry once the heap is full, else -Infinity: a lower score cannot enter. */
  threshold: number = Number.NEGATIVE_INFINITY;
  readonly #tieOrder: TieOrder;
  #scores: Float64Array;
  #majors: Uint32Array;
  #minors: Uint32Array;

  constructor(capacity: number, tieOrder: TieOrder) {
    this.capacity = capacity;
    this.#tieOrder = tieOrder;
    const initial = Math.min(capacity, 1024);
    this.#scores = new Float64Array(initial);
    this.#majors = new Uint32Array(initial);
    this.#minors = new Uint32Array(initial);
  }

  /** Offers one entry; keeps it if it ranks above the worst kept one. */
  push(score: number, major: number, minor: number): void {
    if (this.size < this.capacity) {
      if (this.size === this.#scores.length) this.#grow();
      this.#siftUp(this.size++, score, major, minor);
      if (this.size === this.capacity) this.#updateThreshold();
      return;
    }
    if (score < this.threshold || this.capacity === 0) return;
    if (
      score === this.threshold &&
      this.#tieOrder(major, minor, this.#majors[0]!, this.#minors[0]!) >= 0
    ) {
      return;
    }
    this.#siftDown(0, this.size, score, major, minor);
    this.#updateThreshold();
  }

  /** The kept entries, best first, as columns. The heap is empty afterwards. */
  drain(): { scores: Float64Array; majors: Uint32Array; minors: Uint32Array } {
    for (let end = this.size - 1; end > 0; end--) {
      const score = this.#scores[end]!;
      const major = this.#majors[end]!;
      const minor = this.#minors[end]!;
      this.#scores[end] = this.#scores[0]!;
      this.#majors[end] = this.#majors[0]!;
      this.#minors[end] = this.#minors[0]!;
      this.#siftDown(0, end, score, major, minor);
    }
    const drained = {
      scores: this.#scores.slice(0, this.size),
      majors: this.#majors.slice(0, this.size),
      minors: this.#minors.slice(0, this.size),
    };
    this.size = 0;
    this.threshold = Number.NEGATIVE_INFINITY;
    return drained;
  }

  #updateThreshold(): void {
    if (this.capacity > 0) this.threshold = this.#scores[0]!;
  }

  #grow(): void {
    const length = Math.min(this.capacity, this.#scores.length * 2);
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

  /** True if the given entry ranks below entry `at`. */
  #isWorse(score: number, major: number, minor: number, at: number): boolean {
    const other = this.#scores[at]!;
    if (score !== other) return score < other;
    return this.#tieOrder(major, minor, this.#majors[at]!, this.#minors[at]!) > 0;
  }

  #move(from: number, to: number): void {
    this.#scores[to] = this.#scores[from]!;
    this.#majors[to] = this.#majors[from]!;
    this.#minors[to] = this.#minors[from]!;
  }

  #place(at: number, score: number, major: number, minor: number): void {
    this.#scores[at] = score;
    this.#majors[at] = major;
    this.#minors[at] = minor;
  }

  #siftUp(start: number, score: number, major: number, minor: number): void {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isWorse(score, major, minor, parent)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#place(at, score, major, minor);
  }

  #siftDown(start: number, end: number, score: number, major: number, minor: number): void {
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= end) break;
      const right = child + 1;
      if (
        right < end &&
        this.#isWorse(this.#scores[right]!, this.#majors[right]!, this.#minors[right]!, child)
      ) {
        child = right;
      }
      if (this.#isWorse(score, major, minor, child)) break;
      this.#move(child, at);
      at = child;
    }
    this.#place(at, score, major, minor);
  }
}
