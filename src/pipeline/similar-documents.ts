import { analyzerNamed } from "../analysis/analyzers.js";
import type { DocumentPlace, Snapshot } from "../collection/snapshot.js";
import { rowsOf } from "../dense/vectors.js";
import { NotFoundError } from "../errors.js";
import type { DocId } from "../run/ranking.js";
import { bagOfWords, type SparseQuery } from "../sparse/sparse-query.js";
import { acceptedDocuments } from "./accepted-documents.js";
import { explainHit } from "./explain-hit.js";
import {
  candidates,
  type DenseLeg,
  legsOf,
  modeOf,
  type Retrieval,
  type SearchSource,
  sparseLeg,
} from "./retrieval.js";
import { rankFirstStage, selectFields } from "./search.js";
import type { SearchHit, Stage } from "./search-answer.js";
import type { SearchMode, SearchRequest } from "./search-request.js";
import { StageClock } from "./stage-clock.js";

export interface SimilarAnswer {
  readonly id: DocId;
  readonly mode: SearchMode;
  readonly tookMs: number;
  readonly stages: readonly Stage[];
  /** The document's terms that the sparse leg was asked for, most telling first. */
  readonly terms: readonly string[];
  readonly hits: readonly SearchHit[];
}

/** Terms that stand for a document: more make queries slow and no better. */
const termCount = 25;

/**
 * Documents like a given one: its stored vector is the dense query, so nothing is encoded, and its
 * terms of largest tf · idf are the sparse one, each said once (as Lucene's MoreLikeThis does).
 * Fusion, filters and ties are those of every search; the document itself is no hit.
 *
 * @throws {NotFoundError} no such document
 */
export async function similarDocuments(
  source: SearchSource,
  id: string,
  request: SearchRequest,
): Promise<SimilarAnswer> {
  const clock = new StageClock();
  const snapshot = source.snapshot();
  const mode = modeOf(snapshot, request);
  const place = snapshot.locate(id);
  if (place === null) {
    const facts = { collection: source.name, id };
    throw new NotFoundError(`there is no document ${id} in ${source.name}`, facts);
  }
  const document = snapshot.segments[place.segmentOrd]!.document(place.docOrd);
  const query = tellingTerms(snapshot, `${document.title} ${document.text}`);
  const accept = acceptedDocuments(snapshot, request.filter ?? null);
  accept[place.segmentOrd]?.remove(place.docOrd);

  const wanted = legsOf(mode);
  const sparse = wanted.includes("sparse")
    ? await clock.time(
        "sparse",
        ({ ranking }) => ranking.length,
        () => sparseLeg(snapshot, query, request, {}, accept),
      )
    : null;
  const dense = wanted.includes("dense")
    ? await clock.time(
        "dense",
        ({ ranking }: DenseLeg) => ranking.length,
        () => denseLegOf(snapshot, place, request.depth.dense, accept),
      )
    : null;
  const retrieval: Retrieval = {
    snapshot,
    mode,
    query,
    bm25: {},
    accept,
    sparse,
    dense,
    degradedReason: null,
  };
  const first = await rankFirstStage(source, retrieval, request, clock);
  const hits = first.ranking
    .slice(request.offset, request.offset + request.limit)
    .map(({ docId, score }, i): SearchHit => {
      const at = snapshot.locate(docId);
      if (at === null) throw new Error(`hit ${docId} is not in the snapshot it was found in`);
      const hit = snapshot.segments[at.segmentOrd]!.document(at.docOrd);
      return {
        id: docId,
        rank: request.offset + i + 1,
        score,
        document: selectFields(hit, request.fields),
        ...(request.explain ? { explain: explainHit(retrieval, first, docId, at, null) } : {}),
      };
    });
  return {
    id: document._id,
    mode,
    tookMs: clock.tookMs(),
    stages: clock.stages,
    terms: query.clauses.flatMap((clause) => (clause.kind === "term" ? [clause.term] : [])),
    hits,
  };
}

/** The terms of a text with the largest tf · idf; equal ones by their spelling. */
function tellingTerms(snapshot: Snapshot, text: string): SparseQuery {
  const { statistics } = snapshot.sparse;
  const counts = new Map<string, number>();
  for (const term of analyzerNamed(snapshot.settings.analyzer).terms(text)) {
    counts.set(term, (counts.get(term) ?? 0) + 1);
  }
  const weighed = [...counts].map(([term, count]) => {
    const frequency = statistics.documentFrequency(term, "all");
    const idf = Math.log1p((statistics.docCount - frequency + 0.5) / (frequency + 0.5));
    return { term, weight: count * idf };
  });
  weighed.sort((a, b) => b.weight - a.weight || (a.term < b.term ? -1 : 1));
  return bagOfWords(weighed.slice(0, termCount).map(({ term }) => term));
}

function denseLegOf(
  snapshot: Snapshot,
  { segmentOrd, docOrd }: DocumentPlace,
  depth: number,
  accept: NonNullable<Retrieval["accept"]>,
): DenseLeg {
  const vectors = snapshot.segments[segmentOrd]?.vectors ?? null;
  const searcher = snapshot.dense;
  if (vectors === null || searcher === null) {
    throw new Error("a collection with an encoder has a dense leg");
  }
  // A document of several passages is asked for by its first, which holds its title.
  const [row] = rowsOf(vectors, docOrd);
  const from = row * vectors.dimension;
  const queryVector = vectors.values.slice(from, from + vectors.dimension);
  const hits = searcher.search(queryVector, { depth, accept });
  return { ranking: candidates(snapshot, hits), queryVector };
}
