import type { Buffer } from "node:buffer";
import { InputError } from "../errors.js";
import { type Line, LineSplitter } from "./line-splitter.js";
import type { CorpusRecord } from "./record.js";
import { readHeader, rowToDocument } from "./table-row.js";

/**
 * Reads tab-separated values with a header line. There is no quoting in TSV: a quotation mark is
 * text (as in MS MARCO's files), and neither tab nor line end can stand in a field.
 */
export async function* readTsv(
  chunks: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<CorpusRecord[]> {
  const splitter = new LineSplitter();
  let header: readonly string[] | undefined;
  const toRecords = (lines: readonly Line[]): CorpusRecord[] => {
    const records: CorpusRecord[] = [];
    for (const { number, text, fault } of lines) {
      const where = `${name}:${number}`;
      if (header === undefined) {
        if (fault !== "") throw new InputError(`${where}: ${fault}`, { where });
        if (text !== "") header = readHeader(text.split("\t"), where);
        continue;
      }
      if (text === "" && fault === "") continue;
      try {
        if (fault !== "") throw new InputError(`${where}: ${fault}`, { where });
        records.push({ line: number, document: rowToDocument(header, text.split("\t"), where) });
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        records.push({ line: number, error });
      }
    }
    return records;
  };
  for await (const chunk of chunks) yield toRecords(splitter.push(chunk));
  yield toRecords(splitter.end());
}
