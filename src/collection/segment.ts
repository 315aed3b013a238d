import { type HnswGraph, openGraph } from "../dense/hnsw-graph.js";
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
  readonly #sideFiles: Map<string, SegmentFile>;
  #sparse: SparseSegment | null = null;
  #columns: Columns | null = null;
  readonly #vectors = new Map<string, VectorSegment>();
  readonly #graphs = new Map<string, HnswGraph | null>();

  constructor(
    file: string | null,
    source: SegmentFile | MemorySections,
    sideFiles: ReadonlyMap<string, SegmentFile> = new Map(),
  ) {
    this.file = file;
    this.source = source;
    this.#sideFiles = new Map(sideFiles);
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

  /** Files written after the segment: see `SegmentEntry.sideFiles`. */
  get sideFiles(): ReadonlyMap<string, SegmentFile> {
    return this.#sideFiles;
  }

  /** Bytes on the disk, or in memory for a segment in memory. */
  get byteLength(): number {
    let total = bytesOf(this.source);
    for (const file of this.sideFiles.values()) total += file.byteLengthOfFile;
    return total;
  }

  /** Bytes that are in memory now. */
  get loadedBytes(): number {
    if (!(this.source instanceof SegmentFile)) return this.source.totalBytes;
    let total = this.source.loadedBytes;
    for (const file of this.sideFiles.values()) total += file.loadedBytes;
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

  /**
   * The graph over the vectors of a slot, or null if there is none.
   *
   * @throws {CorruptIndexError} it is damaged
   */
  graph(slot: string): HnswGraph | null {
    const known = this.#graphs.get(slot);
    if (known !== undefined) return known;
    const file = this.sideFiles.get(graphKey(slot));
    const graph = file === undefined ? null : openGraph(file, slot, this.vectors(slot).rowCount);
    this.#graphs.set(slot, graph);
    return graph;
  }

  /** More about the same documents; what was read before stays as it was. */
  addSideFile(key: string, file: SegmentFile): void {
    this.#sideFiles.set(key, file);
    this.#graphs.clear();
  }

  /** Forgets a side file and gives it back, to be closed once no snapshot reads it. */
  removeSideFile(key: string): SegmentFile | undefined {
    const file = this.#sideFiles.get(key);
    this.#sideFiles.delete(key);
    this.#graphs.clear();
    this.#vectors.delete(key);
    return file;
  }

  close(): void {
    if (this.source instanceof SegmentFile) this.source.close();
    for (const file of this.sideFiles.values()) file.close();
  }

  #vectorSource(slot: string): SegmentFile | MemorySections | null {
    const own = this.sideFiles.get(slot);
    if (own !== undefined) return own;
    return hasVectors(this.source, slot) ? this.source : null;
  }
}

/** Key of a slot's graph among the side files. */
export function graphKey(slot: string): string {
  return `${slot}.graph`;
}

function bytesOf(source: SegmentFile | MemorySections): number {
  return source instanceof SegmentFile ? source.byteLengthOfFile : source.totalBytes;
}
