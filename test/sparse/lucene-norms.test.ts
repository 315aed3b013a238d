import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import { luceneLength } from "../../src/sparse/lucene-norms.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
import { SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { sparseSettings } from "../../src/sparse/sparse-settings.js";
import { buildPart, plainAnalyzer, plainSettings } from "./tiny-collection.js";

describe("lucene norms", () => {
  it("keep lengths below 40 and round others down to four significant bits above 24", () => {
    for (let length = 0; length < 40; length++) assert.equal(luceneLength(length), length);
    // 24 codes are left for exact lengths; 41 - 24 = 17 = 10001b keeps 1000b, so 16: 24 + 16.
    assert.equal(luceneLength(41), 40);
    // 100 - 24 = 76 = 1001100b keeps 1001b, so 72: 24 + 72.
    assert.equal(luceneLength(100), 96);
    assert.equal(luceneLength(96), 96);
  });

  it("score as Lucene's float32 steps do", () => {
    // One document "red fox", one "hen": N = 2, average 1.5, df(red) = 1, k1 1.2, b .75.
    // idf = ln 2, norm of length 2: 1 / (1.2 (.25 + .75 · 2 / 1.5)) = 2/3
    // .693147 - .693147 / (1 + 2/3) = .277259
    const docs = ["red fox", "hen"].map((text, i) => ({ id: `d${i}`, title: "", text }));
    const searcher = new SparseSearcher([buildPart(docs)], plainSettings);
    const query = bagOfWords(["red"]);
    const options = { depth: 2, norms: "lucene" } as const;
    const hits = searcher.search(query, options);
    assert.ok(Math.abs((hits.scores[0] ?? 0) - 0.277259) < 1e-6);
    assert.deepEqual(hits, searcher.searchExhaustive(query, options));
  });

  it("refuse weights of fields and other variants, which Lucene does not have", () => {
    const settings = sparseSettings({ analyzer: plainAnalyzer.id, boosts: { title: 2 } });
    const searcher = new SparseSearcher([buildPart([], [], settings)], settings);
    assert.throws(
      () => searcher.search(bagOfWords(["a"]), { depth: 1, norms: "lucene" }),
      InputError,
    );
  });
});
