import { z } from "zod";
import { InputError } from "../errors.js";
import type { Filter } from "../filter/filter.js";
import { filterSchema } from "../filter/filter-schema.js";
import { type Fusion, type FusionInput, fusionSchema } from "../fusion/fusion.js";
import type { ScoredDoc } from "../run/ranking.js";

/** The ways to ask: one leg alone, or both fused. */
export type SearchMode = "sparse" | "dense" | "hybrid";
export const searchModes: readonly ["sparse", "dense", "hybrid"] = ["sparse", "dense", "hybrid"];

/** Limits of a request. They bound the work of one query; none of them changes a score. */
export const requestLimits = {
  queryChars: 20_000,
  depth: 100_000,
  limit: 10_000,
  rerankDepth: 1_000,
  feedbackDocuments: 100,
  feedbackTerms: 200,
  facets: 20,
  fields: 100,
} as const;

/** How the top of the fused ranking is reranked. */
export interface RerankRequest {
  /** A cross-encoder below the models folder, or `late-interaction` over the collection's encoder. */
  readonly model: string;
  /** How many of the best candidates are reranked. */
  readonly depth: number;
  /** Stop after so many milliseconds with the best order so far. */
  readonly budgetMs?: number | undefined;
  /** 1: the reranker's score decides; less: mixed with the first stage's, both min-max normalised. */
  readonly weight: number;
}

/**
 * Feedback expansion: the best hits of a first pass are taken to be relevant, and each leg is asked
 * again with what they add to its query (RM3 in the sparse leg, Rocchio's mean in the dense one).
 * The first pass is bound by the filter, so scores depend on it; they do not depend on the page.
 */
export interface FeedbackRequest {
  /** Hits of each leg that are taken to be relevant. */
  readonly documents: number;
  /** Terms that the sparse query gets at most. */
  readonly terms: number;
  /** Weight of the original query beside what is added; 1 changes nothing. */
  readonly weight: number;
}

/** A request with every default filled in. */
export interface SearchRequest {
  readonly query: string;
  /**
   * `operators`: quotes, + - and `title:` mean something; `plain`: a bag of words, as TREC tools ask.
   */
  readonly syntax: "operators" | "plain";
  /** With operators: `word*` stands for all terms that begin so. */
  readonly prefix: boolean;
  /** With operators: `word~`, `word~1`, `word~2` stand for similar terms. */
  readonly fuzzy: boolean;
  /** Absent: hybrid where the collection has a dense leg, else sparse. */
  readonly mode?: SearchMode | undefined;
  readonly limit: number;
  readonly offset: number;
  /** Begin after this hit of the page before instead of at `offset`; holds while others come and go. */
  readonly after?: ScoredDoc | undefined;
  readonly filter?: Filter | undefined;
  /** How many candidates each leg returns. Never depends on `limit`, so scores do not either. */
  readonly depth: { readonly sparse: number; readonly dense: number };
  readonly fusion?: Fusion | undefined;
  readonly feedback?: FeedbackRequest | undefined;
  readonly rerank?: RerankRequest | undefined;
  /** BM25 parameters of this query alone. */
  readonly bm25?: { readonly k1?: number | undefined; readonly b?: number | undefined } | undefined;
  readonly explain: boolean;
  readonly highlight: boolean;
  /** Fields of the document to return; all of them when absent. */
  readonly fields?: readonly string[] | undefined;
  /** Metadata fields to count values of, over all documents that the query and filter admit. */
  readonly facets?: readonly string[] | undefined;
  /** Answer from the legs and stages that work when one fails, saying so in `degraded`. */
  readonly allowDegraded: boolean;
}

/** A request as a caller writes it: everything but `query` may be left out. */
export type SearchRequestInput = { readonly query: string } & {
  readonly [Field in
    | "syntax"
    | "prefix"
    | "fuzzy"
    | "mode"
    | "limit"
    | "offset"
    | "bm25"
    | "explain"
    | "highlight"
    | "fields"
    | "facets"
    | "allowDegraded"]?: SearchRequest[Field] | undefined;
} & {
  readonly depth?: { readonly sparse?: number; readonly dense?: number } | undefined;
  /** JSON or text form; see `filter/`. */
  readonly filter?: unknown;
  readonly fusion?: FusionInput | undefined;
  readonly feedback?: Partial<FeedbackRequest> | undefined;
  readonly rerank?: (Pick<RerankRequest, "model"> & Partial<RerankRequest>) | undefined;
};

const depthSchema = z.int().min(1).max(requestLimits.depth);
const nameListSchema = (most: number) => z.array(z.string().min(1).max(256)).max(most);

/** Requests and collections write it alike. */
export const rerankSchema: z.ZodType<RerankRequest, unknown> = z.strictObject({
  model: z.string().min(1).max(256),
  depth: z.int().min(1).max(requestLimits.rerankDepth).default(50),
  budgetMs: z.number().positive().max(600_000).optional(),
  weight: z.number().min(0).max(1).default(1),
});

/** Unknown fields, wrong types and values out of range are errors, never ignored. */
export const searchRequestSchema: z.ZodType<SearchRequest, unknown> = z.strictObject({
  query: z
    .string()
    .max(requestLimits.queryChars)
    .regex(/\S/, "must hold at least one character that is not a space"),
  syntax: z.enum(["operators", "plain"]).default("operators"),
  prefix: z.boolean().default(false),
  fuzzy: z.boolean().default(false),
  mode: z.enum(searchModes).optional(),
  limit: z.int().min(0).max(requestLimits.limit).default(10),
  offset: z.int().min(0).max(requestLimits.depth).default(0),
  filter: filterSchema.optional(),
  depth: z
    .strictObject({ sparse: depthSchema.default(1000), dense: depthSchema.default(1000) })
    .prefault({}),
  fusion: fusionSchema.optional(),
  feedback: z
    .strictObject({
      documents: z.int().min(1).max(requestLimits.feedbackDocuments).default(3),
      terms: z.int().min(1).max(requestLimits.feedbackTerms).default(20),
      weight: z.number().min(0.01).max(1).default(0.7),
    })
    .optional(),
  rerank: rerankSchema.optional(),
  bm25: z
    .strictObject({
      k1: z.number().min(0).max(1000).optional(),
      b: z.number().min(0).max(1).optional(),
    })
    .optional(),
  explain: z.boolean().default(false),
  highlight: z.boolean().default(false),
  fields: nameListSchema(requestLimits.fields).optional(),
  facets: nameListSchema(requestLimits.facets).optional(),
  allowDegraded: z.boolean().default(false),
});

/**
 * Parses what came from outside.
 *
 * @throws {InputError} naming each wrong field, what was expected and what came
 */
export function parseSearchRequest(value: unknown): SearchRequest {
  return parseWith(searchRequestSchema, value, "search request");
}

/** Parses `value` or throws one InputError that lists every problem with its place. */
export function parseWith<Output>(
  schema: z.ZodType<Output, unknown>,
  value: unknown,
  what: string,
): Output {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const place = issue.path.length === 0 ? "" : `${issue.path.map(String).join(".")}: `;
    return `${place}${issue.message}`;
  });
  throw new InputError(`${what}: ${problems.join("; ")}`, {
    what,
    field: parsed.error.issues[0]?.path.map(String).join(".") ?? "",
  });
}
