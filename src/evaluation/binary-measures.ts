import type { JudgedRanking } from "./judged-ranking.js";
import { relevantCount } from "./judged-ranking.js";

/*
 * Measures that split documents into relevant (grade >= rel) and the rest, where unjudged ones
 * belong to the rest. `cutoff` is how many ranks are looked at, `Infinity` for all. Every measure
 * is 0 for a query without relevant documents. Definitions: Buckley and Voorhees, "Retrieval
 * System Evaluation", in: TREC, MIT Press 2005, and trec_eval.
 */

/** P@cutoff = relevant documents in the top / cutoff; ranks that the ranking lacks count as misses. */
export function precision(judged: JudgedRanking, cutoff: number, rel: number): number {
  return relevantRetrieved(judged, cutoff, rel) / cutoff;
}

/** R@cutoff = relevant documents in the top / all relevant documents. */
export function recall(judged: JudgedRanking, cutoff: number, rel: number): number {
  const relevant = relevantCount(judged, rel);
  return relevant === 0 ? 0 : relevantRetrieved(judged, cutoff, rel) / relevant;
}

/** Success@cutoff = 1 if a relevant document is in the top, else 0. */
export function success(judged: JudgedRanking, cutoff: number, rel: number): number {
  return relevantRetrieved(judged, cutoff, rel) > 0 ? 1 : 0;
}

/** Rprec = precision at as many ranks as there are relevant documents. */
export function rPrecision(judged: JudgedRanking, rel: number): number {
  return recall(judged, relevantCount(judged, rel), rel);
}

/** RR@cutoff = 1 / rank of the first relevant document. */
export function reciprocalRank(judged: JudgedRanking, cutoff: number, rel: number): number {
  const depth = Math.min(cutoff, judged.grades.length);
  for (let i = 0; i < depth; i++) {
    if (judged.grades[i]! >= rel) return 1 / (i + 1); // in bounds by the loop
  }
  return 0;
}

/** AP@cutoff = Σ over relevant documents in the top of precision at their rank / all relevant documents. */
export function averagePrecision(judged: JudgedRanking, cutoff: number, rel: number): number {
  const depth = Math.min(cutoff, judged.grades.length);
  let found = 0;
  let sum = 0;
  for (let i = 0; i < depth; i++) {
    if (judged.grades[i]! >= rel) {
      found++;
      sum += found / (i + 1);
    }
  }
  return found === 0 ? 0 : sum / relevantCount(judged, rel);
}

/** SetP = relevant documents retrieved / documents retrieved. */
export function setPrecision(judged: JudgedRanking, rel: number): number {
  const retrieved = judged.grades.length;
  return retrieved === 0 ? 0 : relevantRetrieved(judged, retrieved, rel) / retrieved;
}

/** SetR = relevant documents retrieved / relevant documents. */
export function setRecall(judged: JudgedRanking, rel: number): number {
  return recall(judged, Number.POSITIVE_INFINITY, rel);
}

/**
 * SetF = (beta + 1) · SetP · SetR / (beta · SetP + SetR). `beta` enters unsquared, as in trec_eval
 * and ir-measures, where van Rijsbergen's F has its square.
 */
export function setF(judged: JudgedRanking, rel: number, beta: number): number {
  const p = setPrecision(judged, rel);
  const r = setRecall(judged, rel);
  return p > 0 ? ((beta + 1) * p * r) / (beta * p + r) : 0;
}

/** SetAP = SetP · SetR: average precision if every relevant document retrieved had the set's precision. */
export function setAveragePrecision(judged: JudgedRanking, rel: number): number {
  return setPrecision(judged, rel) * setRecall(judged, rel);
}

function relevantRetrieved(judged: JudgedRanking, cutoff: number, rel: number): number {
  const depth = Math.min(cutoff, judged.grades.length);
  let found = 0;
  for (let i = 0; i < depth; i++) if (judged.grades[i]! >= rel) found++;
  return found;
}
