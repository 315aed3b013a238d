import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { search } from "../../src/pipeline/search.js";
import { parseSearchRequest } from "../../src/pipeline/search-request.js";
import { defaultPassages } from "../../src/rerank/passages.js";
import type { Reranker } from "../../src/rerank/reranker.js";
import { tinyDocument, tinySource } from "./tiny-source.js";

/** Counts the texts that it is asked to score; a text is as good as it says "elm" often. */
function countingReranker(): Reranker & { readonly read: string[] } {
  const read: string[] = [];
  return {
    read,
    identity: { name: "elms", fingerprint: "elms@1" },
    score: async (_query, texts) => {
      read.push(...texts);
      return Float32Array.from(texts, (text) => text.split("elm").length - 1);
    },
    close: async () => {},
  };
}

const request = parseSearchRequest({
  query: "ash",
  mode: "sparse",
  rerank: { model: "elms" },
  explain: true,
});

describe("reranking in the pipeline", () => {
  it("gives the same hits from the cache, without asking the model again", async () => {
    const texts = ["ash", "ash elm", "ash elm elm", "ash ash"];
    const source = await tinySource(texts.map((text, i) => tinyDocument(`d${i}`, text)));
    const kept = countingReranker();
    const cached = { ...source, reranker: async () => kept };
    // A reranker that is opened anew has no cache yet.
    const uncached = { ...source, reranker: async () => countingReranker() };
    try {
      const first = await search(cached, request);
      assert.equal(kept.read.length, 4);
      const second = await search(cached, request);
      assert.equal(kept.read.length, 4);
      assert.deepEqual(second.hits, first.hits);
      assert.deepEqual((await search(uncached, request)).hits, first.hits);
      assert.equal(first.hits[0]?.id, "d2");

      // Another text under the same id is another score.
      await source.collection.upsert([tinyDocument("d0", "ash elm elm elm")]);
      assert.equal((await search(cached, request)).hits[0]?.id, "d0");
      assert.equal(kept.read.length, 5);
    } finally {
      await source.close();
    }
  });

  it("reads a long document in passages, of which the best counts", async () => {
    const filler = "ash ".repeat(defaultPassages.chars / 2);
    const source = await tinySource([
      tinyDocument("short", "ash elm"),
      tinyDocument("long", `${filler} elm elm elm`),
    ]);
    const reranker = countingReranker();
    try {
      const { hits } = await search({ ...source, reranker: async () => reranker }, request);
      assert.deepEqual(
        hits.map(({ id, explain }) => [id, explain?.rerank?.score]),
        [
          ["long", 3],
          ["short", 1],
        ],
      );
      assert.equal(reranker.read.length > 2, true);
      const longest = Math.max(...reranker.read.map(({ length }) => length));
      assert.ok(longest <= defaultPassages.chars + 1, `a passage of ${longest}`);
    } finally {
      await source.close();
    }
  });
});
