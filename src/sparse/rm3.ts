import { InputError } from "../errors.js";
import { compareDocIds } from "../run/ranking.js";
import type { SparseClause, SparseQuery } from "./sparse-query.js";

/** A document that is taken to be relevant: its score in the first pass, and all its terms. */
export interface FeedbackDocument {
  /** Finite, >= 0. */
  readonly score: number;
  /** Analysed, repeated as often as the document says them. */
  readonly terms: readonly string[];
}

/**
 * The relevance model RM1 of some documents, cut to its most probable terms:
 *
 *   P(w|R) ∝ Σ_d  s(d) · tf(w, d) / |d|
 *
 * where s(d) is the document's score and |d| the number of its terms, repeated ones counted. The
 * kept terms are scaled to the sum 1, most probable first, equal ones by their spelling. Empty
 * where no document has a score and an allowed term.
 *
 * @param termCount how many terms to keep at most, >= 1
 * @param allowed which terms may be kept; |d| counts the others too
 * @throws {InputError} a score that is negative or not finite, termCount not an integer >= 1
 * @see Lavrenko, Croft, SIGIR 2001, doi:10.1145/383952.383972 (RM1); BM25 scores in the place of
 *   query likelihoods as in Lin, SIGIR Forum 52(2), 2018 (Anserini)
 */
export function relevanceModel(
  documents: readonly FeedbackDocument[],
  termCount: number,
  allowed: (term: string) => boolean = () => true,
): ReadonlyMap<string, number> {
  if (!Number.isInteger(termCount) || termCount < 1) {
    throw new InputError(`expected an integer >= 1 of feedback terms, got ${termCount}`, {
      field: "terms",
      value: termCount,
    });
  }
  const sums = new Map<string, number>();
  for (const { score, terms } of documents) {
    if (!(score >= 0 && score < Number.POSITIVE_INFINITY)) {
      throw new InputError(`expected finite feedback scores >= 0, got ${score}`, {
        field: "score",
        value: String(score),
      });
    }
    if (score === 0) continue;
    for (const term of terms) sums.set(term, (sums.get(term) ?? 0) + score / terms.length);
  }
  const kept = [...sums]
    .filter(([term]) => allowed(term))
    .sort(([a, p], [b, q]) => q - p || compareDocIds(a, b))
    .slice(0, termCount);
  const whole = kept.reduce((sum, [, weight]) => sum + weight, 0);
  return new Map(kept.map(([term, weight]) => [term, weight / whole]));
}

/**
 * RM3: the query mixed with a relevance model,
 *
 *   P(w|Q') = weight · P(w|Q) + (1 - weight) · P(w|R),
 *
 * written as term weights after multiplying all by |Q| / weight, which changes no order: the query's
 * own clauses stay as they are, and a term of the model adds |Q| · (1 - weight) / weight · P(w|R).
 * |Q| counts the scoring clauses, repeated terms as often as they are said. Added terms are never
 * required; a term that the query excludes is not added.
 *
 * @param weight of the original query, above 0 and at most 1; 1 returns the query itself
 * @throws {InputError} weight out of range
 * @see Abdul-Jaleel et al., UMass at TREC 2004: Novelty and HARD (RM3)
 */
export function mixWithModel(
  query: SparseQuery,
  model: ReadonlyMap<string, number>,
  weight: number,
): SparseQuery {
  if (!(weight > 0 && weight <= 1)) {
    throw new InputError(`expected a weight of the query above 0 and at most 1, got ${weight}`, {
      field: "weight",
      value: String(weight),
    });
  }
  if (weight === 1 || model.size === 0) return query;
  let length = 0;
  const excluded = new Set<string>();
  for (const clause of query.clauses) {
    if (clause.kind === "phrase") continue;
    if (clause.occur !== "mustNot") length += clause.kind === "term" ? clause.weight : 1;
    else if (clause.kind === "term") excluded.add(clause.term);
  }
  const share = (length * (1 - weight)) / weight;
  const added = new Map([...model].filter(([term]) => !excluded.has(term)));
  const clauses = query.clauses.map((clause): SparseClause => {
    if (clause.kind !== "term" || clause.field !== "all" || clause.occur !== "should")
      return clause;
    const probability = added.get(clause.term);
    if (probability === undefined) return clause;
    added.delete(clause.term);
    return { ...clause, weight: clause.weight + share * probability };
  });
  for (const [term, probability] of added) {
    clauses.push({
      kind: "term",
      field: "all",
      occur: "should",
      term,
      weight: share * probability,
    });
  }
  return { clauses };
}
