/**
 * Metadata columns of one segment, as sections:
 *
 * ```text
 * columns.index   JSON: {"version":1,"docCount":…,"columns":[{"path":…,"parts":[{…}]}]}, by path
 * columns.<i>     the arrays of column i, part after part, each array at a multiple of 8:
 *                   docOrds    Uint32 × valueCount, ascending; absent if every document has one value
 *                   values     valueCount × the width of the kind; absent for "long"
 *                   offsets    Uint32 × (wordCount + 1), strings only: where word w is in bytes
 *                   bytes      UTF-8 of all distinct strings, strings only, ascending by bytes
 * ```
 * A field has one part per kind of value it holds: `string` (values are word numbers, 1, 2 or 4
 * bytes wide), `int32` or `float64`, `boolean` (0, 1), `long` (strings beyond comparison). Within a
 * part a document has each value once. All little-endian.
 */
export type PartKind = "string" | "int32" | "float64" | "boolean" | "long";

export interface PartEntry {
  readonly kind: PartKind;
  readonly valueCount: number;
  /** Every document has exactly one value, and value i is document i's. */
  readonly isDense: boolean;
  /** Bytes per value; 0 for "long". */
  readonly width: number;
  /** Distinct strings, and their bytes together; 0 for other kinds. */
  readonly wordCount: number;
  readonly wordBytes: number;
}

export interface ColumnEntry {
  readonly path: string;
  readonly parts: readonly PartEntry[];
}

export interface ColumnsIndex {
  readonly version: 1;
  readonly docCount: number;
  readonly columns: readonly ColumnEntry[];
}

export const indexSection = "columns.index";

export function columnSection(index: number): string {
  return `columns.${index}`;
}

/** Next multiple of 8. */
export function aligned(offset: number): number {
  return (offset + 7) & ~7;
}
