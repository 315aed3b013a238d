import type { LegColumn } from "./fusion-leg.js";

/**
 * Borda count, one leg's part: of c candidates the first gets c points, the next c - 1 …; the points
 * left over are shared evenly by those that the leg does not list: (c - listed + 1) / 2 each. Tied
 * scores share their rank and so their points. All times the weight.
 *
 * @see Aslam, Montague, SIGIR 2001, doi:10.1145/383952.384007, section 2.2
 */
export function bordaCount(column: LegColumn): Float64Array {
  const { ranks, weight, listedCount } = column;
  const candidateCount = ranks.length;
  const unlisted = (candidateCount - listedCount + 1) / 2;
  const parts = new Float64Array(candidateCount);
  for (let i = 0; i < candidateCount; i++) {
    const rank = ranks[i]!;
    parts[i] = weight * (rank > 0 ? candidateCount - rank + 1 : unlisted);
  }
  return parts;
}
