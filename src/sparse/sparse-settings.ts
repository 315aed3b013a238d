import { InputError } from "../errors.js";
import { type Bm25Parameters, bm25Parameters } from "./bm25.js";

/** What a sparse index of a collection is built and searched with. */
export interface SparseSettings {
  /** `Analyzer.id`, for instance `english@1`. */
  readonly analyzer: string;
  /** Whether word positions are stored. Without them phrases are verified in the stored text. */
  readonly positions: boolean;
  /**
   * Weights of the fields in an unscoped query (BM25F with one length norm):
   * tf' = title · tf_title + text · tf_text, and lengths likewise. 1 and 1 is one flat document.
   */
  readonly boosts: { readonly title: number; readonly text: number };
  readonly bm25: Bm25Parameters;
}

/**
 * Settings with defaults filled in: no positions, boosts 1 and 1, Lucene's BM25 with k1 1.2, b .75.
 *
 * @throws {InputError} a boost negative or not finite, both boosts 0, or bm25 out of range
 */
export function sparseSettings(given: {
  readonly analyzer: string;
  readonly positions?: boolean;
  readonly boosts?: { readonly title?: number; readonly text?: number };
  readonly bm25?: Partial<Bm25Parameters>;
}): SparseSettings {
  const boosts = { title: given.boosts?.title ?? 1, text: given.boosts?.text ?? 1 };
  for (const [field, value] of Object.entries(boosts)) {
    if (!Number.isFinite(value) || value < 0) {
      throw new InputError(`boost of ${field} must be a number >= 0, got ${value}`, {
        field,
        value,
      });
    }
  }
  if (boosts.title === 0 && boosts.text === 0) {
    throw new InputError("boosts of title and text are both 0: nothing could be found", {
      field: "boosts",
      value: 0,
    });
  }
  return {
    analyzer: given.analyzer,
    positions: given.positions ?? false,
    boosts,
    bm25: bm25Parameters(given.bm25),
  };
}
