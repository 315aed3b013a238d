/** What the service answers, as schemas: for the OpenAPI document and the tests of every answer. */
import { z } from "zod";

const count = z.int().min(0);
const rank = z.int().min(1);
const ms = z.number().min(0);
const mode = z.enum(["sparse", "dense", "hybrid"]);
const stage = z.strictObject({
  name: z.string(),
  candidates: count,
  ms,
  note: z.string().optional(),
});
const explainedLeg = {
  rank: rank.nullable(),
  score: z.number().nullable(),
  normalized: z.number().nullable(),
};

export const explanationSchema: z.ZodType = z.strictObject({
  sparse: z
    .strictObject({
      ...explainedLeg,
      terms: z.array(
        z.strictObject({
          term: z.string(),
          tf: z.number(),
          df: z.number(),
          idf: z.number(),
          score: z.number(),
        }),
      ),
    })
    .optional(),
  dense: z.strictObject(explainedLeg).optional(),
  fusion: z
    .strictObject({
      method: z.string(),
      contributions: z.record(z.string(), z.number()),
      score: z.number(),
    })
    .optional(),
  rerank: z.strictObject({ rankBefore: rank, score: z.number() }).optional(),
});

export const storedDocumentSchema: z.ZodType = z.looseObject({
  _id: z.string(),
  title: z.string(),
  text: z.string(),
});

const foundDocument = z.looseObject({ _id: z.string() });
const highlights = z.record(z.string(), z.array(z.string()));
const facets = z.record(z.string(), z.record(z.string(), count));

const hit = z.strictObject({
  id: z.string(),
  rank,
  score: z.number(),
  document: foundDocument,
  highlights: highlights.optional(),
  explain: explanationSchema.optional(),
});

export const searchAnswerSchema: z.ZodType = z.strictObject({
  query: z.string(),
  mode,
  tookMs: ms,
  stages: z.array(stage),
  degraded: z.boolean(),
  degradedReason: z.string().optional(),
  total: count,
  facets: facets.optional(),
  hits: z.array(hit),
  cursor: z.string().optional(),
});

export const similarAnswerSchema: z.ZodType = z.strictObject({
  id: z.string(),
  mode,
  tookMs: ms,
  stages: z.array(stage),
  terms: z.array(z.string()),
  hits: z.array(hit),
});

export const suggestionsSchema: z.ZodType = z.strictObject({
  suggestions: z.array(z.strictObject({ title: z.string(), id: z.string() })),
});

const overlap = z.strictObject({ common: count, jaccard: z.number().min(0).max(1) });
const comparedHits = z.array(
  z.strictObject({
    id: z.string(),
    rank,
    score: z.number(),
    title: z.string(),
    ranks: z.strictObject({
      sparse: rank.nullable(),
      dense: rank.nullable(),
      hybrid: rank.nullable(),
    }),
  }),
);

export const comparisonSchema: z.ZodType = z.strictObject({
  query: z.string(),
  tookMs: ms,
  stages: z.array(stage),
  modes: z.strictObject({ sparse: comparedHits, dense: comparedHits, hybrid: comparedHits }),
  overlap: z.strictObject({
    sparseDense: overlap,
    sparseHybrid: overlap,
    denseHybrid: overlap,
  }),
  total: count,
  facets: facets.optional(),
  documents: z
    .record(
      z.string(),
      z.strictObject({
        document: foundDocument,
        highlights: highlights.optional(),
        explain: explanationSchema.optional(),
      }),
    )
    .optional(),
  candidates: z
    .array(
      z.strictObject({
        id: z.string(),
        title: z.string(),
        sparse: z.strictObject(explainedLeg),
        dense: z.strictObject(explainedLeg),
      }),
    )
    .optional(),
});

export const documentExplanationSchema: z.ZodType = z.strictObject({
  query: z.string(),
  mode,
  id: z.string(),
  title: z.string(),
  rank: rank.nullable(),
  score: z.number().nullable(),
  onPage: z.boolean(),
  shortfalls: z.array(
    z.strictObject({
      stage: z.enum(["filter", "sparse", "dense", "fusion", "page"]),
      reason: z.string(),
    }),
  ),
  explain: explanationSchema,
  stages: z.array(stage),
});

const encoder = z.strictObject({
  name: z.string(),
  fingerprint: z.string(),
  dimension: z.int().min(1),
  similarity: z.enum(["cosine", "dot"]),
});

export const collectionSchema: z.ZodType = z.strictObject({
  name: z.string(),
  generation: count,
  docCount: count,
  deletedCount: count,
  totalBytes: count,
  logBytes: count,
  segmentCount: count,
  encoder: encoder.nullable(),
  settings: z.looseObject({ analyzer: z.string() }),
  fields: z.array(z.string()),
  defaultFusion: z.looseObject({ method: z.string() }),
  problem: z.string().nullable(),
});

export const collectionListSchema: z.ZodType = z.strictObject({
  collections: z.array(
    z.strictObject({
      name: z.string(),
      docCount: count.nullable(),
      totalBytes: count.nullable(),
      generation: count.nullable(),
      encoder: z.string().nullable(),
      analyzer: z.string().nullable(),
      problem: z.string().nullable(),
    }),
  ),
});

export const droppedSchema: z.ZodType = z.strictObject({ dropped: z.string() });
export const deletedSchema: z.ZodType = z.strictObject({ deleted: z.int().min(0).max(1) });

const lineError = z.strictObject({
  line: z.int().min(1),
  code: z.string(),
  detail: z.string(),
});

export const uploadSchema: z.ZodType = z.strictObject({
  received: count,
  added: count,
  replaced: count,
  failed: count,
  errors: z.array(lineError),
  generation: count,
});

export const problemSchema: z.ZodType = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string(),
  code: z.string(),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

export const healthSchema: z.ZodType = z.strictObject({ status: z.literal("ok") });
export const readinessSchema: z.ZodType = z.strictObject({
  ready: z.boolean(),
  collections: count,
  problems: z.array(z.strictObject({ name: z.string(), problem: z.string() })),
});
