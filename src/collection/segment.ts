import { hasVectors, openVectors, type VectorSegment } from "../dense/vectors.js";
import { CorruptIndexError } from "../errors.js";
import { type Columns, openColumns } from "../filter/columns.js";
import { openSparseSegment, type SparseSegment } from "../sparse/sparse-segment.js";
import type { MemorySections } from "../store/memory-sections.js";
import { SegmentFile } from "../store/segment-file.js";
import { DocumentIds } from "./document-ids.js";
import { StoredDocuments } from "./stored-documents.js";

/**
 * One immutable set of documents with everything that is searched: ids, stored documents, sparse
 * index, vectors, columns. On disk or in memory, it is read in the same way; every part opens when
 * it is first needed.
 */
export class Segment {
  /** Name of its file in the collection's folder, or null for a segment in memory. */
  readonly file: string | null;
  readonly docCount: number;
  readonly source: SegmentFile | MemorySections;
  readonly ids: DocumentIds;
  readonly documents: StoredDocuments;
  /** Vectors in files of their own, by slot. */
  readonly vectorFiles: ReadonlyMap<string, SegmentFile>;
  #sparse: SparseSegment | null = null;
  #columns: Columns | null = null;
  readonly #vectors = new Map<string, VectorSegment>();

  constructor(
    file: string | null,
    source: SegmentFile | MemorySections,
    vectorFiles: ReadonlyMap<string, SegmentFile> = new Map(),
  ) {
    this.file = file;
    this.source = source;
    this.vectorFiles = vectorFiles;
    this.ids = DocumentIds.open(source);
    this.documents = StoredDocuments.open(source);
    this.docCount = this.documents.docCount;
    if (this.ids.docCount !== this.docCount) {
      throw new CorruptIndexError(
        `${source.label} has ${this.ids.docCount} ids for ${this.docCount} documents: restore it ` +
          "from a snapshot, or index the documents again",
        { path: source.label, idCount: this.ids.docCount, documentCount: this.docCount },
      );
    }
  }

  /** Bytes on the disk, or in memory for a segment in memory. */
  get byteLength(): number {
    let total = bytesOf(this.source);
    for (const file of this.vectorFiles.values()) total += file.byteLengthOfFile;
    return total;
  }

  /** Bytes that are in memory now. */
  get loadedBytes(): number {
    if (!(this.source instanceof SegmentFile)) return this.source.totalBytes;
    let total = this.source.loadedBytes;
    for (const file of this.vectorFiles.values()) total += file.loadedBytes;
    return total;
  }

  get sparse(): SparseSegment {
    this.#sparse ??= openSparseSegment(this.source);
    return this.#sparse;
  }

  get columns(): Columns {
    this.#columns ??= openColumns(this.source);
    return this.#columns;
  }

  hasVectors(slot: string): boolean {
    return this.#vectorSource(slot) !== null;
  }

  /** @throws {CorruptIndexError} the segment has no vectors of the slot, or they are damaged */
  vectors(slot: string): VectorSegment {
    const known = this.#vectors.get(slot);
    if (known !== undefined) return known;
    const vectors = openVectors(this.#vectorSource(slot) ?? this.source, slot);
    if (vectors.docCount !== this.docCount) {
      throw new CorruptIndexError(
        `${this.source.label} has vectors of ${vectors.docCount} documents in slot ${slot}, ` +
          `expected ${this.docCount}`,
        { path: this.source.label, slot, found: vectors.docCount, expected: this.docCount },
      );
    }
    this.#vectors.set(slot, vectors);
    return vectors;
  }

  /** The same documents with vectors of one more slot. */
  withVectorFile(slot: string, file: SegmentFile): Segment {
    return new Segment(this.file, this.source, new Map([...this.vectorFiles, [slot, file]]));
  }

  close(): void {
    if (this.source instanceof SegmentFile) this.source.close();
    for (const file of this.vectorFiles.values()) file.close();
  }

  #vectorSource(slot: string): SegmentFile | MemorySections | null {
    const own = this.vectorFiles.get(slot);
    if (own !== undefined) return own;
    return hasVectors(this.source, slot) ? this.source : null;
  }
}

function bytesOf(source: SegmentFile | MemorySections): number {
  return source instanceof SegmentFile ? source.byteLengthOfFile : source.totalBytes;
}
