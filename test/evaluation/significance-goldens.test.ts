import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  biasCorrectedInterval,
  percentileInterval,
} from "../../src/evaluation/bootstrap-interval.js";
import { equivalenceTest, pairedTTest } from "../../src/evaluation/paired-t-test.js";
import { randomizationTest } from "../../src/evaluation/randomization-test.js";
import { kendallTauB } from "../../src/evaluation/ranking-similarity.js";
import { wilcoxonSignedRank } from "../../src/evaluation/wilcoxon-signed-rank.js";

interface Test {
  statistic: number;
  pvalue: number;
}

interface PairCase {
  name: string;
  values: number[];
  baseline: number[];
  "t two-sided": Test;
  "t greater": Test;
  "t less": Test;
  "t interval": [number, number];
  tost: { margin: number; worse: number; better: number };
  "wilcoxon auto": Test;
  "wilcoxon asymptotic": Test;
  "wilcoxon exact"?: Test;
  permutation?: number;
}

const golden: {
  pairs: PairCase[];
  bootstraps: {
    method: "percentile" | "BCa";
    confidence: number;
    sample: number[];
    distribution: number[];
    interval: [number, number];
  }[];
  taus: { x: number[]; y: number[]; tau: number | null }[];
} = JSON.parse(readFileSync(new URL("../golden/evaluation/scipy.json", import.meta.url), "utf8"));

function near(ours: number, theirs: number, what: string): void {
  const tolerance = 1e-9 * Math.max(1, Math.abs(theirs));
  assert.ok(Math.abs(ours - theirs) <= tolerance, `${what}: ${ours} instead of ${theirs}`);
}

describe("significance tests against scipy", () => {
  it("looks at enough cases of each kind", () => {
    assert.ok(golden.pairs.length >= 15);
    assert.ok(golden.pairs.filter((pair) => pair["wilcoxon exact"]).length >= 5);
    assert.ok(golden.pairs.filter((pair) => pair.permutation !== undefined).length >= 5);
    assert.ok(golden.bootstraps.length >= 6 && golden.taus.length >= 8);
  });

  for (const pair of golden.pairs) {
    const { name, values, baseline } = pair;
    it(`paired t and equivalence tests agree, ${name}`, () => {
      for (const alternative of ["two-sided", "greater", "less"] as const) {
        const test = pairedTTest(values, baseline, { alternative });
        near(test.statistic, pair[`t ${alternative}`].statistic, "t");
        near(test.pValue, pair[`t ${alternative}`].pvalue, `p ${alternative}`);
        near(test.interval.low, pair["t interval"][0], "interval");
        near(test.interval.high, pair["t interval"][1], "interval");
      }
      const test = equivalenceTest(values, baseline, pair.tost.margin);
      near(test.pValueAgainstWorse, pair.tost.worse, "TOST against worse");
      near(test.pValueAgainstBetter, pair.tost.better, "TOST against better");
      near(test.pValue, Math.max(pair.tost.worse, pair.tost.better), "TOST");
    });

    it(`Wilcoxon's test agrees, ${name}`, () => {
      for (const [theirs, method] of [
        ["auto", "auto"],
        ["asymptotic", "normal"],
        ["exact", "exact"],
      ] as const) {
        const expected = pair[`wilcoxon ${theirs}`];
        if (expected === undefined) continue;
        const test = wilcoxonSignedRank(values, baseline, { method });
        near(test.statistic, expected.statistic, `${method} W`);
        near(test.pValue, expected.pvalue, `${method} p`);
      }
    });

    const { permutation } = pair;
    if (permutation !== undefined) {
      it(`the randomisation test counts all patterns alike, ${name}`, () => {
        const test = randomizationTest(values, baseline);
        assert.equal(test.method, "exact");
        near(test.pValue, permutation, "p");
      });
    }
  }

  it("bootstrap intervals are cut from a distribution alike", () => {
    for (const { method, confidence, sample, distribution, interval } of golden.bootstraps) {
      const means = Float64Array.from(distribution);
      const ours =
        method === "BCa"
          ? biasCorrectedInterval(means, Float64Array.from(sample), confidence)
          : percentileInterval(means, confidence);
      near(ours.low, interval[0], `${method} low`);
      near(ours.high, interval[1], `${method} high`);
    }
  });

  it("Kendall's tau-b agrees, with many ties and with few", () => {
    for (const { x, y, tau } of golden.taus) {
      const ours = kendallTauB(x, y);
      if (tau === null) assert.ok(Number.isNaN(ours));
      else near(ours, tau, "tau");
    }
  });
});
