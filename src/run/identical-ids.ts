import type { QueryId, Ranking, Run } from "./ranking.js";

/**
 * The ranking without the document whose id is the query's. Collections whose queries are documents
 * themselves (ArguAna, Quora) are evaluated so, as BEIR does. Returns `ranking` itself if there is
 * no such document.
 */
export function withoutIdenticalId(queryId: QueryId, ranking: Ranking): Ranking {
  const isOther = ({ docId }: { readonly docId: string }) => docId !== queryId;
  return ranking.every(isOther) ? ranking : ranking.filter(isOther);
}

/** `withoutIdenticalId` for every query of a run. */
export function withoutIdenticalIds(run: Run): Run {
  return new Map(
    [...run].map(([queryId, ranking]) => [queryId, withoutIdenticalId(queryId, ranking)]),
  );
}
