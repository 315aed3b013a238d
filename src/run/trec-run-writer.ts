import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { InputError, StorageError } from "../errors.js";
import type { QueryId, Ranking } from "./ranking.js";
import { compareDocIds, compareScoredDocs } from "./ranking.js";

/**
 * One ranking as lines of a TREC run: `query Q0 document rank score tag`, rank from 1.
 *
 * trec_eval reads scores as float32 and orders by them, so two scores that differ only in float64
 * would there be a tie, broken by document id. Where that would change the order, the lower score
 * is written as the next float32 below the one before it; elsewhere the score is written in full.
 * Equal scores stay equal. The file therefore has the ranking's order for readers of float32 and
 * of float64.
 *
 * @throws {InputError} an id or tag that is empty or holds white space, a score that float32 does
 *   not hold, documents out of order or twice
 */
export function formatTrecRanking(queryId: QueryId, ranking: Ranking, tag: string): string {
  checkWord(queryId, "query id");
  checkWord(tag, "run tag");
  const scores = float32OrderedScores(queryId, ranking);
  let text = "";
  for (let i = 0; i < ranking.length; i++) {
    // In bounds: scores has one entry per document.
    const { docId } = ranking[i]!;
    checkWord(docId, "document id");
    text += `${queryId} Q0 ${docId} ${i + 1} ${scores[i]!} ${tag}\n`;
  }
  return text;
}

/**
 * Writes a TREC run; a name that ends in `.gz` is gzipped. The file appears whole or not at all.
 *
 * @param rankings a `Run`, or its entries as they become ready
 * @throws {InputError} as `formatTrecRanking`
 * @throws {StorageError} the file system refused
 */
export async function writeTrecRun(
  path: string,
  rankings: Iterable<readonly [QueryId, Ranking]> | AsyncIterable<readonly [QueryId, Ranking]>,
  tag: string,
): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`;
  const lines = Readable.from(formatAll(rankings, tag));
  try {
    const file = createWriteStream(unfinished);
    if (path.endsWith(".gz")) await pipeline(lines, createGzip(), file);
    else await pipeline(lines, file);
    await rename(unfinished, path);
  } catch (cause) {
    await rm(unfinished, { force: true });
    if (cause instanceof Error && "syscall" in cause && "code" in cause) {
      const reason = String(cause.code);
      throw new StorageError(`could not write ${path}: ${reason}`, { path, reason }, { cause });
    }
    throw cause;
  }
}

async function* formatAll(
  rankings: Iterable<readonly [QueryId, Ranking]> | AsyncIterable<readonly [QueryId, Ranking]>,
  tag: string,
): AsyncGenerator<string> {
  for await (const [queryId, ranking] of rankings) yield formatTrecRanking(queryId, ranking, tag);
}

function float32OrderedScores(queryId: QueryId, ranking: Ranking): Float64Array {
  const written = new Float64Array(ranking.length);
  let previousFloat32 = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ranking.length; i++) {
    const doc = ranking[i]!; // in bounds by the loop
    const rounded = Math.fround(doc.score);
    if (!Number.isFinite(rounded)) {
      throw new InputError(
        `expected a score that float32 holds, got ${doc.score} for document ${doc.docId} of query ${queryId}`,
        { queryId, docId: doc.docId, score: doc.score },
      );
    }
    const previous = i > 0 ? ranking[i - 1] : undefined;
    if (previous !== undefined && compareScoredDocs(previous, doc) >= 0) {
      throw new InputError(
        `expected score descending, ties by document id descending, no document twice; ` +
          `got ${previous.docId} (${previous.score}) before ${doc.docId} (${doc.score}) in query ${queryId}`,
        { queryId, docId: doc.docId, rank: i + 1 },
      );
    }
    if (previous !== undefined && previous.score === doc.score) {
      written[i] = written[i - 1]!;
    } else if (rounded < previousFloat32) {
      written[i] = doc.score;
      previousFloat32 = rounded;
    } else {
      // Nothing above has a lower float32: this one joins the tie if its id sorts it last there.
      const keepsOrder = previous !== undefined && compareDocIds(doc.docId, previous.docId) < 0;
      if (!keepsOrder) previousFloat32 = nextLowerFloat32(previousFloat32);
      // The full score may be written if it says the same to both kinds of reader.
      const tellsBoth = rounded === previousFloat32 && doc.score <= written[i - 1]!;
      written[i] = tellsBoth && keepsOrder ? doc.score : previousFloat32;
    }
  }
  return written;
}

const float32 = new Float32Array(1);
const float32Bits = new Int32Array(float32.buffer);

/** The largest float32 below the float32 `value`; of either zero the smallest negative one. */
export function nextLowerFloat32(value: number): number {
  if (value === 0) return -(2 ** -149);
  float32[0] = value;
  float32Bits[0] = float32Bits[0]! + (value > 0 ? -1 : 1);
  return float32[0]!;
}

function checkWord(word: string, what: string): void {
  if (word.length === 0 || /\s/.test(word)) {
    throw new InputError(
      `expected a ${what} without white space for a TREC run, got ${JSON.stringify(word)}`,
      { field: what, value: word },
    );
  }
}
