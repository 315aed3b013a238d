import { createHash } from "node:crypto";
import { InputError } from "../errors.js";
import type { SearchRequest } from "../pipeline/search-request.js";
import type { DocId, ScoredDoc } from "../run/ranking.js";

/** Where a page ended: the state that it was cut from and its last hit. */
export interface PageEnd {
  readonly state: string;
  readonly last: ScoredDoc;
}

/**
 * Cursors of result pages. A cursor names the state that a page was cut from and its last hit. While
 * the service still has that state, the next page continues it exactly; later it begins after that
 * hit in the present state. It fits the request that it came from, whatever `limit`.
 */
export function cursorAfter(request: SearchRequest, { state, last }: PageEnd): string {
  const content = [version, requestHash(request), state, last.score, last.docId];
  return Buffer.from(JSON.stringify(content), "utf8").toString("base64url");
}

/** @throws {InputError} not a cursor, or one of another request */
export function pageEndOf(cursor: string, request: SearchRequest): PageEnd {
  const [of, hash, state, score, docId, ...more] = contentOf(cursor);
  if (of !== version || typeof state !== "string" || more.length > 0) throw noCursor();
  if (typeof score !== "number" || typeof docId !== "string") throw noCursor();
  if (hash !== requestHash(request)) {
    throw new InputError(
      "this cursor belongs to another request: only limit may differ between pages",
      { field: "cursor" },
    );
  }
  return { state, last: { score, docId: docId as DocId } };
}

const version = 1;

function contentOf(cursor: string): unknown[] {
  try {
    const content: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (Array.isArray(content)) return content;
  } catch {
    // Not a cursor: below.
  }
  throw noCursor();
}

function noCursor(): InputError {
  return new InputError("expected a cursor of an earlier answer, got something else", {
    field: "cursor",
  });
}

/** What decides about the ranking, and the fields that the caller looks at. */
function requestHash(request: SearchRequest): string {
  const { limit: _, offset: __, after: ___, ...rest } = request;
  return createHash("sha256").update(JSON.stringify(rest)).digest("base64url").slice(0, 16);
}
