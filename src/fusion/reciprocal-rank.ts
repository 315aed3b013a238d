import type { LegColumn } from "./fusion-leg.js";

/**
 * Reciprocal rank fusion, one leg's part: weight / (rankConstant + rank(d)), rank from 1, 0 for a
 * document that the leg did not list. Scores are read for ties only: equal ones share their rank.
 *
 * @see Cormack, Clarke, Büttcher, SIGIR 2009, doi:10.1145/1571941.1572114 (rankConstant 60)
 */
export function reciprocalRank(column: LegColumn, rankConstant: number): Float64Array {
  const { ranks, weight } = column;
  const parts = new Float64Array(ranks.length);
  for (let i = 0; i < parts.length; i++) {
    const rank = ranks[i]!;
    if (rank > 0) parts[i] = weight / (rankConstant + rank);
  }
  return parts;
}
