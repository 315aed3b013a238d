import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DenseSearcher, type DenseSegment } from "../../src/dense/dense-searcher.js";
import { dotProduct } from "../../src/dense/dot-product.js";
import { fewestQuantizedRows, quantizeRow } from "../../src/dense/quantized-rows.js";
import { ScoreFloor } from "../../src/dense/quantized-search.js";
import { vectorKernels } from "../../src/dense/vector-kernels.js";
import { openVectors, type VectorSegment, VectorsBuilder } from "../../src/dense/vectors.js";
import { wasm } from "../../src/dense/wasm-module.js";
import { CorruptIndexError } from "../../src/errors.js";
import { Bitset } from "../../src/numeric/bitset.js";
import { MemorySections } from "../../src/store/memory-sections.js";
import { namesOf } from "./names-of.js";

/** Mulberry32: seeded uniform numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

type Shape = "smooth" | "ties" | "zeros" | "wild" | "unit";

function rowOf(shape: Shape, dimension: number, random: () => number): Float32Array {
  const row = new Float32Array(dimension);
  for (let i = 0; i < dimension; i++) {
    if (shape === "ties") row[i] = Math.floor(random() * 3) - 1;
    else if (shape === "zeros") row[i] = random() < 0.9 ? 0 : random();
    else if (shape === "wild") row[i] = (random() - 0.5) * 10 ** Math.floor(random() * 30 - 15);
    else row[i] = random() - 0.5;
  }
  if (shape === "unit") {
    const norm = Math.hypot(...row) || 1;
    for (let i = 0; i < dimension; i++) row[i] = (row[i] ?? 0) / norm;
  }
  return row;
}

/** The same vectors without their quantised form: the plain twin. */
function plain(vectors: VectorSegment): VectorSegment {
  const { dimension, similarity, docCount, rowCount, values, owners } = vectors;
  return {
    dimension,
    similarity,
    docCount,
    rowCount,
    values,
    owners,
    quantized: null,
    prepare: () => Promise.resolve(),
  };
}

describe("quantised search", () => {
  it("returns the plain scan's documents and the same bits of every score", () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer(),
          shape: fc.constantFrom<Shape>("smooth", "ties", "zeros", "wild", "unit"),
          dimension: fc.integer({ min: 1, max: 40 }),
          docs: fc.integer({ min: fewestQuantizedRows, max: 1500 }),
          passages: fc.boolean(),
          similarity: fc.constantFrom("cosine" as const, "dot" as const),
          depth: fc.integer({ min: 0, max: 300 }),
          accepted: fc.constantFrom(null, 0.02, 0.5),
          scale: fc.constantFrom(1, 3, 1e-3),
        }),
        ({ seed, shape, dimension, docs, passages, similarity, depth, accepted, scale }) => {
          const random = randomFrom(seed);
          const segmentCount = 2;
          const segments: DenseSegment[] = [];
          const accept: (Bitset | null)[] = [];
          for (let s = 0; s < segmentCount; s++) {
            const builder = new VectorsBuilder({ dimension, similarity });
            const deleted = new Bitset(docs);
            const set = new Bitset(docs);
            for (let doc = 0; doc < docs; doc++) {
              const count = passages ? 1 + Math.floor(random() * 3) : 1;
              const values = new Float32Array(count * dimension);
              for (let row = 0; row < count; row++) {
                values.set(
                  rowOf(shape, dimension, random).map((x) => x * scale),
                  row * dimension,
                );
              }
              builder.addPassages({ count, dimension, values });
              if (random() < 0.1) deleted.add(doc);
              if (random() < (accepted ?? 1)) set.add(doc);
            }
            const sections = new MemorySections();
            builder.finish(sections, "main");
            const vectors = openVectors(sections, "main");
            assert.ok(vectors.quantized !== null);
            const ids = Array.from({ length: docs }, (_, i) => `${(i * 7919) % 1543}-${s}`);
            segments.push({ vectors, names: namesOf(ids), deleted });
            accept.push(accepted === null ? null : set);
          }
          const query = rowOf(shape, dimension, random);
          const got = new DenseSearcher(segments).search(query, { depth, accept });
          const twins = segments.map((segment) => ({
            ...segment,
            vectors: plain(segment.vectors),
          }));
          const expected = new DenseSearcher(twins).search(query, { depth, accept });
          assert.deepEqual(got, expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("bounds the error of a row", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.float({
            noNaN: true,
            noDefaultInfinity: true,
            min: Math.fround(-1e30),
            max: Math.fround(1e30),
          }),
          {
            minLength: 1,
            maxLength: 50,
          },
        ),
        (list) => {
          const values = Float32Array.from(list);
          const codes = new Int8Array(values.length);
          const { scale, error } = quantizeRow(values, 0, values.length, codes, 0);
          const exact = Math.sqrt(
            list.reduce((sum, x, i) => sum + (x - scale * (codes[i] ?? 0)) ** 2, 0),
          );
          assert.ok(exact <= error, `${exact} > ${error}`);
        },
      ),
    );
  });

  it("the float kernel gives the bits of the plain loop", () => {
    const memory = new wasm.Memory({ initial: 1 });
    const kernels = vectorKernels(memory);
    assert.ok(kernels !== null, "this platform has no WebAssembly SIMD");
    const random = randomFrom(7);
    for (const dimension of [1, 2, 3, 4, 5, 16, 31, 384]) {
      const row = rowOf("wild", dimension, random);
      const query = rowOf("wild", dimension, random);
      const stride = Math.ceil(dimension / 16) * 16;
      new Uint8Array(memory.buffer).fill(0);
      new Float32Array(memory.buffer, 0, dimension).set(row);
      new Float64Array(memory.buffer, 8192, dimension).set(query);
      kernels.dotFloat32(0, 8192, stride * 4, 1, 32_768);
      const [score] = new Float64Array(memory.buffer, 32_768, 1);
      assert.equal(score, dotProduct(query, 0, row, 0, dimension));
    }
  });

  it("the floor is the depth-th largest lower bound", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 10 }), (values, depth) => {
        const floor = new ScoreFloor(depth);
        for (const value of values) floor.offer(value);
        const sorted = values.toSorted((a, b) => b - a);
        assert.equal(floor.value, sorted[depth - 1] ?? Number.NEGATIVE_INFINITY);
      }),
    );
  });

  it("damaged codes are refused", async () => {
    const count = fewestQuantizedRows;
    const builder = new VectorsBuilder({ dimension: 2, similarity: "dot" });
    const values = Float32Array.from({ length: count * 2 }, (_, i) => i);
    builder.add({ count, dimension: 2, values });
    const good = new MemorySections();
    builder.finish(good, "main");
    const bad = new MemorySections();
    for (const name of good.names) {
      const bytes = new Uint8Array(good.load(name)).slice();
      if (name === "vectors.main.int8") bytes[5] = (bytes[5] ?? 0) ^ 1;
      bad.add(name, bytes);
    }
    await openVectors(good, "main").prepare();
    await assert.rejects(openVectors(bad, "main").prepare(), CorruptIndexError);
    assert.throws(() => openVectors(bad, "main").quantized, CorruptIndexError);
  });
});
