import type { FusedPart, FusedRanking } from "../fusion/fused-ranking.js";
import type { DocId, Ranking } from "../run/ranking.js";
import { explainHit } from "./explain-hit.js";
import { highlighter } from "./highlight-hit.js";
import { fuseLegs } from "./rank-candidates.js";
import { type Retrieval, retrieve, type SearchSource } from "./retrieval.js";
import { type RankedCandidates, reachableDocuments, selectFields } from "./search.js";
import type { SearchHit, Stage } from "./search-answer.js";
import type { SearchRequest } from "./search-request.js";
import { StageClock } from "./stage-clock.js";

export interface ComparedHit {
  readonly id: DocId;
  readonly rank: number;
  readonly score: number;
  readonly title: string;
  /** Rank in each other mode's list, null where it is not among the `limit` first there. */
  readonly ranks: {
    readonly sparse: number | null;
    readonly dense: number | null;
    readonly hybrid: number | null;
  };
}

/** How much two lists of `limit` hits have in common. */
export interface Overlap {
  readonly common: number;
  /** |A ∩ B| / |A ∪ B|; 1 if both are empty. */
  readonly jaccard: number;
}

/** A leg's word on a candidate; nulls where it has none. */
export interface CandidateLeg {
  /** From 1, tied scores share it, as rank fusion sees it. */
  readonly rank: number | null;
  readonly score: number | null;
  readonly normalized: number | null;
}

/**
 * Everything that fusing needs to know of a document: whoever holds the candidates can fuse them
 * again with other weights without asking the legs again.
 */
export interface ComparedCandidate {
  readonly id: DocId;
  readonly title: string;
  readonly sparse: CandidateLeg;
  readonly dense: CandidateLeg;
}

export interface CompareOptions {
  /** Give the best so many of each leg as candidates; default 0. */
  readonly candidates?: number;
}

export interface Comparison {
  readonly query: string;
  readonly tookMs: number;
  readonly stages: readonly Stage[];
  readonly modes: Readonly<Record<"sparse" | "dense" | "hybrid", readonly ComparedHit[]>>;
  readonly overlap: {
    readonly sparseDense: Overlap;
    readonly sparseHybrid: Overlap;
    readonly denseHybrid: Overlap;
  };
  /** Documents that the filter admits. */
  readonly total: number;
  readonly facets?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Every listed document once, where the request asks for `fields`, `highlight` or `explain`. */
  readonly documents?: Readonly<
    Record<string, Pick<SearchHit, "document" | "highlights" | "explain">>
  >;
  readonly candidates?: readonly ComparedCandidate[];
}

/**
 * One query in all modes side by side. Both legs are asked once; the lists are exactly what
 * `search` returns in each mode.
 *
 * @throws {InputError} the collection has no dense leg to compare with
 */
export async function compare(
  source: SearchSource,
  request: SearchRequest,
  signal?: AbortSignal,
  options: CompareOptions = {},
): Promise<Comparison> {
  const clock = new StageClock();
  const retrieval = await retrieve(
    source,
    { ...request, mode: "hybrid", allowDegraded: false },
    clock,
    signal,
  );
  const { snapshot, sparse, dense } = retrieval;
  const fusion = request.fusion ?? source.defaultFusion(snapshot);
  const fused = await clock.time(
    "fusion",
    ({ ranking }) => ranking.length,
    () => fuseLegs(retrieval, fusion),
  );
  const page = (ranking: Ranking): Ranking =>
    ranking.slice(request.offset, request.offset + request.limit);
  const lists = {
    sparse: page(sparse?.ranking ?? []),
    dense: page(dense?.ranking ?? []),
    hybrid: page(fused.ranking),
  };
  const ranks = {
    sparse: ranksOf(lists.sparse, request.offset),
    dense: ranksOf(lists.dense, request.offset),
    hybrid: ranksOf(lists.hybrid, request.offset),
  };
  const hits = (ranking: Ranking): ComparedHit[] =>
    ranking.map(({ docId, score }, i) => ({
      id: docId,
      rank: request.offset + i + 1,
      score,
      title: snapshot.document(docId)?.title ?? "",
      ranks: {
        sparse: ranks.sparse.get(docId) ?? null,
        dense: ranks.dense.get(docId) ?? null,
        hybrid: ranks.hybrid.get(docId) ?? null,
      },
    }));
  const { total, facets } = reachableDocuments({ ...retrieval, mode: "hybrid" }, request);
  const wantsDocuments = request.fields !== undefined || request.highlight || request.explain;
  const first = { ranking: fused.ranking, fused, fusion };
  const { candidates: candidateCount = 0 } = options;
  const modes = {
    sparse: hits(lists.sparse),
    dense: hits(lists.dense),
    hybrid: hits(lists.hybrid),
  };
  const documents = wantsDocuments
    ? { documents: listedDocuments(retrieval, first, request, Object.values(lists)) }
    : {};
  const candidates =
    candidateCount > 0 ? { candidates: candidatesOf(retrieval, fused, candidateCount) } : {};
  return {
    query: request.query,
    tookMs: clock.tookMs(),
    stages: clock.stages,
    total,
    ...(facets === null ? {} : { facets }),
    modes,
    overlap: {
      sparseDense: overlap(ranks.sparse, ranks.dense),
      sparseHybrid: overlap(ranks.sparse, ranks.hybrid),
      denseHybrid: overlap(ranks.dense, ranks.hybrid),
    },
    ...documents,
    ...candidates,
  };
}

function listedDocuments(
  retrieval: Retrieval,
  first: RankedCandidates,
  request: SearchRequest,
  lists: readonly Ranking[],
): NonNullable<Comparison["documents"]> {
  const { snapshot } = retrieval;
  const highlightsOf = request.highlight ? highlighter(snapshot, retrieval.query) : null;
  // Ids come from outside: __proto__ must be a key like any other.
  const documents: [string, Pick<SearchHit, "document" | "highlights" | "explain">][] = [];
  const seen = new Set<DocId>();
  for (const { docId } of lists.flat()) {
    const place = seen.has(docId) ? null : snapshot.locate(docId);
    if (place === null) continue;
    seen.add(docId);
    const document = snapshot.segments[place.segmentOrd]!.document(place.docOrd);
    documents.push([
      docId,
      {
        document: selectFields(document, request.fields),
        ...(highlightsOf === null ? {} : { highlights: highlightsOf(document) }),
        ...(request.explain ? { explain: explainHit(retrieval, first, docId, place, null) } : {}),
      },
    ]);
  }
  return Object.fromEntries(documents);
}

function candidatesOf(
  { snapshot, sparse, dense }: Retrieval,
  fused: FusedRanking,
  count: number,
): ComparedCandidate[] {
  const titles = new Map<DocId, string>();
  for (const { docId, segmentOrd, docOrd } of [
    ...(sparse?.ranking.slice(0, count) ?? []),
    ...(dense?.ranking.slice(0, count) ?? []),
  ]) {
    if (!titles.has(docId)) {
      titles.set(docId, snapshot.segments[segmentOrd]!.document(docOrd).title);
    }
  }
  return [...titles].map(([id, title]) => {
    const parts = fused.explain(id)?.parts ?? [];
    return { id, title, sparse: legOf(parts, "sparse"), dense: legOf(parts, "dense") };
  });
}

function legOf(parts: readonly FusedPart[], name: string): CandidateLeg {
  const part = parts.find(({ leg }) => leg === name);
  return {
    rank: part?.rank ?? null,
    score: part?.score ?? null,
    normalized: part?.normalized ?? null,
  };
}

function ranksOf(ranking: Ranking, offset: number): Map<DocId, number> {
  return new Map(ranking.map(({ docId }, i) => [docId, offset + i + 1]));
}

function overlap(a: ReadonlyMap<DocId, number>, b: ReadonlyMap<DocId, number>): Overlap {
  let common = 0;
  for (const docId of a.keys()) if (b.has(docId)) common++;
  const union = a.size + b.size - common;
  return { common, jaccard: union === 0 ? 1 : common / union };
}
