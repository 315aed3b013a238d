import { InputError } from "../errors.js";
import { parseFusion } from "../fusion/fusion-text.js";
import { compare } from "../pipeline/compare.js";
import { explainDocument } from "../pipeline/explain-document.js";
import { search } from "../pipeline/search.js";
import type { Stage } from "../pipeline/search-answer.js";
import { parseWith } from "../pipeline/search-request.js";
import { collectionOf } from "./collection-calls.js";
import type { QueryValue } from "./query-string.js";
import {
  compareRequestSchema,
  explainRequestSchema,
  serviceSearchSchema,
} from "./request-schemas.js";
import { type Call, pathParameter, sendJson } from "./service.js";

export async function searchCall(call: Call): Promise<void> {
  const request = parseWith(serviceSearchSchema, call.body, "search request");
  const answer = await search(await collectionOf(call), request, call.signal);
  observe(call, answer.stages, answer.degraded);
  sendJson(call.response, 200, answer);
}

/**
 * `GET …/search?q=`. The answer depends on nothing but the URL and the collection's state, so the
 * state's name is its ETag, known before any search.
 */
export async function searchByUrlCall(call: Call): Promise<void> {
  const request = parseWith(serviceSearchSchema, requestOfQuery(call.query), "search request");
  const source = await collectionOf(call);
  const { response, service } = call;
  const state = service.registry.stateOf(pathParameter(call, "collection"), source);
  const tag = `W/"${state}"`;
  response.setHeader("ETag", tag);
  response.setHeader("Cache-Control", "private, no-cache");
  if (namesTag(call.request.headers["if-none-match"], tag)) {
    response.statusCode = 304;
    response.end();
    return;
  }
  const answer = await search(source, request, call.signal);
  // What an overloaded or half-broken service answered must not be kept.
  if (answer.degraded) {
    response.removeHeader("ETag");
    response.setHeader("Cache-Control", "no-store");
  }
  observe(call, answer.stages, answer.degraded);
  sendJson(response, 200, answer);
}

export async function compareCall(call: Call): Promise<void> {
  const { search: request, candidates } = parseWith(
    compareRequestSchema,
    call.body,
    "compare request",
  );
  const source = await collectionOf(call);
  const comparison = await compare(source, request, call.signal, { candidates });
  observe(call, comparison.stages, false);
  sendJson(call.response, 200, comparison);
}

export async function explainCall(call: Call): Promise<void> {
  const { id, search: request } = parseWith(explainRequestSchema, call.body, "explain request");
  const explained = await explainDocument(await collectionOf(call), request, id, call.signal);
  observe(call, explained.stages, false);
  sendJson(call.response, 200, explained);
}

function observe({ service }: Call, stages: readonly Stage[], degraded: boolean): void {
  const { stageSeconds, degraded: degradedCount } = service.metrics;
  for (const { name, ms } of stages) stageSeconds.observe(name, ms / 1000);
  if (degraded) degradedCount.add(1);
}

/** A search request out of a query string. */
function requestOfQuery(query: Readonly<Record<string, QueryValue>>): Record<string, unknown> {
  const { q, filter, fusion, depth, ...rest } = query;
  return {
    query: q,
    ...rest,
    ...(depth === undefined ? {} : { depth: { sparse: depth, dense: depth } }),
    ...(typeof filter === "string" ? { filter: filterOf(filter) } : {}),
    ...(typeof fusion === "string" ? { fusion: parseFusion(fusion) } : {}),
  };
}

function filterOf(text: string): unknown {
  if (!text.trimStart().startsWith("{")) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new InputError(
      "query parameter filter begins like JSON but is not",
      { field: "filter" },
      {
        cause,
      },
    );
  }
}

/** Whether an If-None-Match header names the tag; weak comparison (RFC 9110, 8.8.3.2). */
function namesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const opaque = tag.replace(/^W\//, "");
  return header
    .split(",")
    .map((one) => one.trim())
    .some((one) => one === "*" || one.replace(/^W\//, "") === opaque);
}
