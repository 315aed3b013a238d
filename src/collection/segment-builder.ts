import { analyzerNamed } from "../analysis/analyzers.js";
import type { Document } from "../corpus/document.js";
import { VectorsBuilder } from "../dense/vectors.js";
import { ColumnsBuilder } from "../filter/columns-builder.js";
import { Bitset } from "../numeric/bitset.js";
import { SparseSegmentBuilder } from "../sparse/segment-builder.js";
import type { SectionSink } from "../store/sections.js";
import type { EncoderSlot } from "./collection-manifest.js";
import { type CollectionSettings, sparseSettingsOf } from "./collection-settings.js";
import { DocumentIdsBuilder } from "./document-ids.js";
import { type DocumentVectors, documentRows } from "./document-vectors.js";
import { DocumentOffsets, documentFrame } from "./stored-documents.js";

/** A document with its JSON in UTF-8, made once and then logged and stored. */
export interface SerializedDocument {
  readonly document: Document;
  readonly json: Uint8Array;
}

export function serializeDocument(document: Document): SerializedDocument {
  return { document, json: Buffer.from(JSON.stringify(document), "utf8") };
}

/**
 * Builds all sections of one segment from documents and their vectors, given in the same order.
 * Of a document id that comes twice the later document counts: the earlier one is in
 * {@link superseded} and must be marked as deleted.
 */
export class SegmentBuilder {
  readonly #ids = new DocumentIdsBuilder();
  readonly #ordOfId = new Map<string, number>();
  readonly #superseded: number[] = [];
  readonly #frames: Uint8Array[] = [];
  readonly #offsets = new DocumentOffsets();
  readonly #sparse: SparseSegmentBuilder;
  readonly #columns = new ColumnsBuilder();
  readonly #vectors = new Map<string, VectorsBuilder>();
  #frameBytes = 0;

  constructor(settings: CollectionSettings, slots: readonly EncoderSlot[]) {
    this.#sparse = new SparseSegmentBuilder(
      analyzerNamed(settings.analyzer),
      sparseSettingsOf(settings),
    );
    for (const { name, encoder } of slots) this.#vectors.set(name, new VectorsBuilder(encoder));
  }

  get docCount(): number {
    return this.#offsets.docCount;
  }

  /** Roughly what the builder holds in memory. */
  get memoryBytes(): number {
    let vectorBytes = 0;
    for (const vectors of this.#vectors.values()) vectorBytes += vectors.byteLength;
    const mapBytes = 100 * this.#ordOfId.size;
    return (
      this.#frameBytes + mapBytes + vectorBytes + this.#ids.memoryBytes + this.#sparse.memoryBytes
    );
  }

  add({ document, json }: SerializedDocument): void {
    const docOrd = this.docCount;
    const earlier = this.#ordOfId.get(document._id);
    if (earlier !== undefined) this.#superseded.push(earlier);
    this.#ordOfId.set(document._id, docOrd);
    this.#ids.add(Buffer.from(document._id, "utf8"));
    this.#sparse.add(document.title, document.text);
    this.#columns.add(document);
    const frame = documentFrame(json);
    this.#frames.push(frame);
    this.#frameBytes += frame.byteLength;
    this.#offsets.add(frame.byteLength);
  }

  /** Vectors of the next documents in the slot, in the order of {@link add}. */
  addVectors(slot: string, vectors: DocumentVectors): void {
    const builder = this.#vectors.get(slot);
    if (builder === undefined) throw new Error(`there is no slot ${slot}`);
    const { rowEnds = null, dimension, values } = vectors;
    if (rowEnds === null) {
      builder.add(vectors);
      return;
    }
    for (let i = 0; i < rowEnds.length; i++) {
      const [first, end] = documentRows(vectors, i);
      const rows = values.subarray(first * dimension, end * dimension);
      builder.addPassages({ count: end - first, dimension, values: rows });
    }
  }

  /** Ordinals of documents that a later one of the same id replaces; null if there are none. */
  superseded(): Bitset | null {
    if (this.#superseded.length === 0) return null;
    const set = new Bitset(this.docCount);
    for (const docOrd of this.#superseded) set.add(docOrd);
    return set;
  }

  finish(sink: SectionSink): void {
    for (const [slot, vectors] of this.#vectors) {
      if (vectors.docCount !== this.docCount) {
        throw new Error(
          `slot ${slot} has vectors of ${vectors.docCount} of ${this.docCount} documents`,
        );
      }
    }
    this.#ids.finish(sink);
    sink.stream("documents.data", this.#frames);
    this.#offsets.finish(sink);
    this.#sparse.write(sink);
    this.#columns.write(sink);
    for (const [slot, vectors] of this.#vectors) vectors.finish(sink, slot);
  }
}
