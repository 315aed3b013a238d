import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Document } from "../../src/corpus/document.js";
import type { FusionInput } from "../../src/fusion/fusion.js";
import { search } from "../../src/pipeline/search.js";
import { parseSearchRequest } from "../../src/pipeline/search-request.js";
import { compareDocIds } from "../../src/run/ranking.js";
import { tinyDocument, tinySource } from "./tiny-source.js";

const words = ["ash", "birch", "cedar", "dogwood", "elm", "fir"] as const;
const word = fc.constantFrom(...words);
const corpus: fc.Arbitrary<Document[]> = fc
  .uniqueArray(
    fc.record({
      id: fc.constantFrom(
        "a",
        "b",
        "B",
        "ä",
        "10",
        "9",
        "z",
        "zz",
        "\u{1f600}",
        "\uffee",
        "k",
        "l",
      ),
      text: fc.array(word, { maxLength: 6 }).map((list) => list.join(" ")),
      year: fc.integer({ min: 2000, max: 2003 }),
      kind: fc.constantFrom("leaf", "needle"),
    }),
    { selector: ({ id }) => id, minLength: 1, maxLength: 12 },
  )
  .map((rows) => rows.map(({ id, text, year, kind }) => tinyDocument(id, text, { year, kind })));
const query = fc.array(word, { minLength: 1, maxLength: 3 }).map((list) => list.join(" "));
const depth = fc.record({
  sparse: fc.integer({ min: 1, max: 12 }),
  dense: fc.integer({ min: 1, max: 12 }),
});
const fusion: fc.Arbitrary<FusionInput> = fc.oneof(
  fc.record({
    method: fc.constant("rrf" as const),
    rankConstant: fc.integer({ min: 0, max: 100 }),
  }),
  fc.record({
    method: fc.constant("weighted" as const),
    weights: fc.double({ min: 0, max: 1, noNaN: true }).map((dense) => ({
      dense,
      sparse: 1 - dense,
    })),
    normalization: fc.constantFrom("unit", "theoretical", "min-max", "max", "z-score"),
  }),
);
const mode = fc.constantFrom("sparse", "dense", "hybrid");
const runs = { numRuns: 60 };

describe("laws of a result", () => {
  it("contributions add up to the score, and terms to the BM25 score", async () => {
    await fc.assert(
      fc.asyncProperty(corpus, query, depth, fusion, async (documents, text, depths, fused) => {
        const source = await tinySource(documents);
        try {
          const { hits } = await source.search({
            query: text,
            depth: depths,
            fusion: fused,
            explain: true,
            limit: 100,
          });
          for (const { score, explain } of hits) {
            const contributions = Object.values(explain?.fusion?.contributions ?? {});
            const sum = contributions.reduce((total, part) => total + part, 0);
            assert.ok(Math.abs(sum - score) <= 1e-12 * Math.max(1, Math.abs(score)));
            const sparse = explain?.sparse;
            if (sparse === undefined || sparse.score === null) continue;
            const terms = sparse.terms.reduce((total, term) => total + term.score, 0);
            assert.equal(Math.fround(terms), sparse.score);
          }
        } finally {
          await source.close();
        }
      }),
      runs,
    );
  });

  it("pages are cuts of one ranking, with the same scores and ranks", async () => {
    await fc.assert(
      fc.asyncProperty(
        corpus,
        query,
        depth,
        mode,
        fc.integer({ min: 1, max: 5 }),
        async (documents, text, depths, asked, size) => {
          const source = await tinySource(documents);
          try {
            const request = { query: text, mode: asked, depth: depths } as const;
            const whole = await source.search({ ...request, limit: 100 });
            const pages = [];
            for (let offset = 0; offset < 24; offset += size) {
              pages.push(...(await source.search({ ...request, limit: size, offset })).hits);
            }
            assert.deepEqual(pages, whole.hits);
          } finally {
            await source.close();
          }
        },
      ),
      runs,
    );
  });

  it("fields and facets named like what every object has are like any other", async () => {
    const names = ["__proto__", "constructor", "toString"];
    const fields = JSON.parse('{"__proto__":"a","constructor":"b","toString":"c"}');
    const source = await tinySource([tinyDocument("__proto__", "ash", fields)]);
    try {
      const answer = await source.search({ query: "ash", fields: names });
      const written = JSON.parse(JSON.stringify(answer.hits[0]?.document));
      assert.deepEqual(Object.entries(written), [["_id", "__proto__"], ...Object.entries(fields)]);
      const compared = await source.search({ query: "ash", facets: names.slice(1) });
      assert.deepEqual(compared.facets, { constructor: { b: 1 }, toString: { c: 1 } });
    } finally {
      await source.close();
    }
  });

  it("a filter binds every leg, and totals and facets are those of the filtered set", async () => {
    await fc.assert(
      fc.asyncProperty(corpus, query, mode, async (documents, text, asked) => {
        const source = await tinySource(documents);
        try {
          const answer = await source.search({
            query: text,
            mode: asked,
            filter: { year: { gte: 2001 }, kind: "leaf" },
            facets: ["year"],
            limit: 100,
          });
          const admitted = documents.filter(
            (document) => Number(document["year"]) >= 2001 && document["kind"] === "leaf",
          );
          const reachable =
            asked === "sparse"
              ? admitted.filter((document) =>
                  text.split(" ").some((one) => document.text.split(" ").includes(one)),
                )
              : admitted;
          assert.equal(answer.total, reachable.length);
          const years: Record<string, number> = {};
          for (const { year } of reachable) years[String(year)] = (years[String(year)] ?? 0) + 1;
          assert.deepEqual(answer.facets?.["year"], years);
          const ids = new Set(admitted.map(({ _id }) => _id));
          for (const { id } of answer.hits) assert.ok(ids.has(id));
        } finally {
          await source.close();
        }
      }),
      runs,
    );
  });

  it("filtering does not change the score of what stays in a leg", async () => {
    await fc.assert(
      fc.asyncProperty(corpus, query, async (documents, text) => {
        const source = await tinySource(documents);
        try {
          for (const asked of ["sparse", "dense"] as const) {
            const request = { query: text, mode: asked, limit: 100 } as const;
            const all = await source.search(request);
            const some = await source.search({ ...request, filter: { kind: "leaf" } });
            const leaves = all.hits.filter(({ document }) => document["kind"] === "leaf");
            assert.deepEqual(
              some.hits.map(({ id, score }) => [id, score]),
              leaves.map(({ id, score }) => [id, score]),
            );
          }
        } finally {
          await source.close();
        }
      }),
      runs,
    );
  });

  it("hits are ordered by score, equal scores by document id descending in UTF-8 bytes", async () => {
    await fc.assert(
      fc.asyncProperty(corpus, query, mode, fusion, async (documents, text, asked, fused) => {
        const source = await tinySource(documents);
        try {
          const { hits } = await source.search({
            query: text,
            mode: asked,
            fusion: fused,
            limit: 100,
          });
          for (let i = 1; i < hits.length; i++) {
            const above = hits[i - 1]!;
            const below = hits[i]!;
            assert.ok(above.score >= below.score);
            if (above.score === below.score) assert.ok(compareDocIds(above.id, below.id) > 0);
          }
        } finally {
          await source.close();
        }
      }),
      runs,
    );
  });

  it("weight 0 takes a leg out, so the other leg's order is left exactly", async () => {
    await fc.assert(
      fc.asyncProperty(corpus, query, async (documents, text) => {
        const source = await tinySource(documents);
        try {
          for (const [leg, other] of [
            ["sparse", "dense"],
            ["dense", "sparse"],
          ] as const) {
            const alone = await source.search({ query: text, mode: leg, limit: 100 });
            const fused = await source.search({
              query: text,
              limit: 100,
              fusion: { method: "weighted", weights: { [leg]: 1, [other]: 0 } },
            });
            const ids = fused.hits.map(({ id }) => id);
            assert.deepEqual(
              ids,
              alone.hits.map(({ id }) => id),
            );
          }
        } finally {
          await source.close();
        }
      }),
      runs,
    );
  });

  it("the same question has the same answer, times aside", async () => {
    const documents = ["ash elm", "elm fir", "fir", "ash ash"].map((text, i) =>
      tinyDocument(`d${i}`, text),
    );
    const source = await tinySource(documents);
    try {
      const ask = async () =>
        (await source.search({ query: "ash fir", explain: true, highlight: false })).hits;
      const first = await ask();
      for (let i = 0; i < 5; i++) assert.deepEqual(await ask(), first);
    } finally {
      await source.close();
    }
  });

  it("required and excluded words bind the dense leg too", async () => {
    const source = await tinySource([
      tinyDocument("with", "ash elm"),
      tinyDocument("without", "ash birch"),
      tinyDocument("neither", "cedar"),
    ]);
    try {
      const excluded = await source.search({ query: "ash -elm", limit: 10 });
      assert.deepEqual(excluded.hits.map(({ id }) => id).sort(), ["neither", "without"]);
      const required = await source.search({ query: "ash +birch", mode: "dense", limit: 10 });
      assert.deepEqual(
        required.hits.map(({ id }) => id),
        ["without"],
      );
    } finally {
      await source.close();
    }
  });

  it("a collection without vectors answers sparse, and says so when asked for more", async () => {
    const source = await tinySource([tinyDocument("a", "ash")], { dense: false });
    try {
      assert.equal((await source.search({ query: "ash" })).mode, "sparse");
      await assert.rejects(source.search({ query: "ash", mode: "hybrid" }), {
        code: "INPUT_INVALID",
        message: /built without an encoder/,
      });
    } finally {
      await source.close();
    }
  });

  it("a failing encoder fails a hybrid query, or degrades it where the caller allows", async () => {
    const source = await tinySource([tinyDocument("a", "ash"), tinyDocument("b", "elm")]);
    const broken = { ...source, encoder: () => Promise.reject(new Error("out of order")) };
    try {
      await assert.rejects(search(broken, parseSearchRequest({ query: "ash" })), /out of order/);
      const answer = await search(
        broken,
        parseSearchRequest({ query: "ash", allowDegraded: true, explain: true }),
      );
      assert.equal(answer.degraded, true);
      assert.match(answer.degradedReason ?? "", /dense leg: out of order/);
      assert.deepEqual(
        answer.hits.map(({ id }) => id),
        ["a"],
      );
    } finally {
      await source.close();
    }
  });

  it("reranking reorders the top, adds and drops nothing, and says what it did", async () => {
    await fc.assert(
      fc.asyncProperty(
        corpus,
        query,
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom(0, 0.5, 1),
        async (documents, text, rerankDepth, weight) => {
          const source = await tinySource(documents);
          try {
            const first = await source.search({ query: text, limit: 100 });
            const reranked = await source.search({
              query: text,
              limit: 100,
              explain: true,
              rerank: { model: "length", depth: rerankDepth, weight },
            });
            const ids = (hits: readonly { id: string }[]): string[] => hits.map(({ id }) => id);
            assert.deepEqual(ids(reranked.hits).sort(), ids(first.hits).sort());
            assert.deepEqual(
              ids(reranked.hits.slice(rerankDepth)),
              ids(first.hits.slice(rerankDepth)),
            );
            for (const { id, explain } of reranked.hits.slice(0, rerankDepth)) {
              assert.equal(explain?.rerank?.rankBefore, ids(first.hits).indexOf(id) + 1);
            }
          } finally {
            await source.close();
          }
        },
      ),
      runs,
    );
  });

  it("a failing reranker leaves the first stage's order where the caller allows it", async () => {
    const source = await tinySource([tinyDocument("a", "ash"), tinyDocument("b", "ash elm")]);
    const broken = { ...source, reranker: () => Promise.reject(new Error("no such model")) };
    const request = { query: "ash", rerank: { model: "gone" } };
    try {
      await assert.rejects(search(broken, parseSearchRequest(request)), /no such model/);
      const answer = await search(broken, parseSearchRequest({ ...request, allowDegraded: true }));
      const first = await source.search({ query: "ash" });
      assert.equal(answer.degraded, true);
      assert.match(answer.degradedReason ?? "", /rerank: no such model/);
      assert.deepEqual(answer.hits, first.hits);
    } finally {
      await source.close();
    }
  });
});
