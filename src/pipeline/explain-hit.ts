import type { DocumentPlace } from "../collection/snapshot.js";
import { fusionName } from "../fusion/fusion-text.js";
import type { DocId } from "../run/ranking.js";
import type { Retrieval } from "./retrieval.js";
import type { RankedCandidates } from "./search.js";
import type { ExplainedLeg, ExplainedRerank, Explanation } from "./search-answer.js";

/**
 * Why a document has its score: per leg its rank and score, for BM25 every term's part, and what
 * each leg adds to the fused score. Exact scores are given also where a leg did not list the document.
 */
export function explainHit(
  retrieval: Retrieval,
  { fused, fusion }: RankedCandidates,
  docId: DocId,
  place: DocumentPlace,
  rerank: ExplainedRerank | null,
): Explanation {
  const explained = fused?.explain(docId) ?? null;
  const parts = new Map(explained?.parts.map((part) => [part.leg, part]) ?? []);
  const score = explained?.score;
  return {
    ...(retrieval.sparse === null
      ? {}
      : { sparse: explainSparse(retrieval, docId, place, parts.get("sparse")?.normalized) }),
    ...(retrieval.dense === null
      ? {}
      : { dense: explainDense(retrieval, docId, place, parts.get("dense")?.normalized) }),
    ...(score === undefined
      ? {}
      : {
          fusion: {
            method: fusionName(fusion),
            contributions: Object.fromEntries(
              [...parts].map(([leg, { contribution }]) => [leg, contribution]),
            ),
            score,
          },
        }),
    ...(rerank === null ? {} : { rerank }),
  };
}

function explainSparse(
  { snapshot, query, bm25, sparse }: Retrieval,
  docId: DocId,
  { segmentOrd, docOrd }: DocumentPlace,
  normalized: number | null | undefined,
): NonNullable<Explanation["sparse"]> {
  const explained = snapshot.sparse.explain(query, segmentOrd, docOrd, bm25);
  return {
    rank: rankIn(sparse?.ranking ?? [], docId),
    score: explained.matches ? explained.score : null,
    normalized: normalized ?? null,
    terms: explained.terms.map(({ term, field, tf, df, idf, score }) => ({
      term: field === "all" ? term : `${field}:${term}`,
      tf,
      df,
      idf,
      score,
    })),
  };
}

function explainDense(
  { snapshot, dense }: Retrieval,
  docId: DocId,
  { segmentOrd, docOrd }: DocumentPlace,
  normalized: number | null | undefined,
): ExplainedLeg {
  const searcher = snapshot.dense;
  return {
    rank: rankIn(dense?.ranking ?? [], docId),
    score:
      dense === null || searcher === null
        ? null
        : searcher.score(dense.queryVector, segmentOrd, docOrd),
    normalized: normalized ?? null,
  };
}

/** Rank from 1, or null for a document that the leg did not return. */
export function rankIn(ranking: readonly { readonly docId: DocId }[], docId: DocId): number | null {
  const at = ranking.findIndex((candidate) => candidate.docId === docId);
  return at < 0 ? null : at + 1;
}
