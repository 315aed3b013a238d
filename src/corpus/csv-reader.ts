/**
 * Comma-separated values after RFC 4180, by hand on top of the line splitter: csv-parse 7, told to
 * skip bad rows, also lost the good row before a stray quotation mark and all rows after it.
 *
 * Beyond the RFC: the separator is `;` if the header has no comma; line ends inside a quoted field
 * become `\n`; empty lines are passed over. A row with a stray quotation mark is bad, and reading
 * goes on with the line after the one where that showed.
 */
import type { Buffer } from "node:buffer";
import { InputError } from "../errors.js";
import type { Document } from "./document.js";
import { type Line, LineSplitter } from "./line-splitter.js";
import { type CorpusRecord, maxRecordBytes } from "./record.js";
import { readHeader, rowToDocument } from "./table-row.js";

/** Reads a CSV file with a header line; fields may be quoted and hold line ends. */
export async function* readCsv(
  chunks: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<CorpusRecord[]> {
  const splitter = new LineSplitter();
  const rows = new RowReader(name);
  for await (const chunk of chunks) {
    const records: CorpusRecord[] = [];
    for (const line of splitter.push(chunk)) rows.push(line, records);
    yield records;
  }
  const records: CorpusRecord[] = [];
  for (const line of splitter.end()) rows.push(line, records);
  rows.end(records);
  yield records;
}

const quote = 0x22;

/** Puts lines together to rows and rows to documents. */
class RowReader {
  readonly #name: string;
  #separator = ",";
  #header: readonly string[] | undefined;
  #cells: string[] = [];
  /** Pieces of a quoted field that goes on over several lines; undefined outside of one. */
  #open: string[] | undefined;
  #openLength = 0;
  #firstLine = 0;

  constructor(name: string) {
    this.#name = name;
  }

  push(line: Line, records: CorpusRecord[]): void {
    if (this.#open === undefined) {
      if (line.text === "" && line.fault === "") return;
      this.#firstLine = line.number;
      this.#cells = [];
    }
    const fault = line.fault || this.#scan(line);
    if (fault !== "") this.#refuse(fault, records);
    else if (this.#open === undefined) this.#finish(records);
  }

  end(records: CorpusRecord[]): void {
    if (this.#open !== undefined) {
      this.#refuse("expected a closing quotation mark, got the end of the file", records);
    }
  }

  /** Takes one line into the row; returns what is wrong with it, or "". */
  #scan({ text, number }: Line): string {
    if (this.#header === undefined && this.#open === undefined && !text.includes(",")) {
      this.#separator = ";";
    }
    let i = 0;
    if (this.#open !== undefined) {
      i = this.#scanQuoted(text, 0);
      if (i < 0) return this.#openLength > maxRecordBytes ? "expected a shorter quoted field" : "";
      if (i < text.length && text[i] !== this.#separator) return strayQuote(number, i);
      if (i === text.length) return "";
      i++;
    }
    for (;;) {
      if (text.charCodeAt(i) === quote) {
        this.#open = [];
        this.#openLength = 0;
        i = this.#scanQuoted(text, i + 1);
        if (i < 0) return "";
        if (i < text.length && text[i] !== this.#separator) return strayQuote(number, i);
      } else {
        const next = text.indexOf(this.#separator, i);
        const end = next < 0 ? text.length : next;
        const cell = text.slice(i, end);
        if (cell.includes('"')) return strayQuote(number, i + cell.indexOf('"') + 1);
        this.#cells.push(cell);
        i = end;
      }
      if (i >= text.length) return "";
      i++;
    }
  }

  /** Reads on inside a quoted field; returns the index after its closing mark, -1 if it is open. */
  #scanQuoted(text: string, start: number): number {
    const pieces = this.#open as string[];
    let from = start;
    for (;;) {
      const at = text.indexOf('"', from);
      if (at < 0) {
        pieces.push(text.slice(from), "\n");
        this.#openLength += text.length - from + 1;
        return -1;
      }
      pieces.push(text.slice(from, at));
      if (text.charCodeAt(at + 1) !== quote) {
        this.#cells.push(pieces.join(""));
        this.#open = undefined;
        return at + 1;
      }
      pieces.push('"');
      from = at + 2;
    }
  }

  #refuse(fault: string, records: CorpusRecord[]): void {
    this.#open = undefined;
    const where = `${this.#name}:${this.#firstLine}`;
    const error = new InputError(`${where}: ${fault}`, { where });
    if (this.#header === undefined) throw error;
    records.push({ line: this.#firstLine, error });
  }

  #finish(records: CorpusRecord[]): void {
    const where = `${this.#name}:${this.#firstLine}`;
    if (this.#header === undefined) {
      this.#header = readHeader(this.#cells, where);
      return;
    }
    records.push(this.#toRecord(this.#header, where));
  }

  #toRecord(header: readonly string[], where: string): CorpusRecord {
    try {
      const document: Document = rowToDocument(header, this.#cells, where);
      return { line: this.#firstLine, document };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { line: this.#firstLine, error };
    }
  }
}

function strayQuote(line: number, column: number): string {
  return (
    "expected quotation marks around a whole field only, and doubled inside it, " +
    `got a stray one at line ${line}, column ${column}`
  );
}
