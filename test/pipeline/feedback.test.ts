import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { explainDocument } from "../../src/pipeline/explain-document.js";
import { parseSearchRequest } from "../../src/pipeline/search-request.js";
import { tinyDocument, tinySource } from "./tiny-source.js";

const word = fc.constantFrom("ash", "birch", "cedar", "dogwood", "elm", "fir");
const texts = fc.array(
  fc.array(word, { maxLength: 6 }).map((list) => list.join(" ")),
  { minLength: 1, maxLength: 12 },
);
const query = fc.array(word, { minLength: 1, maxLength: 3 }).map((list) => list.join(" "));
const mode = fc.constantFrom("sparse", "dense", "hybrid");
const feedback = fc.record({
  documents: fc.integer({ min: 1, max: 5 }),
  terms: fc.integer({ min: 1, max: 5 }),
  weight: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
});
const runs = { numRuns: 60 };
const documentsOf = (list: readonly string[]) => list.map((text, i) => tinyDocument(`d${i}`, text));

describe("feedback expansion", () => {
  it("finds documents by words that only the best hits have in common with the query", async () => {
    const source = await tinySource(documentsOf(["ash elm", "elm fir", "cedar"]));
    try {
      const ask = { query: "ash", mode: "sparse" } as const;
      const ids = async (asked: Parameters<typeof source.search>[0]): Promise<string[]> =>
        (await source.search(asked)).hits.map(({ id }) => id);
      assert.deepEqual(await ids(ask), ["d0"]);
      const given = { documents: 2, terms: 5, weight: 0.5 };
      assert.deepEqual(await ids({ ...ask, feedback: given }), ["d0", "d1"]);
    } finally {
      await source.close();
    }
  });

  it("changes nothing at weight 1, and is off unless asked for", async () => {
    assert.equal(parseSearchRequest({ query: "ash" }).feedback, undefined);
    await fc.assert(
      fc.asyncProperty(texts, query, mode, async (list, text, asked) => {
        const source = await tinySource(documentsOf(list));
        try {
          const request = { query: text, mode: asked, limit: 100, explain: true } as const;
          const off = await source.search(request);
          const unmoved = await source.search({ ...request, feedback: { weight: 1 } });
          assert.deepEqual(unmoved.hits, off.hits);
          assert.equal(unmoved.total, off.total);
        } finally {
          await source.close();
        }
      }),
      runs,
    );
  });

  it("gives scores that do not depend on the page, nor a leg's on its depth", async () => {
    await fc.assert(
      fc.asyncProperty(texts, query, mode, feedback, async (list, text, asked, given) => {
        const source = await tinySource(documentsOf(list));
        try {
          const request = { query: text, mode: asked, feedback: given } as const;
          const whole = await source.search({ ...request, limit: 100 });
          const pages = [];
          for (let offset = 0; offset < 12; offset += 3) {
            pages.push(...(await source.search({ ...request, limit: 3, offset })).hits);
          }
          assert.deepEqual(pages, whole.hits);
          if (asked === "hybrid") return;
          const depth = { sparse: 2, dense: 2 };
          const short = await source.search({ ...request, limit: 100, depth });
          assert.deepEqual(short.hits, whole.hits.slice(0, 2));
        } finally {
          await source.close();
        }
      }),
      runs,
    );
  });

  it("is explained exactly: added terms stand among the query's, and all parts add up", async () => {
    let added = 0;
    await fc.assert(
      fc.asyncProperty(texts, query, feedback, async (list, text, given) => {
        const source = await tinySource(documentsOf(list));
        try {
          const request = { query: text, feedback: given, explain: true, limit: 100 } as const;
          const { hits } = await source.search(request);
          const dense = await source.search({ ...request, mode: "dense" });
          const cosines = new Map(dense.hits.map(({ id, score }) => [id, score]));
          const said = new Set(text.split(" "));
          for (const { id, score, explain } of hits) {
            const parts = Object.values(explain?.fusion?.contributions ?? {});
            assert.equal(
              parts.reduce((sum, part) => sum + part, 0),
              score,
            );
            assert.equal(explain?.dense?.score, cosines.get(id));
            const sparse = explain?.sparse;
            if (sparse === undefined || sparse.score === null) continue;
            added += sparse.terms.filter(({ term }) => !said.has(term)).length;
            const terms = sparse.terms.reduce((sum, term) => sum + term.score, 0);
            assert.equal(Math.fround(terms), sparse.score);
            const one = await explainDocument(source, parseSearchRequest(request), id);
            assert.deepEqual(one.explain, explain);
          }
        } finally {
          await source.close();
        }
      }),
      runs,
    );
    assert.ok(added > 0, "no hit was explained by an added term");
  });

  it("does not bring in what the query or the filter excludes", async () => {
    const source = await tinySource([
      tinyDocument("in", "ash elm", { kind: "leaf" }),
      tinyDocument("out", "ash elm fir", { kind: "needle" }),
      tinyDocument("not", "ash birch", { kind: "leaf" }),
    ]);
    try {
      const { hits } = await source.search({
        query: "ash -birch",
        filter: { kind: "leaf" },
        feedback: { documents: 3 },
        explain: true,
      });
      assert.deepEqual(
        hits.map(({ id }) => id),
        ["in"],
      );
      const terms = hits[0]?.explain?.sparse?.terms.map(({ term }) => term).sort();
      assert.deepEqual(terms, ["ash", "elm"]);
    } finally {
      await source.close();
    }
  });

  it("refuses fields it does not know and values out of range", () => {
    for (const wrong of [{ docs: 3 }, { documents: 0 }, { terms: 1000 }, { weight: 0 }]) {
      assert.throws(() => parseSearchRequest({ query: "ash", feedback: wrong }), {
        code: "INPUT_INVALID",
      });
    }
  });
});
