import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseMeasure } from "../../src/evaluation/measure.js";
import {
  analyseExperiment,
  paretoFront,
  smallestDepth,
} from "../../src/experiments/experiment-analysis.js";
import { experimentCsv } from "../../src/experiments/experiment-csv.js";
import { experimentHtml } from "../../src/experiments/experiment-html.js";
import type { ExperimentPlan } from "../../src/experiments/experiment-plan.js";
import type { CellResult, ExperimentResult } from "../../src/experiments/run-experiment.js";
import { checkIds, checkStructure } from "./page-structure.js";
import { provenance } from "./tiny-comparison.js";

function cell(
  split: "dev" | "test",
  reranker: string | null,
  rerankDepth: number,
  values: number[],
  ms: number,
): CellResult {
  const value = values.reduce((sum, x) => sum + x, 0) / values.length;
  return {
    key: `${split} ${reranker} ${rerankDepth}`,
    dataset: "small",
    split,
    firstStage: "hybrid",
    reranker,
    rerankDepth,
    weight: 1,
    queryCount: values.length,
    mean: { "nDCG@10": value },
    values,
    ms: { mean: ms, p50: ms, p95: ms },
  };
}

const plan: ExperimentPlan = {
  path: "plan.yaml",
  text: "name: <script>alert(1)</script>",
  name: "small <b>",
  datasets: [],
  firstStages: [{ name: "hybrid", kind: "hybrid", fusion: null }],
  rerankers: ["=cmd"],
  rerankDepths: [5, 10],
  weights: [1],
  measures: [parseMeasure("nDCG@10")],
  depth: 1000,
  seed: 42,
};

function result(chosenOn: "dev" | "test"): ExperimentResult {
  const test = [
    cell("test", null, 0, [0.2, 0.4, 0.6, 0.4], 1),
    cell("test", "=cmd", 5, [0.5, 0.5, 0.6, 0.6], 5),
    cell("test", "=cmd", 10, [0.5, 0.4, 0.6, 0.6], 9),
  ];
  const dev = [
    cell("dev", null, 0, [0.2, 0.4], 1),
    cell("dev", "=cmd", 5, [0.4, 0.4], 5),
    cell("dev", "=cmd", 10, [0.5, 0.4], 9),
  ];
  return {
    plan,
    cells: chosenOn === "dev" ? [...dev, ...test] : test,
    failures: [
      {
        dataset: "small",
        firstStage: null,
        reranker: "gone",
        code: "MODEL_MISSING",
        message: "no model",
      },
    ],
    datasets: [
      {
        name: "small",
        testCount: 4,
        devCount: chosenOn === "dev" ? 2 : 0,
        chosenOn,
        sharedCount: 0,
      },
    ],
    cachedCount: 0,
  };
}

describe("the analysis of an experiment", () => {
  it("chooses on dev and reports on test", () => {
    const [choice] = analyseExperiment(result("dev")).choices;
    // dev prefers depth 10 (.45), test would have preferred depth 5 (.55 against .525).
    assert.equal(choice?.cell.rerankDepth, 10);
    assert.equal(choice?.devValue, 0.45);
    assert.equal(choice?.testValue.toFixed(4), "0.5250");
    assert.equal(choice?.baseline.testValue.toFixed(4), "0.4000");
    assert.equal(choice?.baseline.difference.toFixed(4), "0.1250");
  });

  it("says in red when it had to choose on test", () => {
    const from = result("test");
    const analysis = analyseExperiment(from);
    assert.equal(analysis.choices[0]?.cell.rerankDepth, 5);
    const page = experimentHtml(from, analysis, provenance);
    assert.match(
      page,
      /<p class="warning" role="alert">small: settings were chosen on the test queries/,
    );
    assert.doesNotMatch(
      experimentHtml(result("dev"), analyseExperiment(result("dev")), provenance),
      /chosen on the test queries/,
    );
  });

  it("finds the smallest depth that keeps 99 % of the best", () => {
    const flat = [
      { rerankDepth: 0, values: [0.5, 0.5, 0.5] },
      { rerankDepth: 5, values: [0.8, 0.8, 0.8] },
      { rerankDepth: 10, values: [0.805, 0.805, 0.805] },
    ];
    // .8 / .805 = .9938: depth 5 is enough, in every resample too.
    assert.deepEqual(smallestDepth(flat, 42), { depth: 5, low: 5, high: 5 });
    const uneven = [
      { rerankDepth: 0, values: [1, 0, 1, 0, 0, 1] },
      { rerankDepth: 10, values: [0, 1, 1, 1, 0, 1] },
    ];
    const { depth, low, high } = smallestDepth(uneven, 42);
    assert.deepEqual([depth, low, high], [10, 0, 10]);
  });

  it("keeps on the front what none beats at no more time", () => {
    const point = (value: number, ms: number) => ({
      mean: { m: value },
      ms: { mean: ms, p50: ms, p95: ms },
    });
    const points = [
      point(0.5, 2),
      point(0.4, 1),
      point(0.45, 3),
      point(0.6, 9),
      point(0.5, 1.5),
      point(0.6, 10),
    ];
    assert.deepEqual(
      paretoFront(points, "m").map(({ mean, ms }) => [mean["m"], ms.mean]),
      [
        [0.4, 1],
        [0.5, 1.5],
        [0.6, 9],
      ],
    );
  });
});

describe("the experiment's files", () => {
  const from = result("dev");
  const analysis = analyseExperiment(from);

  it("give a page that stands alone, in which names are text", () => {
    const page = experimentHtml(from, analysis, provenance);
    const counts = checkStructure(page);
    checkIds(page);
    assert.equal(counts.get("script"), undefined);
    assert.match(page, /Experiment: small &lt;b&gt;/);
    assert.match(page, /MODEL_MISSING/);
    assert.doesNotMatch(page, /NaN|undefined/);
  });

  it("give a line of CSV per cell, with nothing that a spreadsheet would run", () => {
    const lines = experimentCsv(from, analysis).trimEnd().split("\r\n");
    assert.equal(lines.length, 1 + from.cells.length);
    assert.equal(lines[0]?.split(",").length, lines[1]?.split(",").length);
    assert.ok(lines.slice(1).every((line) => !/(^|,)[=+@]/.test(line)));
  });
});
