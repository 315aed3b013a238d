import type { DocId, Ranking } from "../run/ranking.js";
import { fuseLegs } from "./rank-candidates.js";
import { retrieve, type SearchSource } from "./retrieval.js";
import type { Stage } from "./search-answer.js";
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
): Promise<Comparison> {
  const clock = new StageClock();
  const retrieval = await retrieve(
    source,
    { ...request, mode: "hybrid", allowDegraded: false },
    clock,
    signal,
  );
  const { snapshot, sparse, dense } = retrieval;
  const fused = await clock.time(
    "fusion",
    ({ ranking }) => ranking.length,
    () => fuseLegs(retrieval, request.fusion ?? source.defaultFusion(snapshot)),
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
  return {
    query: request.query,
    tookMs: clock.tookMs(),
    stages: clock.stages,
    modes: {
      sparse: hits(lists.sparse),
      dense: hits(lists.dense),
      hybrid: hits(lists.hybrid),
    },
    overlap: {
      sparseDense: overlap(ranks.sparse, ranks.dense),
      sparseHybrid: overlap(ranks.sparse, ranks.hybrid),
      denseHybrid: overlap(ranks.dense, ranks.hybrid),
    },
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
