import { z } from "zod";
import { InputError, OverloadedError } from "../errors.js";
import { parseFusion } from "../fusion/fusion-text.js";
import { compare } from "../pipeline/compare.js";
import { explainDocument } from "../pipeline/explain-document.js";
import { modeOf, type SearchSource } from "../pipeline/retrieval.js";
import { search } from "../pipeline/search.js";
import type { SearchAnswer, Stage } from "../pipeline/search-answer.js";
import { withSavedRerank } from "../pipeline/search-defaults.js";
import { parseWith, type SearchRequest } from "../pipeline/search-request.js";
import { similarDocuments } from "../pipeline/similar-documents.js";
import { suggestTitles } from "../pipeline/suggest-titles.js";
import { collectionOf } from "./collection-calls.js";
import type { QueryValue } from "./query-string.js";
import {
  compareRequestSchema,
  explainRequestSchema,
  serviceSearchSchema,
  similarRequestSchema,
} from "./request-schemas.js";
import { cursorAfter, pageEndOf } from "./search-cursor.js";
import { type Call, pathParameter, sendJson } from "./service.js";

export async function searchCall(call: Call): Promise<void> {
  const paged = await pagedSearch(call, call.body);
  const answer = await admitted(call, paged.source, paged.request);
  observe(call, answer.stages, answer.degraded);
  sendJson(call.response, 200, withCursor(call, paged, answer));
}

/**
 * `GET …/search?q=`. The answer depends on nothing but the URL and the collection's state, so the
 * state's name is its ETag, known before any search.
 */
export async function searchByUrlCall(call: Call): Promise<void> {
  const paged = await pagedSearch(call, requestOfQuery(call.query));
  const { response } = call;
  const tag = `W/"${paged.state}"`;
  response.setHeader("ETag", tag);
  response.setHeader("Cache-Control", "private, no-cache");
  if (namesTag(call.request.headers["if-none-match"], tag)) {
    response.statusCode = 304;
    response.end();
    return;
  }
  const answer = await admitted(call, paged.source, paged.request);
  // What an overloaded or half-broken service answered must not be kept.
  if (answer.degraded) {
    response.removeHeader("ETag");
    response.setHeader("Cache-Control", "no-store");
  }
  observe(call, answer.stages, answer.degraded);
  sendJson(response, 200, withCursor(call, paged, answer));
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

export async function similarCall(call: Call): Promise<void> {
  const request = parseWith(similarRequestSchema, call.body ?? {}, "similar request");
  const source = await collectionOf(call);
  const answer = await similarDocuments(source, pathParameter(call, "id"), request);
  observe(call, answer.stages, false);
  sendJson(call.response, 200, answer);
}

export async function suggestCall(call: Call): Promise<void> {
  const { q, limit } = parseWith(suggestQuerySchema, call.query, "suggest request");
  const source = await collectionOf(call);
  sendJson(call.response, 200, { suggestions: suggestTitles(source, q, limit) });
}

const suggestQuerySchema = z.strictObject({
  q: z.string().max(1000),
  limit: z.int().min(1).max(50).default(8),
});

/** A request as it is to be answered: from which state, and beginning where. */
interface Paged {
  readonly request: SearchRequest;
  readonly source: SearchSource;
  /** Name of the state that the page is cut from. */
  readonly state: string;
}

async function pagedSearch(call: Call, body: unknown): Promise<Paged> {
  const { search: request, cursor } = parseWith(serviceSearchSchema, body, "search request");
  const { registry, shelf } = call.service;
  const collection = await collectionOf(call);
  const name = pathParameter(call, "collection");
  const state = registry.stateOf(name, collection);
  if (cursor === undefined) return { request, source: collection, state };
  const end = pageEndOf(cursor, request);
  const paged = { ...request, after: end.last };
  const kept = end.state === state ? null : shelf.find(end.state);
  if (kept === null) return { request: paged, source: collection, state };
  return {
    request: paged,
    source: variantOf(collection, { snapshot: () => kept }),
    state: end.state,
  };
}

/** A full page may be followed by another: its cursor says where that begins. */
function withCursor(
  { service }: Call,
  { request, source, state }: Paged,
  answer: SearchAnswer,
): SearchAnswer & { readonly cursor?: string } {
  const last = answer.hits.at(-1);
  if (last === undefined || answer.hits.length < request.limit) return answer;
  // A caller who uses cursors reads on: what the page was cut from stays for a while.
  if (request.after !== undefined || request.offset === 0) {
    service.shelf.keep(state, source.snapshot());
  }
  const end = { state, last: { docId: last.id, score: last.score } };
  return { ...answer, cursor: cursorAfter(request, end) };
}

/** The collection with some of its parts replaced. */
function variantOf(source: SearchSource, parts: Partial<SearchSource>): SearchSource {
  return {
    name: source.name,
    snapshot: () => source.snapshot(),
    defaultFusion: (snapshot) => source.defaultFusion(snapshot),
    defaultRerank: () => source.defaultRerank(),
    reranker: (model) => source.reranker(model),
    encoder: () => source.encoder(),
    ...parts,
  };
}

/**
 * Searches when the stages that the request goes through have room. A full queue refuses, unless the
 * caller allows a degraded answer: then the sparse leg answers at once, which waits for nothing.
 */
async function admitted(
  { service, signal }: Call,
  source: SearchSource,
  asked: SearchRequest,
): Promise<SearchAnswer> {
  const request = withSavedRerank(source, asked);
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
    // As if the encoder had failed: a hybrid answer goes on without it, and says so.
    const reason = new OverloadedError(`the ${stage.name} stage has no room`, {
      stage: stage.name,
    });
    const first = { encoder: () => Promise.reject(reason), defaultRerank: () => null };
    return search(variantOf(source, first), rest, signal);
  }
  return stage.run(work, signal);
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
