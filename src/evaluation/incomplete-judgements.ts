import type { JudgedRanking } from "./judged-ranking.js";
import { NOT_IN_POOL, NOT_JUDGED, relevantCount } from "./judged-ranking.js";

/**
 * Bpref = 1/R · Σ over retrieved relevant documents of 1 - min(n, R) / min(N, R), with R relevant
 * and N judged non-relevant documents of the query and n of the latter above the document.
 * Documents without a judgement are passed over. 0 when R is 0.
 *
 * @see Buckley, Voorhees, SIGIR 2004, doi:10.1145/1008992.1009000; with trec_eval's denominator
 */
export function binaryPreference(judged: JudgedRanking, rel: number): number {
  const relevant = relevantCount(judged, rel);
  const nonRelevant = judged.idealGrades.length - relevant;
  let nonRelevantAbove = 0;
  let sum = 0;
  for (const grade of judged.grades) {
    if (grade === NOT_IN_POOL || grade === NOT_JUDGED) continue;
    if (grade < rel) nonRelevantAbove++;
    else if (nonRelevantAbove === 0) sum += 1;
    else sum += 1 - Math.min(nonRelevantAbove, relevant) / Math.min(nonRelevant, relevant);
  }
  return relevant === 0 ? 0 : sum / relevant;
}

const EPSILON = 0.00001;

/**
 * infAP: average precision estimated from a sample of judgements. At a relevant document of rank k,
 * precision is expected as 1/k + (k-1)/k · (pool above / (k-1)) · (r + ε) / (r + n + 2ε), with r and
 * n the judged relevant and non-relevant documents above it and ε = 0.00001; a negative grade means
 * in the pool but not judged. The mean is over all relevant documents; 0 when there is none.
 *
 * @see Yilmaz, Aslam, CIKM 2006, doi:10.1145/1183614.1183633
 */
export function inferredAveragePrecision(judged: JudgedRanking, rel: number): number {
  let relevantAbove = 0;
  let nonRelevantAbove = 0;
  let unjudgedAbove = 0;
  let sum = 0;
  for (let i = 0; i < judged.grades.length; i++) {
    const grade = judged.grades[i]!; // in bounds by the loop
    if (grade === NOT_IN_POOL) continue;
    if (grade === NOT_JUDGED) {
      unjudgedAbove++;
    } else if (grade < rel) {
      nonRelevantAbove++;
    } else {
      if (i === 0) {
        sum += 1;
      } else {
        const poolAbove = relevantAbove + nonRelevantAbove + unjudgedAbove;
        const relevantShare =
          (relevantAbove + EPSILON) / (relevantAbove + nonRelevantAbove + 2 * EPSILON);
        sum += 1 / (i + 1) + (i / (i + 1)) * (poolAbove / i) * relevantShare;
      }
      relevantAbove++;
    }
  }
  const relevant = relevantCount(judged, rel);
  return relevant === 0 ? 0 : sum / relevant;
}

/**
 * Judged@cutoff = documents with a judgement in the top / documents in the top (at most what was
 * retrieved, as in ir-measures). A negative grade counts as a judgement here. 0 for an empty ranking.
 */
export function judgedShare(judged: JudgedRanking, cutoff: number): number {
  const depth = Math.min(cutoff, judged.grades.length);
  let found = 0;
  for (let i = 0; i < depth; i++) if (judged.grades[i] !== NOT_IN_POOL) found++;
  return depth === 0 ? 0 : found / depth;
}
