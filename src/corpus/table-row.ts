import { InputError } from "../errors.js";
import type { Document } from "./document.js";
import { describe, parseDocument } from "./parse-document.js";

/**
 * Column names of a table: `_id` or `id`, and `text` or `title`, must be among them; the others
 * become metadata, as strings.
 *
 * @throws {InputError} needed columns missing, a column without a name or with a name twice
 */
export function readHeader(cells: readonly string[], where: string): readonly string[] {
  const names = cells.map((cell) => cell.trim());
  if (
    !(names.includes("_id") || names.includes("id")) ||
    !(names.includes("text") || names.includes("title"))
  ) {
    throw new InputError(
      `${where}: expected a header line with _id (or id) and title, text, got ${describe(names.join(", "))}`,
      { where },
    );
  }
  const wrong = names.find((name, i) => name === "" || names.indexOf(name) !== i);
  if (wrong !== undefined) {
    throw new InputError(
      `${where}: expected every column to have a name of its own, got ${describe(wrong)} ${wrong === "" ? "" : "twice"}`.trimEnd(),
      { where },
    );
  }
  return names;
}

/** @throws {InputError} another number of cells than columns, or not a document */
export function rowToDocument(
  header: readonly string[],
  cells: readonly string[],
  where: string,
): Document {
  if (cells.length !== header.length) {
    throw new InputError(
      `${where}: expected ${header.length} fields as in the header, got ${cells.length}`,
      { where, expected: header.length, value: cells.length },
    );
  }
  // Pairs, not assignments: a column may be called __proto__.
  return parseDocument(Object.fromEntries(header.map((name, i) => [name, cells[i]])), where);
}
