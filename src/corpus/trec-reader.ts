/**
 * TREC's document markup: `<DOC>` … `</DOC>` with a `<DOCNO>`. It looks like SGML but is read, as
 * every TREC tool does, by its tags alone:
 *
 * 1. The title is the first of `<TITLE>`, `<HEADLINE>`, `<HEAD>`, `<TI>`, `<TTL>`.
 * 2. With `<TEXT>` elements, they are the text, and every other element without elements in it is
 *    a metadata field of its name in lower case (several of one name: a list).
 * 3. Without, the text is all there is outside `<DOCNO>`, the title and `<DOCHDR>`.
 * 4. Tags inside text and comments give a space, known entities their character, unknown ones a
 *    space, blank lines and line ends stay white space as they are.
 */
import type { Buffer } from "node:buffer";
import { InputError } from "../errors.js";
import { type Line, LineSplitter } from "./line-splitter.js";
import { parseDocument } from "./parse-document.js";
import { type CorpusRecord, maxRecordBytes } from "./record.js";

/** Reads a file of TREC documents. Text outside of documents is refused, unless it is blank. */
export async function* readTrec(
  chunks: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<CorpusRecord[]> {
  const splitter = new LineSplitter();
  const reader = new DocReader(name);
  for await (const chunk of chunks) {
    const records: CorpusRecord[] = [];
    for (const line of splitter.push(chunk)) reader.push(line, records);
    yield records;
  }
  const records: CorpusRecord[] = [];
  for (const line of splitter.end()) reader.push(line, records);
  reader.end(records);
  yield records;
}

/** Finds the documents in the lines. */
class DocReader {
  readonly #name: string;
  #pieces: string[] | undefined;
  #length = 0;
  #firstLine = 0;
  #fault = "";

  constructor(name: string) {
    this.#name = name;
  }

  push(line: Line, records: CorpusRecord[]): void {
    if (line.fault !== "") {
      const fault = `${line.fault} (line ${line.number}); other encodings: iconv -f latin1 -t utf-8`;
      if (this.#pieces === undefined) this.#refuse(line.number, fault, records);
      else this.#fault ||= fault;
      return;
    }
    let from = 0;
    for (const match of line.text.matchAll(/<(\/?)DOC>/gi)) {
      const before = line.text.slice(from, match.index);
      from = match.index + match[0].length;
      if (match[1] === "/") this.#close(before, line.number, records);
      else this.#open(before, line.number, records);
    }
    this.#add(from === 0 ? line.text : line.text.slice(from), line.number, records);
  }

  end(records: CorpusRecord[]): void {
    if (this.#pieces === undefined) return;
    this.#refuse(this.#firstLine, "expected </DOC>, got the end of the file", records);
  }

  #open(before: string, lineNumber: number, records: CorpusRecord[]): void {
    if (this.#pieces !== undefined) {
      const fault = `expected </DOC> before the next <DOC> on line ${lineNumber}`;
      this.#refuse(this.#firstLine, fault, records);
    } else {
      this.#add(before, lineNumber, records);
    }
    this.#pieces = [];
    this.#length = 0;
    this.#firstLine = lineNumber;
    this.#fault = "";
  }

  #close(before: string, lineNumber: number, records: CorpusRecord[]): void {
    if (this.#pieces === undefined) {
      this.#refuse(lineNumber, "expected <DOC> before </DOC>", records);
      return;
    }
    this.#add(before, lineNumber, records);
    const markup = this.#pieces.join("\n");
    const where = `${this.#name}:${this.#firstLine}`;
    this.#pieces = undefined;
    if (this.#fault !== "") {
      this.#refuse(this.#firstLine, this.#fault, records);
      return;
    }
    try {
      records.push({
        line: this.#firstLine,
        document: parseDocument(fieldsOf(markup, where), where),
      });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      records.push({ line: this.#firstLine, error });
    }
  }

  #add(text: string, lineNumber: number, records: CorpusRecord[]): void {
    if (this.#pieces !== undefined) {
      this.#length += text.length + 1;
      if (this.#length <= maxRecordBytes) this.#pieces.push(text);
      else this.#fault ||= `expected a document of at most ${maxRecordBytes} bytes`;
    } else if (text.trim() !== "" && !/^\s*<[/?!]?[A-Za-z][^<>]*>\s*$/.test(text)) {
      // A tag around all documents, or an XML declaration, does no harm.
      this.#refuse(lineNumber, "expected <DOC>, got text outside of a document", records);
    }
  }

  #refuse(line: number, fault: string, records: CorpusRecord[]): void {
    this.#pieces = undefined;
    const where = `${this.#name}:${line}`;
    records.push({ line, error: new InputError(`${where}: ${fault}`, { where }) });
  }
}

const titleTags = ["TITLE", "HEADLINE", "HEAD", "TI", "TTL"];

function fieldsOf(markup: string, where: string): Record<string, unknown> {
  const id = elements(markup, "DOCNO")[0];
  if (id === undefined) throw new InputError(`${where}: expected a <DOCNO>, got none`, { where });
  const titleTag = titleTags.find((tag) => elements(markup, tag).length > 0);
  const title = titleTag === undefined ? "" : plain(elements(markup, titleTag)[0] ?? "").trim();
  const texts = elements(markup, "TEXT");
  const known = new Set(["DOCNO", "TEXT", titleTag ?? "DOCNO"]);
  if (texts.length > 0) {
    const text = texts.map((piece) => plain(piece).trim()).join("\n");
    return { ...Object.fromEntries(metadata(markup, known)), _id: plain(id).trim(), title, text };
  }
  let rest = markup;
  for (const tag of ["DOCNO", "DOCHDR", ...(titleTag === undefined ? [] : [titleTag])]) {
    rest = withoutElements(rest, tag);
  }
  return { _id: plain(id).trim(), title, text: plain(rest).trim() };
}

/** Contents of all elements of that name. */
function elements(markup: string, tag: string): string[] {
  return elementSpans(markup, tag).map(({ from, to }) => markup.slice(from, to));
}

/** Markup with all elements of that name replaced by a space. */
function withoutElements(markup: string, tag: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (const { start, end } of elementSpans(markup, tag)) {
    pieces.push(markup.slice(from, start));
    from = end;
  }
  pieces.push(markup.slice(from));
  return pieces.join(" ");
}

interface ElementSpan {
  readonly start: number;
  readonly from: number;
  readonly to: number;
  readonly end: number;
}

/** By two searches instead of one expression, so that unclosed tags cost no second walk. */
function elementSpans(markup: string, tag: string): ElementSpan[] {
  const opening = new RegExp(`<${tag}(?:\\s[^<>]*)?>`, "gi");
  const closing = new RegExp(`</${tag}\\s*>`, "gi");
  const spans: ElementSpan[] = [];
  for (let open = opening.exec(markup); open !== null; open = opening.exec(markup)) {
    const from = open.index + open[0].length;
    closing.lastIndex = from;
    const close = closing.exec(markup);
    if (close === null) break;
    const end = close.index + close[0].length;
    spans.push({ start: open.index, from, to: close.index, end });
    opening.lastIndex = end;
  }
  return spans;
}

/** Elements without elements inside, outside of TEXT, by name. */
function metadata(markup: string, known: ReadonlySet<string>): Map<string, string | string[]> {
  const fields = new Map<string, string | string[]>();
  const outside = withoutElements(markup, "TEXT");
  for (const match of outside.matchAll(/<([A-Za-z][\w.-]*)(?:\s[^<>]*)?>([^<]*)<\/\1\s*>/g)) {
    const tag = (match[1] ?? "").toUpperCase();
    if (known.has(tag)) continue;
    const name = tag.toLowerCase();
    // The fields of a document itself cannot be given twice.
    if (name === "_id" || name === "title" || name === "text") continue;
    const value = plain(match[2] ?? "").trim();
    const before = fields.get(name);
    if (before === undefined) fields.set(name, value);
    else fields.set(name, Array.isArray(before) ? [...before, value] : [before, value]);
  }
  return fields;
}

const namedEntities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
};

/** Text without tags and comments, entities replaced. */
function plain(markup: string): string {
  if (!/[<&]/.test(markup)) return markup;
  return markup
    .replace(/<!--[\s\S]*?(?:-->|$)/g, " ")
    .replace(/<\/?[A-Za-z][^<>]*>/g, " ")
    .replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z][a-z0-9.]{0,20});/gi, (_, name: string) =>
      entity(name),
    );
}

function entity(name: string): string {
  if (!name.startsWith("#")) return namedEntities[name.toLowerCase()] ?? " ";
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : " ";
}
