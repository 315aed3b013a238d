/** The sparse leg as a library: inverted segments, BM25, exact pruned search. Loads no server and no model. */
export { type Bm25Parameters, type Bm25Variant, bm25Parameters } from "./bm25.js";
export type { StoredText } from "./match-conditions.js";
export { type MergeInput, mergeSparseSegments } from "./merge-segments.js";
export { type ParseQueryOptions, parseSparseQuery } from "./parse-query.js";
export type { LengthNorms } from "./scoring-plan.js";
export { SparseSegmentBuilder } from "./segment-builder.js";
export { LiveStatistics, type SparseSnapshotPart } from "./snapshot.js";
export type { SparseEngine } from "./sparse-engine.js";
export {
  bagOfWords,
  type FuzzyClause,
  type Occur,
  type PhraseClause,
  type PrefixClause,
  type QueryField,
  type SparseClause,
  type SparseQuery,
  type TermClause,
} from "./sparse-query.js";
export {
  type SparseExplanation,
  type SparseHits,
  SparseSearcher,
  type SparseSearchOptions,
  type TermExplanation,
} from "./sparse-searcher.js";
export { openSparseSegment, type SegmentStatistics, type SparseSegment } from "./sparse-segment.js";
export { type SparseSettings, sparseSettings } from "./sparse-settings.js";
export { TermCorrections, termCorrectionsFor } from "./term-corrections.js";
export { WinkEngine } from "./wink-engine.js";
