import { clampFinite, type LegColumn } from "./fusion-leg.js";

/**
 * CombANZ, one leg's part: weight · normalised(d) / n(d), with n(d) the number of legs that list d.
 * What a leg does not list counts neither above nor below the line. This is the paper's method, and
 * so a poor second listing lowers a document: it is monotone among documents of the same legs only.
 *
 * @see Fox, Shaw, TREC-2 1993, NIST SP 500-215
 */
export function combAnz(
  column: LegColumn,
  normalized: Float64Array,
  listingCounts: Uint32Array,
): Float64Array {
  const { weight, ranks } = column;
  const parts = new Float64Array(normalized.length);
  for (let i = 0; i < parts.length; i++) {
    if (ranks[i]! > 0) parts[i] = clampFinite(weight * normalized[i]!) / listingCounts[i]!;
  }
  return parts;
}
