import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultFusion } from "../../src/fusion/fusion.js";
import { search } from "../../src/pipeline/search.js";
import { fusionOf, rerankOf, withRerank } from "../../src/pipeline/search-defaults.js";
import { parseSearchRequest, type SearchRequestInput } from "../../src/pipeline/search-request.js";
import { tinyDocument, tinySource } from "./tiny-source.js";

const saved = { model: "length", depth: 10, weight: 1 };

describe("saved reranking", () => {
  it("is what a request follows that says nothing, and only such a one", async () => {
    const texts = ["ash", "ash elm elm", "ash fir fir fir fir"];
    const source = await tinySource(texts.map((text, i) => tinyDocument(`d${i}`, text)));
    const tuned = { ...source, defaultRerank: () => saved };
    try {
      const ask = async (request: Omit<SearchRequestInput, "query">) =>
        (await search(tuned, parseSearchRequest({ query: "ash", ...request }))).hits;
      const asked = await source.search({ query: "ash", rerank: saved });
      const plain = await source.search({ query: "ash" });
      assert.notDeepEqual(asked.hits, plain.hits);
      assert.deepEqual(await ask({}), asked.hits);
      assert.deepEqual(await ask({ mode: "hybrid" }), plain.hits);
      assert.deepEqual(await ask({ fusion: defaultFusion }), plain.hits);
      assert.deepEqual(await ask({ bm25: {} }), plain.hits);
      assert.deepEqual(await ask({ feedback: { weight: 1 } }), plain.hits);
      const other = { model: "length", depth: 1 };
      const named = await source.search({ query: "ash", rerank: other });
      assert.deepEqual(await ask({ rerank: other }), named.hits);
    } finally {
      await source.close();
    }
  });

  it("is written beside the saved fusion, and forgotten without it", () => {
    const fusion = { method: "rrf", rankConstant: 10 } as const;
    const both = withRerank({ fusion }, saved);
    assert.deepEqual(rerankOf(both), saved);
    assert.deepEqual(fusionOf(both), fusionOf({ fusion }));
    assert.equal(rerankOf(withRerank(both, null)), null);
    assert.deepEqual(fusionOf(withRerank(both, null)), fusionOf({ fusion }));
    assert.equal(withRerank(withRerank(null, saved), null), null);
    assert.equal(rerankOf(null), null);
  });
});
