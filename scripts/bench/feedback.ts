/**
 * What feedback expansion is worth: nDCG@10 and R@100 of both legs and their default fusion, without
 * and with RM3 (sparse) and Rocchio (dense), over collections built by `braid index`.
 *
 *     npx tsx scripts/bench/feedback.ts HOME DATA [collections, comma-separated]
 *
 * HOME holds the collections, DATA a BEIR folder of each name. `*` marks differences from the row
 * without feedback at p < .05 (paired t test, Holm within a column).
 */
import path from "node:path";
import { judgeRanking } from "../../src/evaluation/judged-ranking.js";
import { parseMeasure } from "../../src/evaluation/measure.js";
import { holm } from "../../src/evaluation/multiple-comparisons.js";
import { pairedTTest } from "../../src/evaluation/paired-t-test.js";
import { fuseLegs } from "../../src/pipeline/rank-candidates.js";
import { retrieve } from "../../src/pipeline/retrieval.js";
import { type FeedbackRequest, parseSearchRequest } from "../../src/pipeline/search-request.js";
import { SearchableCollection } from "../../src/pipeline/searchable-collection.js";
import { StageClock } from "../../src/pipeline/stage-clock.js";
import { readQrels } from "../../src/run/qrels.js";
import type { DocId, Ranking } from "../../src/run/ranking.js";
import { readTopics } from "../../src/run/topics.js";

const [home = "", data = "", list = "scifact,nfcorpus,cranfield,cisi,vaswani"] =
  process.argv.slice(2);
const names = list.split(",");
const settings: readonly (FeedbackRequest | undefined)[] = [
  undefined,
  { documents: 3, terms: 10, weight: 0.5 },
  { documents: 3, terms: 20, weight: 0.7 },
  { documents: 10, terms: 10, weight: 0.5 },
  { documents: 10, terms: 20, weight: 0.5 },
  { documents: 10, terms: 20, weight: 0.7 },
  { documents: 10, terms: 20, weight: 0.9 },
];
const systems = ["sparse", "dense", "hybrid"] as const;
const measures = ["nDCG@10", "R@100"].map(parseMeasure);

/** Values per query, by `system measure setting`. */
const columns: Map<string, Float64Array>[] = [];
for (const name of names) {
  columns.push(await valuesOf(name));
  console.error(`${name} measured`);
}
for (const measure of measures) {
  for (const system of systems) {
    console.log(`\n| ${system}, ${measure.name} | ${names.join(" | ")} | mean | ms |`);
    console.log(`| --- |${" --- |".repeat(names.length + 2)}`);
    const marks = columns.map((column) => significant(column, `${system} ${measure.name}`));
    for (const [i, setting] of settings.entries()) {
      const key = `${system} ${measure.name} ${i}`;
      const means = columns.map((column) => mean(column.get(key)!));
      const cells = means.map((value, c) => `${value.toFixed(3)}${marks[c]?.[i] ? "*" : ""}`);
      const ms = mean(columns.map((column) => mean(column.get(`${system} ms ${i}`)!)));
      console.log(
        `| ${nameOf(setting)} | ${cells.join(" | ")} | ${mean(means).toFixed(4)} | ${ms.toFixed(1)} |`,
      );
    }
  }
}

async function valuesOf(name: string): Promise<Map<string, Float64Array>> {
  const collection = await SearchableCollection.open(path.join(home, name));
  const topics = await readTopics(path.join(data, name, "queries.jsonl"));
  const { qrels } = await readQrels(path.join(data, name, "qrels", "test.tsv"));
  const judged = [...qrels].filter(([queryId]) => topics.has(queryId));
  const values = new Map<string, Float64Array>();
  const put = (key: string, q: number, value: number): void => {
    let column = values.get(key);
    if (column === undefined) {
      column = new Float64Array(judged.length);
      values.set(key, column);
    }
    column[q] = value;
  };
  for (const [q, [queryId, grades]] of judged.entries()) {
    for (const [i, feedback] of settings.entries()) {
      const query = topics.get(queryId)!;
      const request = parseSearchRequest({ query, mode: "hybrid", syntax: "plain", feedback });
      const clock = new StageClock();
      const retrieval = await retrieve(collection, request, clock);
      const rankings: Record<(typeof systems)[number], Ranking> = {
        sparse: retrieval.sparse?.ranking ?? [],
        dense: retrieval.dense?.ranking ?? [],
        hybrid: fuseLegs(retrieval).ranking,
      };
      const msOf = (stage: string): number =>
        clock.stages.find((one) => one.name === stage)?.ms ?? 0;
      put(`sparse ms ${i}`, q, msOf("sparse"));
      put(`dense ms ${i}`, q, msOf("dense"));
      put(`hybrid ms ${i}`, q, msOf("sparse") + msOf("dense"));
      for (const system of systems) {
        const judgements: ReadonlyMap<DocId, number> = grades;
        const ranking = judgeRanking(queryId, rankings[system], judgements);
        for (const measure of measures) {
          put(`${system} ${measure.name} ${i}`, q, measure.evaluate(ranking));
        }
      }
    }
  }
  await collection.close();
  return values;
}

/** Whether each setting differs from the first, that without feedback. */
function significant(column: ReadonlyMap<string, Float64Array>, key: string): boolean[] {
  const base = column.get(`${key} 0`)!;
  const pValues = settings
    .slice(1)
    .map((_, i) => pairedTTest(column.get(`${key} ${i + 1}`)!, base).pValue);
  return [false, ...holm(pValues).map((pValue) => pValue < 0.05)];
}

function nameOf(setting: FeedbackRequest | undefined): string {
  if (setting === undefined) return "without";
  return `${setting.documents} documents, ${setting.terms} terms, weight ${setting.weight}`;
}

function mean(values: Iterable<number>): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    sum += value;
    count++;
  }
  return sum / count;
}
