import { InputError } from "../errors.js";
import type { JudgedRanking } from "./judged-ranking.js";

/**
 * RBP = (1 - persistence) · Σ over ranks i of relevant documents (grade >= rel) of
 * persistence^(i - 1): what a reader gains who goes on to the next rank with that probability.
 *
 * @param persistence in (0, 1)
 * @see Moffat, Zobel, ACM TOIS 27(1), 2008, doi:10.1145/1416950.1416952
 */
export function rankBiasedPrecision(
  judged: JudgedRanking,
  cutoff: number,
  rel: number,
  persistence: number,
): number {
  const depth = Math.min(cutoff, judged.grades.length);
  let sum = 0;
  let reached = 1;
  for (let i = 0; i < depth; i++) {
    if (judged.grades[i]! >= rel) sum += reached; // in bounds by the loop
    reached *= persistence;
  }
  return (1 - persistence) * sum;
}

/**
 * ERR@cutoff = Σ over ranks i of 1/i · p(i) · Π over ranks j < i of (1 - p(j)), with
 * p(i) = (2^grade - 1) / 2^maxGrade the probability that the document at i satisfies the reader.
 *
 * @param maxGrade highest grade of the scale; 4 gives gdeval's figures
 * @throws {InputError} a retrieved or judged document has a higher grade
 * @see Chapelle, Metzler, Zhang, Grinspan, CIKM 2009, doi:10.1145/1645953.1646033
 */
export function expectedReciprocalRank(
  judged: JudgedRanking,
  cutoff: number,
  maxGrade: number,
): number {
  const highest = judged.idealGrades[0] ?? 0;
  if (highest > maxGrade) {
    throw new InputError(
      `expected grades up to ${maxGrade} for ERR, got ${highest}: name the scale, as in ERR(max_rel=${highest})@20`,
      { maxGrade, grade: highest },
    );
  }
  const depth = Math.min(cutoff, judged.grades.length);
  let sum = 0;
  let unsatisfied = 1;
  for (let i = 0; i < depth; i++) {
    const grade = Math.max(judged.grades[i]!, 0); // in bounds by the loop
    const satisfied = (2 ** grade - 1) / 2 ** maxGrade;
    sum += (satisfied * unsatisfied) / (i + 1);
    unsatisfied *= 1 - satisfied;
  }
  return sum;
}
