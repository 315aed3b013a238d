import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { FeatureUnavailableError, InputError, ModelMissingError } from "../../src/errors.js";
import { importModel } from "../../src/models/import-model.js";
import { bundledModelsDirectory } from "../../src/models/model-folder.js";
import { maxSim, openCrossEncoder, openLateInteraction, rerank } from "../../src/rerank/index.js";
import type { DocId } from "../../src/run/ranking.js";

const shared =
  process.env["BRAID_SHARED"] ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const goldens = path.join(shared, "goldens");
const skip = existsSync(goldens) ? false : `no golden models in ${goldens}`;
const mini = path.join(bundledModelsDirectory(), "braid-mini");

function scratch(t: TestContext): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "braid-rerank-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe("cross-encoder reranking", { skip }, () => {
  it("gives sentence-transformers' logits within 1e-4 and reranks by them", async (t) => {
    const modelDir = path.join(scratch(t), "tiny");
    await importModel(path.join(goldens, "crossencoder-tiny"), modelDir, { name: "tiny" });
    const file = path.join(goldens, "crossencoder-tiny", "expected.json");
    const expected = JSON.parse(readFileSync(file, "utf8")) as {
      pairs: [string, string][];
      logits: (number | number[])[];
    };
    const logits = expected.logits.flat();
    const reranker = await openCrossEncoder(modelDir);
    t.after(() => reranker.close());
    for (const [i, [query, text]] of expected.pairs.entries()) {
      const [score] = await reranker.score(query, [text]);
      assert.ok(Math.abs(score! - logits[i]!) < 1e-4, `pair ${i}: ${score}, not ${logits[i]}`);
    }
    // One query's texts, in a batch.
    const query = expected.pairs[0]![0];
    const texts = expected.pairs.map(([, text]) => text);
    const together = await reranker.score(query, texts);
    const candidates = texts.map((_, i) => ({ docId: `${i}` as DocId, score: -i }));
    const documentsOf = (docIds: readonly DocId[]) =>
      docIds.map((docId) => ({ title: "", text: texts[Number(docId)]! }));
    const { ranking } = await rerank(candidates, query, documentsOf, reranker, { depth: 20 });
    for (let i = 1; i < ranking.length; i++) {
      assert.ok(ranking[i - 1]!.score >= ranking[i]!.score);
      // Texts are trimmed on their way; batches round differently.
      const alone = together[Number(ranking[i]!.docId)]!;
      assert.ok(Math.abs(ranking[i]!.score - alone) < 1e-4);
    }
  });

  it("refuses a dual encoder and a folder without a model", async (t) => {
    await assert.rejects(openCrossEncoder(mini), InputError);
    await assert.rejects(openCrossEncoder(path.join(scratch(t), "none")), ModelMissingError);
  });

  it("late interaction refuses a model without token vectors", async (t) => {
    const modelDir = path.join(scratch(t), "tiny");
    await importModel(path.join(goldens, "crossencoder-tiny"), modelDir, { name: "tiny" });
    await assert.rejects(openLateInteraction(modelDir), FeatureUnavailableError);
  });
});

describe("late interaction", () => {
  it("adds up each query token's best match and divides by the number of query tokens", () => {
    // Query tokens (1, 0), (0, 1); text tokens (.6, .8), (1, 0): best 1 and .8, mean .9.
    const query = Float32Array.of(1, 0, 0, 1);
    const text = Float32Array.of(0.6, 0.8, 1, 0);
    assert.ok(Math.abs(maxSim(query, text, 2) - 0.9) < 1e-7);
    assert.equal(maxSim(query, new Float32Array(0), 2), 0);
    // Five dimensions: the loop's remainder counts too.
    assert.equal(maxSim(Float32Array.of(1, 2, 3, 4, 5), Float32Array.of(1, 1, 1, 1, 1), 5), 15);
  });

  it("prefers the text that holds the query's words, and gives the same bits in any batch", async (t) => {
    const reranker = await openLateInteraction(mini);
    t.after(() => reranker.close());
    const query = "how do vaccines train the immune system";
    const texts = [
      "The stock market fell sharply on Monday.",
      "Vaccines teach the immune system to recognise a pathogen.",
      "A recipe for tomato soup.",
    ];
    const together = await reranker.score(query, texts);
    assert.equal(together.indexOf(Math.max(...together)), 1);
    for (const [i, text] of texts.entries()) {
      assert.deepEqual(await reranker.score(query, [text]), together.subarray(i, i + 1));
    }
  });
});
