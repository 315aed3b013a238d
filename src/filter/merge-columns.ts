import type { Bitset } from "../numeric/bitset.js";
import type { SectionSink } from "../store/sections.js";
import type { ColumnPart, Columns } from "./columns.js";
import { ColumnsBuilder } from "./columns-builder.js";

/** One segment of a merge: its columns, and which of its documents live on. */
export interface ColumnsInput {
  readonly columns: Columns;
  readonly keep: Bitset;
}

/**
 * Writes the columns of the kept documents, numbered anew from 0 in the order of the inputs: the
 * same bytes as building from those documents at once.
 */
export function mergeColumns(inputs: readonly ColumnsInput[], sink: SectionSink): void {
  const builder = new ColumnsBuilder();
  for (const { columns, keep } of inputs) {
    const newOrds = new Int32Array(columns.docCount).fill(-1);
    for (const docOrd of keep) newOrds[docOrd] = builder.addEmpty();
    for (const [i, path] of columns.paths.entries()) {
      for (const part of columns.partsAt(i)) copyPart(part, path, newOrds, builder);
    }
  }
  builder.write(sink);
}

function copyPart(
  part: ColumnPart,
  path: string,
  newOrds: Int32Array,
  builder: ColumnsBuilder,
): void {
  const { kind, valueCount, docOrds, values, words } = part;
  const texts: (string | undefined)[] = [];
  for (let i = 0; i < valueCount; i++) {
    const docOrd = newOrds[docOrds === null ? i : (docOrds[i] as number)] as number;
    if (docOrd < 0) continue;
    const value = values?.[i] ?? 0;
    if (kind === "long") builder.addLong(path, docOrd);
    else if (kind === "boolean") builder.addValue(path, docOrd, value === 1);
    else if (words === null) builder.addValue(path, docOrd, value);
    else {
      texts[value] ??= words.at(value);
      builder.addValue(path, docOrd, texts[value]);
    }
  }
}
