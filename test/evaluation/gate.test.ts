import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import type { Evaluation } from "../../src/evaluation/evaluate-run.js";
import { checkGate, parseGate, parseGates } from "../../src/evaluation/gate.js";
import type { QueryId } from "../../src/run/ranking.js";

function evaluation(values: readonly number[], name = "nDCG@10"): Evaluation {
  const column = new Map(values.map((value, i) => [`q${i}` as QueryId, value]));
  return {
    perQuery: new Map([[name, column]]),
    mean: { [name]: values.reduce((sum, value) => sum + value, 0) / values.length },
    queryCount: values.length,
    missingQueries: [],
    unjudgedQueries: [],
    queriesWithoutRelevant: [],
  };
}

const baseline = evaluation(Array.from({ length: 40 }, (_, i) => 0.5 + (i % 5) / 20));
const shifted = (by: (i: number) => number) =>
  evaluation(Array.from({ length: 40 }, (_, i) => 0.5 + (i % 5) / 20 + by(i)));

describe("gates", () => {
  it("fail on a drop that is large and significant, and on neither alone", () => {
    const gate = parseGate("nDCG@10 drop > 0.01 p < 0.05");
    const steady = checkGate(
      gate,
      shifted((i) => -0.02 - (i % 3) / 100),
      baseline,
    );
    assert.equal(steady.failed, true);
    assert.ok(Math.abs(steady.observed - 0.02975) < 1e-9);
    assert.ok((steady.pValue ?? 1) < 0.001);
    assert.match(steady.message, /^failed: nDCG@10 drop > 0.01 p < 0.05 \(nDCG@10 drop 0\.0297: /);
    const small = checkGate(
      gate,
      shifted(() => -0.005),
      baseline,
    );
    assert.equal(small.failed, false);
    assert.ok((small.pValue ?? 1) < 0.05);
    // -0.5 on two queries of forty: a drop of 0.025 that chance explains.
    const chance = checkGate(
      gate,
      shifted((i) => (i < 2 ? -0.5 : 0)),
      baseline,
    );
    assert.equal(chance.failed, false);
    assert.ok(Math.abs(chance.observed - 0.025) < 1e-9);
    assert.ok((chance.pValue ?? 0) > 0.05);
    const better = checkGate(
      gate,
      shifted(() => 0.1),
      baseline,
    );
    assert.equal(better.failed, false);
  });

  it("compare means, rises, percentages and losses", () => {
    const worse = shifted((i) => (i < 10 ? -0.06 : 0)); // 0.6 to 0.585: a drop of 2.5 %
    const failing = [
      "nDCG@10 < 0.59",
      "nDCG@10 value <= 0.585",
      "nDCG@10 drop >= 0.015",
      "nDCG@10 drop > 2%",
      "nDCG@10 losses > 9",
      "nDCG@10 losses >= 25 %",
      "nDCG@10 rise < 0",
      "ndcg_cut_10 drop > .01",
      "nDCG@10 drop > 0.01 and p(t) < 0.05",
      "nDCG@10 drop > 0.01 p(wilcoxon) < 0.05",
    ];
    const passing = [
      "nDCG@10 < 0.585",
      "nDCG@10 drop > 0.015",
      "nDCG@10 drop > 2.5%",
      "nDCG@10 losses > 10",
      "nDCG@10 losses > 25%",
      "nDCG@10 rise > -1%  p(t) < .0001",
    ];
    for (const text of failing)
      assert.equal(checkGate(parseGate(text), worse, baseline).failed, true, text);
    for (const text of passing)
      assert.equal(checkGate(parseGate(text), worse, baseline).failed, false, text);
  });

  it("need a baseline unless they are on the mean itself", () => {
    assert.equal(checkGate(parseGate("nDCG@10 < 0.7"), baseline).failed, true);
    for (const text of ["nDCG@10 drop > 0", "nDCG@10 < 0.7 p < 0.05"]) {
      assert.throws(() => checkGate(parseGate(text), baseline), /expected a baseline/);
    }
    assert.throws(() => checkGate(parseGate("AP < 1"), baseline), /expected AP among/);
    const fewer = evaluation([0.5]);
    assert.throws(() => checkGate(parseGate("nDCG@10 drop > 0"), fewer, baseline), InputError);
  });

  it("keep the measure's parameters, and several are parted by ; or or", () => {
    assert.equal(
      parseGate("P(rel=2, judged_only=True)@5 drop > 0.1").measure.name,
      "P(rel=2,judged_only=True)@5",
    );
    assert.equal(parseGate("RBP(p=0.5)<0.2").measure.name, "RBP(p=0.5,rel=1)");
    assert.deepEqual(
      parseGates("nDCG@10 drop > 1% p<0.05; AP<0.2 OR R@100 losses > 3;").map(({ text }) => text),
      ["nDCG@10 drop > 1% p<0.05", "AP<0.2", "R@100 losses > 3"],
    );
  });

  it("of another form are refused", () => {
    const wrong = [
      "",
      "nDCG@10",
      "nDCG@10 drop",
      "nDCG@10 drop 0.01",
      "nDCG@10 drops > 0.01",
      "nDCG@10 drop > x",
      "nDCG@10 drop = 0.01",
      "nDCG@10 drop > 0.01 p > 0.05",
      "nDCG@10 drop > 0.01 p < 1",
      "nDCG@10 drop > 0.01 p < 0",
      "nDCG@10 drop > 0.01 p(chi) < 0.05",
      "nDCG@10 < 50%",
      "nope@10 drop > 0.01",
      "nDCG@10 drop > 0.01 p < 0.05 x",
      "nDCG@10 drop > 0.01 p(constructor) < 0.05",
    ];
    for (const text of wrong) assert.throws(() => parseGate(text), InputError, text);
    assert.throws(() => parseGates(" ; "), InputError);
  });
});
