import { bootstrapInterval } from "../evaluation/bootstrap-interval.js";
import { pairedDifferences } from "../evaluation/paired-values.js";
import { randomizationTest } from "../evaluation/randomization-test.js";
import { SeededRandom } from "../numeric/seeded-random.js";
import { mean } from "./query-features.js";
import type { Cell, CellResult, DatasetSummary, ExperimentResult } from "./run-experiment.js";

/** One point of a curve of quality against rerank depth. */
export interface DepthPoint {
  readonly depth: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly ms: number;
}

/** How quality goes with rerank depth for one first stage, reranker and weight, on the test queries. */
export interface DepthCurve {
  readonly dataset: string;
  readonly firstStage: string;
  readonly reranker: string;
  readonly weight: number;
  /** Depth 0 first: the first stage alone. */
  readonly points: readonly DepthPoint[];
  /** Smallest depth whose mean is at least 99 % of the best depth's. */
  readonly enough: {
    readonly depth: number;
    /** Where 95 % of the smallest depths of resampled query sets lie. */
    readonly low: number;
    readonly high: number;
  };
}

/** What was chosen on dev, and what it is worth on test. */
export interface Choice {
  readonly dataset: string;
  readonly chosenOn: "dev" | "test";
  readonly cell: Cell;
  readonly devValue: number;
  readonly testValue: number;
  readonly interval: { readonly low: number; readonly high: number };
  readonly ms: number;
  /** The best first stage without reranking, chosen on the same queries. */
  readonly baseline: {
    readonly firstStage: string;
    readonly testValue: number;
    readonly difference: number;
    readonly interval: { readonly low: number; readonly high: number };
    readonly pValue: number;
  };
}

export interface ExperimentAnalysis {
  readonly measure: string;
  readonly curves: readonly DepthCurve[];
  readonly choices: readonly Choice[];
  /** Keys of the test cells that no other of their data set beats in quality at no more time. */
  readonly front: ReadonlySet<string>;
}

/** Share of the best depth's quality that is enough. */
const enoughShare = 0.99;
const resampleCount = 1000;

/** Reads curves, choices and the Pareto front off the cells of an experiment. */
export function analyseExperiment({ plan, cells, datasets }: ExperimentResult): ExperimentAnalysis {
  const measure = plan.measures[0]?.name ?? "";
  const { seed } = plan;
  const curves: DepthCurve[] = [];
  const choices: Choice[] = [];
  const front = new Set<string>();
  for (const summary of datasets) {
    const own = cells.filter(({ dataset }) => dataset === summary.name);
    const test = own.filter(({ split }) => split === "test");
    curves.push(...curvesOf(test, measure, seed));
    const choice = choiceOf(summary, own, measure, seed);
    if (choice !== null) choices.push(choice);
    for (const cell of paretoFront(test, measure)) front.add(cell.key);
  }
  return { measure, curves, choices, front };
}

function curvesOf(test: readonly CellResult[], measure: string, seed: number): DepthCurve[] {
  const curves: DepthCurve[] = [];
  const families = new Map<string, CellResult[]>();
  for (const cell of test) {
    if (cell.reranker === null) continue;
    const family = JSON.stringify([cell.firstStage, cell.reranker, cell.weight]);
    families.set(family, [...(families.get(family) ?? []), cell]);
  }
  for (const family of families.values()) {
    const [any] = family;
    if (any === undefined || any.reranker === null) continue;
    const alone = test.find(
      ({ firstStage, reranker }) => firstStage === any.firstStage && reranker === null,
    );
    const sorted = [...(alone === undefined ? [] : [alone]), ...family].sort(
      (a, b) => a.rerankDepth - b.rerankDepth,
    );
    curves.push({
      dataset: any.dataset,
      firstStage: any.firstStage,
      reranker: any.reranker,
      weight: any.weight,
      points: sorted.map((cell) => ({
        depth: cell.rerankDepth,
        value: cell.mean[measure] ?? 0,
        ...meanInterval(cell.values, seed),
        ms: cell.ms.mean,
      })),
      enough: smallestDepth(sorted, seed),
    });
  }
  return curves;
}

function meanInterval(
  values: readonly number[],
  seed: number,
): { readonly low: number; readonly high: number } {
  if (values.length < 2) return { low: mean(values), high: mean(values) };
  const { low, high } = bootstrapInterval(values, { seed });
  return { low, high };
}

/**
 * The smallest depth that keeps 99 % of the best mean, with the middle 95 % of what resampled query
 * sets say. Cells are of one family, depth ascending, values over the same queries.
 */
export function smallestDepth(
  cells: readonly Pick<CellResult, "rerankDepth" | "values">[],
  seed: number,
): DepthCurve["enough"] {
  const depthOf = (means: readonly number[]): number => {
    const best = Math.max(...means);
    const index = means.findIndex((value) => value >= enoughShare * best);
    return cells[index]?.rerankDepth ?? 0;
  };
  const queryCount = cells[0]?.values.length ?? 0;
  const depth = depthOf(cells.map(({ values }) => mean(values)));
  if (queryCount < 2) return { depth, low: depth, high: depth };
  const random = new SeededRandom(seed);
  const depths: number[] = [];
  const sums = new Float64Array(cells.length);
  for (let r = 0; r < resampleCount; r++) {
    sums.fill(0);
    for (let q = 0; q < queryCount; q++) {
      const drawn = random.below(queryCount);
      for (const [c, { values }] of cells.entries()) sums[c]! += values[drawn] ?? 0;
    }
    depths.push(depthOf([...sums]));
  }
  depths.sort((a, b) => a - b);
  const at = (share: number): number =>
    depths[Math.min(depths.length - 1, Math.floor(share * depths.length))] ?? depth;
  return { depth, low: at(0.025), high: at(0.975) };
}

/** Cells that none beats: no other is as good or better at less time, or better at the same time. */
export function paretoFront<Point extends Pick<CellResult, "mean" | "ms">>(
  cells: readonly Point[],
  measure: string,
): Point[] {
  const value = (cell: Point): number => cell.mean[measure] ?? 0;
  const byTime = [...cells].sort((a, b) => a.ms.mean - b.ms.mean || value(b) - value(a));
  const front: Point[] = [];
  let best = Number.NEGATIVE_INFINITY;
  for (const cell of byTime) {
    if (value(cell) > best) {
      front.push(cell);
      best = value(cell);
    }
  }
  return front;
}

function choiceOf(
  { name, chosenOn }: DatasetSummary,
  cells: readonly CellResult[],
  measure: string,
  seed: number,
): Choice | null {
  const candidates = cells.filter(({ split }) => split === chosenOn);
  const chosen = bestOf(candidates, measure);
  const plain = bestOf(
    candidates.filter(({ reranker }) => reranker === null),
    measure,
  );
  const onTest = (cell: CellResult): CellResult | undefined =>
    cells.find(
      (other) =>
        other.split === "test" &&
        other.firstStage === cell.firstStage &&
        other.reranker === cell.reranker &&
        other.rerankDepth === cell.rerankDepth &&
        other.weight === cell.weight,
    );
  const tested = chosen === null ? undefined : onTest(chosen);
  const baseline = plain === null ? undefined : onTest(plain);
  if (chosen === null || tested === undefined || baseline === undefined || tested.values.length < 2)
    return null;
  const differences = pairedDifferences(tested.values, baseline.values);
  const { low, high } = bootstrapInterval(differences, { seed });
  return {
    dataset: name,
    chosenOn,
    cell: tested,
    devValue: chosen.mean[measure] ?? 0,
    testValue: tested.mean[measure] ?? 0,
    interval: meanInterval(tested.values, seed),
    ms: tested.ms.mean,
    baseline: {
      firstStage: baseline.firstStage,
      testValue: baseline.mean[measure] ?? 0,
      difference: mean([...differences]),
      interval: { low, high },
      pValue: randomizationTest(tested.values, baseline.values, { seed }).pValue,
    },
  };
}

/** The best cell; of equal ones the first of the plan, which reranks least. */
function bestOf(cells: readonly CellResult[], measure: string): CellResult | null {
  let best: CellResult | null = null;
  for (const cell of cells) {
    if (best === null || (cell.mean[measure] ?? 0) > (best.mean[measure] ?? 0)) best = cell;
  }
  return best;
}
