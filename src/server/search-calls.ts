import { InputError, OverloadedError } from "../errors.js";
import { parseFusion } from "../fusion/fusion-text.js";
import { compare } from "../pipeline/compare.js";
import { explainDocument } from "../pipeline/explain-document.js";
import { modeOf, type SearchSource } from "../pipeline/retrieval.js";
import { search } from "../pipeline/search.js";
import type { SearchAnswer, Stage } from "../pipeline/search-answer.js";
import { parseWith, type SearchRequest } from "../pipeline/search-request.js";
import type { SearchableCollection } from "../pipeline/searchable-collection.js";
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
  const answer = await admitted(call, await collectionOf(call), request);
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
  const answer = await admitted(call, source, request);
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
  const { encode } = call.service.stages;
  const comparison = await encode.run(
    () => compare(source, request, call.signal, { candidates }),
    call.signal,
  );
  observe(call, comparison.stages, false);
  sendJson(call.response, 200, comparison);
}

export async function explainCall(call: Call): Promise<void> {
  const { id, search: request } = parseWith(explainRequestSchema, call.body, "explain request");
  const source = await collectionOf(call);
  const explained = await call.service.stages.encode.run(
    () => explainDocument(source, request, id, call.signal),
    call.signal,
  );
  observe(call, explained.stages, false);
  sendJson(call.response, 200, explained);
}

/**
 * Searches when the stages that the request goes through have room. A full queue refuses, unless the
 * caller allows a degraded answer: then the sparse leg answers at once, which waits for nothing.
 */
async function admitted(
  { service, signal }: Call,
  source: SearchableCollection,
  request: SearchRequest,
): Promise<SearchAnswer> {
  const { encode, rerank } = service.stages;
  const isSparse = request.rerank === undefined && modeOf(source.snapshot(), request) === "sparse";
  const startedMs = performance.now();
  const work = (): Promise<SearchAnswer> => {
    service.metrics.stageSeconds.observe("queue", (performance.now() - startedMs) / 1000);
    return search(source, request, signal);
  };
  if (isSparse) return search(source, request, signal);
  const stage = request.rerank === undefined ? encode : rerank;
  if (stage.isFull && request.allowDegraded) {
    const { rerank: _, ...rest } = request;
    return search(withoutEncoder(source, stage.name), rest, signal);
  }
  return stage.run(work, signal);
}

/** The collection as if its encoder had failed: a hybrid answer goes on without it, and says so. */
function withoutEncoder(source: SearchableCollection, stage: string): SearchSource {
  return {
    name: source.name,
    snapshot: () => source.snapshot(),
    defaultFusion: () => source.defaultFusion(),
    reranker: (model) => source.reranker(model),
    encoder: () => Promise.reject(new OverloadedError(`the ${stage} stage has no room`, { stage })),
  };
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
