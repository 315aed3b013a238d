import { compareDocIds } from "../run/ranking.js";
import { type Bm25Parameters, inverseDocumentFrequency, TermFrequencyFactor } from "./bm25.js";
import type { LiveStatistics } from "./snapshot.js";
import type { PhraseClause, QueryField, SparseQuery } from "./sparse-query.js";
import type { SparseSettings } from "./sparse-settings.js";

/** One term that scores: score in a document = weight · factor(tf, length). */
export interface ScoringTerm {
  readonly term: string;
  readonly field: QueryField;
  readonly df: number;
  readonly idf: number;
  /** idf · how often the query says the term. */
  readonly weight: number;
  readonly factor: TermFrequencyFactor;
}

/** A condition on matches that does not score. */
export type Condition =
  | { readonly kind: "term"; readonly term: string; readonly field: QueryField }
  | PhraseClause;

/** A query resolved against the statistics of one snapshot. */
export interface ScoringPlan {
  /**
   * In the order in which their scores are summed: weight descending, then term and field. It is a
   * function of query and live statistics, so the sum's last bit does not depend on segment layout,
   * and it puts first what pruned search wants first.
   */
  readonly terms: readonly ScoringTerm[];
  readonly required: readonly Condition[];
  readonly excluded: readonly Condition[];
}

export function scoringPlan(
  query: SparseQuery,
  statistics: LiveStatistics,
  settings: SparseSettings,
  bm25: Bm25Parameters,
): ScoringPlan {
  const counts = new Map<string, { term: string; field: QueryField; count: number }>();
  const required: Condition[] = [];
  const excluded: Condition[] = [];
  for (const clause of query.clauses) {
    if (clause.kind === "phrase") {
      (clause.occur === "must" ? required : excluded).push(clause);
      continue;
    }
    const { term, field, occur, weight } = clause;
    if (occur !== "should") {
      (occur === "must" ? required : excluded).push({ kind: "term", term, field });
    }
    if (occur === "mustNot") continue;
    const key = `${field} ${term}`;
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { term, field, count: weight });
    else known.count += weight;
  }

  const factors = new Map<QueryField, TermFrequencyFactor>();
  const terms: ScoringTerm[] = [];
  for (const { term, field, count } of counts.values()) {
    const df = statistics.documentFrequency(term, field, settings.boosts);
    if (df <= 0) continue;
    let factor = factors.get(field);
    if (factor === undefined) {
      factor = new TermFrequencyFactor(bm25, statistics.averageLength(field, settings.boosts));
      factors.set(field, factor);
    }
    const idf = inverseDocumentFrequency(bm25.variant, statistics.docCount, df);
    terms.push({ term, field, df, idf, weight: idf * count, factor });
  }
  terms.sort(
    (a, b) =>
      b.weight - a.weight || compareDocIds(a.term, b.term) || compareDocIds(a.field, b.field),
  );
  return { terms, required, excluded };
}
