import type { LegColumn } from "./fusion-leg.js";

/** Per candidate the number of legs that list it. */
export function listingCounts(columns: readonly LegColumn[], count: number): Uint32Array {
  const counts = new Uint32Array(count);
  for (const { ranks } of columns) {
    for (let i = 0; i < count; i++) if (ranks[i]! > 0) counts[i]!++;
  }
  return counts;
}
