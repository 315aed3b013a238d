import { blockSize, decodeBlockDocs, decodeBlockTfs } from "./block-codec.js";
import { type FactorTable, tableLengths, tableTfs } from "./factor-table.js";
import type { PostingList, PostingsReader } from "./postings.js";

/** Beyond every document. */
export const noMoreDocs = 0x7fffffff;

/** What window-wise pruned search asks of one scoring term. Windows and documents must ascend. */
export interface WindowCursor {
  /** Most that any document of lo .. hi - 1 gets from this term. */
  windowBound(lo: number, hi: number): number;
  /**
   * Adds the scores of documents lo .. hi - 1 to `scores[doc - lo]` and marks them in `touched`
   * (one bit a document), if it is given. `windowBound(lo, hi)` must have been called.
   */
  accumulate(lo: number, hi: number, scores: Float64Array, touched: Uint32Array | null): void;
  /**
   * Score of `doc`; -1 where the list lacks it, or may be where the best score of its block is
   * below `needed`.
   */
  probe(doc: number, needed: number): number;
}

/**
 * One scoring term in one segment, read in windows of ascending documents. Postings decode block by
 * block when they are first needed; scores are weight · factor(tf, length).
 *
 * Blocks count from 0 inside the list; the tail, if there is one, is the last block.
 */
export class PostingsCursor implements WindowCursor {
  readonly weight: number;
  readonly bounds: Float32Array;
  readonly blockCount: number;
  readonly #list: PostingList;
  readonly #postings: PostingsReader;
  readonly #words: Uint32Array;
  readonly #blockEnds: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #table: FactorTable;
  readonly #fullBlocks: number;
  readonly #docs: Uint32Array = new Uint32Array(blockSize);
  readonly #tfs: Uint32Array = new Uint32Array(blockSize);
  /** Block whose documents are decoded, -1 for none; its postings and whether tfs are decoded too. */
  #decoded = -1;
  #count = 0;
  #hasTfs = false;
  /** First block that may overlap the present or a later window. */
  #block = 0;
  /** First posting of the decoded block not below the last probed document. */
  #at = 0;

  /** @param bounds greatest factor per block; null for a list without a full block */
  constructor(
    list: PostingList,
    postings: PostingsReader,
    lengths: Uint32Array,
    table: FactorTable,
    weight: number,
    bounds: Float32Array | null,
  ) {
    this.weight = weight;
    this.#list = list;
    this.#postings = postings;
    this.#words = postings.blocks;
    this.#blockEnds = postings.blockEnds;
    this.#lengths = lengths;
    this.#table = table;
    this.#fullBlocks = Math.floor(list.df / blockSize);
    this.blockCount = Math.ceil(list.df / blockSize);
    this.bounds = bounds ?? this.#boundOfShortList();
  }

  windowBound(lo: number, hi: number): number {
    const { bounds, blockCount } = this;
    let block = this.#block;
    while (block < blockCount && this.lastDoc(block) < lo) block++;
    this.#block = block;
    if (block === blockCount || (block > 0 && this.lastDoc(block - 1) + 1 >= hi)) return 0;
    let maximum = bounds[block]!;
    while (this.lastDoc(block) < hi - 1 && ++block < blockCount) {
      if (bounds[block]! > maximum) maximum = bounds[block]!;
    }
    return this.weight * maximum;
  }

  /** Last document of a block; `noMoreDocs` for a tail that is not decoded. */
  lastDoc(block: number): number {
    if (block < this.#fullBlocks) return this.#blockEnds[2 * (this.#list.firstBlock + block)]!;
    return this.#decoded === block ? this.#docs[this.#count - 1]! : noMoreDocs;
  }

  accumulate(lo: number, hi: number, scores: Float64Array, touched: Uint32Array | null): void {
    const docs = this.#docs;
    const tfs = this.#tfs;
    const lengths = this.#lengths;
    const table = this.#table.values;
    const weight = this.weight;
    for (let block = this.#block; block < this.blockCount; block++) {
      if (block > 0 && this.lastDoc(block - 1) + 1 >= hi) return;
      if (this.#decoded !== block) this.#decodeDocs(block);
      if (!this.#hasTfs) this.#decodeTfs(block);
      const start = docs[0]! >= lo ? 0 : this.#firstNotBelow(0, lo);
      const end = docs[this.#count - 1]! < hi ? this.#count : this.#firstNotBelow(start, hi);
      for (let i = start; i < end; i++) {
        const doc = docs[i]!;
        const tf = tfs[i]!;
        const length = lengths[doc]!;
        const factor =
          tf < tableTfs && length < tableLengths
            ? table[tf * tableLengths + length]!
            : this.#table.of(tf, length);
        scores[doc - lo]! += weight * factor;
      }
      if (touched !== null) {
        for (let i = start; i < end; i++) {
          const offset = docs[i]! - lo;
          touched[offset >>> 5]! |= 1 << (offset & 31);
        }
      }
      if (end < this.#count) return;
    }
  }

  probe(doc: number, needed: number): number {
    let block = this.#block;
    const blockCount = this.blockCount;
    if (block < blockCount && this.lastDoc(block) < doc) {
      do block++;
      while (block < blockCount && this.lastDoc(block) < doc);
      this.#block = block;
    }
    if (block === blockCount) return -1;
    if (this.weight * this.bounds[block]! < needed) return -1;
    if (this.#decoded !== block) this.#decodeDocs(block);
    const docs = this.#docs;
    const count = this.#count;
    let at = this.#at;
    while (at + 8 < count && docs[at + 8]! < doc) at += 8;
    while (at < count && docs[at]! < doc) at++;
    this.#at = at;
    if (at === count || docs[at] !== doc) return -1;
    if (!this.#hasTfs) this.#decodeTfs(block);
    return this.weight * this.#table.of(this.#tfs[at]!, this.#lengths[doc]!);
  }

  /** Last document before the tail. */
  get #previousDoc(): number {
    return this.#fullBlocks > 0
      ? this.#blockEnds[2 * (this.#list.firstBlock + this.#fullBlocks - 1)]!
      : -1;
  }

  #decodeDocs(block: number): void {
    this.#decoded = block;
    this.#at = 0;
    if (block === this.#fullBlocks) {
      this.#count = this.#postings.decodeTail(
        this.#list,
        this.#previousDoc,
        this.#docs,
        this.#tfs,
        0,
      );
      this.#hasTfs = true;
      return;
    }
    const index = this.#list.firstBlock + block;
    const previousDoc = block === 0 ? -1 : this.#blockEnds[2 * (index - 1)]!;
    decodeBlockDocs(this.#words, this.#blockEnds[2 * index + 1]!, previousDoc, this.#docs, 0);
    this.#count = blockSize;
    this.#hasTfs = false;
  }

  #decodeTfs(block: number): void {
    const index = this.#list.firstBlock + block;
    decodeBlockTfs(this.#words, this.#blockEnds[2 * index + 1]!, this.#tfs, 0);
    this.#hasTfs = true;
  }

  /** First posting from `from` on whose document is not below `doc`. */
  #firstNotBelow(from: number, doc: number): number {
    const docs = this.#docs;
    let low = from;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (docs[middle]! < doc) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #boundOfShortList(): Float32Array {
    this.#decodeDocs(0);
    let maximum = 0;
    for (let i = 0; i < this.#count; i++) {
      const factor = this.#table.of(this.#tfs[i]!, this.#lengths[this.#docs[i]!]!);
      if (factor > maximum) maximum = factor;
    }
    return Float32Array.of(maximum * (1 + 2 ** -22));
  }
}
