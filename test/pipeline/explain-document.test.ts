import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compare } from "../../src/pipeline/compare.js";
import { explainDocument } from "../../src/pipeline/explain-document.js";
import { parseSearchRequest } from "../../src/pipeline/search-request.js";
import { tinyDocument, tinySource } from "./tiny-source.js";

const documents = [
  tinyDocument("ash", "ash ash elm", { year: 2001 }),
  tinyDocument("birch", "birch ash fir fir", { year: 2002 }),
  tinyDocument("cedar", "cedar", { year: 2003 }),
];

describe("explainDocument", () => {
  it("agrees with the hit of the same search", async () => {
    const source = await tinySource(documents);
    try {
      const request = parseSearchRequest({ query: "ash elm", explain: true });
      const { hits } = await source.search({ query: "ash elm", explain: true });
      for (const { id, rank, score, explain } of hits) {
        const explained = await explainDocument(source, request, id);
        assert.equal(explained.rank, rank);
        assert.equal(explained.score, score);
        assert.equal(explained.onPage, true);
        assert.deepEqual(explained.explain, explain);
        assert.deepEqual(
          explained.shortfalls.filter(({ stage }) => stage === "page" || stage === "fusion"),
          [],
        );
      }
    } finally {
      await source.close();
    }
  });

  it("names the words that a document lacks", async () => {
    const source = await tinySource(documents);
    try {
      const request = parseSearchRequest({ query: "ash elm", mode: "sparse" });
      const explained = await explainDocument(source, request, "cedar");
      assert.equal(explained.rank, null);
      assert.deepEqual(explained.shortfalls, [
        { stage: "sparse", reason: "it has none of the query's terms (ash, elm)" },
      ]);
    } finally {
      await source.close();
    }
  });

  it("says that the filter keeps a document out", async () => {
    const source = await tinySource(documents);
    try {
      const request = parseSearchRequest({ query: "ash", filter: { year: { gte: 2002 } } });
      const explained = await explainDocument(source, request, "ash");
      assert.equal(explained.rank, null);
      assert.equal(explained.shortfalls[0]?.stage, "filter");
      assert.match(explained.shortfalls[0]?.reason ?? "", /metadata/);
    } finally {
      await source.close();
    }
  });

  it("says how far a document is from the page and from a leg's cut-off", async () => {
    const source = await tinySource(documents);
    try {
      const request = parseSearchRequest({
        query: "ash",
        mode: "sparse",
        limit: 1,
        depth: { sparse: 1 },
      });
      const outside = await explainDocument(source, request, "birch");
      assert.match(outside.shortfalls[0]?.reason ?? "", /below the last of the 1 candidates/);
      const paged = await explainDocument(
        source,
        parseSearchRequest({ query: "ash", mode: "sparse", limit: 1 }),
        "birch",
      );
      assert.equal(paged.rank, 2);
      assert.equal(paged.onPage, false);
      assert.match(paged.shortfalls[0]?.reason ?? "", /rank 2 is not between 1 and 1/);
    } finally {
      await source.close();
    }
  });

  it("refuses a document that is not there", async () => {
    const source = await tinySource(documents);
    try {
      await assert.rejects(explainDocument(source, parseSearchRequest({ query: "ash" }), "oak"), {
        code: "NOT_FOUND",
      });
    } finally {
      await source.close();
    }
  });
});

describe("compare", () => {
  it("lists exactly what each mode returns alone, with ranks across and overlaps", async () => {
    const source = await tinySource(documents);
    try {
      const compared = await compare(source, parseSearchRequest({ query: "ash elm", limit: 2 }));
      for (const mode of ["sparse", "dense", "hybrid"] as const) {
        const { hits } = await source.search({ query: "ash elm", mode, limit: 2 });
        assert.deepEqual(
          compared.modes[mode].map(({ id, rank, score }) => ({ id, rank, score })),
          hits.map(({ id, rank, score }) => ({ id, rank, score })),
        );
        for (const hit of compared.modes[mode]) assert.equal(hit.ranks[mode], hit.rank);
      }
      const sparse = new Set(compared.modes.sparse.map(({ id }) => id));
      const common = compared.modes.dense.filter(({ id }) => sparse.has(id)).length;
      assert.equal(compared.overlap.sparseDense.common, common);
      assert.equal(compared.overlap.sparseDense.jaccard, common / (4 - common));
    } finally {
      await source.close();
    }
  });

  it("of a query without hits in one leg still compares", async () => {
    const source = await tinySource(documents);
    try {
      const compared = await compare(source, parseSearchRequest({ query: "oak", limit: 2 }));
      assert.deepEqual(compared.modes.sparse, []);
      assert.equal(compared.overlap.sparseDense.jaccard, 0);
      assert.equal(compared.modes.hybrid.length, 2);
    } finally {
      await source.close();
    }
  });
});
