/**
 * Which documents may be hits: conditions on metadata fields, parsed from JSON (`parseFilter`) or
 * from a line of text (`parseFilterText`), evaluated on columns (`evaluateFilter`) or on a document
 * (`matchesFilter`, the plain twin).
 *
 * 1. A field is a path: `year`, `author.name`. Objects nest by dots, lists are looked through: a
 *    condition holds if one value of the field fulfils it (both ends of a range by one value).
 * 2. Members of an object field called `metadata` (BEIR has one) also answer to their own names,
 *    in documents that have no field of that name.
 * 3. Values are strings, numbers or booleans; nothing is converted: the string "2020" is not the
 *    number 2020. Strings compare exactly, and in ranges by the bytes of their UTF-8 form, so ISO
 *    dates are in order. A condition on values of another type does not hold; nor does one on a
 *    field that the document lacks.
 * 4. `not` is the complement: `not year = 2020` also holds where there is no year.
 * 5. A field exists where it has a value other than null, or a member that exists; empty lists and
 *    objects do not.
 * 6. Strings of more than `maxFilterStringBytes` count for `exists` only.
 * 7. `_id` can be compared for equality; `title` and `text` are searched, not filtered.
 */
export type Filter =
  | { readonly kind: "and" | "or"; readonly clauses: readonly Filter[] }
  | { readonly kind: "not"; readonly clause: Filter }
  | { readonly kind: "in"; readonly field: string; readonly values: readonly FilterValue[] }
  | { readonly kind: "range"; readonly field: string; readonly range: FilterRange }
  | { readonly kind: "exists"; readonly field: string };

/** What a condition compares with. Equality is `in` with one value. */
export type FilterValue = string | number | boolean;

/** At least one bound; all of one type. */
export interface FilterRange {
  readonly gte?: number | string;
  readonly gt?: number | string;
  readonly lte?: number | string;
  readonly lt?: number | string;
}

/** Longest string in UTF-8 bytes that can be compared. */
export const maxFilterStringBytes = 1024;
/** Deepest nesting of and, or, not. */
export const maxFilterDepth = 16;
/** Most conditions in one filter. */
export const maxFilterClauses = 256;
/** Most values in all lists of one filter. */
export const maxFilterValues = 10_000;

/** The field whose members answer to their own names. */
export const metadataField = "metadata";
/** Fields of a document that have no columns. */
export const searchedFields: ReadonlySet<string> = new Set(["_id", "title", "text"]);

/** Half a surrogate pair cannot be written as UTF-8: U+FFFD stands for it, on both sides. */
export function wellFormed(value: string): string {
  return /\p{Surrogate}/u.test(value) ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value;
}
