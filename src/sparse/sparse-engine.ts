import type { SparseQuery } from "./sparse-query.js";
import type { SparseHits, SparseSearchOptions } from "./sparse-searcher.js";

/** Anything that ranks the documents of a snapshot by BM25: our searcher, wink. */
export interface SparseEngine {
  search(query: SparseQuery, options: SparseSearchOptions): SparseHits;
  /** Greatest score that any document could have for the query. */
  upperBound(query: SparseQuery): number;
}
