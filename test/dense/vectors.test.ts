import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  mergeVectors,
  openVectors,
  rowsOf,
  VectorsBuilder,
  writeVectors,
} from "../../src/dense/vectors.js";
import { CorruptIndexError, IndexVersionError, InputError } from "../../src/errors.js";
import { Bitset } from "../../src/numeric/bitset.js";
import { MemorySections } from "../../src/store/memory-sections.js";

type Passages = readonly (readonly number[])[];

function write(documents: readonly Passages[], dimension: number): MemorySections {
  const builder = new VectorsBuilder({ dimension, similarity: "dot" });
  for (const passages of documents) {
    const values = Float32Array.from(passages.flat());
    builder.addPassages({ count: passages.length, dimension, values });
  }
  const sections = new MemorySections();
  builder.finish(sections, "main");
  return sections;
}

function read(sections: MemorySections): number[][][] {
  const vectors = openVectors(sections, "main");
  return Array.from({ length: vectors.docCount }, (_, docOrd) => {
    const [begin, end] = rowsOf(vectors, docOrd);
    return Array.from({ length: end - begin }, (_, i) => [
      ...vectors.values.subarray(
        (begin + i) * vectors.dimension,
        (begin + i + 1) * vectors.dimension,
      ),
    ]);
  });
}

const document = fc.array(
  fc.tuple(fc.integer(), fc.integer()).map(([a, b]) => [a % 1000, b % 1000]),
  {
    minLength: 1,
    maxLength: 3,
  },
);

describe("vectors", () => {
  it("come back as they were written, one or several per document", () => {
    fc.assert(
      fc.property(fc.array(document, { maxLength: 10 }), (documents) => {
        assert.deepEqual(
          read(write(documents, 2))
            .flat(2)
            .map((x) => x + 0),
          documents.flat(2).map((x) => x + 0),
        );
      }),
    );
  });

  it("merge into the kept documents in order", () => {
    const input = fc.array(fc.tuple(document, fc.boolean()), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(input, { minLength: 1, maxLength: 4 }), (inputs) => {
        const merged = new MemorySections();
        const parts = inputs.map((documents) => {
          const keep = new Bitset(documents.length);
          for (const [i, [, kept]] of documents.entries()) if (kept) keep.add(i);
          const sections = write(
            documents.map(([passages]) => passages),
            2,
          );
          return { vectors: openVectors(sections, "main"), keep };
        });
        mergeVectors(parts, merged, "main");
        const expected = inputs.flat().flatMap(([passages, kept]) => (kept ? [passages] : []));
        assert.deepEqual(
          read(merged).map((passages) => passages.flat().map((x) => x + 0)),
          expected.map((passages) => passages.flat().map((x) => x + 0)),
        );
      }),
    );
  });

  it("refuse values that are not finite and other dimensions", () => {
    const sections = new MemorySections();
    const values = Float32Array.of(1, Number.NaN);
    assert.throws(
      () => writeVectors(sections, "main", { count: 1, dimension: 2, values }, "dot"),
      InputError,
    );
    const builder = new VectorsBuilder({ dimension: 3, similarity: "dot" });
    assert.throws(
      () => builder.add({ count: 1, dimension: 2, values: new Float32Array(2) }),
      InputError,
    );
    assert.throws(
      () => builder.addPassages({ count: 0, dimension: 3, values: new Float32Array(0) }),
      InputError,
    );
  });

  it("damaged sections are refused with their name", () => {
    const good = write(
      [
        [[1, 2]],
        [
          [3, 4],
          [5, 6],
        ],
      ],
      2,
    );
    const damage = (change: (words: Uint32Array) => void, cut = 0) => {
      const bytes = new Uint8Array(good.load("vectors.main")).slice();
      change(new Uint32Array(bytes.buffer));
      const sections = new MemorySections();
      sections.add("vectors.main", bytes.subarray(0, bytes.length - cut));
      sections.add("vectors.main.owners", good.load("vectors.main.owners"));
      return () => openVectors(sections, "main");
    };
    assert.throws(
      damage(() => {}, 4),
      CorruptIndexError,
    );
    assert.throws(
      damage((words) => words.fill(0, 0, 1)),
      CorruptIndexError,
    );
    assert.throws(
      damage((words) => words.fill(9, 1, 2)),
      IndexVersionError,
    );
    assert.throws(
      damage((words) => words.fill(7, 3, 4)),
      CorruptIndexError,
    );
    assert.throws(
      damage((words) => words.fill(3, 4, 5)),
      CorruptIndexError,
    );
    assert.doesNotThrow(damage(() => {}));
  });
});
