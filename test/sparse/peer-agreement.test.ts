import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { analyzerNamed } from "../../src/analysis/analyzers.js";
import { SparseSegmentBuilder } from "../../src/sparse/segment-builder.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
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

describe(`agreement with ${golden.tool}`, () => {
  for (const [collection, { queries }] of Object.entries(golden.collections)) {
    const skip = existsSync(path.join(data, collection)) ? false : `no ${collection} in ${data}`;
    it(`finds the same documents with the same scores in ${collection}`, { skip }, () => {
      const analyzer = analyzerNamed("english@1");
      const settings = sparseSettings({ analyzer: analyzer.id });
      const builder = new SparseSegmentBuilder(analyzer, settings);
      const docs = lines(collection, "corpus.jsonl").map(({ _id, title = "", text }) => ({
        id: _id,
        title,
        text,
      }));
      for (const doc of docs) builder.add(doc.title, doc.text);
      const sections = new TestSections();
      builder.write(sections);
      const segment = openSparseSegment(sections);
      const searcher = new SparseSearcher(
        [{ segment, names: namesOf(docs), deleted: null, corrections: null }],
        settings,
      );
      const topics = judgedQueries(collection);
      assert.ok(queries.length > 200);
      assert.equal(topics.length, queries.length);
      for (const [i, expected] of queries.entries()) {
        const query = bagOfWords(analyzer.terms(topics[i]?.text ?? ""));
        const hits = searcher.search(query, { depth: 1000 });
        assert.equal(hits.count, expected.hits);
        const ids = [...hits.docOrds.subarray(0, expected.cut)].map((ord) => docs[ord]?.id ?? "");
        const digest = createHash("sha256").update(ids.sort().join("\n")).digest("hex");
        assert.equal(digest.slice(0, 12), expected.digest, `query ${i} of ${collection}`);
        for (const [j, score] of expected.scores.entries()) {
          const got = hits.scores[(golden.ranks[j] ?? 0) - 1] ?? -1;
          assert.ok(Math.abs(got - score) <= golden.tolerance, `query ${i}: ${got}, not ${score}`);
        }
      }
    });
  }
});
