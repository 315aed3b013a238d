/**
 * What every fusion method is worth: nDCG@10 and R@100 of both legs, each method, the default, the
 * tuned weight (cross-validated) and the ceilings, per collection and encoder.
 *
 *     python scripts/bench/encode-collections.py DATA VECTORS mini=../shared/encoder minilm=MODEL
 *     npx tsx scripts/bench/fusion-quality.ts DATA VECTORS mini,minilm [collections]
 *
 * "left out" chooses the weight (0, .05 … 1) that does best on the other collections with both
 * encoders, and so is tuned on no query that it is judged by. "margin" is the mean over the better
 * leg's, worst row. p: paired t test against the default over all queries of a row, in how many rows
 * p < .05 after Holm's correction.
 */
import { pairedTTest } from "../../src/evaluation/index.js";
import { judgeRanking } from "../../src/evaluation/judged-ranking.js";
import { parseMeasure } from "../../src/evaluation/measure.js";
import { holm } from "../../src/evaluation/multiple-comparisons.js";
import { tuneFusion } from "../../src/experiments/tune-fusion.js";
import { defaultFusion, fuse, fusionName, parseFusion } from "../../src/fusion/index.js";
import type { DocId, Ranking } from "../../src/run/ranking.js";
import { type BeirLegs, beirLegs } from "./beir-legs.js";

const [dataDir = "", vectorsDir = "", encoders = "mini,minilm", wanted] = process.argv.slice(2);
const collections = (wanted ?? "scifact,nfcorpus,cranfield,cisi,vaswani").split(",");
const ndcg = parseMeasure("nDCG@10");
const recall = parseMeasure("R@100");

interface Row {
  readonly legs: BeirLegs;
  /** nDCG@10 per query, by system. */
  readonly values: Map<string, Float64Array>;
  readonly recalls: Map<string, number>;
}

const fixed = [
  "weighted(norm=bounded)",
  "weighted(norm=unit)",
  "weighted(norm=unit,dense=0.6)",
  "weighted(norm=max)",
  "weighted(norm=min-max)",
  "weighted(norm=min-max,dense=0.4)",
  "weighted(norm=z-score)",
  "weighted(norm=distribution)",
  "weighted(norm=rank)",
  "weighted(norm=sum)",
  "weighted(norm=none)",
  "rrf(k=60)",
  "rrf(k=10)",
  "rrf(k=60,dense=0.5)",
  "combmnz(norm=bounded)",
  "combanz(norm=bounded)",
  "isr",
  "logisr",
  "borda",
  "condorcet",
];
const sweptNorms = ["bounded", "unit", "min-max", "z-score"] as const;
const weights = Array.from({ length: 21 }, (_, i) => i / 20);

const rows: Row[] = [];
for (const collection of collections) {
  for (const encoder of encoders.split(",")) {
    const legs = await beirLegs(dataDir, vectorsDir, collection, encoder);
    const row: Row = { legs, values: new Map(), recalls: new Map() };
    add(row, "sparse", ({ sparse }) => sparse.ranking);
    add(row, "dense", ({ dense }) => dense.ranking);
    for (const name of fixed) {
      const fusion = parseFusion(name);
      add(row, name, (query) => fuse(query.legs, fusion).ranking);
    }
    for (const norm of sweptNorms) {
      for (const weight of weights) {
        const fusion = parseFusion(`weighted(norm=${norm},dense=${weight})`);
        add(row, `${norm} ${weight}`, (query) => fuse(query.legs, fusion).ranking);
      }
    }
    const best = (names: readonly string[]): Float64Array =>
      row.values
        .get(names[0]!)!
        .map((_, q) => Math.max(...names.map((name) => row.values.get(name)![q]!)));
    row.values.set("ceiling: better leg per query", best(["sparse", "dense"]));
    row.values.set(
      "ceiling: best weight per query",
      best(weights.map((weight) => `bounded ${weight}`)),
    );
    rows.push(row);
    console.error(collection, encoder, legs.queries.length);
  }
}
for (const norm of sweptNorms) {
  for (const row of rows) {
    const others = rows.filter(({ legs }) => legs.collection !== row.legs.collection);
    const means = weights.map((weight) => {
      const values = others.map(({ values }) => mean(values.get(`${norm} ${weight}`)!));
      return values.reduce((sum, value) => sum + value, 0);
    });
    const weight = weights[means.indexOf(Math.max(...means))]!;
    row.values.set(`left out: weight for norm=${norm}`, row.values.get(`${norm} ${weight}`)!);
    row.recalls.set(`left out: weight for norm=${norm}`, row.recalls.get(`${norm} ${weight}`)!);
  }
}

const shown = [...rows[0]!.values.keys()].filter((name) => !/^\S+ [\d.]+$/.test(name));
const home = "weighted(norm=bounded)";
if (fusionName(defaultFusion) !== home) throw new Error("the default changed: mend this script");
console.log(`nDCG@10; R@100 is the mean over the rows. Default: ${home}\n`);
const heads = rows.map(({ legs }) => `${legs.collection} ${legs.encoder}`);
console.log(`| system | ${heads.join(" | ")} | mean | margin | R@100 | p < .05 |`);
console.log(`| --- |${" --- |".repeat(heads.length + 4)}`);
for (const name of shown) {
  const means = rows.map(({ values }) => mean(values.get(name)!));
  const margins = rows.map(
    ({ values }, r) =>
      means[r]! - Math.max(mean(values.get("sparse")!), mean(values.get("dense")!)),
  );
  const recalls = rows.map(({ recalls }) => recalls.get(name) ?? Number.NaN);
  const pValues = holm(
    rows.map(({ values }) => pairedTTest(values.get(name)!, values.get(home)!).pValue),
  );
  const different = pValues.filter((p) => p < 0.05).length;
  const average = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const cells = [
    ...means.map((value) => value.toFixed(3)),
    average(means).toFixed(4),
    Math.min(...margins).toFixed(4),
    Number.isNaN(average(recalls)) ? "" : average(recalls).toFixed(4),
    String(different),
  ];
  console.log(`| ${name === home ? `**${name}**` : name} | ${cells.join(" | ")} |`);
}

console.log(
  "\n| tuned on the collection itself, nested cross-validation | weight | interval | tuned | default | difference | verdict |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- |");
for (const { legs } of rows) {
  const tuned = tuneFusion(legs.queries, legs.qrels);
  const { low, high } = tuned.difference.interval;
  console.log(
    `| ${legs.collection} ${legs.encoder} | ${tuned.weight} | ${tuned.weightInterval.low} - ${tuned.weightInterval.high} ` +
      `| ${tuned.crossValidated.toFixed(4)} | ${tuned.baseline.toFixed(4)} | ${tuned.difference.mean.toFixed(4)} ` +
      `[${low.toFixed(4)}, ${high.toFixed(4)}] | ${tuned.verdict} |`,
  );
}

function add(row: Row, name: string, rank: (query: BeirLegs["queries"][number]) => Ranking): void {
  const { queries, qrels } = row.legs;
  let recalled = 0;
  const values = Float64Array.from(queries, (query) => {
    const judgements: ReadonlyMap<DocId, number> = qrels.get(query.queryId) ?? new Map();
    const judged = judgeRanking(query.queryId, rank(query).slice(0, 100), judgements);
    recalled += recall.evaluate(judged);
    return ndcg.evaluate(judged);
  });
  row.values.set(name, values);
  row.recalls.set(name, recalled / queries.length);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
