import type { Snapshot } from "../collection/snapshot.js";
import type { Document } from "../corpus/document.js";
import { facetCounts, topFacets } from "../filter/facet-counts.js";
import type { FusedRanking } from "../fusion/fused-ranking.js";
import type { Fusion } from "../fusion/fusion.js";
import type { Bitset } from "../numeric/bitset.js";
import { compareScoredDocs, type Ranking, type ScoredDoc } from "../run/ranking.js";
import { acceptedDocuments } from "./accepted-documents.js";
import { explainHit } from "./explain-hit.js";
import { highlighter } from "./highlight-hit.js";
import { fuseLegs } from "./rank-candidates.js";
import { rerankCandidates } from "./rerank-candidates.js";
import { type Retrieval, retrieve, type SearchSource } from "./retrieval.js";
import type { SearchAnswer, SearchHit } from "./search-answer.js";
import type { SearchRequest } from "./search-request.js";
import { StageClock } from "./stage-clock.js";

/** A ranking with what explains it. */
export interface RankedCandidates {
  readonly ranking: Ranking;
  /** Null where one leg answered alone. */
  readonly fused: FusedRanking | null;
  readonly fusion: Fusion;
}

/**
 * Answers one query: retrieve, fuse, rerank, then the page that was asked for.
 *
 * The whole ranking is made before the page is cut from it, so no score and no rank depends on
 * `limit` or `offset`.
 *
 * @throws {InputError} and the errors of the legs; with `allowDegraded` a hybrid answer goes on
 *   without a failed dense leg or reranker and says so
 */
export async function search(
  source: SearchSource,
  request: SearchRequest,
  signal?: AbortSignal,
): Promise<SearchAnswer> {
  const clock = new StageClock();
  const retrieval = await retrieve(source, request, clock, signal);
  const first = await rankFirstStage(source, retrieval, request, clock);
  const { snapshot } = retrieval;
  const final = await rerankCandidates(source, snapshot, request, first.ranking, clock, signal);
  const { ranking } = final;

  const start = request.after === undefined ? request.offset : placeAfter(ranking, request.after);
  const page = ranking.slice(start, start + request.limit);
  const highlightsOf = request.highlight ? highlighter(snapshot, retrieval.query) : null;
  const hits = page.map(({ docId, score }, i): SearchHit => {
    const place = snapshot.locate(docId);
    if (place === null) throw new Error(`hit ${docId} is not in the snapshot it was found in`);
    const document = snapshot.segments[place.segmentOrd]!.document(place.docOrd);
    return {
      id: docId,
      rank: start + i + 1,
      score,
      document: selectFields(document, request.fields),
      ...(highlightsOf === null ? {} : { highlights: highlightsOf(document) }),
      ...(request.explain
        ? { explain: explainHit(retrieval, first, docId, place, final.explain(docId)) }
        : {}),
    };
  });

  const reachable = reachableDocuments(retrieval, request);
  const reasons = [retrieval.degradedReason, final.degradedReason].filter(
    (reason) => reason !== null,
  );
  return {
    query: request.query,
    mode: retrieval.mode,
    tookMs: clock.tookMs(),
    stages: clock.stages,
    degraded: reasons.length > 0,
    ...(reasons.length === 0 ? {} : { degradedReason: reasons.join("; ") }),
    total: reachable.total,
    ...(reachable.facets === null ? {} : { facets: reachable.facets }),
    hits,
  };
}

/** Index of the first hit that is ranked after `last`, whether `last` is still there or not. */
function placeAfter(ranking: Ranking, last: ScoredDoc): number {
  // A reranked list is best first only within its parts: its own place counts where it has one.
  const at = ranking.findIndex(({ docId }) => docId === last.docId);
  if (at >= 0) return at + 1;
  const after = ranking.findIndex((hit) => compareScoredDocs(hit, last) > 0);
  return after < 0 ? ranking.length : after;
}

/** The ranking before reranking: one leg as it is, or both fused. */
export async function rankFirstStage(
  source: SearchSource,
  retrieval: Retrieval,
  request: SearchRequest,
  clock: StageClock,
): Promise<RankedCandidates> {
  const fusion = request.fusion ?? source.defaultFusion(retrieval.snapshot);
  const { sparse, dense, mode } = retrieval;
  if (mode !== "hybrid") return { ranking: (sparse ?? dense)?.ranking ?? [], fused: null, fusion };
  const fused = await clock.time(
    "fusion",
    ({ ranking }: FusedRanking) => ranking.length,
    () => fuseLegs(retrieval, fusion),
  );
  return { ranking: fused.ranking, fused, fusion };
}

/** The document as the caller wants it: `_id` always, of the other fields those asked for. */
export function selectFields(
  document: Document,
  fields: readonly string[] | undefined,
): SearchHit["document"] {
  if (fields === undefined) return document;
  // Names come from outside: __proto__ must be a field like any other.
  const selected = fields
    .filter((field) => Object.hasOwn(document, field))
    .map((field) => [field, document[field] ?? null] as const);
  return { _id: document._id, ...Object.fromEntries(selected) };
}

/** All documents that the query can reach under the filter: what totals and facets count. */
export function reachableDocuments(
  { snapshot, mode, query, accept, sparse }: Retrieval,
  request: SearchRequest,
): { total: number; facets: Record<string, Record<string, number>> | null } {
  const ofSparse = mode === "sparse";
  if (request.facets === undefined) {
    const total =
      ofSparse && sparse !== null ? sparse.total : (countAll(accept) ?? snapshot.docCount);
    return { total, facets: null };
  }
  const sets = ofSparse
    ? snapshot.sparse.matches(query, accept ?? undefined)
    : (accept ?? acceptedDocuments(snapshot, null));
  return { total: countAll(sets) ?? 0, facets: countFacets(snapshot, request.facets, sets) };
}

/** Most values of one facet field that an answer lists, the most frequent ones first. */
const facetValueLimit = 100;

function countFacets(
  snapshot: Snapshot,
  fields: readonly string[],
  sets: readonly Bitset[],
): Record<string, Record<string, number>> {
  const facets: [string, Record<string, number>][] = [];
  for (const field of fields) {
    const counts = new Map<string, number>();
    for (const [segmentOrd, { columns }] of snapshot.segments.entries()) {
      const accepted = sets[segmentOrd];
      if (accepted === undefined) continue;
      for (const [value, count] of facetCounts(columns, field, accepted)) {
        counts.set(value, (counts.get(value) ?? 0) + count);
      }
    }
    facets.push([field, Object.fromEntries(topFacets(counts, facetValueLimit))]);
  }
  return Object.fromEntries(facets);
}

function countAll(sets: readonly Bitset[] | null): number | null {
  return sets === null ? null : sets.reduce((sum, set) => sum + set.count(), 0);
}
