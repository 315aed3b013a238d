import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import os from "node:os";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DenseSearcher } from "../../src/dense/dense-searcher.js";
import type { Similarity } from "../../src/dense/encoder.js";
import { type HnswGraph, HnswSearch, openGraph, writeGraph } from "../../src/dense/hnsw-graph.js";
import { buildHnswGraph, hnswAvailability } from "../../src/dense/hnsw-index.js";
import { openVectors, type VectorSegment, VectorsBuilder } from "../../src/dense/vectors.js";
import { CorruptIndexError, IndexVersionError, InputError } from "../../src/errors.js";
import { Bitset } from "../../src/numeric/bitset.js";
import { MemorySections } from "../../src/store/memory-sections.js";
import { namesOf } from "./names-of.js";

const availability = await hnswAvailability();
const skip = availability.available ? false : `hnswlib-node: ${availability.reason}`;

const dimension = 24;

function seededVectors(count: number, seed: number): Float32Array {
  let state = seed;
  const values = new Float32Array(count * dimension);
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = (state >>> 8) / 16_777_216 - 0.5;
  }
  return values;
}

function unit(values: Float32Array): Float32Array {
  for (let start = 0; start < values.length; start += dimension) {
    const norm = Math.hypot(...values.subarray(start, start + dimension));
    for (let i = start; i < start + dimension; i++) values[i] = (values[i] ?? 0) / norm;
  }
  return values;
}

function segmentOf(
  count: number,
  similarity: Similarity,
  passagesOf: (doc: number) => number = () => 1,
): VectorSegment {
  const builder = new VectorsBuilder({ dimension, similarity });
  for (let doc = 0; doc < count; doc++) {
    const passages = passagesOf(doc);
    const values = seededVectors(passages, doc * 31 + 7);
    builder.addPassages({
      count: passages,
      dimension,
      values: similarity === "cosine" ? unit(values) : values,
    });
  }
  const sections = new MemorySections();
  builder.finish(sections, "main");
  return openVectors(sections, "main");
}

function named(vectors: VectorSegment, graph: HnswGraph, deleted: Bitset | null = null) {
  const ids = Array.from({ length: vectors.docCount }, (_, i) => `d${i}`);
  return new DenseSearcher([{ vectors, names: namesOf(ids), deleted, graph }]);
}

describe("HNSW graphs", { skip }, () => {
  it("find nearly what exact search finds, with exact scores, filtered or not", async () => {
    for (const similarity of ["cosine", "dot"] as const) {
      const docs = 8000;
      const vectors = segmentOf(docs, similarity, (doc) => (doc % 5 === 0 ? 2 : 1));
      const graph = await buildHnswGraph(vectors);
      const deleted = new Bitset(docs);
      for (let doc = 0; doc < docs; doc += 11) deleted.add(doc);
      const searcher = named(vectors, graph, deleted);
      for (const share of [1, 0.5, 0.1, 0.001]) {
        const accept = new Bitset(docs);
        for (let doc = 0; doc < docs; doc++) {
          if ((doc * 7919) % 1000 < share * 1000) accept.add(doc);
        }
        let found = 0;
        let wanted = 0;
        for (let i = 0; i < 20; i++) {
          const query = unit(seededVectors(1, 1_000_000 + i));
          const options = { depth: 10, ef: 120, accept: [share === 1 ? null : accept] };
          const got = searcher.search(query, options);
          const exact = searcher.search(query, { ...options, exact: true });
          assert.equal(got.count, exact.count);
          const scoreOf = new Map([...exact.docOrds].map((doc, at) => [doc, exact.scores[at]]));
          for (const [at, doc] of got.docOrds.entries()) {
            assert.ok(!deleted.has(doc) && (share === 1 || accept.has(doc)));
            if (scoreOf.has(doc)) assert.equal(got.scores[at], scoreOf.get(doc));
          }
          found += [...got.docOrds].filter((doc) => scoreOf.has(doc)).length;
          wanted += exact.count;
        }
        assert.ok(found / wanted >= 0.99, `${similarity} ${share}: recall ${found / wanted}`);
        // An approximate result and an exact one for every query would mean the graph was not used.
        if (share < 0.25) assert.equal(found, wanted);
      }
    }
  });

  it("reach every row and are the same for the same seed", async () => {
    const vectors = segmentOf(600, "cosine");
    const graph = await buildHnswGraph(vectors, { seed: 5 });
    assert.deepEqual(await buildHnswGraph(vectors, { seed: 5 }), graph);
    assert.equal(graph.layers[0]?.starts.length, 601);
    const { rows: all } = new HnswSearch(graph, vectors.quantized ?? assert.fail()).search(
      unit(seededVectors(1, 9)),
      600,
    );
    assert.deepEqual(
      [...all].sort((a, b) => a - b),
      Array.from({ length: 600 }, (_, i) => i),
    );
  });

  it("come back from their section as they were written, or are refused", async () => {
    const vectors = segmentOf(600, "cosine");
    const graph = await buildHnswGraph(vectors);
    const sections = new MemorySections();
    writeGraph(sections, "main", graph);
    assert.deepEqual(openGraph(sections, "main", 600), graph);
    assert.equal(openGraph(sections, "other", 600), null);
    assert.throws(() => openGraph(sections, "main", 601), CorruptIndexError);
    const words = new Uint32Array(
      new Uint8Array(sections.load("vectors.main.hnsw")).slice().buffer,
    );
    const changed = (change: (words: Uint32Array) => Uint32Array) => {
      const damaged = new MemorySections();
      damaged.add("vectors.main.hnsw", change(words.slice()));
      return () => openGraph(damaged, "main", 600);
    };
    assert.throws(
      changed((copy) => copy.fill(0, 0, 1)),
      CorruptIndexError,
    );
    assert.throws(
      changed((copy) => copy.fill(2, 1, 2)),
      IndexVersionError,
    );
    assert.throws(
      changed((copy) => copy.fill(600, 4, 5)),
      CorruptIndexError,
    );
    assert.throws(
      changed((copy) => copy.subarray(0, copy.length - 1)),
      CorruptIndexError,
    );
    // Header 16, counts 2, starts 601: the first link is word 619.
    assert.throws(
      changed((copy) => copy.fill(600, 619, 620)),
      CorruptIndexError,
    );
    assert.throws(
      changed((copy) => copy.fill(9_999_999, 20, 21)),
      CorruptIndexError,
    );
    fc.assert(
      fc.property(fc.nat(words.length - 1), fc.nat(), (at, value) => {
        // Whatever one word becomes, opening refuses it or the search stays inside its arrays.
        try {
          const damaged = changed((copy) => copy.fill(value, at, at + 1))();
          if (damaged === null) return;
          new HnswSearch(damaged, vectors.quantized ?? assert.fail()).search(
            unit(seededVectors(1, 4)),
            20,
          );
        } catch (error) {
          assert.ok(error instanceof CorruptIndexError || error instanceof IndexVersionError);
        }
      }),
    );
  });

  it("are refused or stopped without leaving anything", async () => {
    const vectors = segmentOf(3000, "cosine");
    const before = readdirSync(os.tmpdir()).filter((name) => name.startsWith("braid-hnsw-"));
    await assert.rejects(buildHnswGraph(vectors, { signal: AbortSignal.timeout(20) }));
    await assert.rejects(buildHnswGraph(vectors, { m: 0 }), InputError);
    const after = readdirSync(os.tmpdir()).filter((name) => name.startsWith("braid-hnsw-"));
    assert.deepEqual(after, before);
  });
});
