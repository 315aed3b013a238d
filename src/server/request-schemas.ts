import { z } from "zod";
import { analyzerIds } from "../analysis/analyzers.js";
import type { CollectionSettingsInput } from "../collection/collection-settings.js";
import { type SearchRequest, searchRequestSchema } from "../pipeline/search-request.js";

/** Settings of a new collection as a caller sends them: all may be left out. */
export interface CreateRequest {
  /** Name of a model, null for the sparse leg alone; the bundled encoder when absent. */
  readonly encoder?: string | null | undefined;
  readonly settings: Omit<CollectionSettingsInput, "encoder">;
}

const boost = z.number().min(0).max(1_000_000);

/** A model's name; never a folder, so that no request reaches outside the models' places. */
const modelNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const modelName = z.string().regex(modelNamePattern, "must be the name of a model, not a folder");

const createBodySchema = z.strictObject({
  encoder: modelName.nullable().optional(),
  analyzer: z.enum(analyzerIds()).optional(),
  positions: z.boolean().optional(),
  boosts: z.strictObject({ title: boost.optional(), text: boost.optional() }).optional(),
  bm25: z
    .strictObject({
      variant: z.enum(["lucene", "robertson", "atire", "bm25plus", "bm25l"]).optional(),
      k1: z.number().min(0).max(1000).optional(),
      b: z.number().min(0).max(1).optional(),
      delta: z.number().min(0).max(1000).optional(),
    })
    .optional(),
  denseIndex: z.enum(["auto", "exact", "hnsw"]).optional(),
});

export const createRequestSchema: z.ZodType<CreateRequest, unknown> = createBodySchema.transform(
  ({ encoder, ...settings }) => ({ encoder, settings }),
);

/** Document ids, without control characters; see `parseDocId`. */
export const docIdPattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$";

/** A document that `explain` is asked about, beside the search it is asked for. */
export interface ExplainRequest {
  readonly id: string;
  readonly search: SearchRequest;
}

/** The search request's schema is a strict object; its shape is needed to add a field to it. */
const searchShape = (searchRequestSchema as unknown as z.ZodObject).shape;

export const explainRequestSchema: z.ZodType<ExplainRequest, unknown> = z
  .strictObject({ id: z.string().min(1).max(512).regex(new RegExp(docIdPattern)), ...searchShape })
  .transform(({ id, ...search }) => ({ id, search: search as unknown as SearchRequest }));

/** A comparison: a search in all modes at once, so without a mode, and before reranking. */
export interface CompareRequest {
  readonly candidates: number;
  readonly search: SearchRequest;
}

const { mode: _mode, rerank: _rerank, allowDegraded: _degraded, ...comparedShape } = searchShape;

/** Most candidates of each leg that a comparison gives. */
const maxCandidates = 1000;

export const compareRequestSchema: z.ZodType<CompareRequest, unknown> = z
  .strictObject({ ...comparedShape, candidates: z.int().min(0).max(maxCandidates).default(0) })
  .transform(({ candidates, ...search }) => ({
    candidates,
    search: { ...search, allowDegraded: false } as unknown as SearchRequest,
  }));

/** A search as the service takes it: with cursors, and rerankers by name and never by folder. */
export interface ServiceSearchRequest {
  readonly search: SearchRequest;
  readonly cursor: string | undefined;
}

export const serviceSearchSchema: z.ZodType<ServiceSearchRequest, unknown> = z
  .strictObject({
    ...searchShape,
    cursor: z.string().min(1).max(2000).optional(),
  })
  .transform(({ cursor, ...search }) => ({ cursor, search: search as unknown as SearchRequest }))
  .refine(({ search: { rerank } }) => rerank === undefined || modelNamePattern.test(rerank.model), {
    message: "must be the name of a model, not a folder",
    path: ["rerank", "model"],
  })
  .refine(({ cursor, search: { offset } }) => cursor === undefined || offset === 0, {
    message: "goes without an offset",
    path: ["cursor"],
  });

/** Fields of a search that mean nothing without a query. */
const neutral = { query: "", syntax: "plain", prefix: false, fuzzy: false } as const;

/** What can be asked of similar documents: a search's fields that need no query. */
export const similarRequestSchema: z.ZodType<SearchRequest, unknown> = z
  .strictObject({
    mode: searchShape["mode"] as z.ZodType,
    limit: searchShape["limit"] as z.ZodType,
    offset: searchShape["offset"] as z.ZodType,
    filter: searchShape["filter"] as z.ZodType,
    depth: searchShape["depth"] as z.ZodType,
    fusion: searchShape["fusion"] as z.ZodType,
    explain: searchShape["explain"] as z.ZodType,
    fields: searchShape["fields"] as z.ZodType,
  })
  .transform(
    (request) =>
      ({
        ...neutral,
        ...request,
        allowDegraded: false,
        highlight: false,
      }) as unknown as SearchRequest,
  );

const docId = z.union([z.string().min(1).max(128).regex(new RegExp(docIdPattern)), z.int()]);
const text = z.string().nullable();

/** Documents are checked one by one by `parseDocument`; this says what one looks like. */
export const documentSchema: z.ZodType = z.union([
  z.looseObject({ _id: docId, title: text.optional(), text }),
  z.looseObject({ _id: docId, title: text, text: text.optional() }),
]);
