import { Buffer } from "node:buffer";
import { CorruptIndexError, IndexVersionError } from "../errors.js";
import { compareDocIds } from "../run/ranking.js";
import type { SectionSource } from "../store/sections.js";
import {
  aligned,
  type ColumnEntry,
  type ColumnsIndex,
  columnSection,
  indexSection,
  type PartEntry,
  type PartKind,
} from "./column-format.js";

/** Values of one kind of one field. Columns are parallel; `docOrds` null: value i is document i's. */
export interface ColumnPart {
  readonly kind: PartKind;
  readonly valueCount: number;
  readonly docOrds: Uint32Array | null;
  /** Numbers, 0 and 1, or word numbers; null for kind "long". */
  readonly values: Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array | null;
  /** Distinct strings; null unless kind is "string". */
  readonly words: Words | null;
}

/** Distinct strings of a column, ascending by UTF-8 bytes. */
export class Words {
  readonly count: number;
  readonly #offsets: Uint32Array;
  readonly #bytes: Buffer;

  constructor(offsets: Uint32Array, bytes: Buffer) {
    this.count = offsets.length - 1;
    this.#offsets = offsets;
    this.#bytes = bytes;
  }

  at(number: number): string {
    return this.#bytes.toString("utf8", this.#offsets[number], this.#offsets[number + 1]);
  }

  /** Number of the first string that is not below `value`; `count` if all are. */
  lowerBound(value: string): number {
    const wanted = Buffer.from(value);
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, wanted) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Number of this string, or -1. */
  find(value: string): number {
    const at = this.lowerBound(value);
    return at < this.count && this.#compare(at, Buffer.from(value)) === 0 ? at : -1;
  }

  #compare(number: number, wanted: Buffer): number {
    const start = this.#offsets[number] as number;
    const end = this.#offsets[number + 1] as number;
    return this.#bytes.compare(wanted, 0, wanted.length, start, end);
  }
}

/** Metadata of one segment's documents, column by column; a column is read when first needed. */
export class Columns {
  readonly docCount: number;
  /** Paths of all columns, ascending. */
  readonly paths: readonly string[];
  readonly #source: SectionSource;
  readonly #entries: readonly ColumnEntry[];
  readonly #parts = new Map<number, readonly ColumnPart[]>();

  constructor(source: SectionSource, index: ColumnsIndex) {
    this.docCount = index.docCount;
    this.#source = source;
    this.#entries = index.columns;
    this.paths = index.columns.map((column) => column.path);
  }

  /** Parts of the column of exactly this path; none if there is no such column. */
  parts(path: string): readonly ColumnPart[] {
    const at = this.#lowerBound(path);
    return this.paths[at] === path ? this.partsAt(at) : [];
  }

  /** Parts of the column of this path and of all paths below it. */
  partsBelow(path: string): readonly ColumnPart[] {
    const parts = [...this.parts(path)];
    const prefix = `${path}.`;
    for (let i = this.#lowerBound(prefix); this.paths[i]?.startsWith(prefix); i++) {
      parts.push(...this.partsAt(i));
    }
    return parts;
  }

  /** Parts of the column at a position of `paths`. */
  partsAt(index: number): readonly ColumnPart[] {
    let parts = this.#parts.get(index);
    if (parts === undefined) {
      parts = this.#load(index);
      this.#parts.set(index, parts);
    }
    return parts;
  }

  #lowerBound(path: string): number {
    let low = 0;
    let high = this.paths.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareDocIds(this.paths[middle] as string, path) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #load(index: number): readonly ColumnPart[] {
    const section = columnSection(index);
    const reader = new ArrayReader(this.#source.load(section), section, this.#source.label);
    const entry = this.#entries[index] as ColumnEntry;
    const parts = entry.parts.map((part) => readPart(reader, part));
    reader.expectEnd();
    return parts;
  }
}

/**
 * Opens the columns that a `ColumnsBuilder` or `mergeColumns` wrote. Reads the list of columns only.
 *
 * @throws {CorruptIndexError} missing or damaged  @throws {IndexVersionError} another format
 */
export function openColumns(source: SectionSource): Columns {
  const bytes = source.load(indexSection);
  let index: ColumnsIndex;
  try {
    index = JSON.parse(asBuffer(bytes).toString("utf8")) as ColumnsIndex;
  } catch (cause) {
    throw new CorruptIndexError(
      `${source.label}: expected JSON in section ${indexSection}`,
      { path: source.label, section: indexSection },
      { cause },
    );
  }
  if (index.version !== 1) {
    throw new IndexVersionError(
      `${source.label}: expected metadata columns of version 1, got ${String(index.version)}: update braid, or rebuild the collection`,
      { path: source.label, version: String(index.version) },
    );
  }
  return new Columns(source, index);
}

function readPart(reader: ArrayReader, entry: PartEntry): ColumnPart {
  const { kind, valueCount, isDense, width, wordCount, wordBytes } = entry;
  const docOrds = isDense ? null : reader.take(Uint32Array, valueCount);
  const values = kind === "long" ? null : reader.take(arrayOf(kind, width), valueCount);
  let words: Words | null = null;
  if (kind === "string") {
    const offsets = reader.take(Uint32Array, wordCount + 1);
    words = new Words(offsets, asBuffer(reader.take(Uint8Array, wordBytes)));
  }
  return { kind, valueCount, docOrds, values, words };
}

type ValueArray = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

interface ArrayKind<A extends ValueArray> {
  new (buffer: ArrayBufferLike, offset: number, length: number): A;
  readonly BYTES_PER_ELEMENT: number;
}

function arrayOf(kind: PartKind, width: number): ArrayKind<ValueArray> {
  if (kind === "int32") return Int32Array;
  if (kind === "float64") return Float64Array;
  if (width === 1) return Uint8Array;
  return width === 2 ? Uint16Array : Uint32Array;
}

/** Arrays one after the other out of one section. */
class ArrayReader {
  readonly #bytes: Uint8Array;
  readonly #section: string;
  readonly #label: string;
  #offset = 0;

  constructor(bytes: Uint8Array, section: string, label: string) {
    this.#bytes = bytes;
    this.#section = section;
    this.#label = label;
  }

  take<A extends ValueArray>(kind: ArrayKind<A>, length: number): A {
    const byteLength = length * kind.BYTES_PER_ELEMENT;
    if (this.#offset + byteLength > this.#bytes.byteLength) throw this.#wrong();
    const array = new kind(this.#bytes.buffer, this.#bytes.byteOffset + this.#offset, length);
    this.#offset += aligned(byteLength);
    return array;
  }

  expectEnd(): void {
    if (this.#offset !== this.#bytes.byteLength) throw this.#wrong();
  }

  #wrong(): CorruptIndexError {
    return new CorruptIndexError(
      `${this.#label}: section ${this.#section} has ${this.#bytes.byteLength} bytes, not what the list of columns says`,
      { path: this.#label, section: this.#section, byteLength: this.#bytes.byteLength },
    );
  }
}

/** A Buffer over the same bytes, shared memory too. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}
