import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it, type TestContext } from "node:test";
import { ApproximateSearcher } from "../../src/dense/approximate-searcher.js";
import type { Similarity } from "../../src/dense/encoder.js";
import { HnswIndex, hnswAvailability } from "../../src/dense/hnsw-index.js";
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

function scratch(t: TestContext): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "braid-hnsw-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return path.join(directory, "main.hnsw");
}

describe("HnswIndex", { skip }, () => {
  it("finds nearly what exact search finds, with exact scores, filtered or not", async (t) => {
    for (const similarity of ["cosine", "dot"] as const) {
      const docs = 3000;
      const vectors = segmentOf(docs, similarity, (doc) => (doc % 5 === 0 ? 2 : 1));
      const graph = await HnswIndex.build(vectors, scratch(t), { fingerprint: "f" });
      t.after(() => graph.close());
      const ids = Array.from({ length: docs }, (_, i) => `d${i}`);
      const deleted = new Bitset(docs);
      for (let doc = 0; doc < docs; doc += 11) deleted.add(doc);
      const searcher = new ApproximateSearcher([{ vectors, names: namesOf(ids), deleted, graph }]);
      for (const share of [1, 0.5, 0.1, 0.002]) {
        const accept = new Bitset(docs);
        for (let doc = 0; doc < docs; doc++)
          if ((doc * 7919) % 1000 < share * 1000) accept.add(doc);
        let found = 0;
        let wanted = 0;
        for (let i = 0; i < 20; i++) {
          const query = unit(seededVectors(1, 1_000_000 + i));
          const options = { depth: 10, accept: [share === 1 ? null : accept] };
          const got = await searcher.search(query, options);
          const exact = searcher.exact.search(query, options);
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
      }
    }
  });

  it("is the same file for the same seed, and answers the same after opening", async (t) => {
    const vectors = segmentOf(400, "cosine");
    const [first, second] = [scratch(t), scratch(t)];
    const built = await HnswIndex.build(vectors, first, { fingerprint: "f", seed: 5 });
    await (await HnswIndex.build(vectors, second, { fingerprint: "f", seed: 5 })).close();
    assert.ok(readFileSync(first).equals(readFileSync(second)));
    const query = unit(seededVectors(1, 99));
    const rows = await built.search(query, 10, 50);
    await built.close();
    const opened = await HnswIndex.open(vectors, first, "f");
    assert.ok(opened !== null);
    assert.deepEqual(await opened.search(query, 10, 50), rows);
    await opened.close();
    assert.equal(await HnswIndex.open(vectors, `${first}.none`, "f"), null);
  });

  it("never lets the library read a file that is damaged or of other vectors", async (t) => {
    const vectors = segmentOf(300, "cosine");
    const file = scratch(t);
    await (await HnswIndex.build(vectors, file, { fingerprint: "f" })).close();
    await assert.rejects(HnswIndex.open(vectors, file, "other"), IndexVersionError);
    await assert.rejects(HnswIndex.open(segmentOf(301, "cosine"), file, "f"), IndexVersionError);
    const bytes = readFileSync(file);
    const damaged = Buffer.from(bytes);
    damaged[100] = (damaged[100] ?? 0) ^ 255;
    writeFileSync(file, damaged);
    await assert.rejects(HnswIndex.open(vectors, file, "f"), CorruptIndexError);
    writeFileSync(file, bytes.subarray(0, 1000));
    await assert.rejects(HnswIndex.open(vectors, file, "f"), CorruptIndexError);
    writeFileSync(`${file}.json`, "{");
    await assert.rejects(HnswIndex.open(vectors, file, "f"), CorruptIndexError);
    writeFileSync(`${file}.json`, "{}");
    await assert.rejects(HnswIndex.open(vectors, file, "f"), IndexVersionError);
  });

  it("refuses queries that do not fit, and falls back to the exact scan when its thread is lost", async (t) => {
    const vectors = segmentOf(300, "cosine");
    const graph = await HnswIndex.build(vectors, scratch(t), { fingerprint: "f" });
    assert.throws(() => graph.search(new Float32Array(3), 1, 1), InputError);
    const nan = new Float32Array(dimension).fill(Number.NaN);
    assert.throws(() => graph.search(nan, 1, 1), InputError);
    await graph.close();
    const ids = Array.from({ length: 300 }, (_, i) => `d${i}`);
    const segment = { vectors, names: namesOf(ids), deleted: null, graph };
    const searcher = new ApproximateSearcher([segment]);
    const query = unit(seededVectors(1, 3));
    const got = await searcher.search(query, { depth: 5 });
    assert.deepEqual(got, searcher.exact.search(query, { depth: 5 }));
    assert.equal(searcher.fallbacks, 1);
  });

  it("leaves nothing behind when a build is stopped or refused", async (t) => {
    const vectors = segmentOf(2000, "cosine");
    const file = scratch(t);
    const signal = AbortSignal.timeout(20);
    await assert.rejects(HnswIndex.build(vectors, file, { fingerprint: "f", signal }));
    await assert.rejects(HnswIndex.build(vectors, file, { fingerprint: "f", m: 0 }), InputError);
    assert.deepEqual(readdirSync(path.dirname(file)), []);
  });
});
