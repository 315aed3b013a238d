/**
 * Learns the weight of the dense leg from signals of the legs, and measures it on collections that it
 * was not learned from.
 *
 *     npx tsx scripts/bench/adaptive-weight.ts DATA VECTORS mini,minilm [collections]
 *
 * Per query a table of nDCG@10 over dense weights 0, .05 … 1 (norm=bounded), smoothed over five
 * neighbours for learning. The slopes maximise the mean over rows (collection x encoder), less .02 ·
 * Σ slope², by a seeded random search; the fixed weight is chosen on the same rows. Left out is one
 * collection with all encoders. The model learned from all collections is printed last, as the source
 * of src/fusion/adaptive-model.ts.
 */
import { judgeRanking } from "../../src/evaluation/judged-ranking.js";
import { parseMeasure } from "../../src/evaluation/measure.js";
import {
  type AdaptiveModel,
  adaptiveWeight,
  type LegSignals,
  legSignals,
} from "../../src/fusion/adaptive-weight.js";
import { fuse, parseFusion } from "../../src/fusion/index.js";
import { SeededRandom } from "../../src/numeric/seeded-random.js";
import type { DocId } from "../../src/run/ranking.js";
import { beirLegs } from "./beir-legs.js";

const [dataDir = "", vectorsDir = "", encoders = "mini,minilm", wanted] = process.argv.slice(2);
const collections = (wanted ?? "scifact,nfcorpus,cranfield,cisi,vaswani").split(",");
const ndcg = parseMeasure("nDCG@10");
const weights = Array.from({ length: 21 }, (_, i) => i / 20);
const names: readonly (keyof LegSignals)[] = [
  "coverage",
  "sparseDecay",
  "topSimilarity",
  "denseGap10",
  "denseGap100",
  "agreement10",
  "agreement100",
];

interface Row {
  readonly collection: string;
  readonly encoder: string;
  readonly signals: readonly LegSignals[];
  readonly table: readonly Float64Array[];
  readonly smooth: readonly Float64Array[];
}

const rows: Row[] = [];
for (const collection of collections) {
  for (const encoder of encoders.split(",")) {
    const { queries, qrels } = await beirLegs(dataDir, vectorsDir, collection, encoder);
    const both = queries.filter(({ sparse }) => sparse.ranking.length > 0);
    const table = both.map(({ queryId, legs }) =>
      Float64Array.from(weights, (weight) => {
        const fusion = parseFusion(`weighted(norm=bounded,dense=${weight})`);
        const ranking = fuse(legs, fusion).ranking.slice(0, 10);
        const grades: ReadonlyMap<DocId, number> = qrels.get(queryId) ?? new Map();
        return ndcg.evaluate(judgeRanking(queryId, ranking, grades));
      }),
    );
    const signals = both.map(({ sparse, dense }) => legSignals(sparse, dense));
    rows.push({ collection, encoder, signals, table, smooth: table.map(smoothed) });
    console.error(collection, encoder, both.length);
  }
}

console.log("| left out | encoder | fixed weight | nDCG@10 fixed | adaptive | difference |");
console.log("| --- | --- | --- | --- | --- | --- |");
let sum = 0;
for (const collection of collections) {
  const { model, fixed } = learn(rows.filter((row) => row.collection !== collection));
  for (const row of rows.filter((other) => other.collection === collection)) {
    const fixedValue = mean(row.table.map((values) => values[Math.round(fixed * 20)]!));
    const adaptive = mean(
      row.table.map((values, q) => at(values, adaptiveWeight(row.signals[q]!, model))),
    );
    sum += adaptive - fixedValue;
    console.log(
      `| ${collection} | ${row.encoder} | ${fixed} | ${fixedValue.toFixed(4)} | ${adaptive.toFixed(4)} | ${(adaptive - fixedValue).toFixed(4)} |`,
    );
  }
}
console.log(`\nmean difference over ${rows.length} rows: ${(sum / rows.length).toFixed(4)}\n`);
console.log(
  JSON.stringify(
    learn(rows).model,
    (_, value) => (typeof value === "number" ? Number(value.toFixed(4)) : value),
    2,
  ),
);

function learn(given: readonly Row[]): { model: AdaptiveModel; fixed: number } {
  const means = weights.map((_, w) =>
    mean(given.map(({ table }) => mean(table.map((t) => t[w]!)))),
  );
  const fixed = weights[means.indexOf(Math.max(...means))]!;
  const scale = names.map((name) => {
    const center = mean(given.map(({ signals }) => mean(signals.map((s) => s[name]))));
    const variance = mean(
      given.map(({ signals }) => mean(signals.map((s) => (s[name] - center) ** 2))),
    );
    return { mean: center, deviation: Math.sqrt(variance) || 1 };
  });
  const modelOf = (theta: Float64Array): AdaptiveModel => ({
    base: fixed + theta[0]!,
    least: 0.1,
    most: 0.9,
    terms: Object.fromEntries(
      names.map((name, i) => [name, { ...scale[i]!, slope: theta[i + 1]! }]),
    ) as AdaptiveModel["terms"],
  });
  const value = (theta: Float64Array): number => {
    const model = modelOf(theta);
    const gain = mean(
      given.map(({ signals, smooth }) =>
        mean(smooth.map((t, q) => at(t, adaptiveWeight(signals[q]!, model)))),
      ),
    );
    return gain - 0.02 * theta.slice(1).reduce((total, slope) => total + slope * slope, 0);
  };
  const random = new SeededRandom(42);
  let best = new Float64Array(names.length + 1);
  let bestValue = value(best);
  let step = 0.08;
  for (let round = 0; round < 600; round++) {
    const tried = best.map((x) =>
      random.float64() < 0.4 ? x + step * (random.float64() + random.float64() - 1) * 2 : x,
    );
    const reached = value(tried);
    if (reached > bestValue) [best, bestValue] = [tried, reached];
    if (round % 150 === 149) step /= 1.8;
  }
  return { model: modelOf(best), fixed };
}

/** Mean over five neighbouring weights, 1 2 3 2 1. */
function smoothed(values: Float64Array): Float64Array {
  const near = (i: number): number => values[Math.min(20, Math.max(0, i))]!;
  return values.map(
    (_, i) => (near(i - 2) + 2 * near(i - 1) + 3 * near(i) + 2 * near(i + 1) + near(i + 2)) / 9,
  );
}

/** Linear between the weights of the table. */
function at(values: Float64Array, weight: number): number {
  const place = weight * 20;
  const low = Math.min(19, Math.floor(place));
  return values[low]! * (low + 1 - place) + values[low + 1]! * (place - low);
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
