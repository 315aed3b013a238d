import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { parseMeasure } from "../../src/evaluation/measure.js";
import { knownDatasets } from "../../src/experiments/datasets/known-datasets.js";
import {
  type Reproduction,
  readReproductions,
  reproduce,
} from "../../src/experiments/reproduction.js";
import { ModelPool } from "../../src/pipeline/model-pool.js";

let folder = "";
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "braid-reproduction-"));
  mkdirSync(path.join(folder, "qrels"));
  writeFileSync(
    path.join(folder, "corpus.jsonl"),
    ["moon", "sea", "salt"]
      .map((word, i) => `{"_id":"d${i}","title":"","text":"${word} water"}\n`)
      .join(""),
  );
  writeFileSync(
    path.join(folder, "queries.jsonl"),
    '{"_id":"q1","text":"moon"}\n{"_id":"q2","text":"salt"}\n',
  );
  writeFileSync(
    path.join(folder, "qrels", "test.tsv"),
    "query-id\tcorpus-id\tscore\nq1\td0\t1\nq2\td1\t1\n",
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

const recipe: Reproduction = {
  name: "tiny",
  title: "BM25",
  dataset: "beir/tiny",
  split: "test",
  system: { kind: "sparse", k1: 0.9, b: 0.4 },
  expected: { "nDCG@10": 0.5, "R@100": 0.6 },
  tolerance: { "nDCG@10": 0.01, "R@100": 0.05 },
  source: "this test",
  command: "braid reproduce tiny",
};
const options = () => ({ dataset: folder, models: new ModelPool(), model: null });

describe("the list of reproductions", () => {
  const recipes = readReproductions();

  it("names each figure once, with its command, a tolerance per measure and a data set that is known", () => {
    assert.ok(recipes.length >= 15);
    assert.equal(new Set(recipes.map(({ name }) => name)).size, recipes.length);
    for (const { name, dataset, expected, tolerance, command, measured } of recipes) {
      assert.equal(command, `braid reproduce ${name}`);
      assert.ok(
        knownDatasets.some((known) => `beir/${known.name}` === dataset),
        dataset,
      );
      assert.deepEqual(Object.keys(tolerance), Object.keys(expected));
      for (const measure of Object.keys(expected))
        assert.equal(parseMeasure(measure).name, measure);
      for (const [measure, value] of Object.entries(measured?.values ?? {})) {
        const allowed = (tolerance[measure] ?? 0) + 0.0005;
        assert.ok(Math.abs(value - (expected[measure] ?? 0)) <= allowed, `${name} ${measure}`);
      }
    }
  });
});

describe("a reproduction", () => {
  it("is run, and says by how much a figure is not reached", async () => {
    // q1 finds its document first, q2 never: nDCG .5, R .5; .6 is .1 away, .05 was allowed.
    const result = await reproduce(recipe, options());
    assert.deepEqual(
      result.figures.map(({ measure, got, reached }) => [measure, got, reached]),
      [
        ["nDCG@10", 0.5, true],
        ["R@100", 0.5, false],
      ],
    );
    assert.equal(result.reached, false);
    assert.equal(result.queryCount, 2);
  });

  it("needs its data set, and its model where it has one", async () => {
    await assert.rejects(
      reproduce(recipe, { ...options(), dataset: path.join(folder, "gone") }),
      /corpus\.jsonl/,
    );
    await assert.rejects(
      reproduce({ ...recipe, system: { kind: "dense", model: "some/model" } }, options()),
      /needs the model some\/model/,
    );
  });
});
