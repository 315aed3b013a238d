import { InputError } from "../errors.js";
import { nextBelow } from "../numeric/next-float.js";
import { adaptiveModel } from "./adaptive-model.js";
import { adaptiveWeight, type LegSignals, legSignals } from "./adaptive-weight.js";
import { bordaCount } from "./borda.js";
import { combAnz } from "./comb-anz.js";
import { combMnz } from "./comb-mnz.js";
import { condorcet } from "./condorcet.js";
import { FusedRanking } from "./fused-ranking.js";
import type { Fusion } from "./fusion.js";
import { type CandidateTable, candidateTable, type FusionLeg } from "./fusion-leg.js";
import { inverseSquareRank } from "./inverse-square-rank.js";
import { listingCounts } from "./listing-count.js";
import { type Normalization, normalize } from "./normalization.js";
import { rankCandidates } from "./rank-candidates.js";
import { reciprocalRank } from "./reciprocal-rank.js";
import { weightedSum } from "./weighted-sum.js";

/**
 * Fuses the legs' rankings into one over the union of their documents.
 *
 * - score(d) = Σ contributions, summed in float64 in the order of the legs' names: the order of the
 *   arguments never matters, not even in the last bit.
 * - A leg with weight 0 or without hits is as if it were not there.
 * - One leg alone gives that leg's order exactly, also where normalising rounds scores together.
 * - If a document is at least as high as another in every leg, it is so in the result.
 * - Every score is finite.
 * - With `adaptive` the weights depend on the query's scores, and a raised score may then lower its
 *   document.
 *
 * @throws {InputError} what {@link candidateTable} refuses; a weight for a leg that is not there, or
 *   negative or not finite, or 0 for all legs; `weighted` that leaves nothing for an unnamed leg; `theoretical` for a
 *   leg without bounds
 */
export function fuse(legs: readonly FusionLeg[], fusion: Fusion): FusedRanking {
  const signals = adaptiveSignals(legs, fusion);
  const table = candidateTable(legs, legWeights(legs, adapted(fusion, signals)));
  const { columns, docIds } = table;
  const normalized = columns.map((column) =>
    "normalization" in fusion ? normalize(column, normalizationOf(fusion, column.leg.name)) : null,
  );
  const parts = contributions(table, fusion, normalized);
  const scores = new Float64Array(docIds.length);
  for (const part of parts) {
    for (let i = 0; i < scores.length; i++) scores[i]! += part[i]!;
  }
  const only = columns.length === 1 ? columns[0] : undefined;
  if (only !== undefined) {
    separate(only.leg, scores);
    // The one contribution is the score.
    parts[0]?.set(scores);
  }
  return new FusedRanking(
    rankCandidates(docIds, scores),
    table,
    normalized,
    parts,
    scores,
    signals,
  );
}

/** The normalisation of one leg. */
export function normalizationOf(
  fusion: Extract<Fusion, { normalization: unknown }>,
  leg: string,
): Normalization {
  const { normalization } = fusion;
  return typeof normalization === "string" ? normalization : (normalization[leg] ?? "bounded");
}

/** What the weights are read from; null where they are fixed, or one of the two legs has no hits. */
function adaptiveSignals(legs: readonly FusionLeg[], fusion: Fusion): LegSignals | null {
  if (fusion.method !== "weighted" || fusion.adaptive !== true) return null;
  const legOf = (wanted: string): FusionLeg | undefined =>
    legs.find(({ name, ranking }) => name === wanted && ranking.length > 0);
  const sparse = legOf("sparse");
  const dense = legOf("dense");
  return sparse === undefined || dense === undefined ? null : legSignals(sparse, dense);
}

/** The fusion with this query's weights in the place of none. */
function adapted(fusion: Fusion, signals: LegSignals | null): Fusion {
  if (signals === null) return fusion;
  const dense = adaptiveWeight(signals, adaptiveModel);
  return { ...fusion, weights: { dense, sparse: 1 - dense } };
}

/** The weight of each leg under the fusion; see {@link Fusion} for legs that are not named. */
function legWeights(legs: readonly FusionLeg[], fusion: Fusion): (leg: FusionLeg) => number {
  const named = new Map(Object.entries(fusion.weights ?? {}));
  let sum = 0;
  for (const [leg, weight] of named) {
    if (!(weight >= 0 && Number.isFinite(weight))) {
      throw new InputError(`expected the weight of leg ${leg} >= 0 and finite, got ${weight}`, {
        field: `weights.${leg}`,
        value: String(weight),
      });
    }
    if (!legs.some(({ name }) => name === leg)) {
      const names = legs.map(({ name }) => name).join(", ");
      throw new InputError(`expected weights of the legs (${names}), got one of "${leg}"`, {
        field: `weights.${leg}`,
        legs: names,
      });
    }
    sum += weight;
  }
  if (sum === 0 && legs.length > 0 && legs.every(({ name }) => named.has(name))) {
    throw new InputError("expected a weight above 0, got 0 for every leg", { field: "weights" });
  }
  if (fusion.method !== "weighted") return ({ name }) => named.get(name) ?? 1;
  const unnamed = legs.filter(({ name, ranking }) => !named.has(name) && ranking.length > 0);
  const share = unnamed.length === 0 ? 0 : (1 - sum) / unnamed.length;
  if (share < 0) {
    throw new InputError(
      `expected a weight for leg ${unnamed[0]?.name}, since the others take ${sum}, more than 1`,
      { field: `weights.${unnamed[0]?.name}`, sum },
    );
  }
  return ({ name }) => named.get(name) ?? share;
}

/** Per leg its part of every candidate's score. */
function contributions(
  { columns, docIds }: CandidateTable,
  fusion: Fusion,
  normalized: readonly (Float64Array | null)[],
): Float64Array[] {
  switch (fusion.method) {
    case "weighted":
    case "combsum":
      return columns.map((column, l) => weightedSum(column, normalized[l]!));
    case "combmnz": {
      const counts = listingCounts(columns, docIds.length);
      return columns.map((column, l) => combMnz(column, normalized[l]!, counts));
    }
    case "combanz": {
      const counts = listingCounts(columns, docIds.length);
      return columns.map((column, l) => combAnz(column, normalized[l]!, counts));
    }
    case "rrf":
      return columns.map((column) => reciprocalRank(column, fusion.rankConstant));
    case "isr":
    case "logisr": {
      const counts = listingCounts(columns, docIds.length);
      const growth = fusion.method === "isr" ? "linear" : "log";
      return columns.map((column) => inverseSquareRank(column, counts, growth));
    }
    case "borda":
      return columns.map(bordaCount);
    case "condorcet":
      return condorcet(columns);
    default:
      return fusion satisfies never;
  }
}

/**
 * Where one leg is alone, makes equal fused scores of unequal leg scores differ again, by the least
 * float64 step: the leg's order must survive rounding. Candidate i is the leg's hit i here.
 */
function separate({ ranking }: FusionLeg, scores: Float64Array): void {
  for (let i = 1; i < scores.length; i++) {
    const above = scores[i - 1]!;
    if (ranking[i]!.score === ranking[i - 1]!.score) scores[i] = above;
    else if (scores[i]! >= above) scores[i] = nextBelow(above);
  }
}
