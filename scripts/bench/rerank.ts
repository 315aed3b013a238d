/**
 * What reranking costs and gives: time by depth, quality by depth and weight, and by how much a
 * budget is overrun.
 *
 *     npx tsx scripts/bench/rerank.ts DATA VECTORS COLLECTION [model=late-interaction] [queries=100]
 *
 * First stage: default fusion with the vectors of `mini` (encode-collections.py). `model` is a folder
 * with a cross-encoder, or late-interaction over the bundled encoder. Overrun: wall ms beyond the
 * budget, negative where it ended earlier.
 */
import path from "node:path";
import { judgeRanking } from "../../src/evaluation/judged-ranking.js";
import { parseMeasure } from "../../src/evaluation/measure.js";
import { defaultFusion, fuse } from "../../src/fusion/index.js";
import { bundledModelsDirectory } from "../../src/models/model-folder.js";
import {
  openCrossEncoder,
  openLateInteraction,
  rerank,
  ScoreCache,
} from "../../src/rerank/index.js";
import type { DocId, Ranking } from "../../src/run/ranking.js";
import { type BeirLegs, beirLegs } from "./beir-legs.js";

const [dataDir = "", vectorsDir = "", collection = "", model = "late-interaction", count = "100"] =
  process.argv.slice(2);
const ndcg = parseMeasure("nDCG@10");
const depths = [10, 20, 50];
const weights = [1, 0.5, 0.25];

const legs = await beirLegs(dataDir, vectorsDir, collection, "mini");
const queries = legs.queries.slice(0, Number(count));
const reranker =
  model === "late-interaction"
    ? await openLateInteraction(path.join(bundledModelsDirectory(), "braid-mini"))
    : await openCrossEncoder(model);
const textsOf = (docIds: readonly DocId[]) => docIds.map((docId) => legs.documentOf(docId));
const first = queries.map((query) => fuse(query.legs, defaultFusion).ranking);
await rerank(first[0]!, queries[0]!.text, textsOf, reranker, { depth: 10 });

console.log(`${collection}, ${reranker.identity.name}, ${queries.length} queries`);
console.log(
  `| depth | p50 ms | p95 ms |${weights.map((weight) => ` weight ${weight} |`).join("")}`,
);
console.log(`| --- | --- | --- |${" --- |".repeat(weights.length)}`);
console.log(`| none | 0 | 0 |${` ${quality(first).toFixed(4)} |`.repeat(weights.length)}`);
for (const depth of depths) {
  const cache = new ScoreCache(1_000_000);
  const times: number[] = [];
  const means: number[] = [];
  for (const weight of weights) {
    const rankings: Ranking[] = [];
    for (const [q, query] of queries.entries()) {
      const combine = weight === 1 ? "replace" : { weight };
      const options = { depth, cache, combine } as const;
      const reranked = await rerank(first[q]!, query.text, textsOf, reranker, options);
      // The first weight fills the cache, and so is the one that is timed.
      if (weight === 1) times.push(reranked.ms);
      rankings.push(reranked.ranking);
    }
    means.push(quality(rankings));
  }
  const cells = means.map((mean) => ` ${mean.toFixed(4)} |`).join("");
  console.log(`| ${depth} | ${at(times, 0.5)} | ${at(times, 0.95)} |${cells}`);
}

// What one batch takes that nothing cuts short: the yardstick of an overrun.
const batches: number[] = [];
for (const [q, query] of queries.slice(0, 40).entries()) {
  const head = first[q]!.slice(0, 16);
  const { ms } = await rerank(head, query.text, textsOf, reranker, { depth: 16 });
  batches.push(ms);
}
console.log(`\na batch of 16: p50 ${at(batches, 0.5)} ms, p95 ${at(batches, 0.95)} ms`);

console.log(
  "\n| budget ms | reached of 200, mean | overrun p50 ms | overrun p95 ms | largest | bare timer p95 ms |",
);
console.log("| --- | --- | --- | --- | --- | --- |");
for (const budgetMs of [50, 200]) {
  const overruns: number[] = [];
  const bare: number[] = [];
  let reached = 0;
  for (const [q, query] of queries.slice(0, 40).entries()) {
    const options = { depth: 200, budgetMs };
    const reranked = await rerank(first[q]!, query.text, textsOf, reranker, options);
    overruns.push(reranked.ms - budgetMs);
    reached += reranked.reachedDepth;
    // What the machine itself makes late, with nothing to do.
    const startedMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, budgetMs));
    bare.push(performance.now() - startedMs - budgetMs);
  }
  console.log(
    `| ${budgetMs} | ${(reached / overruns.length).toFixed(1)} | ${at(overruns, 0.5)} | ${at(overruns, 0.95)} | ${at(overruns, 1)} | ${at(bare, 0.95)} |`,
  );
}
await reranker.close();

function quality(rankings: readonly Ranking[]): number {
  const sum = rankings.reduce((total, ranking, q) => total + value(queries[q]!, ranking), 0);
  return sum / rankings.length;
}

function value({ queryId }: BeirLegs["queries"][number], ranking: Ranking): number {
  const grades: ReadonlyMap<DocId, number> = legs.qrels.get(queryId) ?? new Map();
  return ndcg.evaluate(judgeRanking(queryId, ranking.slice(0, 10), grades));
}

function at(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(1);
}
