import type { InputError } from "../errors.js";
import type { Document } from "./document.js";

/**
 * What a reader found at one place: a document, or why there is none. Readers go on after a bad
 * record, so that the caller chooses between stopping and skipping.
 */
export type CorpusRecord =
  | { readonly line: number; readonly document: Document }
  | { readonly line: number; readonly error: InputError };

/** Longest line or record in bytes: far above any document, below the longest JavaScript string. */
export const maxRecordBytes: number = 256 * 1024 * 1024;
