import { CorruptIndexError, IndexVersionError } from "../errors.js";
import type { SectionSink, SectionSource } from "../store/sections.js";
import { BlockBoundsCache } from "./block-bounds.js";
import { type PostingSpan, PostingsReader, type TermPostings } from "./postings.js";
import { int32View, TermDictionary, termBytes, uint32View } from "./term-dictionary.js";

const formatVersion = 1;

/** Counts over the documents of a segment, the deleted ones included. */
export interface SegmentStatistics {
  readonly docCount: number;
  /** Documents with at least one term. */
  readonly nonEmptyDocCount: number;
  /** Terms in titles and texts. */
  readonly totalLength: number;
  readonly totalTitleLength: number;
}

interface SegmentMeta extends SegmentStatistics {
  readonly format: number;
  readonly analyzer: string;
  readonly positions: boolean;
  readonly termCount: number;
  readonly postingCount: number;
}

/** Writes what a segment has beside its postings. */
export function writeSegmentFrame(
  sink: SectionSink,
  frame: {
    readonly analyzer: string;
    readonly positions: boolean;
    readonly lengths: Uint32Array;
    readonly titleLengths: Uint32Array;
    readonly termCount: number;
    readonly postingCount: number;
  },
): void {
  const { lengths, titleLengths } = frame;
  let nonEmptyDocCount = 0;
  let totalLength = 0;
  let totalTitleLength = 0;
  for (let doc = 0; doc < lengths.length; doc++) {
    const length = lengths[doc]!;
    if (length > 0) nonEmptyDocCount++;
    totalLength += length;
    totalTitleLength += titleLengths[doc]!;
  }
  sink.add("sparse.lengths", lengths);
  if (totalTitleLength > 0) sink.add("sparse.title-lengths", titleLengths);
  const meta: SegmentMeta = {
    format: formatVersion,
    analyzer: frame.analyzer,
    positions: frame.positions,
    docCount: lengths.length,
    nonEmptyDocCount,
    totalLength,
    totalTitleLength,
    termCount: frame.termCount,
    postingCount: frame.postingCount,
  };
  sink.add("sparse.meta", new TextEncoder().encode(JSON.stringify(meta)));
}

/**
 * One immutable segment of the inverted index. Opening reads `sparse.meta` only; the other sections
 * load when a query first needs them.
 */
export class SparseSegment {
  readonly statistics: SegmentStatistics;
  readonly analyzer: string;
  readonly termCount: number;
  /** Postings of the combined lists. */
  readonly postingCount: number;
  readonly hasPositions: boolean;
  readonly blockBounds: BlockBoundsCache = new BlockBoundsCache();
  readonly #source: SectionSource;
  #dictionary: TermDictionary | undefined;
  #postings: PostingsReader | undefined;
  #lengths: Uint32Array | undefined;
  #titleLengths: Uint32Array | undefined;
  #maximumLength = -1;

  constructor(source: SectionSource) {
    const meta = readMeta(source);
    this.#source = source;
    this.statistics = meta;
    this.analyzer = meta.analyzer;
    this.hasPositions = meta.positions;
    this.termCount = meta.termCount;
    this.postingCount = meta.postingCount;
  }

  get docCount(): number {
    return this.statistics.docCount;
  }

  /** File path or "memory", for messages. */
  get label(): string {
    return this.#source.label;
  }

  get dictionary(): TermDictionary {
    this.#dictionary ??= TermDictionary.open(this.#source);
    return this.#dictionary;
  }

  get postings(): PostingsReader {
    if (this.#postings === undefined) {
      const source = this.#source;
      this.#postings = new PostingsReader(
        source.load("sparse.postings"),
        int32View(source, "sparse.blocks"),
        int32View(source, "sparse.block-ends"),
        source.has("sparse.bounds") ? source.load("sparse.bounds") : new Uint8Array(0),
        this.hasPositions
          ? {
              bytes: source.load("sparse.positions"),
              starts: uint32View(source, "sparse.position-starts"),
            }
          : null,
      );
    }
    return this.#postings;
  }

  /** Terms per document, title and text together. */
  get lengths(): Uint32Array {
    this.#lengths ??= this.#lengthColumn("sparse.lengths");
    return this.#lengths;
  }

  /** Terms per title. */
  get titleLengths(): Uint32Array {
    this.#titleLengths ??= this.#source.has("sparse.title-lengths")
      ? this.#lengthColumn("sparse.title-lengths")
      : new Uint32Array(this.docCount);
    return this.#titleLengths;
  }

  /** Greatest of `lengths`. */
  get maximumLength(): number {
    if (this.#maximumLength < 0) {
      let maximum = 0;
      for (const length of this.lengths) if (length > maximum) maximum = length;
      this.#maximumLength = maximum;
    }
    return this.#maximumLength;
  }

  /** The term's lists, or null where no document of the segment has it. */
  find(term: string): TermPostings | null {
    if (this.termCount === 0) return null;
    const termOrd = this.dictionary.find(termBytes(term));
    return termOrd < 0 ? null : this.termPostings(termOrd);
  }

  termPostings(termOrd: number): TermPostings {
    return this.postings.termAt(this.dictionary.postingsOffset(termOrd));
  }

  /** Decodes both lists of a term, for tests, checks and exports. */
  decode(postings: TermPostings): { combined: PostingSpan; title: PostingSpan | null } {
    const { combined, title } = postings;
    return {
      combined: this.#decodeList(combined),
      title: title === null ? null : this.#decodeList(title),
    };
  }

  #decodeList(list: TermPostings["combined"]): PostingSpan {
    const docs = new Uint32Array(list.df);
    const tfs = new Uint32Array(list.df);
    this.postings.decodeList(list, docs, tfs);
    return { docs, tfs, from: 0, to: list.df };
  }

  #lengthColumn(name: string): Uint32Array {
    const column = uint32View(this.#source, name);
    if (column.length !== this.docCount) {
      throw new CorruptIndexError(
        `section ${name} of ${this.label} has ${column.length} lengths, expected ${this.docCount}`,
        { file: this.label, section: name, count: column.length },
      );
    }
    return column;
  }
}

/**
 * Opens the sparse part of a segment.
 *
 * @throws {CorruptIndexError} `sparse.meta` missing or unreadable
 * @throws {IndexVersionError} written by another version of the format
 */
export function openSparseSegment(source: SectionSource): SparseSegment {
  return new SparseSegment(source);
}

function readMeta(source: SectionSource): SegmentMeta {
  const text = new TextDecoder().decode(source.load("sparse.meta").slice());
  let meta: Partial<SegmentMeta>;
  try {
    meta = JSON.parse(text);
  } catch (cause) {
    throw new CorruptIndexError(
      `section sparse.meta of ${source.label} is not JSON`,
      { file: source.label, section: "sparse.meta" },
      { cause },
    );
  }
  if (meta.format !== formatVersion) {
    throw new IndexVersionError(
      `sparse index of ${source.label} has format ${meta.format}, this version reads ` +
        `${formatVersion}: build the collection again`,
      { file: source.label, format: Number(meta.format), expected: formatVersion },
    );
  }
  return meta as SegmentMeta;
}
