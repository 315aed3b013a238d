/**
 * The best `depth` documents of one segment by score, ties by id descending: a binary heap whose root
 * is the worst kept hit. Ranking within a segment needs only `idRank`.
 */
export class BestDocuments {
  readonly #depth: number;
  readonly #idRank: Uint32Array;
  readonly #docOrds: Uint32Array;
  readonly #scores: Float64Array;
  #count = 0;

  constructor(depth: number, idRank: Uint32Array) {
    this.#depth = Math.min(depth, idRank.length);
    this.#idRank = idRank;
    this.#docOrds = new Uint32Array(this.#depth);
    this.#scores = new Float64Array(this.#depth);
  }

  /** Score below which a document cannot enter; equal scores can, by their id. */
  get threshold(): number {
    return this.#count < this.#depth ? Number.NEGATIVE_INFINITY : (this.#scores[0] ?? Infinity);
  }

  offer(docOrd: number, score: number): void {
    if (this.#count < this.#depth) {
      this.#siftUp(this.#count++, docOrd, score);
    } else if (
      this.#depth > 0 &&
      this.#isWorse(this.#docOrds[0]!, this.#scores[0]!, docOrd, score)
    ) {
      this.#siftDown(docOrd, score);
    }
  }

  /** Hits best first; the heap is left as it was. */
  sorted(): { readonly docOrd: number; readonly score: number }[] {
    return Array.from({ length: this.#count }, (_, i) => ({
      docOrd: this.#docOrds[i]!, // i < count
      score: this.#scores[i]!,
    })).sort((a, b) => (this.#isWorse(a.docOrd, a.score, b.docOrd, b.score) ? 1 : -1));
  }

  /** Whether hit a ranks after hit b: lower score, or the same and the smaller id. */
  #isWorse(aOrd: number, aScore: number, bOrd: number, bScore: number): boolean {
    if (aScore !== bScore) return aScore < bScore;
    return this.#idRank[aOrd]! < this.#idRank[bOrd]!;
  }

  #siftUp(start: number, docOrd: number, score: number): void {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const parentOrd = this.#docOrds[parent]!;
      const parentScore = this.#scores[parent]!;
      if (!this.#isWorse(docOrd, score, parentOrd, parentScore)) break;
      this.#docOrds[at] = parentOrd;
      this.#scores[at] = parentScore;
      at = parent;
    }
    this.#docOrds[at] = docOrd;
    this.#scores[at] = score;
  }

  /** Replaces the root. */
  #siftDown(docOrd: number, score: number): void {
    const docOrds = this.#docOrds;
    const scores = this.#scores;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#count) break;
      const right = child + 1;
      if (
        right < this.#count &&
        this.#isWorse(docOrds[right]!, scores[right]!, docOrds[child]!, scores[child]!)
      ) {
        child = right;
      }
      if (!this.#isWorse(docOrds[child]!, scores[child]!, docOrd, score)) break;
      docOrds[at] = docOrds[child]!;
      scores[at] = scores[child]!;
      at = child;
    }
    docOrds[at] = docOrd;
    scores[at] = score;
  }
}
