import { z } from "zod";
import type { JsonValue } from "../corpus/document.js";
import { defaultFusion, type Fusion, fusionSchema } from "../fusion/fusion.js";
import type { SearchSource } from "./retrieval.js";
import { type RerankRequest, rerankSchema, type SearchRequest } from "./search-request.js";

/** What tuning saves in a collection, and searches that say nothing else follow. */
export interface SearchDefaults {
  readonly fusion?: Fusion | undefined;
  readonly rerank?: RerankRequest | undefined;
}

const searchDefaultsSchema: z.ZodType<SearchDefaults, unknown> = z.object({
  fusion: fusionSchema.optional(),
  rerank: rerankSchema.optional(),
});

/** Fusion of a request that names none: what was saved in the collection, else the default. */
export function fusionOf(searchDefaults: JsonValue): Fusion {
  if (searchDefaults === null) return defaultFusion;
  const parsed = searchDefaultsSchema.safeParse(searchDefaults);
  return (parsed.success ? parsed.data.fusion : undefined) ?? defaultFusion;
}

/** Reranking that was saved in the collection, or null. */
export function rerankOf(searchDefaults: JsonValue): RerankRequest | null {
  const parsed = searchDefaultsSchema.safeParse(searchDefaults);
  return (parsed.success ? parsed.data.rerank : undefined) ?? null;
}

/** Saved defaults with another reranking, or none; what else was saved stays. */
export function withRerank(searchDefaults: JsonValue, rerank: RerankRequest | null): JsonValue {
  const parsed = searchDefaultsSchema.safeParse(searchDefaults);
  const fusion = parsed.success ? parsed.data.fusion : undefined;
  if (fusion === undefined && rerank === null) return null;
  // Through JSON, so that what is absent is not there as undefined.
  return JSON.parse(JSON.stringify({ fusion, ...(rerank === null ? {} : { rerank }) }));
}

/**
 * The request with the collection's saved reranking, if it has one and the request says nothing of
 * its own: not how to rerank, nor anything that makes another first stage than the one that the
 * reranking was measured over (mode, fusion, feedback, BM25 parameters).
 */
export function withSavedRerank(source: SearchSource, request: SearchRequest): SearchRequest {
  const { rerank, mode, fusion, feedback, bm25 } = request;
  if ((rerank ?? mode ?? fusion ?? feedback ?? bm25) !== undefined) return request;
  const saved = source.defaultRerank();
  return saved === null ? request : { ...request, rerank: saved };
}
