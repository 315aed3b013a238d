import { NotFoundError } from "../errors.js";
import { matchesFilter } from "../filter/matches-filter.js";
import type { DocId } from "../run/ranking.js";
import { explainHit, rankIn } from "./explain-hit.js";
import { rerankCandidates } from "./rerank-candidates.js";
import { retrieve, type SearchSource } from "./retrieval.js";
import { rankFirstStage } from "./search.js";
import type { Explanation, Stage } from "./search-answer.js";
import type { SearchMode, SearchRequest } from "./search-request.js";
import { StageClock } from "./stage-clock.js";

/** At which stage a document fell out, and what it lacked. */
export interface Shortfall {
  readonly stage: "filter" | "sparse" | "dense" | "fusion" | "page";
  readonly reason: string;
}

export interface DocumentExplanation {
  readonly query: string;
  readonly mode: SearchMode;
  readonly id: DocId;
  readonly title: string;
  /** Rank in the whole ranking, from 1; null if no leg returned the document. */
  readonly rank: number | null;
  readonly score: number | null;
  /** Whether it stands on the page that `limit` and `offset` ask for. */
  readonly onPage: boolean;
  /** Empty for a document on the page; else each stage that it fell at, in their order. */
  readonly shortfalls: readonly Shortfall[];
  readonly explain: Explanation;
  readonly stages: readonly Stage[];
}

/**
 * Why a document has its rank for a query, or why it is not there: which filter it fails, which
 * query terms it lacks, how far each leg's cut-off score is away.
 *
 * @throws {NotFoundError} no such document
 * @throws what `search` throws
 */
export async function explainDocument(
  source: SearchSource,
  request: SearchRequest,
  id: string,
  signal?: AbortSignal,
): Promise<DocumentExplanation> {
  const clock = new StageClock();
  const retrieval = await retrieve(source, request, clock, signal);
  const { snapshot, sparse, dense, mode } = retrieval;
  const place = snapshot.locate(id);
  if (place === null) {
    throw new NotFoundError(`there is no document ${id} in ${source.name}`, {
      collection: source.name,
      id,
    });
  }
  const document = snapshot.segments[place.segmentOrd]!.document(place.docOrd);
  const docId = document._id;
  const first = await rankFirstStage(source, retrieval, request, clock);
  const final = await rerankCandidates(source, snapshot, request, first.ranking, clock, signal);
  const rank = rankIn(final.ranking, docId);
  const explain = explainHit(retrieval, first, docId, place, final.explain(docId));
  const onPage = rank !== null && rank > request.offset && rank <= request.offset + request.limit;

  const shortfalls: Shortfall[] = [];
  const fell = (stage: Shortfall["stage"], reason: string): void => {
    shortfalls.push({ stage, reason });
  };
  if (request.filter !== undefined && !matchesFilter(document, request.filter)) {
    fell("filter", "its metadata does not fulfil the filter");
  } else if (retrieval.accept?.[place.segmentOrd]?.has(place.docOrd) === false) {
    fell("filter", "it lacks a required word or phrase of the query, or has an excluded one");
  }
  if (sparse !== null && explain.sparse !== undefined && explain.sparse.rank === null) {
    fell("sparse", sparseShortfall(explain.sparse, retrieval, request));
  }
  if (dense !== null && explain.dense !== undefined && explain.dense.rank === null) {
    const last = dense.ranking.at(-1)?.score;
    const score = explain.dense.score ?? 0;
    fell(
      "dense",
      last === undefined
        ? "the dense leg returned nothing"
        : `similarity ${score.toFixed(4)} is below the last of the ${dense.ranking.length} candidates (${last.toFixed(4)})`,
    );
  }
  if (rank === null && mode === "hybrid") fell("fusion", "no leg returned it");
  if (rank !== null && !onPage) {
    const at = final.ranking[request.offset + request.limit - 1];
    const score = final.ranking[rank - 1]?.score ?? 0;
    fell(
      "page",
      `rank ${rank} is not between ${request.offset + 1} and ${request.offset + request.limit}` +
        (at !== undefined && rank > request.offset + request.limit
          ? `: score ${score.toFixed(4)}, the last on the page has ${at.score.toFixed(4)}`
          : ""),
    );
  }
  return {
    query: request.query,
    mode,
    id: docId,
    title: document.title,
    rank,
    score: rank === null ? null : (final.ranking[rank - 1]?.score ?? null),
    onPage,
    shortfalls,
    explain,
    stages: clock.stages,
  };
}

function sparseShortfall(
  explained: NonNullable<Explanation["sparse"]>,
  {
    query,
    sparse,
  }: {
    query: { clauses: readonly { kind: string; term?: string; occur: string }[] };
    sparse: { ranking: readonly { score: number }[] } | null;
  },
  request: SearchRequest,
): string {
  const terms = query.clauses.flatMap(({ kind, term, occur }) =>
    kind === "term" && occur !== "mustNot" && term !== undefined ? [term] : [],
  );
  if (terms.length === 0) return `the query has no terms after analysis ("${request.query}")`;
  if (explained.terms.length === 0) {
    return `it has none of the query's terms (${terms.join(", ")})`;
  }
  const last = sparse?.ranking.at(-1)?.score;
  if (explained.score === null || last === undefined) {
    return "it has terms of the query but fails one of its conditions";
  }
  return `score ${explained.score.toFixed(4)} is below the last of the ${sparse?.ranking.length} candidates (${last.toFixed(4)})`;
}
