import type { JudgedRanking } from "./judged-ranking.js";

/**
 * Gain of a grade: `linear` the grade itself (Järvelin and Kekäläinen, trec_eval), `exponential`
 * 2^grade - 1 (Burges et al., ICML 2005).
 */
export type GainForm = "linear" | "exponential";

/**
 * nDCG@cutoff = DCG of the ranking / DCG of the best ranking there could be, where
 * DCG = Σ over ranks i <= cutoff of gain(grade at i) / log2(i + 1). Documents without a judgement
 * gain nothing. 0 when no document of the query gains anything.
 *
 * @param cutoff ranks looked at; `Infinity` for all
 * @see Järvelin, Kekäläinen, ACM TOIS 20(4), 2002, doi:10.1145/582415.582418
 */
export function normalizedDiscountedCumulativeGain(
  judged: JudgedRanking,
  cutoff: number,
  form: GainForm,
): number {
  const ideal = discountedGain(judged.idealGrades, cutoff, form);
  return ideal > 0 ? discountedGain(judged.grades, cutoff, form) / ideal : 0;
}

function discountedGain(grades: Float64Array, cutoff: number, form: GainForm): number {
  const depth = Math.min(cutoff, grades.length);
  let sum = 0;
  for (let i = 0; i < depth; i++) {
    const grade = grades[i]!; // in bounds by the loop
    if (grade > 0) sum += (form === "linear" ? grade : 2 ** grade - 1) / Math.log2(i + 2);
  }
  return sum;
}
