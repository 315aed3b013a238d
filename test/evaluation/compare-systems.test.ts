import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import { compareSystems } from "../../src/evaluation/compare-systems.js";
import type { Evaluation } from "../../src/evaluation/evaluate-run.js";
import { holm } from "../../src/evaluation/multiple-comparisons.js";
import { pairedTTest } from "../../src/evaluation/paired-t-test.js";
import { SeededRandom } from "../../src/numeric/seeded-random.js";
import type { QueryId } from "../../src/run/ranking.js";

function evaluation(values: readonly number[]): Evaluation {
  const column = new Map(values.map((value, i) => [`q${i}` as QueryId, value]));
  return {
    perQuery: new Map([["AP", column]]),
    mean: { AP: values.reduce((sum, value) => sum + value, 0) / values.length },
    queryCount: values.length,
    missingQueries: [],
    unjudgedQueries: [],
    queriesWithoutRelevant: [],
  };
}

const random = new SeededRandom(5);
const base = Array.from({ length: 60 }, () => random.float64());
const noise = () => (random.float64() - 0.5) * 0.1;
const values: Record<string, number[]> = {
  sparse: base,
  dense: base.map((value) => value + noise()),
  hybrid: base.map((value) => value + 0.1 + noise()),
};
const systems = new Map(Object.entries(values).map(([name, column]) => [name, evaluation(column)]));

describe("comparing systems", () => {
  it("tests every pair once, corrects over the pairs and says who is better than whom", () => {
    for (const test of ["randomization", "t", "wilcoxon"] as const) {
      const comparison = compareSystems(systems, "AP", { test });
      assert.deepEqual(
        comparison.pairs.map(({ first, second }) => `${first} ${second}`),
        ["sparse dense", "sparse hybrid", "dense hybrid"],
      );
      assert.deepEqual(Object.fromEntries(comparison.betterThan), {
        sparse: [],
        dense: [],
        hybrid: ["sparse", "dense"],
      });
      assert.deepEqual(
        comparison.pairs.map(({ correctedPValue }) => correctedPValue),
        holm(comparison.pairs.map(({ pValue }) => pValue)),
      );
    }
  });

  it("gives each pair what the single functions give", () => {
    const [, pair] = compareSystems(systems, "AP", { test: "t", correction: "none" }).pairs;
    const test = pairedTTest(values["sparse"] ?? [], values["hybrid"] ?? []);
    assert.equal(pair?.pValue, test.pValue);
    assert.equal(pair?.correctedPValue, test.pValue);
    assert.ok(Math.abs((pair?.meanDifference ?? 0) - test.meanDifference) < 1e-15);
    assert.ok(Math.abs((pair?.interval.low ?? 0) - test.interval.low) < 0.005);
    assert.equal(pair?.queries.losses, 60);
  });

  it("refuses one system, unknown measures, different queries and levels outside (0, 1)", () => {
    assert.throws(() => compareSystems(new Map([["a", evaluation([1, 2])]]), "AP"), InputError);
    assert.throws(() => compareSystems(systems, "RR"), /expected RR among the measures of sparse/);
    assert.throws(() => compareSystems(systems, "AP", { level: 1 }), InputError);
    const uneven = new Map([...systems, ["few", evaluation([1, 2])] as const]);
    assert.throws(() => compareSystems(uneven, "AP"), /over the same queries/);
  });
});
