import type { Document, JsonValue } from "../corpus/document.js";
import type { DocId } from "../run/ranking.js";
import type { SearchMode } from "./search-request.js";

/** One step of a query: what came out of it and how long it took. */
export interface Stage {
  readonly name: "filter" | "sparse" | "encode" | "dense" | "fusion" | "rerank";
  readonly candidates: number;
  readonly ms: number;
  /** What the stage wants to say, e.g. how far a reranker got within its budget. */
  readonly note?: string;
}

/** One query term's part in a BM25 score. */
export interface ExplainedTerm {
  readonly term: string;
  readonly tf: number;
  readonly df: number;
  readonly idf: number;
  readonly score: number;
}

/** Where one leg put a document; `rank` is null for one the leg did not return. */
export interface ExplainedLeg {
  readonly rank: number | null;
  readonly score: number | null;
  /** The score as fusion saw it; null for rank-based fusion and for an absent document. */
  readonly normalized: number | null;
}

/** What a reranker did with a hit. */
export interface ExplainedRerank {
  readonly rankBefore: number;
  readonly score: number;
}

/** Why a hit has its score. The contributions add up to `fusion.score`, the score ranked by. */
export interface Explanation {
  readonly sparse?: ExplainedLeg & { readonly terms: readonly ExplainedTerm[] };
  readonly dense?: ExplainedLeg;
  readonly fusion?: {
    readonly method: string;
    readonly contributions: Readonly<Record<string, number>>;
    readonly score: number;
  };
  readonly rerank?: ExplainedRerank;
}

export interface SearchHit {
  readonly id: DocId;
  /** From 1, counted over the whole ranking, so page two goes on where page one ended. */
  readonly rank: number;
  readonly score: number;
  readonly document: Partial<Document> & Readonly<Record<string, JsonValue>>;
  readonly highlights?: Readonly<Record<string, readonly string[]>>;
  readonly explain?: Explanation;
}

export interface SearchAnswer {
  readonly query: string;
  readonly mode: SearchMode;
  readonly tookMs: number;
  readonly stages: readonly Stage[];
  /** True when a leg or stage failed and the caller allowed an answer without it. */
  readonly degraded: boolean;
  readonly degradedReason?: string;
  /**
   * Documents that the query can reach under the filter: in sparse mode those with at least one
   * query term, in the others every document, since each has a similarity.
   */
  readonly total: number;
  readonly facets?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly hits: readonly SearchHit[];
}
