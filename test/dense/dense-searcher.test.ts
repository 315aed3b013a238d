import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DenseSearcher, type DenseSegment } from "../../src/dense/dense-searcher.js";
import { openVectors, VectorsBuilder, writeVectors } from "../../src/dense/vectors.js";
import { EncoderMismatchError, InputError } from "../../src/errors.js";
import { Bitset } from "../../src/numeric/bitset.js";
import type { LegHits } from "../../src/run/doc-names.js";
import { compareDocIds } from "../../src/run/ranking.js";
import { MemorySections } from "../../src/store/memory-sections.js";
import { namesOf } from "./names-of.js";

function segmentOf(
  ids: readonly string[],
  rows: readonly (readonly number[])[],
  similarity: "cosine" | "dot" = "dot",
  deleted: readonly number[] = [],
): DenseSegment {
  const dimension = rows[0]?.length ?? 2;
  const sections = new MemorySections();
  const values = Float32Array.from(rows.flat());
  writeVectors(sections, "main", { count: rows.length, dimension, values }, similarity);
  const gone = new Bitset(ids.length);
  for (const ord of deleted) gone.add(ord);
  return { vectors: openVectors(sections, "main"), names: namesOf(ids), deleted: gone };
}

function named(searcher: readonly DenseSegment[], hits: LegHits): [string, number][] {
  return Array.from({ length: hits.count }, (_, i) => {
    const names = searcher[hits.segmentOrds[i] ?? 0]?.names;
    return [names?.docId(hits.docOrds[i] ?? 0) ?? "", hits.scores[i] ?? Number.NaN];
  });
}

describe("DenseSearcher", () => {
  it("ranks by inner product, ties by id descending, over all segments", () => {
    // Query (1, 2): a 1*1+2*0 = 1, b 5, c 5, d -1, e 5.
    const segments = [
      segmentOf(
        ["b", "a", "e"],
        [
          [1, 2],
          [1, 0],
          [3, 1],
        ],
      ),
      segmentOf(
        ["d", "c"],
        [
          [1, -1],
          [5, 0],
        ],
      ),
    ];
    const searcher = new DenseSearcher(segments);
    const query = Float32Array.of(1, 2);
    const all = named(segments, searcher.search(query, { depth: 10 }));
    assert.deepEqual(all, [
      ["e", 5],
      ["c", 5],
      ["b", 5],
      ["a", 1],
      ["d", -1],
    ]);
    assert.deepEqual(named(segments, searcher.search(query, { depth: 2 })), all.slice(0, 2));
    assert.equal(searcher.search(query, { depth: 0 }).count, 0);
    assert.equal(searcher.score(query, 1, 0), -1);
  });

  it("leaves out deleted documents and those the filter does not accept", () => {
    const segments = [
      segmentOf(
        ["a", "b", "c"],
        [
          [3, 0],
          [2, 0],
          [1, 0],
        ],
        "dot",
        [0],
      ),
    ];
    const searcher = new DenseSearcher(segments);
    const accept = new Bitset(3);
    accept.add(0);
    accept.add(2);
    const query = Float32Array.of(1, 0);
    assert.deepEqual(named(segments, searcher.search(query, { depth: 5 })), [
      ["b", 2],
      ["c", 1],
    ]);
    const filtered = searcher.search(query, { depth: 5, accept: [accept] });
    assert.deepEqual(named(segments, filtered), [["c", 1]]);
    const unfiltered = searcher.search(query, { depth: 5, accept: [null] });
    assert.equal(unfiltered.count, 2);
  });

  it("clamps cosines to [-1, 1], and what is clamped ties", () => {
    const segments = [
      segmentOf(
        ["a", "b", "c"],
        [
          [1.0000001, 0],
          [1, 0],
          [-1.0000001, 0],
        ],
        "cosine",
      ),
    ];
    const hits = new DenseSearcher(segments).search(Float32Array.of(1, 0), { depth: 3 });
    assert.deepEqual(named(segments, hits), [
      ["b", 1],
      ["a", 1],
      ["c", -1],
    ]);
  });

  it("scores a document of several passages by its best", () => {
    const builder = new VectorsBuilder({ dimension: 2, similarity: "dot" });
    const block = (...values: number[]) => ({
      count: values.length / 2,
      dimension: 2,
      values: Float32Array.from(values),
    });
    builder.addPassages(block(1, 0, 0, 9));
    builder.addPassages(block(2, 0));
    builder.addPassages(block(0, 1, 3, 0, 1, 1));
    const sections = new MemorySections();
    builder.finish(sections, "main");
    const vectors = openVectors(sections, "main");
    const segments = [{ vectors, names: namesOf(["a", "b", "c"]), deleted: null }];
    const searcher = new DenseSearcher(segments);
    const hits = searcher.search(Float32Array.of(1, 0), { depth: 3 });
    assert.deepEqual(named(segments, hits), [
      ["c", 3],
      ["b", 2],
      ["a", 1],
    ]);
    assert.equal(searcher.score(Float32Array.of(0, 1), 0, 0), 9);
  });

  it("returns what sorting all scores returns, whatever the segments", () => {
    const value = fc.integer({ min: -2, max: 2 });
    const row = fc.tuple(value, value, value);
    const segment = fc.array(fc.tuple(row, fc.boolean(), fc.boolean()), { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(segment, { maxLength: 4 }),
        row,
        fc.integer({ min: 0, max: 20 }),
        (layout, query, depth) => {
          let nextId = 0;
          const segments = layout
            .map((rows) =>
              segmentOf(
                rows.map(() => `d${(nextId++ * 7919) % 101}`),
                rows.length === 0 ? [] : rows.map(([vector]) => vector),
                "dot",
                rows.flatMap(([, deleted], ord) => (deleted ? [ord] : [])),
              ),
            )
            .map((made) =>
              made.vectors.docCount === 0
                ? { ...made, vectors: { ...made.vectors, dimension: 3 } }
                : made,
            );
          const accept = layout.map((rows) => {
            const set = new Bitset(rows.length);
            for (const [ord, [, , accepted]] of rows.entries()) if (accepted) set.add(ord);
            return set;
          });
          const searcher = new DenseSearcher(segments);
          const hits = named(
            segments,
            searcher.search(Float32Array.from(query), { depth, accept }),
          );
          const expected = layout
            .flatMap((rows, s) =>
              rows.flatMap(([vector, deleted, accepted], ord): [string, number][] => {
                if (deleted || !accepted) return [];
                const score = vector.reduce((sum, x, i) => sum + x * (query[i] ?? 0), 0);
                return [[segments[s]?.names.docId(ord) ?? "", score]];
              }),
            )
            .sort((a, b) => b[1] - a[1] || compareDocIds(b[0], a[0]))
            .slice(0, depth);
          assert.deepEqual(
            hits.map(([id, score]) => [id, score + 0]),
            expected.map(([id, score]) => [id, score + 0]),
          );
        },
      ),
    );
  });

  it("refuses a query of another encoder and what it cannot rank", () => {
    const segments = [segmentOf(["a"], [[1, 2]])];
    const searcher = new DenseSearcher(segments);
    assert.throws(() => searcher.search(new Float32Array(3), { depth: 1 }), EncoderMismatchError);
    const nan = Float32Array.of(1, Number.NaN);
    assert.throws(() => searcher.search(nan, { depth: 1 }), InputError);
    assert.throws(() => searcher.search(new Float32Array(2), { depth: -1 }), InputError);
    assert.throws(() => searcher.search(new Float32Array(2), { depth: 1, accept: [] }), InputError);
    assert.throws(() => searcher.score(new Float32Array(2), 0, 1), InputError);
    assert.equal(new DenseSearcher([]).search(new Float32Array(2), { depth: 5 }).count, 0);
  });
});
