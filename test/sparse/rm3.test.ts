import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { mixWithModel, relevanceModel } from "../../src/sparse/rm3.js";
import { bagOfWords, type SparseQuery } from "../../src/sparse/sparse-query.js";

/** Weight per term, for comparison. */
function weightsOf({ clauses }: SparseQuery): Record<string, number> {
  return Object.fromEntries(
    clauses.flatMap((clause) => (clause.kind === "term" ? [[clause.term, clause.weight]] : [])),
  );
}

describe("relevance model", () => {
  const documents = [
    { score: 3, terms: ["ash", "elm", "ash", "fir"] },
    { score: 1, terms: ["elm", "yew"] },
  ];

  it("weighs each document's share of a term by its score", () => {
    // ash 3·2/4 = 1.5, elm 3·1/4 + 1·1/2 = 1.25, fir .75, yew .5: together 4.
    assert.deepEqual(
      [...relevanceModel(documents, 10)],
      [
        ["ash", 0.375],
        ["elm", 0.3125],
        ["fir", 0.1875],
        ["yew", 0.125],
      ],
    );
  });

  it("keeps the most probable allowed terms, scaled to 1", () => {
    // Without ash: elm 1.25, fir .75; together 2.
    const model = relevanceModel(documents, 2, (term) => term !== "ash");
    assert.deepEqual([...model], Object.entries({ elm: 0.625, fir: 0.375 }));
  });

  it("is empty without documents, scores or allowed terms", () => {
    assert.equal(relevanceModel([], 5).size, 0);
    assert.equal(relevanceModel([{ score: 0, terms: ["ash"] }], 5).size, 0);
    assert.equal(relevanceModel([{ score: 1, terms: [] }], 5).size, 0);
    assert.equal(relevanceModel(documents, 5, () => false).size, 0);
  });

  it("sums to 1 and does not depend on the scale of the scores", () => {
    const word = fc.constantFrom("a", "b", "c", "d", "e");
    const document = fc.record({
      score: fc.integer({ min: 1, max: 64 }),
      terms: fc.array(word, { minLength: 1, maxLength: 8 }),
    });
    fc.assert(
      fc.property(
        fc.array(document, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 5 }),
        (read, termCount) => {
          const model = relevanceModel(read, termCount);
          const sum = [...model.values()].reduce((total, value) => total + value, 0);
          assert.ok(Math.abs(sum - 1) < 1e-12);
          assert.ok(model.size <= termCount);
          // A power of two, so that no bit of a product is lost.
          const scaled = read.map(({ score, terms }) => ({ score: score * 4, terms }));
          assert.deepEqual([...relevanceModel(scaled, termCount)], [...model]);
        },
      ),
    );
  });

  it("refuses scores and counts that cannot be", () => {
    for (const score of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => relevanceModel([{ score, terms: ["a"] }], 1), { code: "INPUT_INVALID" });
    }
    for (const count of [0, 1.5]) {
      assert.throws(() => relevanceModel([], count), { code: "INPUT_INVALID" });
    }
  });
});

describe("query mixed with a relevance model", () => {
  const model = new Map([
    ["ash", 0.75],
    ["elm", 0.25],
  ]);

  it("keeps the query's clauses and adds |Q| (1 - w) / w P(w|R)", () => {
    // |Q| = 3, weight .75: the model shares 3 · .25 / .75 = 1.
    const mixed = mixWithModel(bagOfWords(["ash", "fir", "fir"]), model, 0.75);
    assert.deepEqual(weightsOf(mixed), { ash: 1.75, fir: 2, elm: 0.25 });
  });

  it("is RM3's mixture of the two distributions, but for a factor", () => {
    const weight = 0.6;
    const mixed = weightsOf(mixWithModel(bagOfWords(["ash", "fir"]), model, weight));
    // .6 · 1/2 + .4 · .75 = .6, .6 · 1/2 = .3, .4 · .25 = .1; the factor is 2 / .6.
    for (const [term, probability] of Object.entries({ ash: 0.6, fir: 0.3, elm: 0.1 })) {
      assert.ok(Math.abs(mixed[term]! - (probability * 2) / weight) < 1e-12, term);
    }
  });

  it("returns the query itself at weight 1 and for an empty model", () => {
    const query = bagOfWords(["ash"]);
    assert.equal(mixWithModel(query, model, 1), query);
    assert.equal(mixWithModel(query, new Map(), 0.5), query);
  });

  it("adds nothing that the query excludes, and leaves conditions alone", () => {
    const must = { kind: "term", field: "all", occur: "must", term: "ash", weight: 1 } as const;
    const not = { kind: "term", field: "all", occur: "mustNot", term: "elm", weight: 1 } as const;
    const { clauses } = mixWithModel({ clauses: [must, not] }, model, 0.5);
    assert.deepEqual(clauses, [must, not, { ...must, occur: "should", weight: 0.75 }]);
  });

  it("refuses weights of 0, above 1 and NaN", () => {
    for (const weight of [0, 1.1, Number.NaN]) {
      assert.throws(() => mixWithModel(bagOfWords([]), model, weight), { code: "INPUT_INVALID" });
    }
  });
});
