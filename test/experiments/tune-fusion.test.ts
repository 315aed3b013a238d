import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import { describeTuning, type TuningQuery, tuneFusion } from "../../src/experiments/tune-fusion.js";
import { defaultFusion, parseFusion } from "../../src/fusion/index.js";
import { SeededRandom } from "../../src/numeric/seeded-random.js";
import { compareScoredDocs, type DocId, type Qrels, type QueryId } from "../../src/run/ranking.js";

/**
 * Queries with one relevant document among 30. A leg's score of a document is chance in [0, 1], and
 * for the relevant one the leg's skill is added.
 */
function collection(
  count: number,
  skill: { readonly sparse: number; readonly dense: number },
): { queries: TuningQuery[]; qrels: Qrels } {
  const random = new SeededRandom(7);
  const qrels = new Map<QueryId, Map<DocId, number>>();
  const queries = Array.from({ length: count }, (_, q): TuningQuery => {
    const queryId = `q${q}` as QueryId;
    const relevant = random.below(30);
    qrels.set(queryId, new Map([[`d${relevant}` as DocId, 1]]));
    const leg = (name: "sparse" | "dense") => ({
      name,
      ranking: Array.from({ length: 30 }, (_, d) => ({
        docId: `d${d}` as DocId,
        score: random.float64() + (d === relevant ? skill[name] : 0),
      })).sort(compareScoredDocs),
    });
    return { queryId, legs: [leg("sparse"), leg("dense")] };
  });
  return { queries, qrels };
}

describe("tuning a fusion", () => {
  it("finds that a leg of chance wants no weight, and that this beats the default", () => {
    const { queries, qrels } = collection(200, { sparse: 0.5, dense: 0 });
    const tuned = tuneFusion(queries, qrels, { repeats: 3 });
    assert.ok(tuned.weight <= 0.2, `weight ${tuned.weight}`);
    assert.equal(tuned.verdict, "better");
    assert.equal(tuned.recommended, tuned.fusion);
    assert.ok(tuned.difference.interval.low > 0);
    assert.ok(tuned.difference.pValue < 0.01);
    assert.ok(
      tuned.weightInterval.low <= tuned.weight && tuned.weight <= tuned.weightInterval.high,
    );
    assert.match(describeTuning(tuned), /verdict: better; use the tuned fusion/);
  });

  it("keeps the default where both legs are alike and the data cannot tell", () => {
    const { queries, qrels } = collection(60, { sparse: 0.4, dense: 0.4 });
    const tuned = tuneFusion(queries, qrels, { repeats: 3 });
    assert.equal(tuned.verdict, "not distinguishable from the default");
    assert.deepEqual(tuned.recommended, defaultFusion);
    assert.match(describeTuning(tuned), /keep the default/);
  });

  it("expects less of queries that had no part in the choice", () => {
    const { queries, qrels } = collection(30, { sparse: 0.3, dense: 0.3 });
    const tuned = tuneFusion(queries, qrels, { repeats: 5, normalizations: ["unit", "min-max"] });
    assert.ok(tuned.crossValidated <= tuned.apparent);
    assert.equal(tuned.curve.length, 21);
    assert.deepEqual(
      tuneFusion(queries, qrels, { repeats: 5, normalizations: ["unit", "min-max"] }),
      tuned,
    );
  });

  it("measures what it is asked to against the baseline it is given", () => {
    const { queries, qrels } = collection(40, { sparse: 0.4, dense: 0.1 });
    const tuned = tuneFusion(queries, qrels, {
      measure: "RR@10",
      baseline: parseFusion("rrf(k=10)"),
      weights: [0, 0.5, 1],
      repeats: 2,
    });
    assert.equal(tuned.measure, "RR@10");
    assert.deepEqual(
      tuned.curve.map(({ weight }) => weight),
      [0, 0.5, 1],
    );
  });

  it("refuses too few judged queries and options that leave nothing to choose", () => {
    const { queries, qrels } = collection(12, { sparse: 1, dense: 1 });
    const refused = (
      some: readonly TuningQuery[],
      options: Parameters<typeof tuneFusion>[2],
      message: RegExp,
    ): void => {
      assert.throws(
        () => tuneFusion(some, qrels, options),
        (error: unknown) => error instanceof InputError && message.test(error.message),
      );
    };
    refused(queries.slice(0, 9), {}, /at least 10 judged queries/);
    refused(queries, { weights: [] }, /at least one weight/);
    refused(queries, { weights: [1.5] }, /from 0 to 1/);
    refused(queries, { folds: 1 }, /folds >= 2/);
    assert.throws(() => tuneFusion(queries, new Map(), {}), /got 0/);
  });
});
