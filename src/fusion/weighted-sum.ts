import { clampFinite, type LegColumn } from "./fusion-leg.js";

/**
 * Weighted sum, one leg's part: weight · normalised(d). With weights that add up to 1 this is the
 * convex combination of Bruch, Gai, Ingber, TOIS 2023 (doi:10.1145/3596512); with weights of 1 it is
 * CombSUM (Fox, Shaw, TREC-2 1993).
 */
export function weightedSum(column: LegColumn, normalized: Float64Array): Float64Array {
  const { weight } = column;
  const parts = new Float64Array(normalized.length);
  for (let i = 0; i < parts.length; i++) parts[i] = clampFinite(weight * normalized[i]!);
  return parts;
}
