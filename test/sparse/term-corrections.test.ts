import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CorruptIndexError } from "../../src/errors.js";
import { TermCorrections, termCorrectionsFor } from "../../src/sparse/term-corrections.js";
import { plainAnalyzer } from "./tiny-collection.js";

const words = fc
  .array(fc.constantFrom("red", "fox", "hen", "é", "𝄞", "constructor"), { maxLength: 6 })
  .map((list) => list.join(" "));
const docsOf = fc.array(fc.record({ title: words, text: words }), { maxLength: 12 });
const of = (docs: Iterable<{ title: string; text: string }>): TermCorrections =>
  termCorrectionsFor(plainAnalyzer, docs);

describe("term corrections", () => {
  it("count documents and words per field", () => {
    const corrections = of([
      { title: "red fox", text: "red red hen" },
      { title: "", text: "fox" },
      { title: "", text: "" },
    ]);
    assert.deepEqual(corrections.frequencies("red"), { all: 1, title: 1, text: 1 });
    assert.deepEqual(corrections.frequencies("fox"), { all: 2, title: 1, text: 1 });
    assert.deepEqual(corrections.frequencies("cow"), { all: 0, title: 0, text: 0 });
    assert.deepEqual(corrections.statistics, {
      docCount: 3,
      nonEmptyDocCount: 2,
      totalLength: 6,
      totalTitleLength: 2,
    });
  });

  it("add up one by one to what they are at once, and survive their bytes", () => {
    fc.assert(
      fc.property(docsOf, (docs) => {
        const atOnce = of(docs).toBytes();
        const oneByOne = docs.reduce((sum, doc) => sum.plus(of([doc])), of([]));
        assert.deepEqual(oneByOne.toBytes(), atOnce);
        assert.deepEqual(TermCorrections.fromBytes(atOnce).toBytes(), atOnce);
        for (const term of ["red", "é", "𝄞", "constructor"]) {
          assert.deepEqual(oneByOne.frequencies(term), of(docs).frequencies(term));
        }
      }),
    );
  });

  it("refuse bytes that end early or late", () => {
    const bytes = of([{ title: "", text: "red fox" }]).toBytes();
    assert.throws(() => TermCorrections.fromBytes(bytes.subarray(0, -1)), CorruptIndexError);
    assert.throws(() => TermCorrections.fromBytes(Uint8Array.of(...bytes, 0)), CorruptIndexError);
  });
});
