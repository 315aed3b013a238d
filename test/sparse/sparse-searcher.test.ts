import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseSparseQuery } from "../../src/sparse/parse-query.js";
import { SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { buildPart, plainAnalyzer, plainSettings, type TestDoc } from "./tiny-collection.js";

const docs: readonly TestDoc[] = [
  { id: "a", title: "", text: "red fox" },
  { id: "b", title: "", text: "red red hen house" },
  { id: "c", title: "", text: "blue hen" },
];

const query = (text: string) => parseSparseQuery(text, plainAnalyzer);

describe("sparse searcher", () => {
  it("scores by Lucene's formula with exact lengths", () => {
    // N = 3, lengths 2, 4, 2, average 8/3, k1 1.2, b .75, df(red) = 2
    // idf = ln(1 + 1.5/2.5) = ln 1.6 = .470004
    // a: K = 1.2 (.25 + .75 · 2 / (8/3)) = .975, 1 / 1.975 · idf = .237977
    // b: K = 1.2 (.25 + .75 · 4 / (8/3)) = 1.65, 2 / 3.65 · idf = .257536
    const searcher = new SparseSearcher([buildPart(docs)], plainSettings);
    const hits = searcher.search(query("red"), { depth: 10 });
    assert.deepEqual([...hits.docOrds], [1, 0]);
    assert.ok(Math.abs((hits.scores[0] ?? 0) - 0.257536) < 1e-6);
    assert.ok(Math.abs((hits.scores[1] ?? 0) - 0.237977) < 1e-6);
    assert.equal(hits.total, 2);
    assert.equal(hits.topScore, hits.scores[0]);
  });

  it("scores as if deleted documents had never been there, in whatever segments the rest lies", () => {
    const whole = new SparseSearcher([buildPart(docs)], plainSettings);
    const gone: TestDoc = { id: "x", title: "red", text: "fox fox hen" };
    const split = new SparseSearcher(
      [buildPart([gone, ...docs.slice(0, 1)], [0]), buildPart(docs.slice(1))],
      plainSettings,
    );
    const expected = whole.search(query("red hen"), { depth: 10 });
    const got = split.search(query("red hen"), { depth: 10 });
    assert.deepEqual(got.scores, expected.scores);
    assert.equal(got.total, 3);
  });

  it("explains a score by terms that add up to it", () => {
    const searcher = new SparseSearcher([buildPart(docs)], plainSettings);
    const hits = searcher.search(query("red hen"), { depth: 1 });
    const explained = searcher.explain(query("red hen"), 0, hits.docOrds[0] ?? 0);
    assert.equal(explained.terms.length, 2);
    assert.equal(Math.fround(explained.terms.reduce((sum, t) => sum + t.score, 0)), hits.scores[0]);
    assert.ok(searcher.upperBound(query("red hen")) > hits.topScore);
  });

  it("obeys required and excluded terms", () => {
    const searcher = new SparseSearcher([buildPart(docs)], plainSettings);
    const ords = (text: string) => [...searcher.search(query(text), { depth: 10 }).docOrds].sort();
    assert.deepEqual(ords("red +hen"), [1, 2]);
    assert.deepEqual(ords("red -hen"), [0]);
    assert.deepEqual(ords("-hen"), []);
  });
});
