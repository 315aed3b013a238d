// HNSW beside Python's hnswlib over the same vectors with the same parameters: build and query CPU, and
// recall@10 against the exact search.
//   BRAID_PEERS_PYTHON=/path/to/venv/bin/python npx tsx scripts/bench/dense-hnsw.ts [documents=20000] [dimension=768] [efConstruction=200]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { DenseSearcher } from "../../src/dense/dense-searcher.js";
import { buildHnswGraph } from "../../src/dense/hnsw-index.js";
import { openVectors, writeVectors } from "../../src/dense/vectors.js";
import type { DocId } from "../../src/run/ranking.js";
import { MemorySections } from "../../src/store/memory-sections.js";
import { clusteredVectors } from "./dense-workload.js";

const [docs = 20_000, dimension = 768, efConstruction = 200] = process.argv.slice(2, 5).map(Number);
const [m, seed, queryCount] = [16, 100, 300];
const directory = mkdtempSync(path.join(os.tmpdir(), "braid-bench-"));
const corpus = clusteredVectors(docs, dimension, 1);
const queries = Array.from({ length: queryCount }, (_, i) => corpus.query(i));

const sections = new MemorySections();
writeVectors(sections, "main", { count: docs, dimension, values: corpus.values }, "cosine");
const vectors = openVectors(sections, "main");
await vectors.prepare();
const idRank = Uint32Array.from({ length: docs }, (_, i) => i);
const names = { docCount: docs, idRank, docId: (ord: number) => String(ord) as DocId };

async function cpu<T>(work: () => Promise<T>): Promise<{ result: T; ms: number; wallMs: number }> {
  const before = process.cpuUsage();
  const start = performance.now();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, ms: (user + system) / 1000, wallMs: performance.now() - start };
}

const build = await cpu(() => buildHnswGraph(vectors, { m, efConstruction, seed }));
console.log(`${docs} x ${dimension}, m ${m}, efConstruction ${efConstruction}`);
console.log(`braid: build ${(build.ms / 1000).toFixed(1)} s CPU`);
const graph = build.result;
const searcher = new DenseSearcher([{ vectors, names, deleted: null, graph }]);
const exact = queries.map((query) => searcher.search(query, { depth: 10, exact: true }));
for (const ef of [20, 50, 100, 200]) {
  const run = async () => {
    const answers = [];
    for (const query of queries) answers.push(searcher.search(query, { depth: 10, ef }));
    return answers;
  };
  await run();
  const { result, ms, wallMs } = await cpu(run);
  let found = 0;
  for (const [i, hits] of result.entries()) {
    const wanted = new Set(exact[i]?.docOrds);
    found += [...hits.docOrds].filter((doc) => wanted.has(doc)).length;
  }
  console.log(
    `braid ef ${ef}: recall@10 ${(found / queryCount / 10).toFixed(4)}, ${(ms / queryCount).toFixed(3)} ms CPU and ${(wallMs / queryCount).toFixed(3)} ms a query`,
  );
}
const scan = await cpu(async () =>
  queries.map((query) => searcher.search(query, { depth: 10, exact: true })),
);
console.log(`braid exact scan: ${(scan.ms / queryCount).toFixed(3)} ms CPU a query`);

const python = process.env["BRAID_PEERS_PYTHON"];
if (python === undefined) {
  console.log("BRAID_PEERS_PYTHON is not set: no peer beside");
} else {
  writeFileSync(path.join(directory, "docs.f32"), corpus.values);
  const flat = new Float32Array(queryCount * dimension);
  for (const [i, query] of queries.entries()) flat.set(query, i * dimension);
  writeFileSync(path.join(directory, "queries.f32"), flat);
  const ids = Int32Array.from(exact.flatMap(({ docOrds }) => [...docOrds]));
  writeFileSync(path.join(directory, "exact.i32"), ids);
  const script = `
import numpy, hnswlib, time, sys
d = ${JSON.stringify(directory)}
x = numpy.fromfile(d + "/docs.f32", dtype="f4").reshape(-1, ${dimension})
q = numpy.fromfile(d + "/queries.f32", dtype="f4").reshape(-1, ${dimension})
e = numpy.fromfile(d + "/exact.i32", dtype="i4").reshape(-1, 10)
g = hnswlib.Index(space="ip", dim=${dimension})
g.init_index(max_elements=len(x), M=${m}, ef_construction=${efConstruction}, random_seed=${seed})
g.set_num_threads(1)
t = time.process_time()
g.add_items(x)
print(f"hnswlib {hnswlib.__version__ if hasattr(hnswlib, '__version__') else ''} (Python): build {time.process_time() - t:.1f} s CPU")
for ef in (20, 50, 100, 200):
    g.set_ef(ef)
    for v in q[:50]: g.knn_query(v, k=10)
    t = time.process_time(); w = time.perf_counter()
    found = 0
    answers = [g.knn_query(v, k=10)[0][0] for v in q]
    t = time.process_time() - t; w = time.perf_counter() - w
    found = sum(len(set(a) & set(b)) for a, b in zip(answers, e))
    print(f"hnswlib ef {ef}: recall@10 {found / len(q) / 10:.4f}, {t / len(q) * 1000:.3f} ms CPU and {w / len(q) * 1000:.3f} ms a query")
`;
  const result = spawnSync(python, ["-c", script], { encoding: "utf8" });
  console.log(result.stdout.trim(), result.stderr.trim());
}
rmSync(directory, { recursive: true, force: true });
