import { EncoderMismatchError, InputError } from "../errors.js";
import type { Bitset } from "../numeric/bitset.js";
import type { DocNames, LegHits } from "../run/doc-names.js";
import { compareDocIds } from "../run/ranking.js";
import { BestDocuments } from "./best-documents.js";
import { dotProduct } from "./dot-product.js";
import { type HnswGraph, HnswSearch } from "./hnsw-graph.js";
import { type QuantizedRows, rowsPerRescoring } from "./quantized-rows.js";
import { Candidates, collectCandidates, offerLowerBound, ScoreFloor } from "./quantized-search.js";
import { rowsOf, type VectorSegment } from "./vectors.js";

/** One segment of a snapshot as the dense leg sees it. */
export interface DenseSegment {
  readonly vectors: VectorSegment;
  readonly names: DocNames;
  /** Documents that are no longer there; null where all are. */
  readonly deleted: Bitset | null;
  /** Graph over the rows, where the segment has one: large ones are searched through it. */
  readonly graph?: HnswGraph | null;
}

export interface DenseSearchOptions {
  /** How many hits to return at most; an integer >= 0. */
  readonly depth: number;
  /** Documents that may be hits, one set per segment (null: all of it); without it all may. */
  readonly accept?: readonly (Bitset | null)[] | undefined;
  /** Leaves graphs aside, so that the result is exact. Default false. */
  readonly exact?: boolean | undefined;
  /** Rows that a graph keeps while it searches, at least `depth`. Default {@link defaultEf}. */
  readonly ef?: number | undefined;
}

/** Rows kept by a graph search for a depth: recall@depth is then about .99 and more (measured). */
export function defaultEf(depth: number): number {
  return Math.ceil(depth * 1.5) + 110;
}

/**
 * Dense leg over one snapshot: the `depth` documents whose vectors have the largest inner product
 * with the query's, best first, ties by docId descending; exactly, but for segments with a graph.
 *
 * - A graph only names candidates: scores are the exact ones and ties follow the rule. It is used where
 *   it reads less than the scan would: not where a filter leaves few documents, or depth is large.
 * - Cosine models have vectors of length 1; rounding past 1 is clamped to [-1, 1].
 * - A document with several vectors (passages) scores by its best one.
 * - Every document has a vector, so documents without text can be hits too.
 */
export class DenseSearcher {
  readonly #segments: readonly DenseSegment[];

  /** @throws {InputError} segments and names of different sizes, or vectors of different kinds */
  constructor(segments: readonly DenseSegment[]) {
    const first = segments[0]?.vectors;
    for (const { vectors, names } of segments) {
      if (
        vectors.docCount !== names.docCount ||
        vectors.dimension !== first?.dimension ||
        vectors.similarity !== first.similarity
      ) {
        throw new InputError(
          `segments of one snapshot must agree: ${vectors.docCount} vectors for ${names.docCount} documents, dimension ${vectors.dimension} beside ${first?.dimension}`,
          { vectors: vectors.docCount, documents: names.docCount },
        );
      }
    }
    this.#segments = segments;
  }

  /**
   * Reads ahead what searches need, giving way to the event loop; without it the first search of a
   * large segment waits for the disk.
   */
  async prepare(): Promise<void> {
    for (const { vectors } of this.#segments) await vectors.prepare();
  }

  /**
   * @param queryVector `[dimension]`, finite
   * @throws {EncoderMismatchError} the vector has another dimension than the collection
   * @throws {InputError} depth, accept or the vector is not usable
   */
  search(queryVector: Float32Array, options: DenseSearchOptions): LegHits {
    const { depth, accept, exact = false, ef = defaultEf(depth) } = options;
    this.#checkQuery(queryVector);
    if (!Number.isInteger(depth) || depth < 0) {
      throw new InputError(`depth must be an integer >= 0, got ${depth}`, {
        field: "depth",
        value: depth,
      });
    }
    if (accept !== undefined && accept.length !== this.#segments.length) {
      throw new InputError(
        `accept must have one set per segment, got ${accept.length} for ${this.#segments.length}`,
        { field: "accept", expected: this.#segments.length, got: accept.length },
      );
    }
    const hits: Hit[] = [];
    const floor = new ScoreFloor(depth);
    // All scans come before the first exact score, so that the floor is as high as it gets.
    const found = this.#segments.map((segment, segmentOrd) =>
      scanOf(segment, queryVector, depth, exact ? null : ef, accept?.[segmentOrd] ?? null, floor),
    );
    for (const [segmentOrd, best] of found.entries()) {
      for (const { docOrd, score } of best().sorted()) hits.push({ segmentOrd, docOrd, score });
    }
    if (this.#segments.length > 1) hits.sort((a, b) => this.#compare(a, b));
    const count = Math.min(depth, hits.length);
    const kept = hits.slice(0, count);
    return {
      count,
      segmentOrds: Uint32Array.from(kept, ({ segmentOrd }) => segmentOrd),
      docOrds: Uint32Array.from(kept, ({ docOrd }) => docOrd),
      scores: Float64Array.from(kept, ({ score }) => score),
    };
  }

  /**
   * Score of one document, the same bits that `search` ranks by, whether it is deleted or not.
   *
   * @throws {InputError} no such document
   */
  score(queryVector: Float32Array, segmentOrd: number, docOrd: number): number {
    this.#checkQuery(queryVector);
    const vectors = this.#segments[segmentOrd]?.vectors;
    if (vectors === undefined || !(docOrd >= 0 && docOrd < vectors.docCount)) {
      throw new InputError(`no document ${docOrd} in segment ${segmentOrd}`, {
        segmentOrd,
        docOrd,
      });
    }
    return documentScore(vectors, queryVector, docOrd);
  }

  #checkQuery(queryVector: Float32Array): void {
    const dimension = this.#segments[0]?.vectors.dimension ?? queryVector.length;
    if (queryVector.length !== dimension) {
      throw new EncoderMismatchError(
        `the collection was built with dimension ${dimension}, the query vector has ${queryVector.length}: open it with the encoder it was built with, or build it again`,
        { expected: dimension, got: queryVector.length },
      );
    }
    // Half the cost of a graph search if asked value by value through a callback.
    let finite = true;
    for (let i = 0; i < queryVector.length; i++) finite &&= Number.isFinite(queryVector[i]);
    if (!finite) {
      throw new InputError("a query vector must be finite, got NaN or infinity", {
        field: "queryVector",
      });
    }
  }

  #compare(a: Hit, b: Hit): number {
    if (a.score !== b.score) return b.score - a.score;
    const aNames = this.#segments[a.segmentOrd]!.names; // hits come from these segments
    const bNames = this.#segments[b.segmentOrd]!.names;
    if (aNames === bNames) return bNames.idRank[b.docOrd]! - aNames.idRank[a.docOrd]!;
    return compareDocIds(bNames.docId(b.docOrd), aNames.docId(a.docOrd));
  }
}

/** Searches keep a mark per row, so one is kept for each graph for as long as the graph is. */
const graphSearches = new WeakMap<HnswGraph, HnswSearch>();

interface Hit {
  readonly segmentOrd: number;
  readonly docOrd: number;
  readonly score: number;
}

/**
 * Looks over a segment in the cheapest way and leaves the exact scores for later: by the plain loop where
 * few documents are allowed or nearly all are asked for, through its graph, or by scanning all rows
 * in int8.
 *
 * @param ef rows kept by a graph search; null: no graph
 */
function scanOf(
  segment: DenseSegment,
  queryVector: Float32Array,
  depth: number,
  ef: number | null,
  accept: Bitset | null,
  floor: ScoreFloor,
): () => BestDocuments {
  const { vectors, deleted } = segment;
  const allowed = accept === null ? vectors.docCount : accept.count();
  const plain = allowed <= depth || depth === 0 || allowed * plainCost < vectors.docCount;
  const rows = plain ? null : vectors.quantized;
  if (rows === null) return () => scanSegment(segment, queryVector, depth, accept);
  const nearby =
    ef === null ? null : searchGraph(segment, rows, queryVector, depth, ef, accept, allowed, floor);
  if (nearby !== null) return () => rescore(segment, queryVector, rows, nearby, depth, floor);
  const { owners, similarity } = vectors;
  const scan = { rows, owners, query: queryVector, deleted, accept, similarity };
  const candidates = collectCandidates(scan, floor);
  return () => rescore(segment, queryVector, rows, candidates, depth, floor);
}

/**
 * Documents that the segment's graph finds near the query, at least `depth` allowed ones; null where
 * there is no graph or it is no help. Where a filter or deletions leave too few of those found, more
 * are asked for.
 */
function searchGraph(
  { vectors, deleted, graph }: DenseSegment,
  rows: QuantizedRows,
  queryVector: Float32Array,
  depth: number,
  ef: number,
  accept: Bitset | null,
  accepted: number,
  floor: ScoreFloor,
): Candidates | null {
  if (graph == null) return null;
  const { docCount, rowCount, owners } = vectors;
  const allowed = accepted - (deleted?.count() ?? 0);
  if (allowed < docCount * lowestPassRate) return null;
  let search = graphSearches.get(graph);
  if (search === undefined) {
    search = new HnswSearch(graph, rows);
    graphSearches.set(graph, search);
  }
  let count = Math.ceil(Math.max(depth, ef) * (rowCount / Math.max(1, allowed)));
  for (; count * graphCost < rowCount; count *= 2) {
    const lowerBounds: number[] = [];
    const candidates = new Candidates();
    const { rows: found, scores } = search.search(queryVector, count);
    const { step, errorFactor, margin } = rows.prepare(queryVector);
    const docs = new Set<number>();
    for (let i = 0; i < found.length; i++) {
      const row = found[i]!; // i < length of both columns
      const docOrd = owners === null ? row : owners[row]!; // row < rowCount
      if (deleted?.has(docOrd) || accept?.has(docOrd) === false) continue;
      if (owners === null) {
        const reach = rows.errors[row]! * errorFactor + margin;
        candidates.add(docOrd, scores[i]! * step + reach);
        lowerBounds.push(scores[i]! * step - reach);
      } else if (!docs.has(docOrd)) {
        // Another of its vectors may score more, so nothing is known of its bounds.
        docs.add(docOrd);
        candidates.add(docOrd, Number.POSITIVE_INFINITY);
      }
    }
    if (candidates.count >= depth) {
      for (const bound of lowerBounds) offerLowerBound(floor, bound, vectors);
      return candidates;
    }
  }
  return null;
}

/** One row kept by a graph search, in units of one int8 row of the scan (measured). */
const graphCost = 60;
/** Under this share of allowed documents a graph search throws away most of what it finds. */
const lowestPassRate = 0.25;
/** Exact score of one document by the plain loop, in units of one int8 row of the scan (measured). */
const plainCost = 16;

/** Exact scores of the candidates that the final floor leaves. */
function rescore(
  { vectors, names }: DenseSegment,
  queryVector: Float32Array,
  rows: QuantizedRows,
  candidates: Candidates,
  depth: number,
  floor: ScoreFloor,
): BestDocuments {
  const best = new BestDocuments(depth, names.idRank);
  candidates.prune(floor.value);
  const { docOrds, count } = candidates;
  if (vectors.owners !== null) {
    for (let i = 0; i < count; i++) {
      const docOrd = docOrds[i]!; // i < count
      best.offer(docOrd, documentScore(vectors, queryVector, docOrd));
    }
    return best;
  }
  for (let from = 0; from < count; from += rowsPerRescoring) {
    const some = Math.min(rowsPerRescoring, count - from);
    const scores = rows.exactScores(vectors.values, docOrds, from, some);
    for (let i = 0; i < some; i++) {
      best.offer(docOrds[from + i]!, finalScore(vectors, scores[i]!));
    }
  }
  return best;
}

/** The plain scan: every allowed document's exact score. */
export function scanSegment(
  { vectors, names, deleted }: DenseSegment,
  queryVector: Float32Array,
  depth: number,
  accept: Bitset | null,
): BestDocuments {
  const best = new BestDocuments(depth, names.idRank);
  if (depth === 0) return best;
  if (accept !== null) {
    for (let docOrd = accept.next(0); docOrd >= 0; docOrd = accept.next(docOrd + 1)) {
      if (deleted?.has(docOrd)) continue;
      best.offer(docOrd, documentScore(vectors, queryVector, docOrd));
    }
    return best;
  }
  for (let docOrd = 0; docOrd < vectors.docCount; docOrd++) {
    if (deleted?.has(docOrd)) continue;
    best.offer(docOrd, documentScore(vectors, queryVector, docOrd));
  }
  return best;
}

/** Inner product with the document's vector, the largest of them where it has several. */
export function documentScore(
  vectors: VectorSegment,
  queryVector: Float32Array,
  docOrd: number,
): number {
  const { dimension, values } = vectors;
  const [begin, end] = rowsOf(vectors, docOrd);
  let score = Number.NEGATIVE_INFINITY;
  for (let row = begin; row < end; row++) {
    const product = dotProduct(queryVector, 0, values, row * dimension, dimension);
    if (product > score) score = product;
  }
  return finalScore(vectors, score);
}

function finalScore(vectors: VectorSegment, product: number): number {
  return vectors.similarity === "cosine" ? Math.min(1, Math.max(-1, product)) : product;
}
