import type { Snapshot } from "../collection/snapshot.js";
import { defaultPassages } from "../rerank/passages.js";
import { type Reranked, rerank } from "../rerank/rerank.js";
import type { Reranker } from "../rerank/reranker.js";
import { ScoreCache } from "../rerank/score-cache.js";
import type { DocId, Ranking } from "../run/ranking.js";
import { describeFailure, type SearchSource } from "./retrieval.js";
import type { ExplainedRerank } from "./search-answer.js";
import { withSavedRerank } from "./search-defaults.js";
import type { SearchRequest } from "./search-request.js";
import type { StageClock } from "./stage-clock.js";

/** The final ranking, reranked or not. */
export interface FinalRanking {
  readonly ranking: Ranking;
  /** What the reranker did with a document; null for one that it did not reach. */
  explain(docId: DocId): ExplainedRerank | null;
  readonly degradedReason: string | null;
}

/**
 * Puts the top of the first stage into the reranker's order, if the request asks for it or the
 * collection has a saved reranking and the request says nothing of its own. Never adds
 * or drops a hit. When the reranker fails and the caller allows it, the first stage's order stands.
 *
 * @throws {ModelMissingError} no such model; {ModelFailedError} it failed; unless `allowDegraded`
 */
export async function rerankCandidates(
  source: SearchSource,
  snapshot: Snapshot,
  request: SearchRequest,
  ranking: Ranking,
  clock: StageClock,
  signal?: AbortSignal,
): Promise<FinalRanking> {
  const asked = withSavedRerank(source, request).rerank;
  const unchanged = { ranking, explain: () => null, degradedReason: null };
  if (asked === undefined || ranking.length === 0) return unchanged;
  const startedMs = performance.now();
  let reranked: Reranked;
  try {
    const reranker = await source.reranker(asked.model);
    reranked = await rerank(
      ranking,
      request.query,
      (docIds) => docIds.map((docId) => documentOf(snapshot, docId)),
      reranker,
      {
        depth: asked.depth,
        passages: defaultPassages,
        cache: cacheOf(reranker),
        combine: asked.weight === 1 ? "replace" : { weight: asked.weight },
        ...(asked.budgetMs === undefined ? {} : { budgetMs: asked.budgetMs }),
        ...(signal === undefined ? {} : { signal }),
      },
    );
  } catch (error) {
    if (!request.allowDegraded || signal?.aborted === true) throw error;
    return { ...unchanged, degradedReason: `rerank: ${describeFailure(error)}` };
  }
  clock.add({
    name: "rerank",
    candidates: reranked.reachedDepth,
    ms: performance.now() - startedMs,
    ...(reranked.reason === "budget"
      ? { note: `stopped by the budget after ${reranked.reachedDepth} of ${asked.depth}` }
      : {}),
  });
  const rankBefore = new Map(
    ranking.slice(0, reranked.reachedDepth).map(({ docId }, i) => [docId, i + 1]),
  );
  return {
    ranking: reranked.ranking,
    explain: (docId) => {
      const score = reranked.scores.get(docId);
      const before = rankBefore.get(docId);
      return score === undefined || before === undefined ? null : { rankBefore: before, score };
    },
    degradedReason: null,
  };
}

/** Scores that a reranker's cache keeps, at some 150 bytes each. */
const cachedScores = 20_000;
/** Kept for as long as the reranker is open. */
const caches = new WeakMap<Reranker, ScoreCache>();

/** Scores that the reranker gave before: they depend on query and text alone, so they are kept. */
function cacheOf(reranker: Reranker): ScoreCache {
  let cache = caches.get(reranker);
  if (cache === undefined) {
    cache = new ScoreCache(cachedScores);
    caches.set(reranker, cache);
  }
  return cache;
}

/** Title and text of a hit. */
export function documentOf(snapshot: Snapshot, docId: DocId): { title: string; text: string } {
  const document = snapshot.document(docId);
  if (document === null) throw new Error(`${docId} is not in the snapshot it was found in`);
  return document;
}
