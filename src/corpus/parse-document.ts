/**
 * The door for documents: what comes from files, requests and library callers becomes a `Document`
 * here or is refused with one line that says where and why. Written by hand: on BEIR documents it
 * takes a quarter of the time that a zod schema takes (`scripts/bench/corpus.ts`).
 *
 * | given | becomes |
 * | --- | --- |
 * | `_id` missing, `id` there | `id` is the id, and not kept beside it |
 * | `_id` and `id` | `_id` is the id, `id` is metadata |
 * | an integer as id | its decimal digits |
 * | id empty, longer than 512 UTF-8 bytes, with control characters or half a surrogate pair | refused |
 * | `title` or `text` null, or one of the two missing | "" |
 * | `title` and `text` both missing | refused: other field names would give an empty index |
 * | `title` or `text` of another type | refused |
 * | both empty strings | kept: an empty document has an id and can be judged |
 * | any other field | kept as it is; `undefined` falls away; must be JSON, nested 64 deep at most |
 * | half a surrogate pair in text | kept: JSON can write it, analyzers pass over it |
 */
import { Buffer } from "node:buffer";
import { InputError } from "../errors.js";
import type { DocId } from "../run/ranking.js";
import type { Document, JsonValue } from "./document.js";

/** Longest document id in UTF-8 bytes. */
export const maxDocIdBytes = 512;
/** Deepest nesting of objects and lists in a metadata field. */
export const maxMetadataDepth = 64;

/**
 * @param value one parsed JSON value, or an object of the caller
 * @param where for messages: `corpus.jsonl:12`, `document 3 of the request`
 * @throws {InputError} see the table above; the facts hold `where` and the `field`
 */
export function parseDocument(value: unknown, where: string): Document {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refusal(
      where,
      "",
      `expected a JSON object with _id, title and text, got ${describe(value)}`,
    );
  }
  // Rest and spread define own properties, so a field named __proto__ stays a field.
  const { _id: givenId, title, text, ...fields } = value as Record<string, unknown>;
  let id = givenId;
  if (id === undefined) {
    id = fields["id"];
    delete fields["id"];
  }
  if (title === undefined && text === undefined) {
    throw refusal(
      where,
      "text",
      `expected a field "text" or "title", got ${describeFields(Object.keys(value))}`,
    );
  }
  for (const name of Object.keys(fields)) {
    if (fields[name] === undefined) delete fields[name];
    else checkJson(fields[name], where, name, 1);
  }
  return {
    _id: parseDocId(id, where),
    title: parseText(title, "title", where),
    text: parseText(text, "text", where),
    ...(fields as Readonly<Record<string, JsonValue>>),
  };
}

/**
 * A document id from outside: a string of 1 to 512 UTF-8 bytes without control characters, white
 * space allowed; an integer becomes its digits.
 *
 * @throws {InputError} anything else
 */
export function parseDocId(value: unknown, where: string): DocId {
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value) as DocId;
  if (typeof value !== "string") {
    throw refusal(where, "_id", `expected a string in "_id" (or "id"), got ${describe(value)}`);
  }
  if (value === "") throw refusal(where, "_id", `expected an id in "_id", got an empty string`);
  if (/[\p{Cc}\p{Surrogate}]/u.test(value)) {
    throw refusal(
      where,
      "_id",
      `expected an id without control characters or broken surrogates, got ${describe(value)}`,
    );
  }
  if (value.length * 3 > maxDocIdBytes) {
    const byteLength = Buffer.byteLength(value);
    if (byteLength > maxDocIdBytes) {
      throw refusal(
        where,
        "_id",
        `expected an id of at most ${maxDocIdBytes} bytes, got ${byteLength}: ${describe(value)}`,
      );
    }
  }
  return value as DocId;
}

function parseText(value: unknown, field: string, where: string): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  throw refusal(where, field, `expected a string in "${field}", got ${describe(value)}`);
}

function checkJson(value: unknown, where: string, field: string, depth: number): void {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return;
  if (typeof value === "number" && Number.isFinite(value)) return;
  if (depth > maxMetadataDepth) {
    throw refusal(where, field, `expected "${field}" nested ${maxMetadataDepth} deep at most`);
  }
  if (Array.isArray(value)) {
    for (const element of value) checkJson(element, where, field, depth + 1);
    return;
  }
  if (typeof value === "object" && isPlain(value)) {
    for (const inner of Object.values(value)) checkJson(inner, where, field, depth + 1);
    return;
  }
  throw refusal(where, field, `expected a JSON value in "${field}", got ${describe(value)}`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function refusal(where: string, field: string, reason: string): InputError {
  return new InputError(`${where}: ${reason}`, field === "" ? { where } : { where, field });
}

function describeFields(names: readonly string[]): string {
  if (names.length === 0) return "no fields";
  const shown = names.slice(0, 8).map((name) => JSON.stringify(name.slice(0, 40)));
  return `only ${shown.join(", ")}${names.length > 8 ? ", …" : ""}`;
}

/** What came, short enough for one line. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string") {
    const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
    return JSON.stringify(shown);
  }
  if (typeof value === "object") return `an object of ${value.constructor?.name ?? "no class"}`;
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return `the ${typeof value} ${String(value)}`;
}
