import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { ModelMissingError } from "../../src/errors.js";
import { analyseExperiment } from "../../src/experiments/experiment-analysis.js";
import { parsePlan } from "../../src/experiments/experiment-plan.js";
import { type ExperimentResult, runExperiment } from "../../src/experiments/run-experiment.js";
import { ModelPool } from "../../src/pipeline/model-pool.js";
import { SearchableCollection } from "../../src/pipeline/searchable-collection.js";
import type { Reranker } from "../../src/rerank/reranker.js";

const words = ["moon", "sea", "salt", "tide", "bread", "sun", "water", "stone"];
let scratch = "";

before(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), "braid-experiment-"));
  const documents = Array.from({ length: 40 }, (_, i) => ({
    _id: `d${i}`,
    title: words[i % 8] ?? "",
    text: `${words[(i * 3) % 8]} ${words[(i * 5 + 1) % 8]} ${"filler ".repeat(i % 4)}`,
  }));
  const collection = await SearchableCollection.create(path.join(scratch, "home", "small"), {
    encoder: null,
  });
  await collection.addAll(documents);
  await collection.close();
  mkdirSync(path.join(scratch, "data", "qrels"), { recursive: true });
  writeFileSync(
    path.join(scratch, "data", "queries.jsonl"),
    words
      .map(
        (word, i) => `${JSON.stringify({ _id: `q${i}`, text: `${word} ${words[(i + 1) % 8]}` })}\n`,
      )
      .join(""),
  );
  writeFileSync(
    path.join(scratch, "data", "qrels", "test.tsv"),
    `query-id\tcorpus-id\tscore\n${words.map((_, i) => `q${i}\td${i + 8}\t1\nq${i}\td${i + 17}\t1\n`).join("")}`,
  );
});
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A reranker that prefers short texts; it fails or is cut off after a number of calls. */
class FakeModels extends ModelPool {
  scoredCount = 0;
  readonly #stopAfter: number;
  readonly #controller: AbortController | null;

  constructor(stopAfter = Number.POSITIVE_INFINITY, controller: AbortController | null = null) {
    super();
    this.#stopAfter = stopAfter;
    this.#controller = controller;
  }

  override async crossEncoder(name: string): Promise<Reranker> {
    if (name === "gone") throw new ModelMissingError("there is no model gone");
    return {
      identity: { name, fingerprint: `fake ${name}` },
      score: async (query, texts) => {
        if (this.scoredCount >= this.#stopAfter) {
          this.#controller?.abort(new Error("killed"));
          throw new Error("killed");
        }
        this.scoredCount += texts.length;
        return Float32Array.from(
          texts,
          (text) => (text.includes(query.slice(0, 3)) ? 1 : 0) - text.length / 100,
        );
      },
      close: async () => {},
    };
  }
}

const run = (
  out: string,
  models: ModelPool,
  rerankers = "[short]",
  signal?: AbortSignal,
): Promise<ExperimentResult> =>
  runExperiment(
    parsePlan(
      `datasets:\n  - {folder: data, collection: small, dev: half}\nfirstStages: [sparse]\nrerankers: ${rerankers}\nrerankDepths: [2, 5]\nweights: [1, .5]\n`,
      path.join(scratch, "plan.yaml"),
    ),
    {
      directory: path.join(scratch, out),
      home: path.join(scratch, "home"),
      models,
      ...(signal === undefined ? {} : { signal }),
    },
  );

const figures = ({ cells }: ExperimentResult) => cells.map(({ ms: _ms, ...rest }) => rest);

describe("an experiment", () => {
  it("gives a cell for every place of the grid, on dev and on test, without a query in both", async () => {
    const result = await run("whole", new FakeModels());
    // One first stage alone, and 2 depths x 2 weights reranked, each on dev and test.
    assert.equal(result.cells.length, 2 * (1 + 4));
    const [summary] = result.datasets;
    assert.equal((summary?.devCount ?? 0) + (summary?.testCount ?? 0), 8);
    assert.ok((summary?.devCount ?? 0) > 0 && (summary?.testCount ?? 0) > 0);
    assert.equal(summary?.sharedCount, 0);
    assert.deepEqual(result.failures, []);
    const analysis = analyseExperiment(result);
    assert.equal(analysis.curves.length, 2);
    assert.deepEqual(
      analysis.curves[0]?.points.map(({ depth }) => depth),
      [0, 2, 5],
    );
  });

  it("that was cut off goes on where it was, scores nothing twice, and gives the same figures", async () => {
    const controller = new AbortController();
    const first = new FakeModels(12, controller);
    await assert.rejects(run("cut", first, "[short]", controller.signal), /killed/);
    assert.ok(first.scoredCount >= 12);
    assert.ok(existsSync(path.join(scratch, "cut", "results.jsonl")));
    const second = new FakeModels();
    const resumed = await run("cut", second);
    const whole = new FakeModels();
    assert.deepEqual(figures(resumed), figures(await run("fresh", whole)));
    assert.ok(second.scoredCount > 0);
    assert.equal(first.scoredCount + second.scoredCount, whole.scoredCount);
  });

  it("that is run again computes nothing, not even after its last line was torn", async () => {
    const before = await run("again", new FakeModels());
    const log = path.join(scratch, "again", "results.jsonl");
    const known = new FakeModels();
    const after = await run("again", known);
    assert.equal(after.cachedCount, after.cells.length);
    assert.equal(known.scoredCount, 0);
    assert.deepEqual(after.cells, before.cells);
    writeFileSync(log, readFileSync(log, "utf8").slice(0, -30));
    const torn = await run("again", known);
    assert.equal(torn.cachedCount, torn.cells.length - 1);
    assert.equal(known.scoredCount, 0, "scores are known from their own file");
    assert.deepEqual(figures(torn), figures(before));
    assert.equal(readdirSync(path.join(scratch, "again", "scores")).length, 1);
  });

  it("keeps what one failing reranker has nothing to do with", async () => {
    const result = await run("failing", new FakeModels(), "[gone, short]");
    assert.equal(result.cells.length, 2 * (1 + 4));
    assert.deepEqual(
      result.failures.map(({ reranker, code }) => [reranker, code]),
      [["gone", "MODEL_MISSING"]],
    );
  });

  it("computes anew what another collection, query or setting would change", async () => {
    await run("keys", new FakeModels());
    const collection = await SearchableCollection.open(path.join(scratch, "home", "small"), {
      mode: "write",
    });
    await collection.add([{ _id: "new", title: "moon", text: "moon sea" }]);
    await collection.close();
    const result = await run("keys", new FakeModels());
    assert.equal(result.cachedCount, 0);
  });
});
