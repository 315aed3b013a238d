import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import { complementarity, oracleCeiling } from "../../src/evaluation/complementarity.js";
import { parseQrels } from "../../src/run/qrels.js";
import type { DocId, QueryId, Run } from "../../src/run/ranking.js";

const run = (rankings: Record<string, string>): Run =>
  new Map(
    Object.entries(rankings).map(([queryId, ids]) => [
      queryId as QueryId,
      [...ids].map((docId, i) => ({ docId: docId as DocId, score: -i })),
    ]),
  );

describe("complementarity of two runs", () => {
  const { qrels } = parseQrels("1 0 a 1\n1 0 b 2\n1 0 c 1\n1 0 z 0\n2 0 d 1\n3 0 e 0\n");

  it("counts relevant documents by who found them in the top", () => {
    const first = run({ 1: "axb", 2: "d" });
    const second = run({ 1: "bc" });
    const found = complementarity(qrels, first, second, { depth: 2 });
    // Query 1: a in the first only (b at rank 3 is too deep), b and c in the second only.
    assert.deepEqual(Object.fromEntries(found.perQuery), {
      1: { both: 0, onlyFirst: 1, onlySecond: 2, neither: 0 },
      2: { both: 0, onlyFirst: 1, onlySecond: 0, neither: 0 },
    });
    assert.deepEqual(found.total, { both: 0, onlyFirst: 2, onlySecond: 2, neither: 0 });
    assert.equal(found.unionRecall, 1);
    assert.equal(found.firstRecall, (1 / 3 + 1) / 2);
    assert.equal(found.secondRecall, 2 / 3 / 2);
    assert.deepEqual(complementarity(qrels, first, second, { rel: 2 }).total, {
      both: 1,
      onlyFirst: 0,
      onlySecond: 0,
      neither: 0,
    });
  });

  it("refuses depths below 1 and judgements without relevant documents", () => {
    assert.throws(() => complementarity(qrels, run({}), run({}), { depth: 0 }), InputError);
    assert.throws(() => complementarity(qrels, run({}), run({}), { rel: 3 }), InputError);
  });
});

describe("oracle ceiling", () => {
  const column = (values: number[]) =>
    new Map(values.map((value, i) => [String(i) as QueryId, value]));

  it("takes the best system of each query", () => {
    const ceiling = oracleCeiling([column([0.1, 0.5, 0.3]), column([0.2, 0.4, 0.3])]);
    assert.deepEqual([...ceiling.perQuery.values()], [0.2, 0.5, 0.3]);
    assert.ok(Math.abs(ceiling.mean - 1 / 3) < 1e-15);
    assert.deepEqual(ceiling.bestCounts, [2, 2]);
  });

  it("refuses no system and systems over different queries", () => {
    assert.throws(() => oracleCeiling([]), InputError);
    assert.throws(() => oracleCeiling([column([1]), column([1, 2])]), InputError);
    assert.throws(() => oracleCeiling([column([1, 2]), column([1])]), InputError);
  });
});
