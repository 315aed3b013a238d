/**
 * Writes what `make-bm25-goldens.py` compares: the tokens of a collection's documents and queries
 * after `english@1`, and our 1,000 best documents of every query (k1 = 1.2, b = .75).
 *
 *   tsx scripts/goldens/sparse-runs.ts BEIR_FOLDER OUT.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { analyzerNamed } from "../../src/analysis/analyzers.js";
import type { DocNames } from "../../src/run/doc-names.js";
import { compareDocIds, type DocId } from "../../src/run/ranking.js";
import { SparseSegmentBuilder } from "../../src/sparse/segment-builder.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
import { SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { openSparseSegment } from "../../src/sparse/sparse-segment.js";
import { sparseSettings } from "../../src/sparse/sparse-settings.js";
import { MemorySections } from "../../src/store/memory-sections.js";

interface Line {
  readonly _id: string;
  readonly title?: string;
  readonly text: string;
}

const [folder, out] = process.argv.slice(2);
if (folder === undefined || out === undefined) {
  console.error("usage: tsx scripts/goldens/sparse-runs.ts BEIR_FOLDER OUT.json");
  process.exit(2);
}
const lines = (name: string): Line[] =>
  readFileSync(path.join(folder, name), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

const analyzer = analyzerNamed("english@1");
const settings = sparseSettings({ analyzer: analyzer.id });
const docs = lines("corpus.jsonl");
const builder = new SparseSegmentBuilder(analyzer, settings);
for (const doc of docs) builder.add(doc.title ?? "", doc.text);
const sections = new MemorySections();
builder.write(sections);

const order = [...docs.keys()].sort((a, b) =>
  compareDocIds(docs[a]?._id ?? "", docs[b]?._id ?? ""),
);
const idRank = new Uint32Array(docs.length);
for (const [rank, docOrd] of order.entries()) idRank[docOrd] = rank;
const names: DocNames = {
  docCount: docs.length,
  idRank,
  docId: (docOrd) => (docs[docOrd]?._id ?? "") as DocId,
};
const segment = openSparseSegment(sections);
const searcher = new SparseSearcher(
  [{ segment, names, deleted: null, corrections: null }],
  settings,
);
const topics = lines("queries.jsonl");
const queries = topics.map(({ text }) => analyzer.terms(text));
writeFileSync(
  out,
  JSON.stringify({
    ids: docs.map(({ _id }) => _id),
    documents: docs.map(({ title = "", text }) => [
      ...analyzer.terms(title),
      ...analyzer.terms(text),
    ]),
    queryIds: topics.map(({ _id }) => _id),
    queries,
    runs: queries.map((terms) => {
      const { docOrds, scores } = searcher.search(bagOfWords(terms), { depth: 1000 });
      return { docOrds: [...docOrds], scores: [...scores] };
    }),
  }),
);
