import { analyzerNamed } from "../analysis/analyzers.js";
import type { DocId } from "../run/ranking.js";
import { parseSparseQuery } from "../sparse/parse-query.js";
import type { Occur, SparseQuery } from "../sparse/sparse-query.js";
import type { SearchSource } from "./retrieval.js";

/** A title that what was typed may be the beginning of. */
export interface Suggestion {
  readonly title: string;
  /** One document of that title: the best one. */
  readonly id: DocId;
}

/** Candidates looked at for each suggestion asked for: documents may share a title. */
const candidatesPerSuggestion = 8;

/**
 * Titles for what has been typed so far: every word in the title, the last one as the beginning of a
 * word; where there is none, titles with at least one of the words. Best first by BM25 on titles.
 */
export function suggestTitles(source: SearchSource, typed: string, limit: number): Suggestion[] {
  const snapshot = source.snapshot();
  const analyzer = analyzerNamed(snapshot.settings.analyzer);
  // Signs of the query language are words being typed here, not orders.
  const words = typed.replace(/[+\-"':()*~]/g, " ");
  const text = /\S$/.test(words) ? `${words}*` : words;
  const parsed = parseSparseQuery(text, analyzer, { prefix: true, fuzzy: false });
  const strict = suggestionsOf(source, onTitles(parsed, "must"), limit);
  return strict.length > 0 ? strict : suggestionsOf(source, onTitles(parsed, "should"), limit);
}

function onTitles({ clauses }: SparseQuery, occur: Occur & ("must" | "should")): SparseQuery {
  return {
    clauses: clauses.flatMap((clause) =>
      clause.kind === "phrase" ? [] : [{ ...clause, field: "title" as const, occur }],
    ),
  };
}

function suggestionsOf(source: SearchSource, query: SparseQuery, limit: number): Suggestion[] {
  if (query.clauses.length === 0 || limit === 0) return [];
  const snapshot = source.snapshot();
  const hits = snapshot.sparse.search(query, { depth: limit * candidatesPerSuggestion });
  const suggestions: Suggestion[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < hits.count && suggestions.length < limit; i++) {
    const { _id, title } = snapshot.segments[hits.segmentOrds[i]!]!.document(hits.docOrds[i]!);
    const key = title.toLowerCase();
    if (title === "" || seen.has(key)) continue;
    seen.add(key);
    suggestions.push({ title, id: _id });
  }
  return suggestions;
}
