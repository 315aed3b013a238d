import { InputError } from "../errors.js";
import { ByteReader, ByteWriter } from "../numeric/byte-writer.js";
import { GrowableUint32 } from "../numeric/growable-uint32.js";
import type { SectionSink } from "../store/sections.js";
import {
  blockSize,
  decodeBlockDocs,
  decodeBlockTfs,
  encodeBlock,
  maxTermFrequency,
} from "./block-codec.js";
import { writeFrontier } from "./impact-frontier.js";
import { TermDictionaryWriter } from "./term-dictionary.js";

/*
 * Two lists per term: the combined one (tf = occurrences in title and text) and, for terms that
 * occur in a title, the title's own. An unscoped query with boosts 1 and 1 reads the first only.
 *
 *   sparse.postings   bytes; per term its title entry, if any, and then its combined entry
 *   sparse.blocks     words; full blocks of 128 postings (block-codec.ts)
 *   sparse.block-ends Uint32[2 blocks]: last document of the block, first word of the block
 *   sparse.bounds     bytes; impact frontiers of the blocks and the tail of lists with full blocks
 *
 *   combined entry    varint 2 df + (1 if a title entry stands before)
 *                     [varint bytes back to the title entry]
 *   title entry       varint df, varint number of its documents that lack the term in the text
 *   both, go on with  [df >= 128: varint first block, varint offset in sparse.bounds]
 *                     [combined, with positions: varint offset of the tail's in sparse.positions]
 *                     tail of df mod 128 postings: varint 2 (gap - 1) + (tf = 1), [varint tf - 2]
 */

/** One list of postings, documents ascending: elements `from` .. `to` - 1 of two columns. */
export interface PostingSpan {
  readonly docs: Uint32Array;
  readonly tfs: Uint32Array;
  readonly from: number;
  readonly to: number;
}

const oneBlockDocs = new Uint32Array(blockSize);
const oneBlockTfs = new Uint32Array(blockSize);

type Columns = Int32Array | Uint32Array;

/** Where one list of a segment stands and how long it is. */
export interface PostingList {
  readonly df: number;
  /** First of `df div 128` full blocks. */
  readonly firstBlock: number;
  /** Offset in `sparse.bounds`; meaningful where there is a full block. */
  readonly boundsOffset: number;
  readonly tailOffset: number;
  /** Where the positions of the tail stand; 0 in segments without positions and title lists. */
  readonly tailPositions: number;
}

export interface TermPostings {
  readonly combined: PostingList;
  /** Null where the term occurs in no title. `onlyCount` documents have it in the title alone. */
  readonly title: (PostingList & { readonly onlyCount: number }) | null;
}

/** Gives the positions of the postings that are being written. */
export interface PositionSource {
  /** Writes those of posting `index` of the combined span, as `writePositions` does. */
  write(index: number, out: ByteWriter): void;
}

/** Writes the postings of a segment, terms in ascending byte order. */
export class PostingsWriter {
  readonly #dictionary = new TermDictionaryWriter();
  readonly #entries = new ByteWriter(256);
  readonly #bounds = new ByteWriter(16);
  readonly #blocks = new GrowableUint32(16);
  readonly #blockEnds = new GrowableUint32(4);
  readonly #lengths: Uint32Array;
  readonly #titleLengths: Uint32Array;
  readonly #positions: ByteWriter | null;
  readonly #positionStarts = new GrowableUint32(4);
  postingCount = 0;

  constructor(lengths: Uint32Array, titleLengths: Uint32Array, withPositions: boolean) {
    this.#lengths = lengths;
    this.#titleLengths = titleLengths;
    this.#positions = withPositions ? new ByteWriter(256) : null;
  }

  get termCount(): number {
    return this.#dictionary.count;
  }

  /**
   * The next term with its lists; `title` is empty where the term is in no title, else
   * `titleOnlyCount` of its documents have the term in the title alone.
   */
  addTerm(
    term: string | Uint8Array,
    combined: PostingSpan,
    title: PostingSpan,
    titleOnlyCount: number,
    positions: PositionSource | null,
  ): void {
    const entries = this.#entries;
    const titleOffset = entries.length;
    const hasTitle = title.to > title.from;
    if (hasTitle) {
      entries.varint(title.to - title.from);
      entries.varint(titleOnlyCount);
      this.#addList(title, this.#titleLengths, null);
    }
    const offset = entries.length;
    this.#dictionary.add(term, offset);
    const df = combined.to - combined.from;
    entries.varint(2 * df + (hasTitle ? 1 : 0));
    if (hasTitle) entries.varint(offset - titleOffset);
    this.#addList(combined, this.#lengths, positions);
    this.postingCount += df;
  }

  write(sink: SectionSink): void {
    this.#dictionary.write(sink, this.#entries.length);
    sink.add("sparse.postings", this.#entries.bytes());
    if (this.#blocks.length > 0) {
      sink.add("sparse.blocks", this.#blocks.values());
      sink.add("sparse.block-ends", this.#blockEnds.values());
      sink.add("sparse.bounds", this.#bounds.bytes());
    }
    if (this.#positions !== null) {
      sink.add("sparse.positions", this.#positions.bytes());
      sink.add("sparse.position-starts", this.#positionStarts.values());
    }
  }

  #addList(
    { docs, tfs, from, to }: PostingSpan,
    lengths: Uint32Array,
    source: PositionSource | null,
  ): void {
    const entries = this.#entries;
    const positions = this.#positions;
    const fullEnd = to - ((to - from) % blockSize);
    let previousDoc = -1;
    if (fullEnd > from) {
      entries.varint(this.#blockEnds.length / 2);
      entries.varint(this.#bounds.length);
      for (let at = from; at < fullEnd; at += blockSize) {
        const lastDoc = docs[at + blockSize - 1]!;
        this.#blockEnds.push(lastDoc);
        this.#blockEnds.push(this.#blocks.length);
        encodeBlock(docs, tfs, at, previousDoc, this.#blocks);
        writeFrontier(docs, tfs, at, at + blockSize, lengths, this.#bounds);
        previousDoc = lastDoc;
        if (positions === null) continue;
        this.#positionStarts.push(source === null ? 0 : positions.length);
        for (let i = at; i < at + blockSize; i++) source?.write(i, positions);
      }
      if (fullEnd < to) writeFrontier(docs, tfs, fullEnd, to, lengths, this.#bounds);
    }
    if (positions !== null && source !== null) {
      entries.varint(positions.length);
      for (let i = fullEnd; i < to; i++) source.write(i, positions);
    }
    entries.reserve(10 * (to - fullEnd));
    for (let i = fullEnd; i < to; i++) {
      const doc = docs[i]!;
      const tf = tfs[i]!;
      entries.varint(2 * (doc - previousDoc - 1) + (tf === 1 ? 1 : 0));
      if (tf !== 1) entries.varint(tf - 2);
      previousDoc = doc;
    }
  }
}

/** Refuses what the block format cannot hold. */
export function checkTermFrequency(tf: number, term: string, docOrd: number): void {
  if (tf <= maxTermFrequency) return;
  throw new InputError(
    `one term may occur at most ${maxTermFrequency} times in a document, got ${tf} of ` +
      `${JSON.stringify(term.slice(0, 40))} in document ${docOrd} of the segment`,
    { term: term.slice(0, 40), tf, docOrd },
  );
}

/** Read side: the sections of one segment's postings. */
export class PostingsReader {
  readonly entries: Uint8Array;
  /** Words as signed integers: V8 computes faster with what fits 31 bits. */
  readonly blocks: Int32Array;
  readonly blockEnds: Int32Array;
  readonly bounds: Uint8Array;
  /** Empty in segments without positions. */
  readonly positions: Uint8Array;
  readonly #positionStarts: Uint32Array | null;
  readonly #reader: ByteReader;
  readonly #positionsReader: ByteReader;

  constructor(
    entries: Uint8Array,
    blocks: Int32Array,
    blockEnds: Int32Array,
    bounds: Uint8Array,
    positions: { readonly bytes: Uint8Array; readonly starts: Uint32Array } | null,
  ) {
    this.entries = entries;
    this.blocks = blocks;
    this.blockEnds = blockEnds;
    this.bounds = bounds;
    this.positions = positions?.bytes ?? new Uint8Array(0);
    this.#positionStarts = positions?.starts ?? null;
    this.#reader = new ByteReader(entries);
    this.#positionsReader = new ByteReader(this.positions);
  }

  /** The lists of the term whose combined entry starts at `offset`. */
  termAt(offset: number): TermPostings {
    const reader = this.#reader;
    reader.position = offset;
    const head = reader.varint();
    const titleOffset = (head & 1) === 1 ? offset - reader.varint() : -1;
    const combined = listAt(reader, head >>> 1, this.#positionStarts !== null);
    if (titleOffset < 0) return { combined, title: null };
    reader.position = titleOffset;
    const df = reader.varint();
    const onlyCount = reader.varint();
    return { combined, title: { ...listAt(reader, df, false), onlyCount } };
  }

  /**
   * Decodes one block of a list, the tail counting as its last, to the start of the columns; says
   * how many postings it has and where the positions of the first one stand.
   */
  decodeBlock(
    list: PostingList,
    block: number,
    docs: Columns,
    tfs: Columns,
  ): { readonly count: number; readonly positions: number } {
    const index = list.firstBlock + block;
    const previousDoc = block === 0 ? -1 : this.blockEnds[2 * (index - 1)]!;
    if (block === Math.floor(list.df / blockSize)) {
      const count = this.decodeTail(list, previousDoc, docs, tfs, 0);
      return { count, positions: list.tailPositions };
    }
    const word = this.blockEnds[2 * index + 1]!;
    decodeBlockDocs(this.blocks, word, previousDoc, docs, 0);
    decodeBlockTfs(this.blocks, word, tfs, 0);
    return { count: blockSize, positions: this.#positionStarts?.[index] ?? 0 };
  }

  /** tf of one document, 0 where the list lacks it: decodes one block. */
  frequencyOf(list: PostingList, docOrd: number): number {
    const fullBlocks = Math.floor(list.df / blockSize);
    let low = 0;
    let high = fullBlocks;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.blockEnds[2 * (list.firstBlock + middle)]! < docOrd) low = middle + 1;
      else high = middle;
    }
    if (low === fullBlocks && list.df % blockSize === 0) return 0;
    const { count } = this.decodeBlock(list, low, oneBlockDocs, oneBlockTfs);
    const at = oneBlockDocs.subarray(0, count).indexOf(docOrd);
    return at < 0 ? 0 : oneBlockTfs[at]!;
  }

  /** Where the positions of the first posting of a combined list stand. */
  positionsStart(list: PostingList): number {
    const hasBlock = list.df >= blockSize;
    return hasBlock ? (this.#positionStarts?.[list.firstBlock] ?? 0) : list.tailPositions;
  }

  /** A reader that stands at `offset` of the positions; the next call moves the same reader. */
  positionsReader(offset: number): ByteReader {
    this.#positionsReader.position = offset;
    return this.#positionsReader;
  }

  /** Decodes a whole list into `docs` and `tfs` from `at` on; returns its df. */
  decodeList(list: PostingList, docs: Columns, tfs: Columns, at = 0): number {
    let out = at;
    let previousDoc = -1;
    const blockEnd = list.firstBlock + Math.floor(list.df / blockSize);
    for (let block = list.firstBlock; block < blockEnd; block++) {
      const word = this.blockEnds[2 * block + 1]!;
      decodeBlockDocs(this.blocks, word, previousDoc, docs, out);
      decodeBlockTfs(this.blocks, word, tfs, out);
      previousDoc = this.blockEnds[2 * block]!;
      out += blockSize;
    }
    this.decodeTail(list, previousDoc, docs, tfs, out);
    return list.df;
  }

  /** Decodes the last df mod 128 postings into `docs` and `tfs` from `at` on; returns their number. */
  decodeTail(
    list: PostingList,
    previousDoc: number,
    docs: Columns,
    tfs: Columns,
    at: number,
  ): number {
    const count = list.df % blockSize;
    const reader = this.#reader;
    reader.position = list.tailOffset;
    let doc = previousDoc;
    for (let i = at; i < at + count; i++) {
      const value = reader.varint();
      doc += (value >>> 1) + 1;
      docs[i] = doc;
      tfs[i] = (value & 1) === 1 ? 1 : reader.varint() + 2;
    }
    return count;
  }
}

function listAt(reader: ByteReader, df: number, withPositions: boolean): PostingList {
  const hasBlocks = df >= blockSize;
  const firstBlock = hasBlocks ? reader.varint() : 0;
  const boundsOffset = hasBlocks ? reader.varint() : 0;
  const tailPositions = withPositions ? reader.varint() : 0;
  return { df, firstBlock, boundsOffset, tailOffset: reader.position, tailPositions };
}
