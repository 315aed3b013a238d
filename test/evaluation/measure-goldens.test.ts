import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { evaluateRun } from "../../src/evaluation/evaluate-run.js";
import { parseMeasure } from "../../src/evaluation/measure.js";
import { readQrels } from "../../src/run/qrels.js";
import type { DocId, QueryId, ScoredDoc } from "../../src/run/ranking.js";
import { readTextLines } from "../../src/run/text-blocks.js";
import { collectionRun } from "./collection-runs.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shared = process.env["BRAID_SHARED"] ?? path.join(root, "..", "shared");
const golden = (name: string) =>
  JSON.parse(readFileSync(path.join(root, "test/golden/evaluation", name), "utf8"));

interface RandomCase {
  seed: number;
  qrels: Record<string, Record<string, number>>;
  run: Record<string, Record<string, number>>;
  values: Record<string, Record<string, number>>;
}

interface Collection {
  queryCount: number;
  retrieved: number;
  values: Record<string, number[]>;
}

/** Compares every value of the cases with ours and says how many there were. */
function compareCases(file: { tolerance: Record<string, number>; cases: RandomCase[] }): number {
  let compared = 0;
  for (const { seed, qrels, run, values } of file.cases) {
    const evaluation = evaluateRun(
      new Map(
        Object.entries(qrels).map(([query, grades]) => [
          query as QueryId,
          new Map(Object.entries(grades) as [DocId, number][]),
        ]),
      ),
      new Map(
        Object.entries(run).map(([query, scores]) => [
          query as QueryId,
          Object.entries(scores).map(
            ([docId, score]): ScoredDoc => ({ docId: docId as DocId, score }),
          ),
        ]),
      ),
      Object.keys(values).map(parseMeasure),
    );
    for (const [name, expected] of Object.entries(values)) {
      const tolerance = file.tolerance[name] ?? 1e-9;
      for (const [query, value] of Object.entries(expected)) {
        const ours = evaluation.perQuery.get(name)?.get(query as QueryId) ?? Number.NaN;
        assert.ok(
          Math.abs(ours - value) <= tolerance,
          `seed ${seed}, query ${query}, ${name}: ${ours} instead of ${value}`,
        );
        compared++;
      }
    }
  }
  return compared;
}

describe("measures against trec_eval, ir-measures and ranx", () => {
  it("agree on every query of random runs with ties, negative grades and missing queries", () => {
    assert.ok(compareCases(golden("random-runs.json")) > 5000);
  });

  it("agree with ranx where both have the measure", () => {
    const file = golden("ranx.json");
    assert.ok(compareCases({ tolerance: {}, cases: file.cases }) > 500);
  });

  const collections: Record<string, Collection> = golden("collections.json").collections;
  for (const [name, expected] of Object.entries(collections)) {
    const folder = path.join(shared, "data", name);
    const skip = existsSync(folder) ? false : `${folder} is not there`;
    it(`agree on every query of ${name}`, { skip }, async () => {
      const docIds: DocId[] = [];
      for await (const { text } of readTextLines(path.join(folder, "corpus.jsonl"))) {
        docIds.push(JSON.parse(text)._id);
      }
      const { qrels } = await readQrels(path.join(folder, "qrels", "test.tsv"));
      const run = collectionRun(qrels, docIds);
      let retrieved = 0;
      for (const ranking of run.values()) retrieved += ranking.length;
      assert.equal(retrieved, expected.retrieved);
      const names = Object.keys(expected.values);
      assert.ok(names.length > 10);
      const evaluation = evaluateRun(qrels, run, names.map(parseMeasure));
      assert.ok(evaluation.missingQueries.length > 0);
      assert.equal(evaluation.queryCount, expected.queryCount);
      for (const measure of names) {
        const ours = [...(evaluation.perQuery.get(measure) ?? [])];
        assert.equal(ours.length, expected.values[measure]?.length);
        for (const [i, [query, value]] of ours.entries()) {
          const theirs = expected.values[measure]?.[i] ?? Number.NaN;
          assert.ok(
            Math.abs(value - theirs) <= 1e-9,
            `${name}, query ${query}, ${measure}: ${value} instead of ${theirs}`,
          );
        }
      }
    });
  }
});
