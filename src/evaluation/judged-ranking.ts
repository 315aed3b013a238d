import { InputError } from "../errors.js";
import type { DocId, QueryId, Ranking, ScoredDoc } from "../run/ranking.js";
import { compareDocIds } from "../run/ranking.js";

/** `grades[i]` of a retrieved document that the judgements do not list. */
export const NOT_IN_POOL = -1;
/** `grades[i]` of a retrieved document listed with a negative grade: in the pool, but not judged. */
export const NOT_JUDGED = -2;

/**
 * One query's ranking seen through its judgements: all that a measure needs. Grades below zero are
 * trec_eval's two kinds of documents without a judgement; they are never relevant and never
 * non-relevant.
 */
export interface JudgedRanking {
  /** Grade of the document at rank i + 1: >= 0, or `NOT_IN_POOL`, or `NOT_JUDGED`. */
  readonly grades: Float64Array;
  /** All grades >= 0 of the query, descending: the best ranking there could be. */
  readonly idealGrades: Float64Array;
}

/**
 * Looks up the grade of each document of a ranking.
 *
 * @throws {InputError} a document comes twice
 */
export function judgeRanking(
  queryId: QueryId,
  ranking: Ranking,
  judgements: ReadonlyMap<DocId, number>,
): JudgedRanking {
  const grades = new Float64Array(ranking.length);
  const seen = new Set<string>();
  for (let i = 0; i < ranking.length; i++) {
    const { docId } = ranking[i]!; // in bounds by the loop
    const grade = judgements.get(docId);
    if (grade === undefined) grades[i] = NOT_IN_POOL;
    else grades[i] = grade < 0 ? NOT_JUDGED : grade;
    seen.add(docId);
    if (seen.size !== i + 1) {
      throw new InputError(
        `expected each document once in a ranking, got ${docId} again at rank ${i + 1} of query ${queryId}`,
        { queryId, docId, rank: i + 1 },
      );
    }
  }
  const idealGrades = Float64Array.from(judgements.values())
    .filter((grade) => grade >= 0)
    .sort()
    .reverse();
  return { grades, idealGrades };
}

/**
 * The same ranking as if its documents without a judgement in the top `cutoff` were all relevant: they
 * get the query's highest grade, or `rel` if that is higher, in the ideal ranking too. Against the
 * ranking as it is, which takes them for non-relevant, this shows how far a value could move.
 */
export function unjudgedAsRelevant(
  judged: JudgedRanking,
  cutoff: number,
  rel: number,
): JudgedRanking {
  const grade = Math.max(judged.idealGrades[0] ?? 0, rel);
  let added = 0;
  const grades = judged.grades.map((given, i) => {
    if (given >= 0 || i >= cutoff) return given;
    added++;
    return grade;
  });
  const idealGrades = new Float64Array(judged.idealGrades.length + added).fill(grade, 0, added);
  idealGrades.set(judged.idealGrades, added);
  return { grades, idealGrades };
}

/** The same ranking without its documents that have no judgement (trec_eval -J). */
export function judgedOnly(judged: JudgedRanking): JudgedRanking {
  return { grades: judged.grades.filter((grade) => grade >= 0), idealGrades: judged.idealGrades };
}

/** How many documents of the query have at least grade `rel`. */
export function relevantCount(judged: JudgedRanking, rel: number): number {
  let count = 0;
  while (count < judged.idealGrades.length && judged.idealGrades[count]! >= rel) count++;
  return count;
}

/**
 * The ranking in trec_eval's order: score as float32 descending, equal ones by document id
 * descending in byte order. Returns `ranking` itself if it is in that order.
 */
export function inTrecEvalOrder(ranking: Ranking): Ranking {
  let previous: ScoredDoc | undefined;
  for (const doc of ranking) {
    if (previous !== undefined && compareAsTrecEval(previous, doc) > 0) {
      return [...ranking].sort(compareAsTrecEval);
    }
    previous = doc;
  }
  return ranking;
}

function compareAsTrecEval(a: ScoredDoc, b: ScoredDoc): number {
  const x = Math.fround(a.score);
  const y = Math.fround(b.score);
  return x === y ? compareDocIds(b.docId, a.docId) : y - x;
}
