/** Where a term must stand: anywhere, in the title, in the text. */
export type QueryField = "all" | "title" | "text";

/** `should` scores where it matches, `must` is also required, `mustNot` excludes and never scores. */
export type Occur = "should" | "must" | "mustNot";

/** One analysed term; `weight` is how often the query says it, not whole where added. */
export interface TermClause {
  readonly kind: "term";
  readonly field: QueryField;
  readonly occur: Occur;
  readonly term: string;
  readonly weight: number;
}

/**
 * Terms at fixed distances: `offset` counts words from the phrase's first term, removed stop words
 * too. Its terms score like any others of the query; the phrase itself only decides who may match.
 */
export interface PhraseClause {
  readonly kind: "phrase";
  readonly field: QueryField;
  readonly occur: "must" | "mustNot";
  readonly terms: readonly { readonly term: string; readonly offset: number }[];
}

/** All indexed terms that begin so, scored as one term: their tf added up, df of the most frequent. */
export interface PrefixClause {
  readonly kind: "prefix";
  readonly field: QueryField;
  readonly occur: Occur;
  readonly prefix: string;
}

/** All indexed terms within `maxEdits` edits, scored as one term; tf counts less the more edits. */
export interface FuzzyClause {
  readonly kind: "fuzzy";
  readonly field: QueryField;
  readonly occur: Occur;
  readonly term: string;
  readonly maxEdits: 1 | 2;
}

export type SparseClause = TermClause | PhraseClause | PrefixClause | FuzzyClause;

/**
 * A parsed query. A document matches if it has at least one scoring term, every `must` and no
 * `mustNot`. No two term clauses share term, field and occur.
 */
export interface SparseQuery {
  readonly clauses: readonly SparseClause[];
}

/** Bag of words over already analysed terms; repeated terms weigh by their count. */
export function bagOfWords(terms: Iterable<string>): SparseQuery {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return {
    clauses: [...counts].map(([term, weight]) => ({
      kind: "term",
      field: "all",
      occur: "should",
      term,
      weight,
    })),
  };
}
