/**
 * The npm packages of scripts/bench/sparse.ts: everything in memory, so one process indexes and
 * searches. MiniSearch and Orama are looked up in the folder that BRAID_BENCH_PACKAGES names.
 *
 *   node sparse-engine-packages.mjs minisearch|orama|wink FOLDER ROUNDS
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [engine, folder, rounds] = process.argv.slice(2);
const depths = [10, 100, 1000];

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const lines = (name) => readFileSync(path.join(folder, name), "utf8").trimEnd().split("\n");
const split = (text) => text.split(" ");

async function load(name) {
  const home = process.env.BRAID_BENCH_PACKAGES;
  const resolve = createRequire(home ? path.join(home, "x.js") : import.meta.url).resolve;
  return import(pathToFileURL(resolve(name)).href);
}

/** Indexes `texts` and returns a function that searches. */
const engines = {
  async minisearch(texts) {
    const { default: MiniSearch } = await load("minisearch");
    const index = new MiniSearch({
      fields: ["text"],
      tokenize: split,
      processTerm: (term) => term,
    });
    index.addAll(texts.map((text, id) => ({ id, text })));
    return (query, depth) => index.search(query).slice(0, depth);
  },
  async orama(texts) {
    const { create, insertMultiple, search } = await load("@orama/orama");
    const tokenizer = { language: "none", normalizationCache: new Map(), tokenize: split };
    const index = create({ schema: { text: "string" }, components: { tokenizer } });
    await insertMultiple(
      index,
      texts.map((text) => ({ text })),
      1000,
    );
    return (query, depth) => search(index, { term: query, limit: depth, threshold: 1 });
  },
  async wink(texts) {
    const { default: createWink } = await import("wink-bm25-text-search");
    const index = createWink();
    index.defineConfig({ fldWeights: { text: 1 }, bm25Params: { k1: 1.2, b: 0.75, k: 1 } });
    index.definePrepTasks([split]);
    texts.forEach((text, id) => {
      index.addDoc({ text }, String(id));
    });
    index.consolidate();
    return (query, depth) => index.search(query, depth);
  },
};

const texts = lines("corpus.txt");
const start = cpuSeconds();
const search = await engines[engine](texts);
const indexCpuSeconds = cpuSeconds() - start;
const peakMb = process.resourceUsage().maxRSS / 1000;
console.log(
  JSON.stringify({ engine, documents: texts.length, positions: false, indexCpuSeconds, peakMb }),
);

for (const queries of ["topic", "hard"]) {
  const asked = lines(`${queries}.txt`).slice(0, 100);
  for (const depth of depths) {
    let qps = 0;
    let times = [];
    for (let round = 0; round < Number(rounds); round++) {
      const roundTimes = [];
      const before = cpuSeconds();
      for (const query of asked) {
        const begin = performance.now();
        await search(query, depth);
        roundTimes.push(performance.now() - begin);
      }
      const rate = asked.length / (cpuSeconds() - before);
      if (rate > qps) [qps, times] = [rate, roundTimes.sort((a, b) => a - b)];
    }
    const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
    console.log(
      JSON.stringify({
        engine,
        queries,
        depth,
        qps,
        p50Ms: at(0.5),
        p95Ms: at(0.95),
        p99Ms: at(0.99),
      }),
    );
  }
}
