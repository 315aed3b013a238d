import type { LegColumn } from "./fusion-leg.js";

/**
 * Inverse square rank, one leg's part: f(n(d)) · weight / rank(d)², 0 where the leg does not list d;
 * n(d) is the number of legs that list it. ISR: f(n) = n. logISR: f(n) = ln(n + 0.01), whose 0.01
 * keeps documents of a single leg apart (ln 1 = 0 would lose them).
 *
 * @see Mourão, Martins, Magalhães, Computerized Medical Imaging and Graphics 39 (2015),
 *   doi:10.1016/j.compmedimag.2014.05.006
 */
export function inverseSquareRank(
  column: LegColumn,
  listingCounts: Uint32Array,
  growth: "linear" | "log",
): Float64Array {
  const { weight, ranks } = column;
  const parts = new Float64Array(ranks.length);
  for (let i = 0; i < parts.length; i++) {
    const rank = ranks[i]!;
    if (rank === 0) continue;
    const count = listingCounts[i]!;
    parts[i] = ((growth === "linear" ? count : Math.log(count + 0.01)) * weight) / (rank * rank);
  }
  return parts;
}
