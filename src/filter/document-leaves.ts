import type { Document, JsonValue } from "../corpus/document.js";
import { searchedFields } from "./filter.js";

/** Called with the path of a value, keys joined by dots, and the value, which is never null. */
export type LeafVisitor = (path: string, value: string | number | boolean) => void;

/** Visits every single value of the metadata fields; lists add nothing to the path. */
export function visitLeaves(document: Document, visit: LeafVisitor): void {
  for (const key of Object.keys(document)) {
    if (!searchedFields.has(key)) visitValue(document[key] ?? null, key, visit);
  }
}

function visitValue(value: JsonValue, path: string, visit: LeafVisitor): void {
  if (value === null) return;
  if (typeof value !== "object") {
    visit(path, value);
  } else if (Array.isArray(value)) {
    for (const element of value as readonly JsonValue[]) visitValue(element, path, visit);
  } else {
    const members = value as { readonly [key: string]: JsonValue };
    for (const key of Object.keys(members)) {
      visitValue(members[key] ?? null, `${path}.${key}`, visit);
    }
  }
}
