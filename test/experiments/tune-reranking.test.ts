import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  describeReranking,
  type RerankedQuery,
  tuneReranking,
} from "../../src/experiments/tune-reranking.js";
import { SeededRandom } from "../../src/numeric/seeded-random.js";
import type { DocId, Qrels, QueryId } from "../../src/run/ranking.js";

/**
 * Queries with ten documents of which one is relevant, somewhere. `skill` 1: the reranker knows it;
 * -1: it puts it last; 0: it guesses.
 */
function judgedQueries(count: number, skill: number): { queries: RerankedQuery[]; qrels: Qrels } {
  const random = new SeededRandom(7);
  const qrels = new Map<QueryId, Map<DocId, number>>();
  const queries = Array.from({ length: count }, (_, q): RerankedQuery => {
    const queryId = `q${q}` as QueryId;
    const ranking = Array.from({ length: 10 }, (_, i) => ({
      docId: `d${i}` as DocId,
      score: 10 - i,
    }));
    const relevant = random.below(10);
    qrels.set(queryId, new Map([[`d${relevant}` as DocId, 1]]));
    const scores = ranking.map(
      (_, i) => (i === relevant ? 2 * skill : 0) + random.below(100) / 100,
    );
    return { queryId, ranking, scores };
  });
  return { queries, qrels };
}

describe("tuneReranking", () => {
  const options = { depths: [5, 10], weights: [0.5, 1], measure: "RR@10" };

  it("finds that a good reranker helps, from which depth, and is then surely better", () => {
    const { queries, qrels } = judgedQueries(40, 1);
    const tuned = tuneReranking(queries, qrels, options);
    assert.equal(tuned.verdict, "better");
    assert.deepEqual([tuned.depth, tuned.weight], [10, 1]);
    assert.equal(tuned.crossValidated, 1);
    assert.equal(tuned.helpsFrom, 5);
    assert.match(describeReranking(tuned), /reranking helps from depth 5[\s\S]*verdict: better/);
  });

  it("says that a bad reranker does harm", () => {
    const { queries, qrels } = judgedQueries(40, -1);
    const tuned = tuneReranking(queries, qrels, options);
    assert.equal(tuned.verdict, "worse");
    assert.equal(tuned.helpsFrom, null);
  });

  it("cannot tell one that guesses from the first stage", () => {
    const { queries, qrels } = judgedQueries(200, 0);
    const tuned = tuneReranking(queries, qrels, options);
    assert.equal(tuned.verdict, "not distinguishable from the first stage");
    assert.ok(tuned.difference.interval.low <= 0 && tuned.difference.interval.high >= 0);
  });

  it("gives the first stage's mean, worked by hand", () => {
    const { queries, qrels } = judgedQueries(10, 0);
    const byHand = queries.map(({ queryId, ranking }) => {
      const at = ranking.findIndex(({ docId }) => qrels.get(queryId)?.has(docId));
      return 1 / (at + 1);
    });
    const sum = byHand.reduce((total, value) => total + value, 0);
    const { baseline } = tuneReranking(queries, qrels, options);
    assert.ok(Math.abs(baseline - sum / 10) < 1e-12);
  });

  it("refuses few queries, and nothing to choose from", () => {
    const { queries, qrels } = judgedQueries(9, 1);
    assert.throws(() => tuneReranking(queries, qrels), {
      code: "INPUT_INVALID",
      message: /at least 10 judged queries.*got 9/,
    });
    const more = judgedQueries(12, 1);
    assert.throws(() => tuneReranking(more.queries, more.qrels, { depths: [] }), {
      code: "INPUT_INVALID",
    });
  });
});
