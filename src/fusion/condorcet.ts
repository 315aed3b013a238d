import type { LegColumn } from "./fusion-leg.js";

/** Parts are multiples of this, so that they add up to whole scores without rounding. */
const GRAIN = 2 ** -16;

/**
 * Condorcet fusion by Copeland's score: the number of candidates that d beats less the number that
 * beat it. In a pair the legs vote with their weights for the one they rank higher; an unlisted
 * document is below all listed ones of the leg and level with the unlisted. The paper sorts by the
 * majority's verdict on pairs, which has no answer where it runs in circles and depends on the
 * sorting algorithm; Copeland's score gives the same order wherever there is one, and the same
 * answer every time where there is none.
 *
 * A win belongs to the legs in the proportion of their votes to the margin; each leg's part is the
 * sum of these, rounded to 2^-16, and the last leg takes what rounding left.
 *
 * Takes time proportional to the square of the number of candidates.
 *
 * @see Montague, Aslam, CIKM 2002, doi:10.1145/584792.584881
 */
export function condorcet(columns: readonly LegColumn[]): Float64Array[] {
  const legCount = columns.length;
  const count = columns[0]?.ranks.length ?? 0;
  // An unlisted document: a rank behind every listed one.
  const ranks = columns.map((column) => column.ranks.map((rank) => (rank === 0 ? 2 ** 31 : rank)));
  const weights = columns.map((column) => column.weight);
  const parts = columns.map(() => new Float64Array(count));
  const scores = new Float64Array(count);
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      let margin = 0;
      for (let l = 0; l < legCount; l++) {
        const difference = ranks[l]![b]! - ranks[l]![a]!;
        if (difference !== 0) margin += difference > 0 ? weights[l]! : -weights[l]!;
      }
      if (margin === 0) continue;
      const size = Math.abs(margin);
      const win = margin > 0 ? 1 : -1;
      scores[a]! += win;
      scores[b]! -= win;
      for (let l = 0; l < legCount; l++) {
        const difference = ranks[l]![b]! - ranks[l]![a]!;
        if (difference === 0) continue;
        const vote = (difference > 0 ? weights[l]! : -weights[l]!) / size;
        parts[l]![a]! += vote;
        parts[l]![b]! -= vote;
      }
    }
  }
  for (let i = 0; i < count; i++) {
    let rest = scores[i]!;
    for (let l = 0; l < legCount - 1; l++) {
      const part = Math.round(parts[l]![i]! / GRAIN) * GRAIN;
      parts[l]![i] = part;
      rest -= part;
    }
    if (legCount > 0) parts[legCount - 1]![i] = rest;
  }
  return parts;
}
