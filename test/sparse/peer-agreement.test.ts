import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { analyzerNamed } from "../../src/analysis/analyzers.js";
import { SparseSegmentBuilder } from "../../src/sparse/segment-builder.js";
import { bagOfWords, type SparseQuery } from "../../src/sparse/sparse-query.js";
import { SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { openSparseSegment } from "../../src/sparse/sparse-segment.js";
import { sparseSettings } from "../../src/sparse/sparse-settings.js";
import { namesOf, TestSections } from "./tiny-collection.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const data = path.join(process.env["BRAID_SHARED"] ?? path.join(root, "../shared"), "data");

/** Written by scripts/goldens/make-bm25-goldens.py. */
interface Golden {
  readonly tool: string;
  readonly tolerance: number;
  readonly ranks: readonly number[];
  readonly collections: Readonly<Record<string, { readonly queries: readonly GoldenQuery[] }>>;
}

interface GoldenQuery {
  readonly hits: number;
  /** Digest of the sorted ids of the best `cut` documents; scores have a gap after that rank. */
  readonly cut: number;
  readonly digest: string;
  readonly scores: readonly number[];
}

interface Line {
  readonly _id: string;
  readonly title?: string;
  readonly text: string;
}

const golden: Golden = JSON.parse(
  readFileSync(path.join(root, "test/golden/sparse/bm25s.json"), "utf8"),
);

function lines(collection: string, name: string): Line[] {
  const text = readFileSync(path.join(data, collection, name), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function judgedQueries(collection: string): Line[] {
  const qrels = readFileSync(path.join(data, collection, "qrels/test.tsv"), "utf8");
  const judged = new Set(qrels.split("\n").map((line) => line.split("\t")[0]));
  return lines(collection, "queries.jsonl").filter(({ _id }) => judged.has(_id));
}

/** Written by scripts/goldens/make-lucene-goldens.py: per query hits and digests. */
interface LuceneGolden {
  readonly tool: string;
  readonly depth: number;
  readonly collections: Readonly<
    Record<string, readonly (readonly [hits: number, scores: string, docs: string])[]>
  >;
}

const luceneGolden: LuceneGolden = JSON.parse(
  readFileSync(path.join(root, "test/golden/sparse/lucene.json"), "utf8"),
);

const analyzer = analyzerNamed("english@1");
const settings = sparseSettings({ analyzer: analyzer.id });

interface Collection {
  readonly docs: readonly { readonly id: string; readonly title: string; readonly text: string }[];
  readonly searcher: SparseSearcher;
  /** Parsed queries with test judgements, in the order of their file. */
  readonly queries: readonly SparseQuery[];
}

const opened = new Map<string, Collection>();

function open(name: string): Collection {
  const known = opened.get(name);
  if (known !== undefined) return known;
  const builder = new SparseSegmentBuilder(analyzer, settings);
  const docs = lines(name, "corpus.jsonl").map(({ _id, title = "", text }) => ({
    id: _id,
    title,
    text,
  }));
  for (const doc of docs) builder.add(doc.title, doc.text);
  const sections = new TestSections();
  builder.write(sections);
  const segment = openSparseSegment(sections);
  const names = namesOf(docs);
  const parts = [{ segment, names, deleted: null, corrections: null }];
  const queries = judgedQueries(name).map(({ text }) => bagOfWords(analyzer.terms(text)));
  const collection = { docs, searcher: new SparseSearcher(parts, settings), queries };
  opened.set(name, collection);
  return collection;
}

const digestOf = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 12);
const missing = (name: string): string | false =>
  existsSync(path.join(data, name)) ? false : `no ${name} in ${data}`;

describe(`agreement with ${golden.tool}`, () => {
  for (const [name, { queries: expectedQueries }] of Object.entries(golden.collections)) {
    it(`finds the same documents with the same scores in ${name}`, { skip: missing(name) }, () => {
      const { docs, searcher, queries } = open(name);
      assert.ok(expectedQueries.length > 200);
      assert.equal(queries.length, expectedQueries.length);
      for (const [i, expected] of expectedQueries.entries()) {
        const hits = searcher.search(queries[i] ?? bagOfWords([]), { depth: 1000 });
        assert.equal(hits.count, expected.hits);
        const ids = [...hits.docOrds.subarray(0, expected.cut)].map((ord) => docs[ord]?.id ?? "");
        assert.equal(digestOf(ids.sort().join("\n")), expected.digest, `query ${i} of ${name}`);
        for (const [j, score] of expected.scores.entries()) {
          const got = hits.scores[(golden.ranks[j] ?? 0) - 1] ?? -1;
          assert.ok(Math.abs(got - score) <= golden.tolerance, `query ${i}: ${got}, not ${score}`);
        }
      }
    });
  }
});

describe(`agreement with ${luceneGolden.tool}`, () => {
  for (const [name, expectedQueries] of Object.entries(luceneGolden.collections)) {
    it(`gives its very float32 scores in ${name} with norms lucene`, {
      skip: missing(name),
    }, () => {
      const { searcher, queries } = open(name);
      const { depth } = luceneGolden;
      assert.ok(expectedQueries.length > 200);
      assert.equal(queries.length, expectedQueries.length);
      for (const [i, [count, scores, docs]] of expectedQueries.entries()) {
        const hits = searcher.search(queries[i] ?? bagOfWords([]), { depth, norms: "lucene" });
        assert.equal(hits.count, count, `query ${i} of ${name}`);
        const bits = new Int32Array(Float32Array.from(hits.scores).buffer);
        assert.equal(digestOf(bits.join(" ")), scores, `query ${i} of ${name}`);
        const last = count === depth ? (hits.scores[depth - 1] ?? -1) : -1;
        const sure = [...hits.docOrds].filter((_, rank) => (hits.scores[rank] ?? -1) > last);
        assert.equal(digestOf(sure.sort((a, b) => a - b).join(" ")), docs, `query ${i} of ${name}`);
      }
    });
  }
});
