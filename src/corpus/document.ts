import type { DocId } from "../run/ranking.js";

/** Any JSON value. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * One document as it came and as it is given back: `_id`, `title` and `text` are always there
 * (title and text may be empty), every further JSON field is metadata, kept as it was.
 */
export interface Document {
  readonly _id: DocId;
  readonly title: string;
  readonly text: string;
  readonly [field: string]: JsonValue;
}
