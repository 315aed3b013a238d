import { analyzerNamed } from "../analysis/analyzers.js";
import { sparseSettingsOf } from "../collection/collection-settings.js";
import type { Snapshot } from "../collection/snapshot.js";
import { dotProduct } from "../dense/dot-product.js";
import { rocchio } from "../dense/rocchio.js";
import { rowsOf } from "../dense/vectors.js";
import type { LegHits } from "../run/doc-names.js";
import { mixWithModel, relevanceModel } from "../sparse/rm3.js";
import type { SparseQuery } from "../sparse/sparse-query.js";
import type { FeedbackRequest } from "./search-request.js";

/** A term in more of the documents than this tells nothing about the ones it is taken from. */
const commonShare = 0.1;

/**
 * The query with the terms that its best hits are most about (RM3). Terms of title and text count
 * alike. Terms in more than a tenth of the live documents, and in more of them than are read, are
 * not added.
 *
 * @param hits first pass of the sparse leg, at most `documents` of them
 */
export function withFeedbackTerms(
  snapshot: Snapshot,
  query: SparseQuery,
  hits: LegHits,
  { documents, terms, weight }: FeedbackRequest,
): SparseQuery {
  const analyzer = analyzerNamed(snapshot.settings.analyzer);
  const { boosts } = sparseSettingsOf(snapshot.settings);
  const { statistics } = snapshot.sparse;
  const most = Math.max(documents, statistics.docCount * commonShare);
  const read = Array.from(hits.scores.subarray(0, hits.count), (score, i) => {
    // In bounds: hits name segments of this snapshot.
    const { title, text } = snapshot.segments[hits.segmentOrds[i]!]!.document(hits.docOrds[i]!);
    return { score, terms: [...analyzer.terms(title), ...analyzer.terms(text)] };
  });
  const isTelling = (term: string): boolean => {
    const frequency = statistics.documentFrequency(term, "all", boosts);
    return frequency > 0 && frequency <= most;
  };
  return mixWithModel(query, relevanceModel(read, terms, isTelling), weight);
}

/**
 * The query vector moved towards those of its best hits; of a document with several vectors the one
 * that it was found by.
 *
 * @param hits first pass of the dense leg, at most `documents` of them
 */
export function withFeedbackVectors(
  snapshot: Snapshot,
  queryVector: Float32Array,
  hits: LegHits,
  { weight }: FeedbackRequest,
): Float32Array {
  const similarity = snapshot.settings.encoder?.similarity ?? "cosine";
  const found = Array.from({ length: hits.count }, (_, i) => {
    // In bounds: hits name segments of this snapshot, which have vectors where there is a dense leg.
    const { vectors } = snapshot.segments[hits.segmentOrds[i]!]!;
    if (vectors === null) throw new Error("a dense hit has a vector");
    const { dimension, values } = vectors;
    const [begin, end] = rowsOf(vectors, hits.docOrds[i]!);
    let best = begin;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let row = begin; row < end; row++) {
      const score = dotProduct(queryVector, 0, values, row * dimension, dimension);
      if (score > bestScore) {
        best = row;
        bestScore = score;
      }
    }
    return values.subarray(best * dimension, (best + 1) * dimension);
  });
  return rocchio(queryVector, found, weight, similarity);
}
