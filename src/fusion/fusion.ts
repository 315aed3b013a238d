import { z } from "zod";
import { type Normalization, normalizations } from "./normalization.js";

/** Weight per leg name, each >= 0; 0 removes the leg. */
export type LegWeights = Readonly<Record<string, number>>;

/** One normalisation for all legs, or one per leg name (`bounded` for legs that are not named). */
export type LegNormalizations = Normalization | Readonly<Record<string, Normalization>>;

/**
 * How several rankings become one. Legs without a weight: in `weighted` they share evenly what the
 * named ones leave of 1, elsewhere they weigh 1.
 */
export type Fusion =
  | {
      readonly method: "weighted";
      readonly weights?: LegWeights | undefined;
      /**
       * Weigh the sparse and the dense leg anew for each query, by signals of theirs, instead of by
       * `weights`. Learned for normalization `bounded`.
       */
      readonly adaptive?: boolean | undefined;
      readonly normalization: LegNormalizations;
    }
  | {
      readonly method: "rrf";
      readonly weights?: LegWeights | undefined;
      readonly rankConstant: number;
    }
  | {
      readonly method: "combsum" | "combmnz" | "combanz";
      readonly weights?: LegWeights | undefined;
      readonly normalization: LegNormalizations;
    }
  | {
      readonly method: "isr" | "logisr" | "borda" | "condorcet";
      readonly weights?: LegWeights | undefined;
    };

/** A fusion as a caller writes it: everything may be left out. */
export type FusionInput =
  | {
      readonly method?: "weighted" | undefined;
      readonly weights?: LegWeights | undefined;
      readonly adaptive?: boolean | undefined;
      readonly normalization?: LegNormalizations | undefined;
    }
  | {
      readonly method: "combsum" | "combmnz" | "combanz";
      readonly weights?: LegWeights | undefined;
      readonly normalization?: LegNormalizations | undefined;
    }
  | {
      readonly method: "rrf";
      readonly weights?: LegWeights | undefined;
      readonly rankConstant?: number | undefined;
    }
  | {
      readonly method: "isr" | "logisr" | "borda" | "condorcet";
      readonly weights?: LegWeights | undefined;
    };

/**
 * What search does unless told otherwise: both legs alike, each on the scale that its formula
 * bounds: BM25 from 0 to the most that the query can reach, cosine from -1 to 1. No score depends
 * on the other candidates. `docs/fusion.md` has the measurements behind it.
 */
export const defaultFusion: Fusion = { method: "weighted", normalization: "bounded" };

/** Largest weight and rank constant: far beyond use; products with them stay finite and exact enough. */
const LARGEST_SETTING = 1e6;

const legNameSchema = z.string().min(1).max(256);
const weightsSchema = z.record(legNameSchema, z.number().min(0).max(LARGEST_SETTING)).optional();
const normalizationSchema = z.enum(normalizations);
const legNormalizationsSchema = z
  .union([normalizationSchema, z.record(legNameSchema, normalizationSchema)], {
    error: `Expected one of ${normalizations.join(", ")}, or one of these per leg`,
  })
  .default("bounded");

/** Parses a fusion from outside. Unknown fields, and fields of another method, are refused. */
export const fusionSchema: z.ZodType<Fusion, FusionInput> = z.discriminatedUnion("method", [
  z
    .strictObject({
      method: z.literal("weighted").default("weighted"),
      weights: weightsSchema,
      adaptive: z.boolean().optional(),
      normalization: legNormalizationsSchema,
    })
    .refine(({ adaptive, weights }) => adaptive !== true || weights === undefined, {
      path: ["weights"],
      error: "Expected either weights or adaptive, got both",
    }),
  z.strictObject({
    method: z.literal("rrf"),
    weights: weightsSchema,
    rankConstant: z.number().min(0).max(LARGEST_SETTING).default(60),
  }),
  z.strictObject({
    method: z.literal(["combsum", "combmnz", "combanz"]),
    weights: weightsSchema,
    normalization: legNormalizationsSchema,
  }),
  z.strictObject({
    method: z.literal(["isr", "logisr", "borda", "condorcet"]),
    weights: weightsSchema,
  }),
]);
