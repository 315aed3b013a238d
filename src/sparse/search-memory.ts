import { blockSize } from "./block-codec.js";
import type { FactorTable } from "./factor-table.js";
import { compileKernels, kernelTableLengths, type PostingsKernels } from "./postings-kernels.js";

/** Documents per window of pruned search. */
export const windowSize = 8192;

/** Cursors of one search that decode into WebAssembly memory; further ones do without. */
const slotCount = 32;
const parametersCount = 4;
/** Words of the longest block, and one vector that unpacking may read beyond. */
const stageWords: number = 1 + 4 * (32 + 25) + blockSize + 4;
const parametersBytes: number = 8 * (5 + kernelTableLengths);
const pageBytes = 65_536;
/** Lengths of so many bytes at most are kept; then all are dropped and copied again as needed. */
const lengthsLimitBytes: number = 256 * 2 ** 20;

/** Segment searches after which the memory is emptied before it grows. */
const searchesBetweenDrops = 4096;

/**
 * Scratch of one thread: the window's scores, the block buffers of the cursors, and, for the
 * kernels, copies of document lengths. Searches are synchronous, so they never share it.
 *
 * ```text
 * stage │ state │ slots: 128 documents, 128 tfs each │ parameters │ scores │ touched │ candidates │ lengths …
 * ```
 */
export class SearchMemory {
  readonly kernels: PostingsKernels | null;
  readonly stageAddress: number;
  readonly stateAddress: number;
  readonly scoresAddress: number;
  readonly touchedAddress: number;
  readonly candidatesAddress: number;
  readonly candidateScoresAddress: number;
  /** One block's words, copied here to be unpacked. */
  stage: Int32Array = new Int32Array(0);
  /** What kernels return beside their result. */
  state: Int32Array = new Int32Array(0);
  /** Score per document of the window; all zero between windows. */
  scores: Float64Array = new Float64Array(0);
  /** One bit per document of the window that has a score; all zero between windows. */
  touched: Int32Array = new Int32Array(0);
  /** Offsets in the window and scores of the documents that `select` listed. */
  candidates: Int32Array = new Int32Array(0);
  candidateScores: Float64Array = new Float64Array(0);
  readonly #memory: WebAssembly.Memory;
  readonly #slotsAddress: number;
  readonly #parametersAddress: number;
  readonly #lengthsStart: number;
  #lengthsEnd: number;
  #generation = 0;
  #searchCount = 0;
  readonly #lengths = new WeakMap<Uint32Array, { generation: number; address: number }>();
  readonly #slotDocs: Int32Array[] = [];
  readonly #slotTfs: Int32Array[] = [];
  #usedSlots = 0;
  readonly #parameters: (FactorTable | null)[] = new Array(parametersCount).fill(null);
  #nextParameters = 0;

  constructor() {
    let end = 64;
    const reserve = (bytes: number): number => {
      const address = end;
      end += Math.ceil(bytes / 64) * 64;
      return address;
    };
    this.stageAddress = reserve(4 * stageWords);
    this.stateAddress = reserve(8);
    this.#slotsAddress = reserve(slotCount * 8 * blockSize);
    this.#parametersAddress = reserve(parametersCount * parametersBytes);
    this.scoresAddress = reserve(8 * windowSize);
    this.touchedAddress = reserve(windowSize / 8);
    // One more than a window: `select` writes before it counts.
    this.candidatesAddress = reserve(4 * (windowSize + 1));
    this.candidateScoresAddress = reserve(8 * (windowSize + 1));
    this.#lengthsStart = end;
    this.#lengthsEnd = end;
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil(end / pageBytes) });
    this.kernels = compileKernels(this.#memory);
    this.#view();
  }

  /** Begins a search in one segment: all cursor buffers are free again. */
  begin(): void {
    this.#usedSlots = 0;
    this.#searchCount++;
  }

  /** A free cursor buffer with its address, or null where all are taken. */
  takeSlot(): { address: number; docs: Int32Array; tfs: Int32Array } | null {
    const slot = this.#usedSlots;
    if (slot === slotCount) return null;
    this.#usedSlots++;
    return {
      address: this.#slotsAddress + slot * 8 * blockSize,
      docs: this.#slotDocs[slot]!,
      tfs: this.#slotTfs[slot]!,
    };
  }

  /**
   * Address of the column's copy as uint16, or -1 where a length does not fit or there are too many.
   * Must be called before the views of this search are taken: the memory may move.
   */
  lengthsAddress(column: Uint32Array, maximum: number): number {
    if (maximum > 0xffff || 5 * column.length > lengthsLimitBytes) return -1;
    const known = this.#lengths.get(column);
    if (known?.generation === this.#generation) return known.address;
    const byteLength = Math.ceil((2 * column.length) / 64) * 64;
    if (this.#lengthsEnd + byteLength - this.#lengthsStart > lengthsLimitBytes) {
      this.#generation++;
      this.#lengthsEnd = this.#lengthsStart;
    }
    const address = this.#lengthsEnd;
    this.#lengthsEnd += byteLength;
    const missing = this.#lengthsEnd - this.#memory.buffer.byteLength;
    if (missing > 0 && this.#searchCount > searchesBetweenDrops) {
      // What grew since the last time may be lengths of segments that were merged away.
      this.#searchCount = 0;
      this.#generation++;
      this.#lengthsEnd = this.#lengthsStart;
      return this.lengthsAddress(column, maximum);
    }
    if (missing > 0) {
      this.#memory.grow(Math.ceil(missing / pageBytes));
      this.#view();
    }
    new Uint16Array(this.#memory.buffer, address, column.length).set(column);
    this.#lengths.set(column, { generation: this.#generation, address });
    return address;
  }

  /** Address of the factor's parameters; -1 where the kernels do not know its formula. */
  parametersAddress(table: FactorTable): number {
    const { factor } = table;
    const { variant, k1, b } = factor.parameters;
    if (variant === "bm25l") return -1;
    let slot = this.#parameters.indexOf(table);
    if (slot < 0) {
      slot = this.#nextParameters;
      this.#nextParameters = (slot + 1) % parametersCount;
      this.#parameters[slot] = table;
      const values = new Float64Array(
        this.#memory.buffer,
        this.#parametersAddress + slot * parametersBytes,
        5 + kernelTableLengths,
      );
      values.set([k1, b, factor.averageLength, factor.scale, factor.floor]);
      for (let length = 0; length < kernelTableLengths; length++) {
        values[5 + length] = k1 * factor.lengthNorm(length);
      }
    }
    return this.#parametersAddress + slot * parametersBytes;
  }

  /**
   * Empties the window of documents below `size`: lists those with score >= needed in `candidates`
   * and `candidateScores`, in ascending order, and returns their number. `isDense`: `touched` was not
   * kept, because most documents have a score; then `needed` must be > 0.
   */
  select(size: number, needed: number, isDense: boolean): number {
    const words = 2 * Math.ceil(size / 64);
    if (this.kernels !== null) {
      const { select, selectDense } = this.kernels;
      return (isDense ? selectDense : select)(
        this.scoresAddress,
        this.touchedAddress,
        this.touchedAddress + 4 * words,
        needed,
        this.candidatesAddress,
        this.candidateScoresAddress,
      );
    }
    const { scores, touched, candidates, candidateScores } = this;
    let count = 0;
    if (isDense) touched.fill(-1, 0, words);
    for (let word = 0; word < words; word++) {
      let bits = touched[word]!;
      if (bits === 0) continue;
      touched[word] = 0;
      while (bits !== 0) {
        const offset = (word << 5) + (31 - Math.clz32(bits & -bits));
        bits &= bits - 1;
        const score = scores[offset]!;
        scores[offset] = 0;
        if (score < needed) continue;
        candidates[count] = offset;
        candidateScores[count++] = score;
      }
    }
    return count;
  }

  #view(): void {
    const { buffer } = this.#memory;
    this.stage = new Int32Array(buffer, this.stageAddress, stageWords);
    this.state = new Int32Array(buffer, this.stateAddress, 2);
    this.scores = new Float64Array(buffer, this.scoresAddress, windowSize);
    this.touched = new Int32Array(buffer, this.touchedAddress, windowSize / 32);
    this.candidates = new Int32Array(buffer, this.candidatesAddress, windowSize);
    this.candidateScores = new Float64Array(buffer, this.candidateScoresAddress, windowSize);
    for (let slot = 0; slot < slotCount; slot++) {
      const address = this.#slotsAddress + slot * 8 * blockSize;
      this.#slotDocs[slot] = new Int32Array(buffer, address, blockSize);
      this.#slotTfs[slot] = new Int32Array(buffer, address + 4 * blockSize, blockSize);
    }
  }
}

let memory: SearchMemory | undefined;

/** The scratch of this thread, made on the first search. */
export function searchMemory(): SearchMemory {
  memory ??= new SearchMemory();
  return memory;
}
