import { clampFinite, type LegColumn } from "./fusion-leg.js";

/**
 * CombMNZ, one leg's part: n(d) · weight · normalised(d), with n(d) the number of legs that list d.
 * A product turns the order of negative numbers round, so normalised scores below 0 count as 0, and
 * so does what a leg does not list.
 *
 * @see Fox, Shaw, TREC-2 1993, NIST SP 500-215; Lee, SIGIR 1997, doi:10.1145/258525.258587
 */
export function combMnz(
  column: LegColumn,
  normalized: Float64Array,
  listingCounts: Uint32Array,
): Float64Array {
  const { weight, ranks } = column;
  const parts = new Float64Array(normalized.length);
  for (let i = 0; i < parts.length; i++) {
    const value = normalized[i]!;
    if (ranks[i]! > 0 && value > 0) parts[i] = clampFinite(listingCounts[i]! * weight * value);
  }
  return parts;
}
