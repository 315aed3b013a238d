import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import { evaluateRankings, evaluateRun } from "../../src/evaluation/evaluate-run.js";
import { parseMeasure } from "../../src/evaluation/measure.js";
import { parseQrels } from "../../src/run/qrels.js";
import type { DocId, QueryId, Run } from "../../src/run/ranking.js";
import { parseTrecRun } from "../../src/run/trec-run.js";

const { qrels } = parseQrels("q1 0 a 1\nq1 0 b 0\nq2 0 c 1\nq3 0 d 0\nq4 0 e 1\n");
const { run } = parseTrecRun(
  "q1 Q0 a 1 2 t\nq1 Q0 b 2 1 t\nq4 Q0 x 1 2 t\nq4 Q0 e 2 1 t\nq9 Q0 a 1 1 t\nq3 Q0 d 1 1 t\n",
);

describe("evaluating a run", () => {
  it("averages over all judged queries, missing ones as 0, and says what it met", () => {
    const evaluation = evaluateRun(qrels, run, [parseMeasure("RR"), parseMeasure("Judged@10")]);
    assert.deepEqual(Object.fromEntries(evaluation.perQuery.get("RR") ?? []), {
      q1: 1,
      q2: 0,
      q3: 0,
      q4: 0.5,
    });
    assert.deepEqual(evaluation.mean, { RR: 1.5 / 4, "Judged@10": 2.5 / 4 });
    assert.equal(evaluation.queryCount, 4);
    assert.deepEqual(evaluation.missingQueries, ["q2"]);
    assert.deepEqual(evaluation.unjudgedQueries, ["q9"]);
    assert.deepEqual(evaluation.queriesWithoutRelevant, ["q3"]);
  });

  it("gives the same when rankings come one by one", async () => {
    const measures = [parseMeasure("nDCG@10"), parseMeasure("AP")];
    async function* oneByOne() {
      yield* run;
    }
    assert.deepEqual(
      await evaluateRankings(qrels, oneByOne(), measures),
      evaluateRun(qrels, run, measures),
    );
  });

  it("breaks ties of float32 by document id descending, or takes the given order when told", () => {
    const close: Run = new Map([
      [
        "q1" as QueryId,
        [
          { docId: "a" as DocId, score: 0.5000000001 },
          { docId: "b" as DocId, score: 0.5 },
        ],
      ],
    ]);
    const rr = parseMeasure("RR");
    assert.equal(
      evaluateRun(qrels, close, [rr])
        .perQuery.get("RR")
        ?.get("q1" as QueryId),
      0.5,
    );
    const given = evaluateRun(qrels, close, [rr], { order: "given" });
    assert.equal(given.perQuery.get("RR")?.get("q1" as QueryId), 1);
  });

  it("shows how far a value moves if the unjudged documents in the top are relevant", () => {
    const measures = ["P@1", "P@2", "R@2", "nDCG@2", "Judged@2"].map(parseMeasure);
    const only = new Map([...qrels].filter(([queryId]) => queryId === "q4"));
    const asIs = evaluateRun(only, run, measures).mean;
    const moved = evaluateRun(only, run, measures, { unjudgedAs: "relevant" }).mean;
    // q4 retrieves x (unjudged), then e (relevant).
    assert.deepEqual(
      [asIs["P@1"], asIs["P@2"], asIs["R@2"], asIs["Judged@2"]],
      [0, 1 / 2, 1, 1 / 2],
    );
    assert.deepEqual([moved["P@1"], moved["P@2"], moved["R@2"], moved["nDCG@2"]], [1, 1, 1, 1]);
  });

  it("refuses no measures, one measure twice, no judgements and documents twice", () => {
    const rr = parseMeasure("RR");
    assert.throws(() => evaluateRun(qrels, run, []), InputError);
    assert.throws(() => evaluateRun(qrels, run, [rr, parseMeasure("MRR")]), InputError);
    assert.throws(() => evaluateRun(new Map(), run, [rr]), InputError);
    const twice: Run = new Map([
      ["q1" as QueryId, [1, 2].map((score) => ({ docId: "a" as DocId, score }))],
    ]);
    assert.throws(() => evaluateRun(qrels, twice, [rr]), /a again at rank 2 of query q1/);
  });
});
