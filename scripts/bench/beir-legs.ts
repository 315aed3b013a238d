/** Both legs' rankings for the judged queries of a BEIR folder: our BM25, and vectors from files. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { analyzerNamed } from "../../src/analysis/analyzers.js";
import type { TuningQuery } from "../../src/experiments/tune-fusion.js";
import type { FusionLeg } from "../../src/fusion/index.js";
import type { DocNames } from "../../src/run/doc-names.js";
import { readQrels } from "../../src/run/qrels.js";
import {
  compareDocIds,
  type DocId,
  type Qrels,
  type QueryId,
  type Ranking,
  type ScoredDoc,
} from "../../src/run/ranking.js";
import { SparseSegmentBuilder } from "../../src/sparse/segment-builder.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
import { SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { openSparseSegment } from "../../src/sparse/sparse-segment.js";
import { sparseSettings } from "../../src/sparse/sparse-settings.js";
import { MemorySections } from "../../src/store/memory-sections.js";

interface Line {
  readonly _id: string;
  readonly title?: string;
  readonly text: string;
}

export interface BeirLegs {
  readonly collection: string;
  readonly encoder: string;
  readonly qrels: Qrels;
  readonly queries: readonly (TuningQuery & {
    readonly text: string;
    readonly sparse: FusionLeg;
    readonly dense: FusionLeg;
  })[];
  /** Text of a document. */
  documentOf(docId: DocId): { readonly title: string; readonly text: string };
}

/**
 * As `braid search` makes them: BM25 k1=1.2 b=.75 over english@1, cosine by exact search, `depth`
 * hits each, exact cosines of the documents that only the sparse leg lists, 0 for those that BM25
 * does not match.
 */
export async function beirLegs(
  dataDir: string,
  vectorsDir: string,
  collection: string,
  encoder: string,
  depth = 1000,
): Promise<BeirLegs> {
  const folder = path.join(dataDir, collection);
  const docs = lines(path.join(folder, "corpus.jsonl"));
  const { qrels } = await readQrels(path.join(folder, "qrels/test.tsv"));
  const topics = lines(path.join(folder, "queries.jsonl")).filter(({ _id }) =>
    qrels.has(_id as QueryId),
  );
  const sparse = sparseLegs(docs, topics, depth);
  const file = (kind: string): string =>
    path.join(vectorsDir, `${collection}.${encoder}.${kind}.npy`);
  const documents = readVectors(file("d"), docs.length);
  const queries = readVectors(file("q"), topics.length);
  const ordOf = new Map(docs.map(({ _id }, ord) => [_id, ord]));
  return {
    collection,
    encoder,
    qrels,
    documentOf: (docId) => {
      const { title = "", text } = docs[ordOf.get(docId)!]!;
      return { title, text };
    },
    queries: topics.map(({ _id, text }, q) => {
      const dense = denseLeg(docs, ordOf, documents, queries.row(q), sparse[q]!.ranking, depth);
      const legs = [sparse[q]!, dense];
      return { queryId: _id as QueryId, text, legs, sparse: sparse[q]!, dense };
    }),
  };
}

function lines(file: string): Line[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Line => JSON.parse(line));
}

function sparseLegs(docs: readonly Line[], topics: readonly Line[], depth: number): FusionLeg[] {
  const analyzer = analyzerNamed("english@1");
  const settings = sparseSettings({ analyzer: analyzer.id });
  const builder = new SparseSegmentBuilder(analyzer, settings);
  for (const { title = "", text } of docs) builder.add(title, text);
  const sections = new MemorySections();
  builder.write(sections);
  const part = {
    segment: openSparseSegment(sections),
    names: namesOf(docs),
    deleted: null,
    corrections: null,
  };
  const searcher = new SparseSearcher([part], settings);
  return topics.map(({ text }) => {
    const query = bagOfWords(analyzer.terms(text));
    const hits = searcher.search(query, { depth });
    const ranking = Array.from({ length: hits.count }, (_, i): ScoredDoc => {
      return { docId: part.names.docId(hits.docOrds[i]!), score: hits.scores[i]! };
    });
    return {
      name: "sparse",
      ranking,
      bounds: { lower: 0, upper: searcher.upperBound(query) },
      ...(ranking.length < depth ? { absentScore: 0 } : {}),
    };
  });
}

function namesOf(docs: readonly Line[]): DocNames {
  const order = docs.map((_, ord) => ord).sort((a, b) => compareDocIds(docs[a]!._id, docs[b]!._id));
  const idRank = new Uint32Array(docs.length);
  for (const [rank, ord] of order.entries()) idRank[ord] = rank;
  return { docCount: docs.length, idRank, docId: (ord) => docs[ord]!._id as DocId };
}

function denseLeg(
  docs: readonly Line[],
  ordOf: ReadonlyMap<string, number>,
  documents: Vectors,
  query: Float32Array,
  sparse: Ranking,
  depth: number,
): FusionLeg {
  const scores = documents.products(query);
  const order = Uint32Array.from(docs, (_, ord) => ord).sort(
    (a, b) => scores[b]! - scores[a]! || compareDocIds(docs[b]!._id, docs[a]!._id),
  );
  const ranking = Array.from(order.subarray(0, depth), (ord): ScoredDoc => {
    return { docId: docs[ord]!._id as DocId, score: scores[ord]! };
  });
  const listed = new Set(ranking.map(({ docId }) => docId));
  const missing = new Map<string, number>();
  for (const { docId } of sparse) {
    if (!listed.has(docId)) missing.set(docId, scores[ordOf.get(docId)!]!);
  }
  return { name: "dense", ranking, missing, similarity: "cosine" };
}

interface Vectors {
  row(index: number): Float32Array;
  products(query: Float32Array): Float64Array;
}

/** A two-dimensional little-endian float16 or float32 array of numpy's format 1.0. */
function readVectors(file: string, count: number): Vectors {
  const bytes = readFileSync(file);
  const headerBytes = bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, 10 + headerBytes);
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  const type = /'descr': '<f([24])'/.exec(header)?.[1];
  if (shape === null || type === undefined || Number(shape[1]) !== count) {
    throw new Error(`expected ${count} vectors in ${file}, got ${header.trim()}`);
  }
  const dimension = Number(shape[2]);
  const values = new Float32Array(count * dimension);
  const data = bytes.subarray(10 + headerBytes);
  for (let i = 0; i < values.length; i++) {
    values[i] = type === "4" ? data.readFloatLE(i * 4) : halfToFloat(data.readUInt16LE(i * 2));
  }
  return {
    row: (index) => values.subarray(index * dimension, (index + 1) * dimension),
    products: (query) => {
      const scores = new Float64Array(count);
      for (let i = 0; i < count; i++) {
        let sum = 0;
        const start = i * dimension;
        for (let j = 0; j < dimension; j++) sum += values[start + j]! * query[j]!;
        scores[i] = Math.fround(sum);
      }
      return scores;
    },
  };
}

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return exponent === 0
    ? sign * 2 ** -24 * fraction
    : sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}
