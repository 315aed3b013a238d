import type { Buffer } from "node:buffer";
import { InputError } from "../errors.js";
import { type Line, LineSplitter } from "./line-splitter.js";
import { describe, parseDocument } from "./parse-document.js";
import type { CorpusRecord } from "./record.js";

/**
 * Reads JSON Lines (NDJSON, BEIR's corpus.jsonl): one JSON object a line, blank lines passed over.
 * Gives the records chunk by chunk, so that a hundred lines cost one turn of the event loop.
 *
 * @param chunks bytes of the file or request, in any cut
 * @param name stands before the line number in messages
 * @param maxLineBytes a longer line is passed over with an error
 */
export async function* readJsonLines(
  chunks: AsyncIterable<Buffer>,
  name: string,
  maxLineBytes?: number,
): AsyncGenerator<CorpusRecord[]> {
  const splitter = new LineSplitter(maxLineBytes);
  for await (const chunk of chunks) yield toRecords(splitter.push(chunk), name);
  yield toRecords(splitter.end(), name);
}

function toRecords(lines: readonly Line[], name: string): CorpusRecord[] {
  const records: CorpusRecord[] = [];
  for (const line of lines) {
    if (line.fault === "" && line.text.trim() === "") continue;
    try {
      const where = `${name}:${line.number}`;
      records.push({ line: line.number, document: parseDocument(parseLine(line, where), where) });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      records.push({ line: line.number, error });
    }
  }
  return records;
}

function parseLine({ text, fault }: Line, where: string): unknown {
  if (fault !== "") throw new InputError(`${where}: ${fault}`, { where });
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const hint = text.trimStart().startsWith("[")
      ? "; a JSON array over many lines is not JSON Lines: write one object per line (jq -c '.[]')"
      : "";
    // V8's message may quote the whole line: only its first words are kept.
    const reason = (cause as Error).message.replace(/\s+/g, " ").slice(0, 100);
    throw new InputError(
      `${where}: expected one JSON object, got ${describe(text)} (${reason})${hint}`,
      { where },
      { cause },
    );
  }
}
