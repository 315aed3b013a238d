import { crc32 } from "node:zlib";
import type { Document } from "../corpus/document.js";
import { CorruptIndexError } from "../errors.js";
import type { Bitset } from "../numeric/bitset.js";
import type { SectionSink, SectionSource } from "../store/sections.js";

/*
 * The documents as they came, by docOrd:
 *
 *   documents.data     per document: CRC-32 u32 of what follows, then its JSON in UTF-8
 *   documents.offsets  f64 [docCount + 1]: where each starts in documents.data
 *
 * The data is read by position and never loaded, so each document carries its own checksum.
 */

const checksumBytes = 4;
const pieceBytes = 1 << 20;

/** The stored documents of a segment. */
export class StoredDocuments {
  readonly docCount: number;
  readonly #source: SectionSource;
  #offsets: Float64Array | null = null;

  private constructor(source: SectionSource) {
    this.docCount = source.byteLength("documents.offsets") / 8 - 1;
    this.#source = source;
  }

  /** Reads nothing yet. */
  static open(source: SectionSource): StoredDocuments {
    return new StoredDocuments(source);
  }

  /** @throws {CorruptIndexError} the document's bytes are damaged */
  document(docOrd: number): Document {
    const bytes = this.jsonBytes(docOrd);
    return JSON.parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(),
    ) as Document;
  }

  /**
   * The document's JSON in UTF-8, as it was stored.
   *
   * @throws {CorruptIndexError} the document's bytes are damaged
   */
  jsonBytes(docOrd: number): Uint8Array {
    const [from, to] = this.#range(docOrd);
    const frame = this.#source.read("documents.data", from, to - from);
    const json = frame.subarray(checksumBytes);
    const expected = new DataView(frame.buffer, frame.byteOffset, checksumBytes).getUint32(0, true);
    if (crc32(json) !== expected) {
      throw new CorruptIndexError(
        `${this.#source.label}: document ${docOrd} (section documents.data, bytes ${from}..${to}) ` +
          "does not match its checksum: restore the file from a snapshot, or index it again",
        { path: this.#source.label, section: "documents.data", docOrd, offset: from },
      );
    }
    return json;
  }

  /** Bytes of the documents with their checksums. */
  get dataBytes(): number {
    return this.#source.byteLength("documents.data");
  }

  /** Frames of a run of documents as they stand, for merging. */
  frames(firstDocOrd: number, endDocOrd: number): Uint8Array {
    const from = this.#range(firstDocOrd)[0];
    const to = this.#range(endDocOrd - 1)[1];
    return this.#source.read("documents.data", from, to - from);
  }

  frameBytes(docOrd: number): number {
    const [from, to] = this.#range(docOrd);
    return to - from;
  }

  #range(docOrd: number): [number, number] {
    if (this.#offsets === null) {
      const bytes = this.#source.load("documents.offsets");
      this.#offsets = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 3);
    }
    const from = this.#offsets[docOrd];
    const to = this.#offsets[docOrd + 1];
    if (from === undefined || to === undefined) {
      throw new Error(`docOrd ${docOrd} is outside 0..${this.docCount - 1}`);
    }
    if (!(to - from >= checksumBytes)) {
      throw new CorruptIndexError(
        `${this.#source.label}: section documents.offsets gives document ${docOrd} ${to - from} bytes`,
        { path: this.#source.label, section: "documents.offsets", docOrd },
      );
    }
    return [from, to];
  }
}

/** A document's frame as it stands in `documents.data`. */
export function documentFrame(json: Uint8Array): Uint8Array {
  const frame = new Uint8Array(checksumBytes + json.byteLength);
  new DataView(frame.buffer).setUint32(0, crc32(json), true);
  frame.set(json, checksumBytes);
  return frame;
}

/** Where documents start, collected while their frames are written. */
export class DocumentOffsets {
  #offsets = new Float64Array(64);
  #count = 0;

  get docCount(): number {
    return this.#count;
  }

  add(frameBytes: number): void {
    if (this.#count + 1 >= this.#offsets.length) {
      const grown = new Float64Array(2 * this.#offsets.length);
      grown.set(this.#offsets);
      this.#offsets = grown;
    }
    this.#offsets[this.#count + 1] = (this.#offsets[this.#count] ?? 0) + frameBytes;
    this.#count++;
  }

  finish(sink: SectionSink): void {
    sink.add("documents.offsets", this.#offsets.subarray(0, this.#count + 1));
  }
}

/** Writes the kept documents of several segments, inputs in the order given. */
export function mergeStoredDocuments(
  inputs: readonly { readonly documents: StoredDocuments; readonly keep: Bitset }[],
  sink: SectionSink,
): void {
  const offsets = new DocumentOffsets();
  sink.stream("documents.data", keptFrames(inputs, offsets));
  offsets.finish(sink);
}

function* keptFrames(
  inputs: readonly { readonly documents: StoredDocuments; readonly keep: Bitset }[],
  offsets: DocumentOffsets,
): Generator<Uint8Array> {
  for (const { documents, keep } of inputs) {
    let first = keep.next(0);
    while (first >= 0) {
      // Neighbours are copied in one read, up to about a megabyte.
      let end = first;
      let bytes = 0;
      do {
        const frameBytes = documents.frameBytes(end);
        offsets.add(frameBytes);
        bytes += frameBytes;
        end++;
      } while (bytes < pieceBytes && end < documents.docCount && keep.has(end));
      yield documents.frames(first, end);
      first = end < documents.docCount ? keep.next(end) : -1;
    }
  }
}
