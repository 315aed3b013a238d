import type { FusionLeg } from "./fusion-leg.js";

/** What both legs tell for free about how far to trust each of them for one query. */
export interface LegSignals {
  /** Best BM25 score over the most that the query could reach; 0 without bounds. */
  readonly coverage: number;
  /** Tenth (or last) BM25 score over the best. */
  readonly sparseDecay: number;
  /** Best similarity of the dense leg. */
  readonly topSimilarity: number;
  /** How far the tenth, and the hundredth, similarity lies below the best. */
  readonly denseGap10: number;
  readonly denseGap100: number;
  /** Share of documents that the two best tens, and hundreds, have in common. */
  readonly agreement10: number;
  readonly agreement100: number;
}

/** Weight of the dense leg = clamp(base + Σ slope · (signal - mean) / deviation, least, most). */
export interface AdaptiveModel {
  readonly base: number;
  readonly least: number;
  readonly most: number;
  readonly terms: Readonly<
    Record<
      keyof LegSignals,
      { readonly mean: number; readonly deviation: number; readonly slope: number }
    >
  >;
}

/** Signals of one query. Both legs must have hits. */
export function legSignals(sparse: FusionLeg, dense: FusionLeg): LegSignals {
  const scoreAt = ({ ranking }: FusionLeg, rank: number): number =>
    ranking[Math.min(rank, ranking.length) - 1]?.score ?? 0;
  const bestSparse = scoreAt(sparse, 1);
  const bestDense = scoreAt(dense, 1);
  const upper = sparse.bounds?.upper ?? 0;
  return {
    coverage: upper > 0 ? bestSparse / upper : 0,
    sparseDecay: bestSparse > 0 ? scoreAt(sparse, 10) / bestSparse : 0,
    topSimilarity: bestDense,
    denseGap10: bestDense - scoreAt(dense, 10),
    denseGap100: bestDense - scoreAt(dense, 100),
    agreement10: agreement(sparse, dense, 10),
    agreement100: agreement(sparse, dense, 100),
  };
}

/** The dense leg's weight for a query with these signals; each counts up to 3 deviations. */
export function adaptiveWeight(signals: LegSignals, model: AdaptiveModel): number {
  let weight = model.base;
  for (const [name, { mean, deviation, slope }] of Object.entries(model.terms)) {
    // The model has a term for every signal.
    const value = (signals[name as keyof LegSignals] - mean) / deviation;
    weight += slope * Math.min(3, Math.max(-3, value));
  }
  return Math.min(model.most, Math.max(model.least, weight));
}

function agreement(a: FusionLeg, b: FusionLeg, depth: number): number {
  const first = new Set<string>();
  for (let i = 0; i < Math.min(depth, a.ranking.length); i++) first.add(a.ranking[i]!.docId);
  let shared = 0;
  for (let i = 0; i < Math.min(depth, b.ranking.length); i++) {
    if (first.has(b.ranking[i]!.docId)) shared++;
  }
  return shared / depth;
}
