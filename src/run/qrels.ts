import { InputError } from "../errors.js";
import type { DocId, Qrels, QueryId } from "./ranking.js";
import { readTextLines, type TextLine } from "./text-blocks.js";

/**
 * Relevance judgements as files:
 *
 *     TREC   query iteration document grade          white space between, no header
 *     BEIR   query-id <tab> corpus-id <tab> score    with that header, or three columns without
 *
 * Grades are integers. Negative grades stay as they are: measures read them as trec_eval does
 * (in the pool, not judged). A line given twice is read once and counted; the same pair with two
 * grades is an error with file and line, or with `skipBad` keeps its first grade and is counted.
 */
export type QrelsFormat = "trec" | "beir";

/** What was met while reading judgements. */
export interface QrelsReadReport {
  readonly path: string;
  readonly format: QrelsFormat;
  readonly queryCount: number;
  readonly judgementCount: number;
  readonly negativeCount: number;
  /** Lines that repeat a judgement. */
  readonly duplicateCount: number;
  readonly skippedCount: number;
  /** The first hundred lines left out. */
  readonly skipped: readonly { readonly line: number; readonly reason: string }[];
}

export interface QrelsReadOptions {
  /** Recognised from the first line when absent. */
  readonly format?: QrelsFormat;
  /** Leave bad lines out and count them, instead of stopping at the first. */
  readonly skipBad?: boolean;
}

const SHOWN_SKIPPED_LINES = 100;

/**
 * Reads judgements of either format, gzipped or not; `-` is standard input.
 *
 * @throws {InputError} a bad line, or no judgement in the file
 * @throws {NotFoundError} no such file
 */
export async function readQrels(
  path: string,
  options: QrelsReadOptions = {},
): Promise<{ readonly qrels: Qrels; readonly report: QrelsReadReport }> {
  const parser = new QrelsParser(path, options);
  for await (const line of readTextLines(path, parser.textOptions)) parser.parse(line);
  return parser.finish();
}

/** Parses judgements that are in memory already; `name` stands for the file in messages. */
export function parseQrels(
  text: string,
  name = "qrels",
  options: QrelsReadOptions = {},
): { readonly qrels: Qrels; readonly report: QrelsReadReport } {
  const parser = new QrelsParser(name, options);
  const lines = (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text).split(/\r?\n/);
  lines.forEach((line, i) => {
    parser.parse({ text: line, line: i + 1 });
  });
  return parser.finish();
}

class QrelsParser {
  readonly textOptions: { readonly onInvalidLine?: (line: number) => void };
  readonly #path: string;
  readonly #skipBad: boolean;
  readonly #qrels = new Map<QueryId, Map<DocId, number>>();
  readonly #skipped: { line: number; reason: string }[] = [];
  #format: QrelsFormat | undefined;
  #sawLine = false;
  #judgementCount = 0;
  #negativeCount = 0;
  #duplicateCount = 0;
  #skippedCount = 0;

  constructor(path: string, options: QrelsReadOptions) {
    this.#path = path;
    this.#format = options.format;
    this.#skipBad = options.skipBad === true;
    this.textOptions = this.#skipBad
      ? { onInvalidLine: (line) => this.#complain(line, "bytes that are not UTF-8") }
      : {};
  }

  parse({ text, line }: TextLine): void {
    if (text.trim() === "") return;
    const isFirst = !this.#sawLine;
    this.#sawLine = true;
    if (isFirst && isBeirHeader(text)) {
      this.#format ??= "beir";
      if (this.#format === "beir") return;
    }
    this.#format ??= text.trim().split(/\s+/).length === 3 ? "beir" : "trec";
    const columns = columnsOf(text, this.#format);
    const expected = this.#format === "trec" ? 4 : 3;
    if (columns.length !== expected) {
      const names =
        this.#format === "trec" ? "query iteration document grade" : "query-id corpus-id score";
      this.#complain(line, `${columns.length} columns instead of ${expected} (${names})`);
      return;
    }
    const gradeField = columns[expected - 1] ?? "";
    const grade = /^[+-]?\d+(\.0+)?$/.test(gradeField) ? Number(gradeField) : Number.NaN;
    if (!Number.isSafeInteger(grade)) {
      this.#complain(line, `grade "${gradeField}" instead of an integer`);
      return;
    }
    this.#add(columns[0] as QueryId, columns[expected - 2] as DocId, grade, line);
  }

  finish(): { readonly qrels: Qrels; readonly report: QrelsReadReport } {
    if (this.#judgementCount === 0) {
      throw new InputError(
        "expected judgements (TREC: query iteration document grade; BEIR: query-id corpus-id score " +
          `with tabs), got no usable line in ${this.#path}`,
        { path: this.#path, skippedCount: this.#skippedCount },
      );
    }
    return {
      qrels: this.#qrels,
      report: {
        path: this.#path,
        format: this.#format ?? "trec",
        queryCount: this.#qrels.size,
        judgementCount: this.#judgementCount,
        negativeCount: this.#negativeCount,
        duplicateCount: this.#duplicateCount,
        skippedCount: this.#skippedCount,
        skipped: this.#skipped,
      },
    };
  }

  #add(queryId: QueryId, docId: DocId, grade: number, line: number): void {
    let grades = this.#qrels.get(queryId);
    if (grades === undefined) {
      grades = new Map();
      this.#qrels.set(queryId, grades);
    }
    const known = grades.get(docId);
    if (known !== undefined) {
      this.#duplicateCount++;
      if (known !== grade) {
        this.#complain(
          line,
          `grade ${grade} after ${known} for query ${queryId}, document ${docId}`,
        );
      }
      return;
    }
    grades.set(docId, grade === 0 ? 0 : grade); // no -0
    this.#judgementCount++;
    if (grade < 0) this.#negativeCount++;
  }

  #complain(line: number, got: string): void {
    if (!this.#skipBad) {
      throw new InputError(
        `expected a judgement, got ${got} at ${this.#path}:${line}: mend it or skip bad lines`,
        { path: this.#path, line },
      );
    }
    this.#skippedCount++;
    if (this.#skipped.length < SHOWN_SKIPPED_LINES) this.#skipped.push({ line, reason: got });
  }
}

function isBeirHeader(text: string): boolean {
  return /^\s*(query-id|query_id|qid)\s+(corpus-id|corpus_id|doc_id|docid|docno|pid)\s+\S+\s*$/i.test(
    text,
  );
}

function columnsOf(text: string, format: QrelsFormat): string[] {
  // BEIR ids may hold blanks when tabs part the columns.
  if (format === "beir" && text.includes("\t"))
    return text.split("\t").map((field) => field.trim());
  return text.trim().split(/\s+/);
}
