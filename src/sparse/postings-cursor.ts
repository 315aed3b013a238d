import type { ListBounds } from "./block-bounds.js";
import { blockSize, decodeBlockDocs, decodeBlockTfs } from "./block-codec.js";
import { type FactorTable, tableLengths, tableTfs } from "./factor-table.js";
import type { PostingList, PostingsReader } from "./postings.js";
import type { PostingsKernels } from "./postings-kernels.js";
import { type SearchMemory, windowSize } from "./search-memory.js";

/** Beyond every document. */
const noMoreDocs = 0x7fffffff;

/** What window-wise pruned search asks of one scoring term. Windows and documents must ascend. */
export interface WindowCursor {
  /** Blocks of postings that were decoded so far. */
  readonly decodedBlockCount: number;
  /** Most that any document of lo .. hi - 1, a window, gets from this term. */
  windowBound(lo: number, hi: number): number;
  /**
   * Adds the scores of documents lo .. hi - 1 to `memory.scores[doc - lo]` and marks them in
   * `memory.touched`, unless the window `isDense`. `windowBound(lo, hi)` must have been called.
   */
  accumulate(lo: number, hi: number, memory: SearchMemory, isDense: boolean): void;
  /** Postings of the list: how much `accumulate` has to do. */
  readonly postingCount: number;
  /**
   * Goes over the first `count` candidates of `memory`, ascending documents of the window at `lo`:
   * drops those whose score with `rest` more cannot reach `needed`, adds this term's score to the
   * others. `restAfter` is what the later terms can add. Returns how many are left.
   */
  probe(
    count: number,
    lo: number,
    needed: number,
    rest: number,
    restAfter: number,
    memory: SearchMemory,
  ): number;
}

/** Where the kernels find what one cursor needs. */
export interface KernelAccess {
  readonly kernels: PostingsKernels;
  readonly accumulate: PostingsKernels["accumulate"];
  readonly probe: PostingsKernels["probe"];
  readonly slotAddress: number;
  readonly lengthsAddress: number;
  readonly parametersAddress: number;
}

/**
 * One scoring term in one segment, read in windows of ascending documents. Postings decode block by
 * block when they are first needed; scores are weight · factor(tf, length). With `access` the inner
 * loops run in WebAssembly, with the same bits as result.
 *
 * Blocks count from 0 inside the list; the tail, if there is one, is the last block.
 */
export class PostingsCursor implements WindowCursor {
  decodedBlockCount = 0;
  readonly postingCount: number;
  readonly #weight: number;
  readonly #bounds: Float32Array;
  readonly #windows: Float32Array | null;
  readonly #blockCount: number;
  readonly #fullBlocks: number;
  readonly #firstBlock: number;
  readonly #list: PostingList;
  readonly #postings: PostingsReader;
  readonly #words: Int32Array;
  readonly #blockEnds: Int32Array;
  readonly #lengths: Uint32Array;
  readonly #table: FactorTable;
  readonly #stage: Int32Array;
  readonly #stageAddress: number;
  readonly #access: KernelAccess | null;
  readonly #docs: Int32Array;
  readonly #tfs: Int32Array;
  /** Block whose documents are decoded, -1 for none; its postings and whether tfs are decoded too. */
  #decoded = -1;
  #count = 0;
  #hasTfs = false;
  /** First block that may overlap the present or a later window. */
  #block = 0;
  /** First posting of the decoded block that was not read yet. */
  #at = 0;

  /** @param bounds null for a list without a full block */
  constructor(
    list: PostingList,
    postings: PostingsReader,
    lengths: Uint32Array,
    table: FactorTable,
    weight: number,
    bounds: ListBounds | null,
    memory: SearchMemory,
    lengthsAddress: number,
  ) {
    this.postingCount = list.df;
    this.#weight = weight;
    this.#list = list;
    this.#postings = postings;
    this.#words = postings.blocks;
    this.#blockEnds = postings.blockEnds;
    this.#firstBlock = list.firstBlock;
    this.#lengths = lengths;
    this.#table = table;
    this.#fullBlocks = Math.floor(list.df / blockSize);
    this.#blockCount = Math.ceil(list.df / blockSize);
    this.#stage = memory.stage;
    this.#stageAddress = memory.stageAddress;
    const { kernels } = memory;
    const parametersAddress = memory.parametersAddress(table);
    const slot =
      kernels !== null && lengthsAddress >= 0 && parametersAddress >= 0 ? memory.takeSlot() : null;
    const { scale, floor } = table.factor;
    const isScaled = scale !== 1 || floor !== 0;
    this.#docs = slot?.docs ?? new Int32Array(blockSize);
    this.#tfs = slot?.tfs ?? new Int32Array(blockSize);
    this.#access =
      slot !== null && kernels !== null
        ? {
            kernels,
            accumulate: isScaled ? kernels.accumulateScaled : kernels.accumulate,
            probe: isScaled ? kernels.probeScaled : kernels.probe,
            slotAddress: slot.address,
            lengthsAddress,
            parametersAddress,
          }
        : null;
    this.#bounds = bounds?.blocks ?? this.#boundOfShortList();
    this.#windows = bounds?.windows ?? null;
  }

  windowBound(lo: number, hi: number): number {
    if (this.#windows !== null) return this.#weight * this.#windows[lo / windowSize]!;
    const bounds = this.#bounds;
    const blockCount = this.#blockCount;
    let block = this.#block;
    while (block < blockCount && this.#lastDoc(block) < lo) block++;
    this.#block = block;
    if (block === blockCount || (block > 0 && this.#lastDoc(block - 1) + 1 >= hi)) return 0;
    let maximum = bounds[block]!;
    while (this.#lastDoc(block) < hi - 1 && ++block < blockCount) {
      if (bounds[block]! > maximum) maximum = bounds[block]!;
    }
    return this.#weight * maximum;
  }

  accumulate(lo: number, hi: number, memory: SearchMemory, isDense: boolean): void {
    const access = this.#access;
    while (this.#block < this.#blockCount && this.#lastDoc(this.#block) < lo) this.#block++;
    for (let block = this.#block; block < this.#blockCount; block++) {
      if (block > 0 && this.#lastDoc(block - 1) + 1 >= hi) return;
      if (this.#decoded !== block) this.#decodeDocs(block);
      if (!this.#hasTfs) this.#decodeTfs(block);
      const docs = this.#docs;
      const count = this.#count;
      let at = this.#at;
      while (at < count && docs[at]! < lo) at++;
      this.#at =
        access === null
          ? this.#accumulateBlock(at, lo, hi, memory.scores, memory.touched)
          : access.accumulate(
              access.slotAddress,
              access.slotAddress + 4 * blockSize,
              at,
              count,
              lo,
              hi,
              this.#weight,
              access.lengthsAddress,
              access.parametersAddress,
              memory.scoresAddress,
              isDense ? 0 : memory.touchedAddress,
            );
      if (this.#at < count) return;
    }
  }

  probe(
    count: number,
    lo: number,
    needed: number,
    rest: number,
    restAfter: number,
    memory: SearchMemory,
  ): number {
    const { candidates, candidateScores } = memory;
    const blockEnds = this.#blockEnds;
    const blockCount = this.#blockCount;
    const access = this.#access;
    let block = this.#block;
    let lastDoc = block < blockCount ? this.#lastDoc(block) : noMoreDocs;
    let blockBound = block < blockCount ? this.#weight * this.#bounds[block]! : 0;
    let left = 0;
    for (let i = 0; i < count; ) {
      const score = candidateScores[i]!;
      if (score + rest < needed) {
        i++;
        continue;
      }
      const offset = candidates[i]!;
      const doc = lo + offset;
      if (lastDoc < doc) {
        block++;
        while (block < this.#fullBlocks && blockEnds[2 * (this.#firstBlock + block)]! < doc)
          block++;
        if (block < blockCount && this.#lastDoc(block) < doc) block++;
        lastDoc = block < blockCount ? this.#lastDoc(block) : noMoreDocs;
        blockBound = block < blockCount ? this.#weight * this.#bounds[block]! : 0;
      }
      if (score + blockBound + restAfter < needed) {
        i++;
        continue;
      }
      if (block === blockCount) {
        candidates[left] = offset;
        candidateScores[left++] = score;
        i++;
        continue;
      }
      if (this.#decoded !== block) this.#decodeDocs(block);
      if (!this.#hasTfs) this.#decodeTfs(block);
      if (access === null) {
        candidates[left] = offset;
        candidateScores[left++] = score + this.#scoreOf(doc);
        i++;
        continue;
      }
      i = access.probe(
        access.slotAddress,
        access.slotAddress + 4 * blockSize,
        this.#at,
        this.#count,
        lo,
        lastDoc,
        this.#weight,
        access.lengthsAddress,
        access.parametersAddress,
        memory.candidatesAddress,
        memory.candidateScoresAddress,
        i,
        count,
        left,
        needed - blockBound - restAfter,
        memory.stateAddress,
      );
      left = memory.state[0]!;
      this.#at = memory.state[1]!;
    }
    this.#block = block;
    return left;
  }

  /** Score of a document of the decoded block, 0 where it lacks the term. */
  #scoreOf(doc: number): number {
    const docs = this.#docs;
    const count = this.#count;
    let at = this.#at;
    while (at < count && docs[at]! < doc) at++;
    this.#at = at;
    if (at === count || docs[at] !== doc) return 0;
    return this.#weight * this.#table.of(this.#tfs[at]!, this.#lengths[doc]!);
  }

  /** Last document of a block; `noMoreDocs` for a tail that is not decoded. */
  #lastDoc(block: number): number {
    if (block < this.#fullBlocks) return this.#blockEnds[2 * (this.#firstBlock + block)]!;
    return this.#decoded === block ? this.#docs[this.#count - 1]! : noMoreDocs;
  }

  /** The plain twin of the kernel. */
  #accumulateBlock(
    from: number,
    lo: number,
    hi: number,
    scores: Float64Array,
    touched: Int32Array,
  ): number {
    const docs = this.#docs;
    const tfs = this.#tfs;
    const lengths = this.#lengths;
    const table = this.#table.values;
    const weight = this.#weight;
    const count = this.#count;
    for (let i = from; i < count; i++) {
      const doc = docs[i]!;
      if (doc >= hi) return i;
      const tf = tfs[i]!;
      const length = lengths[doc]!;
      const factor =
        tf < tableTfs && length < tableLengths
          ? table[tf * tableLengths + length]!
          : this.#table.of(tf, length);
      const offset = doc - lo;
      scores[offset]! += weight * factor;
      touched[offset >>> 5]! |= 1 << (offset & 31);
    }
    return count;
  }

  #decodeDocs(block: number): void {
    this.#decoded = block;
    this.decodedBlockCount++;
    this.#at = 0;
    if (block === this.#fullBlocks) {
      const lastFull = 2 * (this.#firstBlock + this.#fullBlocks - 1);
      const previousDoc = this.#fullBlocks > 0 ? this.#blockEnds[lastFull]! : -1;
      this.#count = this.#postings.decodeTail(this.#list, previousDoc, this.#docs, this.#tfs, 0);
      this.#hasTfs = true;
      return;
    }
    const index = this.#firstBlock + block;
    const previousDoc = block === 0 ? -1 : this.#blockEnds[2 * (index - 1)]!;
    const word = this.#blockEnds[2 * index + 1]!;
    this.#count = blockSize;
    this.#hasTfs = false;
    if (this.#access === null) {
      decodeBlockDocs(this.#words, word, previousDoc, this.#docs, 0);
      return;
    }
    const words = this.#words;
    const stage = this.#stage;
    const wordCount = 1 + 4 * (words[word]! & 0xff);
    for (let i = 0; i < wordCount; i++) stage[i] = words[word + i]!;
    this.#access.kernels.decodeDocs(this.#stageAddress, previousDoc, this.#access.slotAddress);
  }

  #decodeTfs(block: number): void {
    this.#hasTfs = true;
    const word = this.#blockEnds[2 * (this.#firstBlock + block) + 1]!;
    if (this.#access === null) {
      decodeBlockTfs(this.#words, word, this.#tfs, 0);
      return;
    }
    const words = this.#words;
    const stage = this.#stage;
    const header = words[word]!;
    const start = word + 4 * (header & 0xff);
    const wordCount = 4 * ((header >>> 8) & 0xff) + ((header >>> 16) & 0xff);
    // Without the documents' words the block reads as one of document width 0.
    stage[0] = header & 0xffff00;
    for (let i = 1; i <= wordCount; i++) stage[i] = words[start + i]!;
    this.#access.kernels.decodeTfs(this.#stageAddress, this.#access.slotAddress + 4 * blockSize);
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
