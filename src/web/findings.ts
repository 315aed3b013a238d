import type {
  CollectionDescription,
  CompareRequest,
  Comparison,
  Explanation,
  SearchAnswer,
} from "../client/index.js";
import type { FusionCandidate, FusionSetting } from "./fuse-again.js";
import { legWeights } from "./fuse-again.js";
import { filterText, type PageState } from "./page-state.js";
import { client, describe, withKey } from "./session.js";

/** Candidates of each leg that come to the browser for fusing again. */
export const candidateDepth = 100;
/** Hits of each mode that come with passages and explanations. */
const documentDepth = 20;
/** Most metadata fields that are counted as facets. */
const facetFields = 8;

/** A document as the page shows it. */
export interface FoundDocument {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly highlights: Readonly<Record<string, readonly string[]>>;
  readonly explain: Explanation | null;
}

/** What one query found. */
export interface Findings {
  readonly collection: CollectionDescription;
  readonly query: string;
  /** Null for a collection with one leg. */
  readonly comparison: Comparison | null;
  readonly answer: SearchAnswer | null;
  readonly documents: ReadonlyMap<string, FoundDocument>;
  readonly candidates: readonly FusionCandidate[];
  readonly facets: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly total: number;
  readonly tookMs: number;
}

/** The request that the page's state stands for, as anybody could send it. */
export function requestOf(
  state: PageState,
  collection: CollectionDescription,
): Record<string, unknown> {
  const filter = filterText(state);
  return {
    query: state.query,
    ...(collection.encoder === null
      ? { mode: "sparse" }
      : { mode: "hybrid", fusion: fusionOf(state, collection) }),
    ...(filter === "" ? {} : { filter }),
    ...(state.rerank === "" ? {} : { rerank: { model: state.rerank } }),
    limit: 10,
  };
}

function fusionOf(
  { fusion }: PageState,
  collection: CollectionDescription,
): NonNullable<CompareRequest["fusion"]> {
  const weights = legWeights(fusion);
  const rounded = { sparse: round(weights.sparse), dense: round(weights.dense) };
  return { ...unweighted(fusion, collection), weights: rounded };
}

/** The method without weights: what the candidates' ranks and normalised scores depend on. */
function unweighted(
  { method, rankConstant }: FusionSetting,
  { defaultFusion }: CollectionDescription,
): NonNullable<CompareRequest["fusion"]> {
  if (method === "rrf") return { method, rankConstant };
  // What tuning saved in the collection, if it is of this kind.
  const { normalization } = defaultFusion as Extract<
    CompareRequest["fusion"],
    { method?: "weighted" }
  >;
  return defaultFusion.method === "weighted" && normalization !== undefined
    ? { method, normalization }
    : { method };
}

function round(weight: number): number {
  return Math.round(weight * 1000) / 1000;
}

/** Asks for everything that the page shows of a query: once, whatever the sliders do afterwards. */
export async function find(state: PageState, signal: AbortSignal): Promise<Findings> {
  const collection = await describe(state.collection);
  const filter = filterText(state);
  const fields = collection.fields.filter((field) => !field.includes("."));
  const shared = {
    query: state.query,
    highlight: true,
    explain: true,
    fields: ["title", ...fields.slice(0, 12)],
    ...(fields.length === 0 ? {} : { facets: fields.slice(0, facetFields) }),
    ...(filter === "" ? {} : { filter }),
  };
  if (collection.encoder === null || collection.problem !== null) {
    const answer = await withKey(() =>
      client.search(
        collection.name,
        { ...shared, mode: "sparse", limit: documentDepth },
        { signal },
      ),
    );
    const { facets = {}, total, tookMs } = answer;
    const documents = documentsOf(answer);
    return {
      collection,
      query: state.query,
      comparison: null,
      answer,
      documents,
      candidates: [],
      facets,
      total,
      tookMs,
    };
  }
  const comparison = await withKey(() =>
    client.compare(
      collection.name,
      {
        ...shared,
        limit: documentDepth,
        candidates: candidateDepth,
        fusion: unweighted(state.fusion, collection),
      },
      { signal },
    ),
  );
  const { facets = {}, total, tookMs, candidates = [] } = comparison;
  const documents = new Map<string, FoundDocument>();
  for (const [id, { document, highlights, explain }] of Object.entries(
    comparison.documents ?? {},
  )) {
    documents.set(id, { fields: document, highlights: highlights ?? {}, explain: explain ?? null });
  }
  return {
    collection,
    query: state.query,
    comparison,
    answer: null,
    documents,
    candidates,
    facets,
    total,
    tookMs,
  };
}

/** The reranked answer; asked for beside `find` where a reranker is chosen. */
export function findReranked(
  state: PageState,
  collection: CollectionDescription,
  signal: AbortSignal,
): Promise<SearchAnswer> {
  const fields = collection.fields.filter((field) => !field.includes(".")).slice(0, 12);
  return withKey(() =>
    client.search(
      collection.name,
      {
        ...requestOf(state, collection),
        query: state.query,
        highlight: true,
        explain: true,
        fields: ["title", ...fields],
      },
      { signal },
    ),
  );
}

/** Documents of an answer by id. */
export function documentsOf({ hits }: SearchAnswer): Map<string, FoundDocument> {
  return new Map(
    hits.map(({ id, document, highlights, explain }) => [
      id,
      { fields: document, highlights: highlights ?? {}, explain: explain ?? null },
    ]),
  );
}
