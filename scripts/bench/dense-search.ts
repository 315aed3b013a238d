// Exact dense search: CPU per query of the quantised scan and of the plain loop, and that they agree.
//   npx tsx scripts/bench/dense-search.ts [documents=100000] [dimension=768] [depth=10,100,1000]
// Vectors are seeded clusters on the unit sphere; queries are noisy documents.
import { DenseSearcher, type DenseSegment } from "../../src/dense/dense-searcher.js";
import { openVectors, VectorsBuilder } from "../../src/dense/vectors.js";
import type { DocId } from "../../src/run/ranking.js";
import { MemorySections } from "../../src/store/memory-sections.js";
import { clusteredVectors, cpuMs, median } from "./dense-workload.js";

const [docs = 100_000, dimension = 768] = process.argv.slice(2, 4).map(Number);
const depths = (process.argv[4] ?? "10,100,1000").split(",").map(Number);
const queryCount = 50;

const corpus = clusteredVectors(docs, dimension, 1);
const builder = new VectorsBuilder({ dimension, similarity: "cosine" });
builder.add({ count: docs, dimension, values: corpus.values });
const sections = new MemorySections();
const built = cpuMs(() => builder.finish(sections, "main"));
const vectors = openVectors(sections, "main");
const opened = cpuMs(() => void vectors.quantized);
const idRank = Uint32Array.from({ length: docs }, (_, i) => i);
const names = { docCount: docs, idRank, docId: (ord: number) => String(ord) as DocId };
const searcher = new DenseSearcher([{ vectors, names, deleted: null }]);
const twin: DenseSegment = {
  vectors: {
    dimension,
    similarity: "cosine",
    docCount: docs,
    rowCount: docs,
    values: vectors.values,
    owners: null,
    quantized: null,
    prepare: () => Promise.resolve(),
  },
  names,
  deleted: null,
};
const plain = new DenseSearcher([twin]);
const queries = Array.from({ length: queryCount }, (_, i) => corpus.query(i));
console.log(
  `${docs} x ${dimension}: writing ${built.toFixed(0)} ms, reading codes ${opened.toFixed(0)} ms CPU`,
);
for (const depth of depths) {
  for (const query of queries.slice(0, 10)) searcher.search(query, { depth });
  const times = queries.map((query) => cpuMs(() => void searcher.search(query, { depth })));
  const plainTimes = queries
    .slice(0, 5)
    .map((query) => cpuMs(() => void plain.search(query, { depth })));
  let same = 0;
  for (const query of queries.slice(0, 5)) {
    const a = searcher.search(query, { depth });
    const b = plain.search(query, { depth });
    if (a.docOrds.join() === b.docOrds.join() && a.scores.join() === b.scores.join()) same++;
  }
  console.log(
    `depth ${depth}: quantised ${median(times).toFixed(2)} ms CPU a query (max ${Math.max(...times).toFixed(2)}), ` +
      `plain ${median(plainTimes).toFixed(1)} ms; identical ids and scores ${same}/5`,
  );
}
