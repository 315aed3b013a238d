import { z } from "zod";
import { analyzerNamed } from "../analysis/analyzers.js";
import type { EncoderIdentity } from "../dense/encoder.js";
import { InputError } from "../errors.js";
import type { Bm25Variant } from "../sparse/bm25.js";
import { type SparseSettings, sparseSettings } from "../sparse/sparse-settings.js";
import type { PassageSettings } from "./passages.js";

export const encoderIdentitySchema: z.ZodType<EncoderIdentity, EncoderIdentity> = z.strictObject({
  name: z.string().min(1),
  fingerprint: z.string().min(1),
  dimension: z.int().min(1).max(65_536),
  similarity: z.enum(["cosine", "dot"]),
});

const boostSchema = z.number().min(0).max(1_000_000);

/** Settings of a collection with defaults filled in. */
export interface CollectionSettings {
  /** `Analyzer.id`; fixed for the life of the collection. */
  readonly analyzer: string;
  /** Whether word positions are stored, for phrases without reading the text. */
  readonly positions: boolean;
  readonly boosts: { readonly title: number; readonly text: number };
  readonly bm25: {
    readonly variant: Bm25Variant;
    readonly k1: number;
    readonly b: number;
    /** Default: the one of the variant's paper. */
    readonly delta?: number | undefined;
  };
  /** The encoder the collection was created with; null builds the sparse leg alone. */
  readonly encoder: EncoderIdentity | null;
  /** How vectors are searched: `auto` scans exactly up to a measured size, then HNSW. */
  readonly denseIndex: "auto" | "exact" | "hnsw";
  /** Long documents get a vector for each passage and score by the best; null: one for each document. */
  readonly passages: PassageSettings | null;
}

/** Settings as a user gives them: every field has a default. */
export interface CollectionSettingsInput {
  /** Default `english@1`. */
  readonly analyzer?: string | undefined;
  /** Default false. */
  readonly positions?: boolean | undefined;
  /** Default 1 and 1. */
  readonly boosts?:
    | { readonly title?: number | undefined; readonly text?: number | undefined }
    | undefined;
  /** Default Lucene's with k1 1.2 and b .75. */
  readonly bm25?:
    | {
        readonly variant?: Bm25Variant | undefined;
        readonly k1?: number | undefined;
        readonly b?: number | undefined;
        readonly delta?: number | undefined;
      }
    | undefined;
  /** Default: that of the encoder given beside the settings, or null. */
  readonly encoder?: EncoderIdentity | null | undefined;
  /** Default `auto`. */
  readonly denseIndex?: "auto" | "exact" | "hnsw" | undefined;
  /** Default null: one vector for each document. */
  readonly passages?: PassageSettings | null | undefined;
}

const passagesSchema = z
  .strictObject({ words: z.int().min(8).max(100_000), overlap: z.int().min(0) })
  .refine(({ words, overlap }) => overlap <= words / 2, {
    message: "the overlap must be at most half of the words of a passage",
  });

export const collectionSettingsSchema: z.ZodType<CollectionSettings, CollectionSettingsInput> =
  z.strictObject({
    analyzer: z.string().min(1).default("english@1"),
    positions: z.boolean().default(false),
    boosts: z
      .strictObject({ title: boostSchema.default(1), text: boostSchema.default(1) })
      .prefault({}),
    bm25: z
      .strictObject({
        variant: z.enum(["lucene", "robertson", "atire", "bm25plus", "bm25l"]).default("lucene"),
        k1: z.number().min(0).max(1000).default(1.2),
        b: z.number().min(0).max(1).default(0.75),
        delta: z.number().min(0).max(1000).optional(),
      })
      .prefault({}),
    encoder: encoderIdentitySchema.nullable().default(null),
    denseIndex: z.enum(["auto", "exact", "hnsw"]).default("auto"),
    passages: passagesSchema.nullable().default(null),
  });

/**
 * Settings with defaults filled in and checked.
 *
 * @throws {InputError} unknown field, wrong type, value out of range, no such analyzer
 */
export function parseCollectionSettings(input: unknown): CollectionSettings {
  const parsed = collectionSettingsSchema.safeParse(input ?? {});
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join(".") || "settings";
    throw new InputError(`collection settings: ${field}: ${issue?.message ?? "invalid"}`, {
      field,
    });
  }
  analyzerNamed(parsed.data.analyzer);
  sparseSettingsOf(parsed.data);
  return parsed.data;
}

/** The sparse leg's part of the settings. */
export function sparseSettingsOf(settings: CollectionSettings): SparseSettings {
  const { analyzer, positions, boosts, bm25 } = settings;
  const { delta, ...rest } = bm25;
  return sparseSettings({
    analyzer,
    positions,
    boosts,
    bm25: delta === undefined ? rest : { ...rest, delta },
  });
}
