import { InputError } from "../errors.js";

/**
 * Members of the BM25 family, by owner:
 * - `lucene`: idf = ln(1 + (N - df + .5) / (df + .5)), factor = tf / (tf + K). Lucene since 8.0.
 * - `robertson`: idf = max(0, ln((N - df + .5) / (df + .5))), the same factor. Robertson et al., TREC-3.
 * - `atire`: idf = ln(N / df), factor = (k1 + 1) tf / (tf + K). Trotman et al., ADCS 2014.
 * - `bm25plus`: idf = ln((N + 1) / df), factor = (k1 + 1) tf / (tf + K) + delta. Lv & Zhai, CIKM 2011.
 * - `bm25l`: idf = ln((N + 1) / (df + .5)), factor = (k1 + 1)(c + delta) / (k1 + c + delta) with
 *   c = tf / (1 - b + b len / avg). Lv & Zhai, SIGIR 2011.
 *
 * K = k1 (1 - b + b len / avg). As in the papers a term that a document lacks adds nothing to it
 * (bm25s adds a constant to every document there, which changes no ranking).
 *
 * @see Kamphuis, de Vries, Boytsov, Lin, ECIR 2020, doi:10.1007/978-3-030-45442-5_4
 */
export type Bm25Variant = "lucene" | "robertson" | "atire" | "bm25plus" | "bm25l";

export interface Bm25Parameters {
  readonly variant: Bm25Variant;
  /** Saturation of term frequency, >= 0; 0 counts a term once. */
  readonly k1: number;
  /** Length normalisation, 0 (none) .. 1 (full). */
  readonly b: number;
  /** Floor of a matching term's factor in `bm25plus` (1 in the paper) and `bm25l` (.5); else unused. */
  readonly delta: number;
}

const variants: readonly Bm25Variant[] = ["lucene", "robertson", "atire", "bm25plus", "bm25l"];

/** Lucene's formula with k1 = 1.2 and b = .75 unless overridden; delta as in the variant's paper. */
export function bm25Parameters(
  override: Partial<Bm25Parameters> = {},
  base: Bm25Parameters = { variant: "lucene", k1: 1.2, b: 0.75, delta: 1 },
): Bm25Parameters {
  const variant = override.variant ?? base.variant;
  const changed = override.variant !== undefined && override.variant !== base.variant;
  const k1 = override.k1 ?? base.k1;
  const b = override.b ?? base.b;
  const delta = override.delta ?? (changed ? (variant === "bm25l" ? 0.5 : 1) : base.delta);
  if (!variants.includes(variant)) {
    throw new InputError(`bm25 variant must be one of ${variants.join(", ")}, got ${variant}`, {
      field: "variant",
      value: String(variant),
    });
  }
  check("k1", k1, k1 >= 0, "a number >= 0");
  check("b", b, b >= 0 && b <= 1, "a number from 0 to 1");
  check("delta", delta, delta >= 0, "a number >= 0");
  return { variant, k1, b, delta };
}

function check(field: string, value: number, holds: boolean, expected: string): void {
  if (Number.isFinite(value) && holds) return;
  throw new InputError(`bm25 ${field} must be ${expected}, got ${value}`, { field, value });
}

/** Inverse document frequency of the variant; `docCount` = N, `df` in 1 .. N. Never negative. */
export function inverseDocumentFrequency(
  variant: Bm25Variant,
  docCount: number,
  df: number,
): number {
  switch (variant) {
    case "lucene":
      return Math.log(1 + (docCount - df + 0.5) / (df + 0.5));
    case "robertson":
      return Math.max(0, Math.log((docCount - df + 0.5) / (df + 0.5)));
    case "atire":
      return Math.log(docCount / df);
    case "bm25plus":
      return Math.log((docCount + 1) / df);
    case "bm25l":
      return Math.log((docCount + 1) / (df + 0.5));
    default:
      throw new Error(`no such variant: ${variant satisfies never}`);
  }
}

/**
 * The part of a term's score that depends on the document: `factor(tf, length)`, growing with tf,
 * falling with length, never above `limit`. The term's score is weight · factor.
 *
 * All five variants are one rational function of tf and n = 1 - b + b length / average:
 *   factor = scale · tf / (tf + K) + floor,   K = k1 n
 * for all but `bm25l`, where c = tf / n, factor = (k1 + 1)(c + delta) / (k1 + c + delta).
 */
export class TermFrequencyFactor {
  readonly parameters: Bm25Parameters;
  readonly averageLength: number;
  readonly limit: number;
  /** Multiplies tf / (tf + K) in the rational variants. */
  readonly scale: number;
  /** Added in `bm25plus`. */
  readonly floor: number;

  constructor(parameters: Bm25Parameters, averageLength: number) {
    this.parameters = parameters;
    this.averageLength = averageLength;
    const { variant, k1, delta } = parameters;
    this.scale = variant === "lucene" || variant === "robertson" ? 1 : k1 + 1;
    this.floor = variant === "bm25plus" ? delta : 0;
    this.limit = this.scale + this.floor;
  }

  /** 1 - b + b length / average; 1 where the average is 0. */
  lengthNorm(length: number): number {
    const { b } = this.parameters;
    return this.averageLength > 0 ? 1 - b + (b * length) / this.averageLength : 1;
  }

  factor(tf: number, length: number): number {
    if (!(tf > 0)) return 0;
    const { k1, delta, variant } = this.parameters;
    const norm = this.lengthNorm(length);
    if (variant === "bm25l") {
      if (norm === 0) return this.limit;
      const c = tf / norm + delta;
      return (this.scale * c) / (k1 + c);
    }
    const saturated = tf / (tf + k1 * norm);
    return this.scale * saturated + this.floor;
  }
}
