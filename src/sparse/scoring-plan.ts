import { InputError } from "../errors.js";
import { compareDocIds } from "../run/ranking.js";
import { type Bm25Parameters, inverseDocumentFrequency, TermFrequencyFactor } from "./bm25.js";
import { expandTerms, type TermVariant } from "./expand-terms.js";
import { LuceneTermScorer } from "./lucene-norms.js";
import type { LiveStatistics, SparseSnapshotPart } from "./snapshot.js";
import type { PhraseClause, QueryField, SparseClause, SparseQuery } from "./sparse-query.js";
import type { SparseSettings } from "./sparse-settings.js";

/** One term that scores: score in a document = weight · factor(tf, length). */
export interface ScoringTerm {
  /** As the query says it: `word*` and `word~1` for those that stand for several. */
  readonly term: string;
  /** The indexed terms it stands for, their tf · boost added up; null: only `term` itself. */
  readonly variants: readonly TermVariant[] | null;
  readonly field: QueryField;
  readonly df: number;
  readonly idf: number;
  /** idf · how often the query says the term. */
  readonly weight: number;
  readonly factor: TermFrequencyFactor;
  /** Lucene's arithmetic instead, where the query asks for it. */
  readonly lucene: LuceneTermScorer | null;
}

/** `exact` lengths and float64, or Lucene's one-byte lengths and float32 (`lucene-norms.ts`). */
export type LengthNorms = "exact" | "lucene";

/** The term's score in a document. */
export function termScore(scoring: ScoringTerm, tf: number, length: number): number {
  return scoring.lucene === null
    ? scoring.weight * scoring.factor.factor(tf, length)
    : scoring.lucene.score(tf, length);
}

/** A condition on matches that does not score. */
export type Condition =
  | { readonly kind: "terms"; readonly anyOf: readonly string[]; readonly field: QueryField }
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
  parts: readonly SparseSnapshotPart[],
  statistics: LiveStatistics,
  settings: SparseSettings,
  bm25: Bm25Parameters,
  norms: LengthNorms,
): ScoringPlan {
  if (norms === "lucene") checkLuceneNorms(settings, bm25);
  const asked = new Map<string, AskedTerm>();
  const required: Condition[] = [];
  const excluded: Condition[] = [];
  for (const clause of query.clauses) {
    if (clause.kind === "phrase") {
      (clause.occur === "must" ? required : excluded).push(clause);
      continue;
    }
    const { field, occur } = clause;
    const term = nameOf(clause);
    const variants =
      clause.kind === "term" ? null : expandTerms(clause, parts, statistics, settings.boosts);
    if (occur !== "should") {
      const anyOf = variants?.map((variant) => variant.term) ?? [term];
      (occur === "must" ? required : excluded).push({ kind: "terms", anyOf, field });
    }
    if (occur === "mustNot") continue;
    const count = clause.kind === "term" ? clause.weight : 1;
    const key = `${clause.kind} ${field} ${term}`;
    const known = asked.get(key);
    if (known === undefined) asked.set(key, { term, variants, field, count });
    else known.count += count;
  }
  const terms = scoringTerms(asked.values(), statistics, settings, bm25, norms);
  return { terms, required, excluded };
}

/** Lucene has one length a field and no weights of fields in one list. */
function checkLuceneNorms({ boosts }: SparseSettings, { variant }: Bm25Parameters): void {
  if (boosts.title === 1 && boosts.text === 1 && variant === "lucene") return;
  throw new InputError(
    `norms lucene need bm25 variant lucene and boosts of 1, got ${variant}, ` +
      `title ${boosts.title} and text ${boosts.text}`,
    { variant, title: boosts.title, text: boosts.text },
  );
}

interface AskedTerm {
  readonly term: string;
  readonly variants: readonly TermVariant[] | null;
  readonly field: QueryField;
  count: number;
}

function nameOf(clause: Exclude<SparseClause, PhraseClause>): string {
  if (clause.kind === "prefix") return `${clause.prefix}*`;
  return clause.kind === "fuzzy" ? `${clause.term}~${clause.maxEdits}` : clause.term;
}

function scoringTerms(
  asked: Iterable<AskedTerm>,
  statistics: LiveStatistics,
  settings: SparseSettings,
  bm25: Bm25Parameters,
  norms: LengthNorms,
): ScoringTerm[] {
  const { nonEmptyDocCount, totalLength } = statistics;
  const factors = new Map<QueryField, TermFrequencyFactor>();
  const terms: ScoringTerm[] = [];
  for (const { term, variants, field, count } of asked) {
    const df =
      variants === null
        ? statistics.documentFrequency(term, field, settings.boosts)
        : Math.max(0, ...variants.map((variant) => variant.df));
    if (df <= 0) continue;
    let factor = factors.get(field);
    if (factor === undefined) {
      factor = new TermFrequencyFactor(bm25, statistics.averageLength(field, settings.boosts));
      factors.set(field, factor);
    }
    const idf = inverseDocumentFrequency(bm25.variant, statistics.docCount, df);
    const lucene =
      norms === "exact"
        ? null
        : new LuceneTermScorer(bm25, nonEmptyDocCount, df, totalLength, count);
    terms.push({ term, variants, field, df, idf, weight: idf * count, factor, lucene });
  }
  return terms.sort(
    (a, b) =>
      b.weight - a.weight || compareDocIds(a.term, b.term) || compareDocIds(a.field, b.field),
  );
}
