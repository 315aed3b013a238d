import { InputError } from "../errors.js";
import type { DocId, QueryId, Ranking, Run, ScoredDoc } from "./ranking.js";
import { compareScoredDocs } from "./ranking.js";
import { readTextBlocks } from "./text-blocks.js";

/**
 * TREC run files: one retrieved document a line, six columns separated by white space,
 *
 *     query  Q0  document  rank  score  tag
 *
 * read as trec_eval reads them: order comes from the score alone, ties by document id descending;
 * the second and the rank column are not read. Decided where trec_eval is silent or stops:
 *
 * 1. A line with another number of columns, a score that is no finite number, bytes that are not
 *    UTF-8, and a document that comes twice for one query are errors with file and line; with
 *    `skipBad` they are left out and counted. Of a document that comes twice the higher score stays.
 * 2. Lines out of order are sorted, and the queries concerned are counted.
 * 3. Windows line ends, a byte order mark, gzip and blank lines are read without a word.
 * 4. A file without one ranking is an error: evaluating nothing is a mistake somewhere else.
 */

/** One line that was left out. */
export interface SkippedLine {
  readonly line: number;
  readonly reason: string;
}

/** What was met while reading a run file, for reports and warnings. */
export interface RunReadReport {
  readonly path: string;
  /** Tag (last column) of the first line. */
  readonly tag: string;
  readonly lineCount: number;
  readonly queryCount: number;
  /** Retrieved documents over all queries. */
  readonly docCount: number;
  /** Queries whose lines were not in descending order of score. */
  readonly unsortedQueryCount: number;
  /** Lines left out because their document had come before for the same query. */
  readonly duplicateCount: number;
  /** Lines left out, duplicates included. */
  readonly skippedCount: number;
  /** The first hundred of them. */
  readonly skipped: readonly SkippedLine[];
}

export interface RunReadOptions {
  /** Leave bad lines out and count them, instead of stopping at the first. */
  readonly skipBad?: boolean;
}

const SHOWN_SKIPPED_LINES = 100;

/**
 * Reads a whole TREC run into memory; the lines of a query need not stand together.
 *
 * @param path file, gzipped or not, or `-` for standard input
 * @throws {InputError} bad line (see above), or no ranking in the file
 * @throws {NotFoundError} no such file
 */
export async function readTrecRun(
  path: string,
  options: RunReadOptions = {},
): Promise<{ readonly run: Run; readonly report: RunReadReport }> {
  const queries = new Map<string, QueryLines>();
  const parser = new RunParser(path, options, (queryId) => {
    const known = queries.get(queryId);
    if (known !== undefined) return known;
    const lines = new QueryLines(queryId as QueryId);
    queries.set(queryId, lines);
    return lines;
  });
  for await (const block of readTextBlocks(path, parser.textOptions)) {
    parser.parse(block.text, block.firstLine);
  }
  const run = new Map<QueryId, Ranking>();
  for (const lines of queries.values()) run.set(lines.queryId, parser.finish(lines));
  return { run, report: parser.report() };
}

/**
 * Reads a TREC run query by query: memory holds one query's ranking (and the ids of the queries
 * seen), so the file may be larger than memory. The lines of a query must stand together.
 *
 * @param onReport called once with the report, after the last ranking
 * @throws {InputError} bad line, no ranking in the file, or a query whose lines do not stand together
 * @throws {NotFoundError} no such file
 */
export async function* streamTrecRun(
  path: string,
  options: RunReadOptions & { readonly onReport?: (report: RunReadReport) => void } = {},
): AsyncGenerator<readonly [QueryId, Ranking]> {
  const begun = new Set<string>();
  let waiting: QueryLines[] = [];
  const parser = new RunParser(path, options, (queryId, line) => {
    if (begun.has(queryId)) {
      throw new InputError(
        `expected all lines of query ${queryId} to stand together, got it again at ${path}:${line}: ` +
          "sort the file by query, or read it whole",
        { path, line, queryId },
      );
    }
    // A copy: a slice would keep the whole block of the file in memory.
    const lines = new QueryLines(Buffer.from(queryId).toString() as QueryId);
    begun.add(lines.queryId);
    waiting.push(lines);
    return lines;
  });
  for await (const block of readTextBlocks(path, parser.textOptions)) {
    parser.parse(block.text, block.firstLine);
    const open = waiting.pop();
    for (const lines of waiting) yield [lines.queryId, parser.finish(lines)];
    waiting = open ? [open] : [];
  }
  for (const lines of waiting) yield [lines.queryId, parser.finish(lines)];
  const report = parser.report();
  options.onReport?.(report);
}

/** Parses a TREC run that is in memory already; `name` stands for the file in messages. */
export function parseTrecRun(
  text: string,
  name = "run",
  options: RunReadOptions = {},
): { readonly run: Run; readonly report: RunReadReport } {
  const queries = new Map<string, QueryLines>();
  const parser = new RunParser(name, options, (queryId) => {
    const known = queries.get(queryId);
    if (known !== undefined) return known;
    const lines = new QueryLines(queryId as QueryId);
    queries.set(queryId, lines);
    return lines;
  });
  parser.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text, 1);
  const run = new Map<QueryId, Ranking>();
  for (const lines of queries.values()) run.set(lines.queryId, parser.finish(lines));
  return { run, report: parser.report() };
}

/** Documents of one query in the order of the file. */
class QueryLines {
  readonly queryId: QueryId;
  readonly docs: ScoredDoc[] = [];
  readonly seen: Set<string> = new Set();
  /** Score descending so far. */
  descending = true;
  /** THE order so far, ties included. */
  ordered = true;

  constructor(queryId: QueryId) {
    this.queryId = queryId;
  }
}

class RunParser {
  readonly textOptions: { readonly onInvalidLine?: (line: number) => void };
  readonly #path: string;
  readonly #skipBad: boolean;
  readonly #enter: (queryId: string, line: number) => QueryLines;
  readonly #skipped: SkippedLine[] = [];
  #skippedCount = 0;
  #duplicateCount = 0;
  #lineCount = 0;
  #queryCount = 0;
  #docCount = 0;
  #unsortedQueryCount = 0;
  #tag: string | undefined;
  #current: QueryLines | undefined;

  constructor(
    path: string,
    options: RunReadOptions,
    enter: (queryId: string, line: number) => QueryLines,
  ) {
    this.#path = path;
    this.#skipBad = options.skipBad === true;
    this.#enter = enter;
    this.textOptions = this.#skipBad
      ? { onInvalidLine: (line) => this.#complain(line, "bytes that are not UTF-8") }
      : {};
  }

  /** Takes whole lines. The loop is flat: it runs once per character of files of many gigabytes. */
  parse(text: string, firstLine: number): void {
    const starts = [0, 0, 0, 0, 0, 0];
    const ends = [0, 0, 0, 0, 0, 0];
    const length = text.length;
    let line = firstLine - 1;
    let at = 0;
    while (at < length) {
      line++;
      let columnCount = 0;
      let inside = false;
      for (; at < length; at++) {
        const code = text.charCodeAt(at);
        if (code > 32) {
          if (!inside) {
            if (columnCount < 6) starts[columnCount] = at;
            inside = true;
          }
        } else if (code === 10) {
          break;
        } else if (inside && (code === 32 || (code >= 9 && code <= 13))) {
          if (columnCount < 6) ends[columnCount] = at;
          columnCount++;
          inside = false;
        }
      }
      if (inside) {
        if (columnCount < 6) ends[columnCount] = at;
        columnCount++;
      }
      at++;
      if (columnCount === 0) continue;
      this.#lineCount++;
      if (columnCount !== 6) {
        this.#complain(
          line,
          `${columnCount} columns instead of 6 (query Q0 document rank score tag)`,
        );
        continue;
      }
      // In bounds: six columns were found above.
      const score = parseScore(text, starts[4]!, ends[4]!);
      if (!Number.isFinite(score)) {
        this.#complain(
          line,
          `score "${text.slice(starts[4], ends[4])}" instead of a finite number`,
        );
        continue;
      }
      let lines = this.#current;
      const queryLength = ends[0]! - starts[0]!;
      if (
        lines === undefined ||
        lines.queryId.length !== queryLength ||
        !text.startsWith(lines.queryId, starts[0])
      ) {
        lines = this.#enter(text.slice(starts[0], ends[0]), line);
        this.#current = lines;
        this.#tag ??= text.slice(starts[5], ends[5]);
      }
      this.#add(lines, { docId: text.slice(starts[2], ends[2]) as DocId, score }, line);
    }
  }

  finish(lines: QueryLines): Ranking {
    this.#queryCount++;
    this.#docCount += lines.docs.length;
    if (!lines.descending) this.#unsortedQueryCount++;
    if (!lines.ordered) lines.docs.sort(compareScoredDocs);
    return lines.docs;
  }

  report(): RunReadReport {
    if (this.#queryCount === 0) {
      throw new InputError(
        `expected a TREC run (query Q0 document rank score tag), got no usable line in ${this.#path}`,
        { path: this.#path, lineCount: this.#lineCount, skippedCount: this.#skippedCount },
      );
    }
    return {
      path: this.#path,
      tag: this.#tag ?? "",
      lineCount: this.#lineCount,
      queryCount: this.#queryCount,
      docCount: this.#docCount,
      unsortedQueryCount: this.#unsortedQueryCount,
      duplicateCount: this.#duplicateCount,
      skippedCount: this.#skippedCount,
      skipped: this.#skipped,
    };
  }

  #add(lines: QueryLines, doc: ScoredDoc, line: number): void {
    const seenCount = lines.seen.size;
    lines.seen.add(doc.docId);
    if (lines.seen.size === seenCount) {
      this.#duplicateCount++;
      this.#complain(line, `document ${doc.docId} a second time for query ${lines.queryId}`);
      const earlier = lines.docs.findIndex((known) => known.docId === doc.docId);
      if (doc.score > (lines.docs[earlier]?.score ?? doc.score)) {
        lines.docs[earlier] = doc;
        lines.ordered = false;
      }
      return;
    }
    const last = lines.docs.at(-1);
    if (last !== undefined) {
      if (doc.score > last.score) lines.descending = false;
      if (lines.ordered && compareScoredDocs(last, doc) > 0) lines.ordered = false;
    }
    lines.docs.push(doc);
  }

  #complain(line: number, got: string): void {
    if (!this.#skipBad) {
      throw new InputError(
        `expected a TREC run line, got ${got} at ${this.#path}:${line}: mend it or skip bad lines`,
        { path: this.#path, line },
      );
    }
    this.#skippedCount++;
    if (this.#skipped.length < SHOWN_SKIPPED_LINES) this.#skipped.push({ line, reason: got });
  }
}

/** 10^0 .. 10^22: the powers of ten that float64 holds exactly. */
const EXACT_POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/**
 * The decimal number at `text[start, end)`, correctly rounded, or NaN. Plain decimals of up to 15
 * digits, the usual case, are the quotient of two exact float64 integers, which division rounds
 * correctly (Clinger 1990, "How to read floating point numbers accurately", the fast path).
 */
function parseScore(text: string, start: number, end: number): number {
  let at = start;
  let negative = false;
  const sign = text.charCodeAt(at);
  if (sign === 45 || sign === 43) {
    negative = sign === 45;
    at++;
  }
  let mantissa = 0;
  let digitCount = 0;
  let fractionCount = 0;
  let inFraction = false;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code >= 48 && code <= 57) {
      mantissa = mantissa * 10 + (code - 48);
      digitCount++;
      if (inFraction) fractionCount++;
    } else if (code === 46 && !inFraction) {
      inFraction = true;
    } else {
      break;
    }
  }
  if (at === end && digitCount > 0 && digitCount <= 15) {
    // In bounds: fractionCount <= digitCount <= 15.
    const value = mantissa / EXACT_POWERS[fractionCount]!;
    return negative ? -value : value;
  }
  const field = text.slice(start, end);
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(field) ? Number(field) : Number.NaN;
}
