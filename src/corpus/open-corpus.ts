import type { Buffer } from "node:buffer";
import path from "node:path";
import { InputError, NotFoundError } from "../errors.js";
import { type CorpusFile, filesBelow, readBytes, statSource } from "./corpus-files.js";
import { readCsv } from "./csv-reader.js";
import type { Document } from "./document.js";
import { readJsonLines } from "./jsonl-reader.js";
import { describe } from "./parse-document.js";
import type { CorpusRecord } from "./record.js";
import { readTrec } from "./trec-reader.js";
import { readTsv } from "./tsv-reader.js";

/** `beir` is a folder with corpus.jsonl; `auto` decides by name, then by the first bytes. */
export type CorpusFormat = "auto" | "beir" | "jsonl" | "csv" | "tsv" | "trec";

/** All formats, for help texts and checks. */
export const corpusFormats: readonly CorpusFormat[] = [
  "auto",
  "beir",
  "jsonl",
  "csv",
  "tsv",
  "trec",
];

export interface CorpusOptions {
  /** Default "auto". */
  readonly format?: CorpusFormat;
  /** Count and list records that are not documents, instead of stopping at the first. */
  readonly skipBad?: boolean;
  readonly signal?: AbortSignal;
}

export interface SkippedRecord {
  /** File (below the named folder) and line where the record starts. */
  readonly where: string;
  readonly reason: string;
}

/** What a reader has read so far; grows while it is iterated. */
export interface CorpusReport {
  readonly documentCount: number;
  readonly skippedCount: number;
  /** The first hundred skipped records. */
  readonly skipped: readonly SkippedRecord[];
  /** Bytes read from files, packed if they are packed. */
  readonly bytesRead: number;
  /** Null where it cannot be known: standard input, pipes. */
  readonly totalBytes: number | null;
}

/**
 * Documents of a corpus, in file order. May be iterated once. Memory is bounded by the largest
 * record, not by the corpus. Two records with one id come out as two documents: which one holds is
 * for the collection to decide (the later one, and it counts them).
 */
export interface CorpusReader extends AsyncIterable<Document> {
  readonly source: string;
  readonly report: CorpusReport;
  /** The same documents in arrays of some hundred: less overhead per document. */
  batches(): AsyncIterable<Document[]>;
}

const listedCount = 100;

type Reader = (chunks: AsyncIterable<Buffer>, name: string) => AsyncIterable<CorpusRecord[]>;
type FileFormat = Exclude<CorpusFormat, "auto" | "beir">;

const readers: Readonly<Record<FileFormat, Reader>> = {
  jsonl: readJsonLines,
  csv: readCsv,
  tsv: readTsv,
  trec: readTrec,
};

const extensions: Readonly<Record<string, FileFormat>> = {
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".json": "jsonl",
  ".csv": "csv",
  ".tsv": "tsv",
  ".tab": "tsv",
  ".trec": "trec",
  ".sgml": "trec",
  ".sgm": "trec",
};

/**
 * Opens a corpus: a BEIR folder, a JSONL, CSV, TSV or TREC file, a folder of such files with an
 * explicit format (TREC: every file in it), any of them gzipped, or "-" for standard input.
 * The place is looked at now; contents are read, and complained about, during iteration, also when
 * there is not a single document.
 *
 * @throws {NotFoundError} nothing there, or a folder without such files
 * @throws {InputError} now: unknown format; during iteration: a bad record (unless `skipBad`), a bad
 *   header, damaged gzip, no document at all
 */
export function openCorpus(source: string, options: CorpusOptions = {}): CorpusReader {
  const format = options.format ?? "auto";
  if (!corpusFormats.includes(format)) {
    throw new InputError(
      `expected a format (one of ${corpusFormats.join(", ")}), got ${describe(format)}`,
      { field: "format", value: String(format) },
    );
  }
  return new FileCorpusReader(source, filesOf(source, format), format, options);
}

function filesOf(source: string, format: CorpusFormat): CorpusFile[] {
  if (source === "-") return [{ path: "-", name: "stdin", byteLength: null }];
  const stats = statSource(source);
  if (!stats.isDirectory()) {
    return [{ path: source, name: source, byteLength: stats.isFile() ? stats.size : null }];
  }
  if (format === "auto" || format === "beir") return beirFiles(source);
  const files = filesBelow(source, (name) => format === "trec" || formatByName(name) === format);
  if (files.length > 0) return files;
  throw new NotFoundError(`expected ${format} files below ${source}, found none`, {
    path: source,
    format,
  });
}

function beirFiles(folder: string): CorpusFile[] {
  const files = filesBelow(folder, (name) => /^corpus\.jsonl(\.gz)?$/.test(name)).filter(
    (file) => !file.name.includes("/"),
  );
  if (files[0] !== undefined) return [files[0]];
  throw new NotFoundError(
    `expected a BEIR folder with corpus.jsonl (or .gz), found none in ${folder}: name a file, or the format of the folder's files with --format`,
    { path: folder },
  );
}

class FileCorpusReader implements CorpusReader {
  readonly source: string;
  readonly #files: readonly CorpusFile[];
  readonly #format: CorpusFormat;
  readonly #options: CorpusOptions;
  readonly #skipped: SkippedRecord[] = [];
  #documentCount = 0;
  #skippedCount = 0;
  #bytesRead = 0;
  #isOpened = false;

  constructor(
    source: string,
    files: readonly CorpusFile[],
    format: CorpusFormat,
    options: CorpusOptions,
  ) {
    this.source = source;
    this.#files = files;
    this.#format = format;
    this.#options = options;
  }

  get report(): CorpusReport {
    const sizes = this.#files.map((file) => file.byteLength);
    return {
      documentCount: this.#documentCount,
      skippedCount: this.#skippedCount,
      skipped: this.#skipped,
      bytesRead: this.#bytesRead,
      totalBytes: sizes.reduce(
        (sum, size) => (sum === null || size === null ? null : sum + size),
        0,
      ),
    };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Document> {
    for await (const batch of this.batches()) yield* batch;
  }

  async *batches(): AsyncGenerator<Document[]> {
    if (this.#isOpened) throw new Error(`${this.source}: a corpus reader may be iterated once`);
    this.#isOpened = true;
    for (const file of this.#files) {
      for await (const records of this.#records(file)) {
        this.#options.signal?.throwIfAborted();
        const documents = this.#take(records, file);
        if (documents.length > 0) yield documents;
      }
    }
    if (this.#documentCount + this.#skippedCount > 0) return;
    throw new InputError(`expected documents, found none in ${this.source}`, { path: this.source });
  }

  #take(records: readonly CorpusRecord[], file: CorpusFile): Document[] {
    const documents: Document[] = [];
    for (const record of records) {
      if ("document" in record) {
        this.#documentCount++;
        documents.push(record.document);
        continue;
      }
      if (this.#options.skipBad !== true) throw record.error;
      this.#skippedCount++;
      if (this.#skipped.length < listedCount) {
        const where = `${file.name}:${record.line}`;
        const reason = record.error.message.replace(`${where}: `, "");
        this.#skipped.push({ where, reason });
      }
    }
    return documents;
  }

  async *#records(file: CorpusFile): AsyncGenerator<CorpusRecord[]> {
    const bytes = readBytes(file, (count) => (this.#bytesRead += count), this.#options.signal);
    const format = this.#format === "beir" ? "jsonl" : this.#format;
    if (format !== "auto") {
      yield* readers[format](bytes, file.name);
      return;
    }
    const byName = formatByName(file.name);
    if (byName !== undefined) {
      yield* readers[byName](bytes, file.name);
      return;
    }
    const sample = await firstBytes(bytes);
    yield* readers[formatByContent(sample.bytes, file)](sample.all, file.name);
  }
}

function formatByName(name: string): FileFormat | undefined {
  return extensions[path.extname(name.replace(/\.gz$/i, "")).toLowerCase()];
}

/** Enough of the start for a decision, and a stream that still has it. */
async function firstBytes(
  bytes: AsyncGenerator<Buffer>,
): Promise<{ bytes: string; all: AsyncIterable<Buffer> }> {
  const chunks: Buffer[] = [];
  let text = "";
  while (!text.trimStart().includes("\n") && text.length < 1 << 20) {
    const next = await bytes.next();
    if (next.done) break;
    chunks.push(next.value);
    text += next.value.toString("latin1");
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield* chunks;
    yield* bytes;
  }
  return { bytes: text.replace(/^\u00ef\u00bb\u00bf/, "").trimStart(), all: all() };
}

function formatByContent(start: string, file: CorpusFile): FileFormat {
  if (start === "" || start.startsWith("{") || start.startsWith("[")) return "jsonl";
  if (start.startsWith("<")) return "trec";
  const firstLine = start.split(/\r?\n/, 1)[0] ?? "";
  const cells = firstLine.split(/[\t,;]/).map((cell) => cell.replace(/^"|"$/g, "").trim());
  if (cells.includes("_id") || cells.includes("id")) {
    return firstLine.includes("\t") ? "tsv" : "csv";
  }
  throw new InputError(
    `${file.name}: expected JSON Lines, TREC documents, or CSV or TSV with a header line, got ${describe(firstLine)}: name the format with --format`,
    { path: file.path },
  );
}
