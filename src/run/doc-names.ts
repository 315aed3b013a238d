import type { DocId } from "./ranking.js";

/**
 * Names of the documents of one segment. Both legs rank by (score, docId) and work on ordinals, so
 * within a segment ties are broken by `idRank` and only across segments by the ids themselves.
 */
export interface DocNames {
  readonly docCount: number;
  /** `idRank[docOrd]` = position of the document's id among the segment's ids, ascending (`compareDocIds`). */
  readonly idRank: Uint32Array;
  docId(docOrd: number): DocId;
}

/**
 * Best documents of one leg over a snapshot, before they are named: parallel columns, best first,
 * ties by docId descending. `segmentOrds[i]`, `docOrds[i]` locate hit i.
 */
export interface LegHits {
  readonly count: number;
  readonly segmentOrds: Uint32Array;
  readonly docOrds: Uint32Array;
  readonly scores: Float64Array;
}
