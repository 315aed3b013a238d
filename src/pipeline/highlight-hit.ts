import { analyzerNamed } from "../analysis/analyzers.js";
import { highlight } from "../analysis/highlight.js";
import type { Snapshot } from "../collection/snapshot.js";
import type { Document } from "../corpus/document.js";
import type { SparseQuery } from "../sparse/sparse-query.js";

/** Marks the query's words in a document: HTML passages by field. */
export type Highlighter = (document: Document) => Record<string, string[]>;

/** Titles are shown whole, as far as anybody reads one. */
const titleLength = 400;

/**
 * A highlighter for one query over one snapshot: rarer words are worth more, so the passage shown is
 * the one that says most about why the document is a hit. Excluded words are not marked.
 */
export function highlighter(snapshot: Snapshot, query: SparseQuery): Highlighter {
  const analyzer = analyzerNamed(snapshot.settings.analyzer);
  const weights = { title: new Map<string, number>(), text: new Map<string, number>() };
  for (const { term, field, idf } of snapshot.sparse.scoringTerms(query)) {
    if (field !== "text") weights.title.set(term, idf);
    if (field !== "title") weights.text.set(term, idf);
  }
  return ({ title, text }) => ({
    ...(title === ""
      ? {}
      : { title: highlight(analyzer, weights.title, title, { length: titleLength }).map(html) }),
    ...(text === "" ? {} : { text: highlight(analyzer, weights.text, text).map(html) }),
  });
}

function html(passage: { readonly html: string }): string {
  return passage.html;
}
