declare const docIdBrand: unique symbol;
declare const queryIdBrand: unique symbol;

/** Document identifier as written in the corpus and the qrels. */
export type DocId = string & { readonly [docIdBrand]: "DocId" };

/** Query (topic) identifier as written in the topics and the qrels. */
export type QueryId = string & { readonly [queryIdBrand]: "QueryId" };

/** One document of a ranking with the score it was ranked by. */
export interface ScoredDoc {
  readonly docId: DocId;
  readonly score: number;
}

/** One query's result: score descending, ties by docId descending (trec_eval's rule), no duplicates. */
export type Ranking = readonly ScoredDoc[];

/** Rankings of many queries by one system. */
export type Run = ReadonlyMap<QueryId, Ranking>;

/** Relevance grades of judged documents per query; a document not listed is unjudged. */
export type Qrels = ReadonlyMap<QueryId, ReadonlyMap<DocId, number>>;

/**
 * Order of document ids in byte order of their UTF-8 form, as `strcmp` sees them in trec_eval.
 * JavaScript's `<` compares UTF-16 units, which differs once a surrogate pair meets U+E000..U+FFFF.
 *
 * @returns negative, zero or positive as `a` sorts before, with or after `b`
 */
export function compareDocIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      const xIsSurrogate = x >= 0xd800 && x <= 0xdfff;
      const yIsSurrogate = y >= 0xd800 && y <= 0xdfff;
      if (xIsSurrogate !== yIsSurrogate) return xIsSurrogate ? 1 : -1;
      return x - y;
    }
  }
  return a.length - b.length;
}

/** THE order of a ranking: score descending, equal scores by docId descending (trec_eval's rule). */
export function compareScoredDocs(a: ScoredDoc, b: ScoredDoc): number {
  return a.score === b.score ? compareDocIds(b.docId, a.docId) : b.score - a.score;
}
