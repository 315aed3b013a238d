import { CorruptIndexError } from "../errors.js";
import type { DocumentVectors } from "./document-vectors.js";

/*
 * One change of a collection as one log record, little-endian:
 *
 *   upsert  u8 = 1, document count u32, slot count u32,
 *           per slot: name length u32, name, dimension u32
 *           per document: length u32, JSON in UTF-8
 *           per slot: float32 [documents, dimension]
 *   upsert of documents with several vectors (passages)
 *           u8 = 3, then as above, but per slot: u32 [documents], the row behind the last one of
 *           each document, float32 [rows, dimension]
 *   delete  u8 = 2, id count u32, per id: length u32, UTF-8
 *
 * Vectors are logged with their documents, so that recovery needs no encoder.
 */

/** Documents as JSON bytes with the vectors of every slot, in the same order. */
export interface UpsertRecord {
  readonly kind: "upsert";
  readonly documents: readonly Uint8Array[];
  readonly vectors: ReadonlyMap<string, DocumentVectors>;
}

export interface DeleteRecord {
  readonly kind: "delete";
  readonly docIds: readonly string[];
}

export type LogRecord = UpsertRecord | DeleteRecord;

const upsertKind = 1;
const deleteKind = 2;
const passagesKind = 3;

export function encodeLogRecord(record: LogRecord): Uint8Array {
  return record.kind === "upsert" ? encodeUpsert(record) : encodeDelete(record);
}

/** @throws {CorruptIndexError} the bytes are no record of this version */
export function decodeLogRecord(bytes: Uint8Array, label: string): LogRecord {
  const reader = new RecordReader(bytes, label);
  const kind = reader.byte();
  if (kind === deleteKind) {
    const docIds = Array.from({ length: reader.uint32() }, () => reader.text());
    return { kind: "delete", docIds };
  }
  if (kind !== upsertKind && kind !== passagesKind) throw reader.invalid(`kind ${kind}`);
  const count = reader.uint32();
  const slots = Array.from({ length: reader.uint32() }, () => ({
    name: reader.text(),
    dimension: reader.uint32(),
  }));
  const documents = Array.from({ length: count }, () => reader.bytes(reader.uint32()));
  const vectors = new Map<string, DocumentVectors>();
  for (const { name, dimension } of slots) {
    // Copied: the values stand at any offset in the record.
    if (kind === upsertKind) {
      const values = new Float32Array(reader.bytes(4 * count * dimension).slice().buffer);
      vectors.set(name, { count, dimension, values });
      continue;
    }
    const rowEnds = new Uint32Array(reader.bytes(4 * count).slice().buffer);
    if (rowEnds.some((end, i) => end <= (rowEnds[i - 1] ?? 0))) {
      throw reader.invalid("documents without vectors");
    }
    const rowCount = rowEnds.at(-1) ?? 0;
    const values = new Float32Array(reader.bytes(4 * rowCount * dimension).slice().buffer);
    vectors.set(name, { count: rowCount, dimension, values, rowEnds });
  }
  return { kind: "upsert", documents, vectors };
}

function encodeUpsert({ documents, vectors }: UpsertRecord): Uint8Array {
  const hasPassages = [...vectors.values()].some(({ rowEnds = null }) => rowEnds !== null);
  const slots = [...vectors].map(([name, { dimension, values, rowEnds }]) => ({
    name: Buffer.from(name, "utf8"),
    dimension,
    rowEnds: hasPassages ? bytesOf(rowEnds ?? oneEach(documents.length)) : new Uint8Array(0),
    values: bytesOf(values),
  }));
  let byteLength = 9;
  for (const { name, rowEnds, values } of slots) {
    byteLength += 8 + name.byteLength + rowEnds.byteLength + values.byteLength;
  }
  for (const document of documents) byteLength += 4 + document.byteLength;
  const writer = new RecordWriter(byteLength, hasPassages ? passagesKind : upsertKind);
  writer.uint32(documents.length);
  writer.uint32(slots.length);
  for (const { name, dimension } of slots) {
    writer.sized(name);
    writer.uint32(dimension);
  }
  for (const document of documents) writer.sized(document);
  for (const { rowEnds, values } of slots) {
    writer.bytes(rowEnds);
    writer.bytes(values);
  }
  return writer.record;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Row ends of documents with one vector each. */
function oneEach(documentCount: number): Uint32Array {
  return Uint32Array.from({ length: documentCount }, (_, i) => i + 1);
}

function encodeDelete({ docIds }: DeleteRecord): Uint8Array {
  const ids = docIds.map((docId) => Buffer.from(docId, "utf8"));
  const byteLength = ids.reduce((sum, id) => sum + 4 + id.byteLength, 5);
  const writer = new RecordWriter(byteLength, deleteKind);
  writer.uint32(ids.length);
  for (const id of ids) writer.sized(id);
  return writer.record;
}

class RecordWriter {
  readonly record: Uint8Array;
  readonly #view: DataView;
  #offset = 1;

  constructor(byteLength: number, kind: number) {
    this.record = new Uint8Array(byteLength);
    this.#view = new DataView(this.record.buffer);
    this.record[0] = kind;
  }

  uint32(value: number): void {
    this.#view.setUint32(this.#offset, value, true);
    this.#offset += 4;
  }

  bytes(bytes: Uint8Array): void {
    this.record.set(bytes, this.#offset);
    this.#offset += bytes.byteLength;
  }

  sized(bytes: Uint8Array): void {
    this.uint32(bytes.byteLength);
    this.bytes(bytes);
  }
}

class RecordReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #label: string;
  #offset = 0;

  constructor(bytes: Uint8Array, label: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#label = label;
  }

  byte(): number {
    return this.bytes(1)[0] ?? 0;
  }

  uint32(): number {
    this.bytes(4);
    return this.#view.getUint32(this.#offset - 4, true);
  }

  bytes(length: number): Uint8Array {
    if (this.#offset + length > this.#bytes.byteLength) throw this.invalid(`${length} more bytes`);
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }

  text(): string {
    return Buffer.from(this.bytes(this.uint32())).toString("utf8");
  }

  invalid(what: string): CorruptIndexError {
    return new CorruptIndexError(
      `${this.#label}: a log record of ${this.#bytes.byteLength} bytes asks for ${what} at byte ` +
        `${this.#offset}: it was written by another version, or is damaged`,
      { path: this.#label, offset: this.#offset },
    );
  }
}
