/**
 * How long fusing two legs takes, per method, and what an explanation adds.
 *
 *     npx tsx scripts/bench/fusion.ts [depth=1000]
 *
 * Seeded legs of `depth` hits each out of 5,000 documents, about a fifth of them shared; 50 queries,
 * 40 rounds after 40 rounds of warm-up. Times are CPU ms per query (user + system), the median and
 * the 95th percentile wall ms. "explain 10" is the explanation of the ten best hits.
 */
import { type FusionLeg, fuse, fusionName, parseFusion } from "../../src/fusion/index.js";
import { SeededRandom } from "../../src/numeric/seeded-random.js";
import type { DocId, ScoredDoc } from "../../src/run/ranking.js";

const depth = Number(process.argv[2] ?? 1000);
const random = new SeededRandom(42);

function leg(name: string, offset: number, top: number): FusionLeg {
  const docs = new Set<number>();
  // Squared: documents with small numbers are likelier, in both legs.
  while (docs.size < depth) {
    docs.add(offset + Math.floor(random.float64() ** 2 * 5 * depth));
  }
  const scores = [...docs].map(() => top * random.float64() ** 3).sort((a, b) => b - a);
  const ranking = [...docs].map(
    (doc, i): ScoredDoc => ({ docId: `doc-${doc}` as DocId, score: scores[i]! }),
  );
  const bounds = { lower: 0, upper: 2 * top };
  return { name, ranking, bounds, similarity: name === "dense" ? "cosine" : "dot" };
}

const queries = Array.from({ length: 50 }, () => [
  leg("sparse", 0, 20),
  leg("dense", depth / 5, 0.8),
]);

function measure(work: (legs: readonly FusionLeg[]) => unknown): {
  cpuMs: number;
  p50: number;
  p95: number;
} {
  for (let round = 0; round < 40; round++) for (const legs of queries) work(legs);
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let round = 0; round < 40; round++) {
    for (const legs of queries) {
      const started = performance.now();
      work(legs);
      times.push(performance.now() - started);
    }
  }
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  return {
    cpuMs: (user + system) / 1000 / times.length,
    p50: times[times.length >> 1]!,
    p95: times[Math.floor(times.length * 0.95)]!,
  };
}

console.log(`2 x ${depth} candidates, Node ${process.version}`);
console.log("| fusion | CPU ms | p50 ms | p95 ms |\n| --- | --- | --- | --- |");
const row = (name: string, work: (legs: readonly FusionLeg[]) => unknown): void => {
  const { cpuMs, p50, p95 } = measure(work);
  console.log(`| ${name} | ${cpuMs.toFixed(3)} | ${p50.toFixed(3)} | ${p95.toFixed(3)} |`);
};
for (const text of [
  "weighted",
  "weighted(norm=theoretical)",
  "weighted(norm=z-score)",
  "rrf",
  "combmnz",
  "isr",
  "borda",
]) {
  const fusion = parseFusion(text);
  row(fusionName(fusion), (legs) => fuse(legs, fusion));
}
const fusion = parseFusion("weighted");
row("weighted, explain 10", (legs) => {
  const fused = fuse(legs, fusion);
  return fused.ranking.slice(0, 10).map(({ docId }) => fused.explain(docId));
});
