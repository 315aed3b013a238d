import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { EditDistance, expandTerms } from "../../src/sparse/expand-terms.js";
import { parseSparseQuery } from "../../src/sparse/parse-query.js";
import { LiveStatistics } from "../../src/sparse/snapshot.js";
import { SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { buildPart, plainAnalyzer, plainSettings, type TestDoc } from "./tiny-collection.js";

const boosts = { title: 1, text: 1 };
const word = fc
  .array(fc.constantFrom("a", "b", "c", "é", "😀"), { minLength: 1, maxLength: 6 })
  .map((letters) => letters.join(""));
const docsOf = fc
  .array(fc.array(word, { maxLength: 6 }), { minLength: 1, maxLength: 12 })
  .map((texts) =>
    texts.map((words, i): TestDoc => ({ id: `d${i}`, title: "", text: words.join(" ") })),
  );

/** Optimal string alignment by the whole table, in code points. */
function editDistance(a: string, b: string): number {
  const [x, y] = [[...a], [...b]];
  const table = Array.from({ length: x.length + 1 }, (_, i) =>
    Array.from({ length: y.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const at = (i: number, j: number): number => table[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= x.length; i++) {
    for (let j = 1; j <= y.length; j++) {
      const replaced = at(i - 1, j - 1) + (x[i - 1] === y[j - 1] ? 0 : 1);
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced);
      if (x[i - 1] === y[j - 2] && x[i - 2] === y[j - 1])
        best = Math.min(best, at(i - 2, j - 2) + 1);
      (table[i] ?? [])[j] = best;
    }
  }
  return at(x.length, y.length);
}

const vocabulary = (docs: readonly TestDoc[]): string[] => [
  ...new Set(docs.flatMap(({ text }) => plainAnalyzer.terms(text))),
];

describe("open terms", () => {
  it("count a swap of neighbours as one edit", () => {
    const distance = new EditDistance("carbon", 2);
    assert.equal(distance.to("cabron").value, 1);
    assert.equal(distance.to("carbon").value, 0);
    assert.equal(distance.to("crbno").value, 2);
    assert.ok(distance.to("zzzzzz").value > 2);
  });

  it("find every indexed term within the edits, skipping dead beginnings", () => {
    fc.assert(
      fc.property(docsOf, word, fc.constantFrom(1, 2), fc.nat(12), (docs, term, maxEdits, cut) => {
        const parts = [buildPart(docs.slice(0, cut)), buildPart(docs.slice(cut))];
        const clause = { kind: "fuzzy", field: "all", occur: "should", term, maxEdits } as const;
        const found = expandTerms(clause, parts, new LiveStatistics(parts), boosts);
        const expected = vocabulary(docs).filter((other) => {
          const edits = editDistance(term, other);
          return edits <= maxEdits && edits < Math.min([...other].length, [...term].length);
        });
        assert.deepEqual(found.map((variant) => variant.term).sort(), expected.sort());
      }),
    );
  });

  it("find every indexed term with the prefix, the most frequent first", () => {
    fc.assert(
      fc.property(docsOf, word, (docs, prefix) => {
        const parts = [buildPart(docs)];
        const clause = { kind: "prefix", field: "all", occur: "should", prefix } as const;
        const found = expandTerms(clause, parts, new LiveStatistics(parts), boosts);
        const expected = vocabulary(docs).filter((other) => other.startsWith(prefix));
        assert.deepEqual(found.map((variant) => variant.term).sort(), expected.sort());
        assert.ok(found.every(({ df }, i) => i === 0 || df <= (found[i - 1]?.df ?? 0)));
      }),
    );
  });

  it("score the same pruned and exhaustively, in any segments, deleted documents left out", () => {
    const form = fc.constantFrom("*", "~1", "~2");
    const sign = fc.constantFrom("", "+", "-");
    const asked = fc.array(fc.tuple(sign, word, form), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(docsOf, asked, fc.nat(12), (docs, asked, cut) => {
        const text = asked.map((parts) => parts.join("")).join(" ");
        const query = parseSparseQuery(text, plainAnalyzer, { prefix: true, fuzzy: true });
        const gone: TestDoc = { id: "x", title: "", text: "aa ab abc b ba cab" };
        const split = [buildPart([gone, ...docs.slice(0, cut)], [0]), buildPart(docs.slice(cut))];
        const searchers = [split, [buildPart(docs)]].map(
          (parts) => new SparseSearcher(parts, plainSettings),
        );
        const [first, second] = searchers.map((searcher) => {
          const hits = searcher.search(query, { depth: 20 });
          assert.deepEqual(hits, searcher.searchExhaustive(query, { depth: 20 }));
          return [...hits.scores];
        });
        assert.deepEqual(first, second);
      }),
    );
  });

  it("are explained under the name that the query gave them", () => {
    const docs = [{ id: "d", title: "", text: "carbon carbonate steel" }];
    const searcher = new SparseSearcher([buildPart(docs)], plainSettings);
    const query = parseSparseQuery("carb* steal~", plainAnalyzer, { prefix: true, fuzzy: true });
    const { terms } = searcher.explain(query, 0, 0);
    assert.deepEqual(
      terms.map(({ term, tf }) => [term, tf]),
      [
        ["carb*", 2],
        ["steal~1", 0.8],
      ],
    );
  });
});
