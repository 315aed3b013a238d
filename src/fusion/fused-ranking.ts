import type { Ranking } from "../run/ranking.js";
import type { LegSignals } from "./adaptive-weight.js";
import type { CandidateTable } from "./fusion-leg.js";

/** What one leg said about one document. */
export interface FusedPart {
  readonly leg: string;
  /** From 1, tied scores share it; null: the leg did not list the document. */
  readonly rank: number | null;
  /** The leg's own score, exact also for unlisted documents where it was given; null: unknown. */
  readonly score: number | null;
  /** The score on the common scale; null for methods that read ranks. */
  readonly normalized: number | null;
  /** What the leg adds to the fused score. */
  readonly contribution: number;
}

/**
 * The result of a fusion. Nothing is built per document until `explain` asks for it.
 */
export class FusedRanking {
  /** The union of the legs' documents, best first, ties by docId descending. */
  readonly ranking: Ranking;
  /** Weight of every leg that counted, by name. */
  readonly weights: Readonly<Record<string, number>>;
  /** What adaptive weights were read from; null where the weights are fixed. */
  readonly signals: LegSignals | null;
  readonly #table: CandidateTable;
  readonly #normalized: readonly (Float64Array | null)[];
  readonly #parts: readonly Float64Array[];
  readonly #scores: Float64Array;

  constructor(
    ranking: Ranking,
    table: CandidateTable,
    normalized: readonly (Float64Array | null)[],
    parts: readonly Float64Array[],
    scores: Float64Array,
    signals: LegSignals | null = null,
  ) {
    this.ranking = ranking;
    this.weights = Object.fromEntries(table.columns.map(({ leg, weight }) => [leg.name, weight]));
    this.signals = signals;
    this.#table = table;
    this.#normalized = normalized;
    this.#parts = parts;
    this.#scores = scores;
  }

  /**
   * Why a document has its fused score: the contributions, added up in the order given, are the
   * score to the last bit. Legs without hits or weight are not listed. Null: no leg listed it.
   */
  explain(docId: string): { readonly score: number; readonly parts: readonly FusedPart[] } | null {
    const ord = this.#table.ordOf.get(docId);
    if (ord === undefined) return null;
    const parts = this.#table.columns.map(({ leg, ranks, scores }, l): FusedPart => {
      const score = scores[ord]!;
      return {
        leg: leg.name,
        rank: ranks[ord] || null,
        score: Number.isNaN(score) ? null : score,
        normalized: this.#normalized[l]?.[ord] ?? null,
        contribution: this.#parts[l]![ord]!,
      };
    });
    return { score: this.#scores[ord]!, parts };
  }
}
