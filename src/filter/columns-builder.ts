import { Buffer } from "node:buffer";
import type { Document } from "../corpus/document.js";
import { compareDocIds } from "../run/ranking.js";
import type { SectionSink } from "../store/sections.js";
import {
  aligned,
  type ColumnEntry,
  type ColumnsIndex,
  columnSection,
  indexSection,
  type PartEntry,
  type PartKind,
} from "./column-format.js";
import { visitLeaves } from "./document-leaves.js";
import { type FilterValue, maxFilterStringBytes, wellFormed } from "./filter.js";

/** Collects the metadata of documents in the order of their ordinals and writes the columns. */
export class ColumnsBuilder {
  readonly #columns = new Map<string, ColumnBuilder>();
  #docCount = 0;

  /** Documents added so far. */
  get docCount(): number {
    return this.#docCount;
  }

  /** Adds the next document; returns its ordinal. */
  add(document: Document): number {
    const docOrd = this.#docCount++;
    visitLeaves(document, (path, value) => this.#column(path).add(docOrd, value));
    return docOrd;
  }

  /** Adds a document without metadata, to be filled by `addValue`; returns its ordinal. */
  addEmpty(): number {
    return this.#docCount++;
  }

  /** One more value of a document already added. Ordinals must not fall within one path. */
  addValue(path: string, docOrd: number, value: FilterValue): void {
    this.#column(path).add(docOrd, value);
  }

  /** A string too long for comparison: the field exists, and nothing more is known. */
  addLong(path: string, docOrd: number): void {
    this.#column(path).addLong(docOrd);
  }

  write(sink: SectionSink): void {
    const paths = [...this.#columns.keys()].sort(compareDocIds);
    const columns: ColumnEntry[] = [];
    for (const [i, path] of paths.entries()) {
      const { parts, bytes } = this.#column(path).encode(this.#docCount);
      columns.push({ path, parts });
      sink.add(columnSection(i), bytes);
    }
    const index: ColumnsIndex = { version: 1, docCount: this.#docCount, columns };
    sink.add(indexSection, Buffer.from(JSON.stringify(index)));
  }

  #column(path: string): ColumnBuilder {
    let column = this.#columns.get(path);
    if (column === undefined) {
      column = new ColumnBuilder();
      this.#columns.set(path, column);
    }
    return column;
  }
}

/** Values of one kind in the order they came, each once per document. */
class PartBuilder {
  readonly docOrds: number[] = [];
  readonly values: number[] = [];
  /** Values of the last document, once it has so many that looking through them is slow. */
  readonly #seen = new Set<number>();

  /** Adds the value unless the document has it. */
  add(docOrd: number, value: number): void {
    if (this.#seen.size > 0 && this.docOrds[this.docOrds.length - 1] === docOrd) {
      if (this.#seen.has(value)) return;
      this.#seen.add(value);
    } else {
      this.#seen.clear();
      let i = this.docOrds.length - 1;
      for (; i >= 0 && this.docOrds[i] === docOrd; i--) {
        if (this.values[i] === value) return;
      }
      if (this.docOrds.length - i > 16) {
        for (i++; i < this.values.length; i++) this.#seen.add(this.values[i] as number);
        this.#seen.add(value);
      }
    }
    this.docOrds.push(docOrd);
    this.values.push(value);
  }
}

class ColumnBuilder {
  readonly #strings = new PartBuilder();
  readonly #numbers = new PartBuilder();
  readonly #booleans = new PartBuilder();
  readonly #longs = new PartBuilder();
  readonly #wordNumbers = new Map<string, number>();

  add(docOrd: number, value: FilterValue): void {
    if (typeof value === "number") {
      this.#numbers.add(docOrd, value);
    } else if (typeof value === "boolean") {
      this.#booleans.add(docOrd, value ? 1 : 0);
    } else if (isComparable(value)) {
      const word = wellFormed(value);
      let number = this.#wordNumbers.get(word);
      if (number === undefined) {
        number = this.#wordNumbers.size;
        this.#wordNumbers.set(word, number);
      }
      this.#strings.add(docOrd, number);
    } else {
      this.addLong(docOrd);
    }
  }

  addLong(docOrd: number): void {
    this.#longs.add(docOrd, 0);
  }

  encode(docCount: number): { parts: PartEntry[]; bytes: Uint8Array } {
    const parts: PartEntry[] = [];
    const arrays: Uint8Array[] = [];
    const write = (kind: PartKind, part: PartBuilder, words: readonly string[]): void => {
      if (part.docOrds.length === 0) return;
      const isDense =
        part.docOrds.length === docCount && part.docOrds.every((docOrd, i) => docOrd === i);
      if (!isDense) arrays.push(bytesOf(Uint32Array.from(part.docOrds)));
      const values = encodeValues(kind, part.values, words.length);
      if (values !== undefined) arrays.push(bytesOf(values));
      let wordBytes = 0;
      if (kind === "string") {
        const { offsets, bytes } = encodeWords(words);
        wordBytes = bytes.byteLength;
        arrays.push(bytesOf(offsets), bytes);
      }
      parts.push({
        kind,
        valueCount: part.docOrds.length,
        isDense,
        width: values?.BYTES_PER_ELEMENT ?? 0,
        wordCount: words.length,
        wordBytes,
      });
    };
    write("string", this.#strings, this.#sortWords());
    write(this.#numbers.values.every(isInt32) ? "int32" : "float64", this.#numbers, []);
    write("boolean", this.#booleans, []);
    write("long", this.#longs, []);
    return { parts, bytes: concatAligned(arrays) };
  }

  /** Renumbers the strings to ascend by bytes; returns them in that order. */
  #sortWords(): string[] {
    const words = [...this.#wordNumbers.keys()];
    const order = words.map((_, i) => i);
    order.sort((a, b) => compareDocIds(words[a] as string, words[b] as string));
    const rank = new Uint32Array(words.length);
    order.forEach((number, i) => {
      rank[number] = i;
    });
    const { values } = this.#strings;
    for (let i = 0; i < values.length; i++) values[i] = rank[values[i] as number] as number;
    const sorted = order.map((number) => words[number] as string);
    this.#wordNumbers.clear();
    sorted.forEach((word, i) => {
      this.#wordNumbers.set(word, i);
    });
    return sorted;
  }
}

function isComparable(value: string): boolean {
  return (
    value.length * 3 <= maxFilterStringBytes ||
    (value.length <= maxFilterStringBytes && Buffer.byteLength(value) <= maxFilterStringBytes)
  );
}

function isInt32(value: number): boolean {
  return (value | 0) === value && !Object.is(value, -0);
}

function encodeValues(
  kind: PartKind,
  values: readonly number[],
  wordCount: number,
): Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array | undefined {
  switch (kind) {
    case "long":
      return undefined;
    case "boolean":
      return Uint8Array.from(values);
    case "int32":
      return Int32Array.from(values);
    case "float64":
      return Float64Array.from(values);
    case "string":
      if (wordCount <= 0x100) return Uint8Array.from(values);
      return wordCount <= 0x10000 ? Uint16Array.from(values) : Uint32Array.from(values);
    default:
      return kind satisfies never;
  }
}

function encodeWords(words: readonly string[]): { offsets: Uint32Array; bytes: Uint8Array } {
  const offsets = new Uint32Array(words.length + 1);
  const pieces = words.map((word) => Buffer.from(word));
  pieces.forEach((piece, i) => {
    offsets[i + 1] = (offsets[i] as number) + piece.length;
  });
  return { offsets, bytes: Buffer.concat(pieces) };
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function concatAligned(arrays: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(arrays.reduce((sum, array) => sum + aligned(array.byteLength), 0));
  let offset = 0;
  for (const array of arrays) {
    bytes.set(array, offset);
    offset += aligned(array.byteLength);
  }
  return bytes;
}
