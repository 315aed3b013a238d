import { analyzerNamed } from "../analysis/analyzers.js";
import type { Snapshot } from "../collection/snapshot.js";
import type { Encoder } from "../dense/encoder.js";
import { InputError, type SearchError } from "../errors.js";
import type { Filter } from "../filter/filter.js";
import type { Fusion } from "../fusion/fusion.js";
import type { Bitset } from "../numeric/bitset.js";
import type { Reranker } from "../rerank/reranker.js";
import type { LegHits } from "../run/doc-names.js";
import type { DocId } from "../run/ranking.js";
import type { Bm25Parameters } from "../sparse/bm25.js";
import { parseSparseQuery, plainQueryText } from "../sparse/parse-query.js";
import { bagOfWords, type SparseQuery } from "../sparse/sparse-query.js";
import { acceptedDocuments } from "./accepted-documents.js";
import { withFeedbackTerms, withFeedbackVectors } from "./feedback.js";
import type { RerankRequest, SearchMode, SearchRequest } from "./search-request.js";
import type { StageClock } from "./stage-clock.js";

/** What a query needs of the collection it is asked of. */
export interface SearchSource {
  readonly name: string;
  snapshot(): Snapshot;
  /** The encoder that the snapshot's vectors were made with; opened when first needed. */
  encoder(): Promise<Encoder>;
  /**
   * The reranker of that name: a cross-encoder, or `late-interaction` over the collection's encoder.
   *
   * @throws {ModelMissingError} no such model
   */
  reranker(name: string): Promise<Reranker>;
  /** The fusion of requests that name none: what tuning saved, else `defaultFusion`. */
  defaultFusion(snapshot: Snapshot): Fusion;
  /** The reranking of requests that say nothing of their own: what tuning saved, else null. */
  defaultRerank(): RerankRequest | null;
}

/** A candidate of one leg: its place in the snapshot saves the look-up by id. */
export interface Candidate {
  readonly docId: DocId;
  readonly score: number;
  readonly segmentOrd: number;
  readonly docOrd: number;
}

export interface Leg {
  readonly ranking: readonly Candidate[];
}

export interface SparseLeg extends Leg {
  readonly topScore: number;
  /** All documents that match, not only those in the ranking. */
  readonly total: number;
}

export interface DenseLeg extends Leg {
  readonly queryVector: Float32Array;
}

/** What the legs returned for one query over one snapshot. */
export interface Retrieval {
  readonly snapshot: Snapshot;
  readonly mode: SearchMode;
  /** What the sparse leg was asked, with the terms that feedback added. */
  readonly query: SparseQuery;
  readonly bm25: Partial<Bm25Parameters>;
  /** Per segment the documents that may be hits; null: all. */
  readonly accept: readonly Bitset[] | null;
  readonly sparse: SparseLeg | null;
  readonly dense: DenseLeg | null;
  /** Why the dense leg is missing although the mode wants it (`allowDegraded`). */
  readonly degradedReason: string | null;
}

/** Legs that a mode asks. */
export function legsOf(mode: SearchMode): readonly ("sparse" | "dense")[] {
  return mode === "hybrid" ? ["sparse", "dense"] : [mode];
}

/** The mode of a request, hybrid where the collection has both legs. */
export function modeOf(snapshot: Snapshot, request: SearchRequest): SearchMode {
  const mode = request.mode ?? (snapshot.settings.encoder === null ? "sparse" : "hybrid");
  if (mode !== "sparse" && snapshot.settings.encoder === null) {
    throw new InputError(
      `mode ${mode} needs vectors, but this collection was built without an encoder: ` +
        'ask with mode "sparse", or build it again with an encoder',
      { mode },
    );
  }
  return mode;
}

/**
 * Asks the legs that the mode wants, under one filter.
 *
 * Required and excluded words (`+word`, `-word`, `"a phrase"`) bind the dense leg too: what they
 * rule out is no candidate of either leg.
 *
 * @throws {InputError} the collection lacks a leg that the mode wants
 * @throws {EncoderMismatchError} and whatever the encoder throws, unless `allowDegraded` lets a
 *   hybrid query go on without its dense leg
 */
export async function retrieve(
  source: SearchSource,
  request: SearchRequest,
  clock: StageClock,
  signal?: AbortSignal,
): Promise<Retrieval> {
  const snapshot = source.snapshot();
  const mode = modeOf(snapshot, request);
  const wanted = legsOf(mode);
  const analyzer = analyzerNamed(snapshot.settings.analyzer);
  const asked =
    request.syntax === "plain"
      ? bagOfWords(analyzer.terms(request.query))
      : parseSparseQuery(request.query, analyzer, {
          prefix: request.prefix,
          fuzzy: request.fuzzy,
        });
  const bm25 = bm25Of(request);
  const accept = await acceptedCandidates(snapshot, asked, request.filter, clock);

  // The encoder works in its own thread while the sparse leg is searched here.
  const encoding = wanted.includes("dense")
    ? encodeQuery(source, request, signal)
    : Promise.resolve(null);
  encoding.catch(() => undefined);

  const sparse = wanted.includes("sparse")
    ? await clock.time(
        "sparse",
        ({ leg }: { leg: SparseLeg }) => leg.ranking.length,
        () => {
          const query = expandedQuery(snapshot, asked, request, bm25, accept);
          return { query, leg: sparseLeg(snapshot, query, request, bm25, accept) };
        },
      )
    : null;

  const failure: { reason: string | null } = { reason: null };
  const dense = await denseLeg(snapshot, request, encoding, accept, clock).catch(
    (error: unknown) => {
      if (mode !== "hybrid" || !request.allowDegraded || signal?.aborted === true) throw error;
      failure.reason = `dense leg: ${describeFailure(error)}`;
      return null;
    },
  );
  return {
    snapshot,
    mode,
    query: sparse?.query ?? asked,
    bm25,
    accept,
    sparse: sparse?.leg ?? null,
    dense,
    degradedReason: failure.reason,
  };
}

function bm25Of({ bm25 }: SearchRequest): Partial<Bm25Parameters> {
  return {
    ...(bm25?.k1 === undefined ? {} : { k1: bm25.k1 }),
    ...(bm25?.b === undefined ? {} : { b: bm25.b }),
  };
}

async function acceptedCandidates(
  snapshot: Snapshot,
  query: SparseQuery,
  filter: Filter | undefined,
  clock: StageClock,
): Promise<readonly Bitset[] | null> {
  const conditional = query.clauses.some(({ occur }) => occur !== "should");
  if (filter === undefined && !conditional) return null;
  const count = (sets: readonly Bitset[]): number =>
    sets.reduce((sum, set) => sum + set.count(), 0);
  return clock.time("filter", count, () => {
    const live = acceptedDocuments(snapshot, filter ?? null);
    return conditional ? snapshot.sparse.satisfying(query, live) : live;
  });
}

async function encodeQuery(
  source: SearchSource,
  request: SearchRequest,
  signal: AbortSignal | undefined,
): Promise<{ vector: Float32Array; ms: number }> {
  const startedMs = performance.now();
  const encoder = await source.encoder();
  const text = request.syntax === "plain" ? request.query : plainQueryText(request.query);
  const { values } = await encoder.encodeQueries([text], signal);
  return { vector: values, ms: performance.now() - startedMs };
}

/** The query, with feedback terms where the request wants them. */
function expandedQuery(
  snapshot: Snapshot,
  query: SparseQuery,
  { feedback }: SearchRequest,
  bm25: Partial<Bm25Parameters>,
  accept: readonly Bitset[] | null,
): SparseQuery {
  if (feedback === undefined) return query;
  const hits = snapshot.sparse.search(query, {
    depth: feedback.documents,
    bm25,
    ...(accept === null ? {} : { accept }),
  });
  return withFeedbackTerms(snapshot, query, hits, feedback);
}

/** The sparse leg's answer to a parsed query. */
export function sparseLeg(
  snapshot: Snapshot,
  query: SparseQuery,
  request: SearchRequest,
  bm25: Partial<Bm25Parameters>,
  accept: readonly Bitset[] | null,
): SparseLeg {
  const hits = snapshot.sparse.search(query, {
    depth: request.depth.sparse,
    bm25,
    countTotal: true,
    ...(accept === null ? {} : { accept }),
  });
  return {
    ranking: candidates(snapshot, hits),
    topScore: hits.topScore,
    total: hits.total,
  };
}

async function denseLeg(
  snapshot: Snapshot,
  request: SearchRequest,
  encoding: Promise<{ vector: Float32Array; ms: number } | null>,
  accept: readonly Bitset[] | null,
  clock: StageClock,
): Promise<DenseLeg | null> {
  const encoded = await encoding;
  if (encoded === null) return null;
  clock.add({ name: "encode", candidates: 1, ms: encoded.ms });
  return clock.time(
    "dense",
    (leg: DenseLeg) => leg.ranking.length,
    () => {
      const searcher = snapshot.dense;
      if (searcher === null) throw new Error("a collection with an encoder has a dense leg");
      const { depth, feedback } = request;
      const options = { accept: accept ?? undefined };
      let queryVector = encoded.vector;
      if (feedback !== undefined) {
        const first = searcher.search(queryVector, { ...options, depth: feedback.documents });
        queryVector = withFeedbackVectors(snapshot, queryVector, first, feedback);
      }
      const hits = searcher.search(queryVector, { ...options, depth: depth.dense });
      return { ranking: candidates(snapshot, hits), queryVector };
    },
  );
}

/** Hits with their names, as fusion and callers read them. */
export function candidates(snapshot: Snapshot, hits: LegHits): Candidate[] {
  const named = new Array<Candidate>(hits.count);
  for (let i = 0; i < hits.count; i++) {
    // In bounds: i < count, and hits name segments of this snapshot.
    const segmentOrd = hits.segmentOrds[i]!;
    const docOrd = hits.docOrds[i]!;
    named[i] = {
      docId: snapshot.segments[segmentOrd]!.names.docId(docOrd),
      score: hits.scores[i]!,
      segmentOrd,
      docOrd,
    };
  }
  return named;
}

/** One line for `degradedReason`: code and message. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as Partial<SearchError>).code;
  return code === undefined ? error.message : `${code}: ${error.message}`;
}
