import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { importModel } from "../../src/models/import-model.js";
import { largestDifference, openImported } from "./run-imported.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shared = process.env["BRAID_SHARED"] ?? path.join(root, "../shared");

interface Golden {
  readonly input_ids: number[][];
  readonly token_type_ids?: number[][];
  readonly embeddings?: number[][];
  readonly logits?: number[];
}

/** Folder, what the import must make of it, and how far a component may be off. */
const goldens: readonly (readonly [string, string, number])[] = [
  ["goldens/gtr-tiny", "t5-encoder mean cosine 24", 1e-5],
  ["goldens/minilm-tiny", "bert mean cosine 16", 1e-5],
  ["goldens/tasb-tiny", "distilbert cls dot 24", 1e-4],
  ["goldens/crossencoder-tiny", "bert none cosine 1", 1e-4],
  ["encoder", "t5-encoder mean cosine 384", 1e-5],
  ["t5-gated", "t5-encoder mean cosine 10", 1e-5],
  ["bert-max", "bert max dot 12", 1e-4],
  ["bert-last", "bert last cosine 12", 1e-5],
  ["roberta-mean", "roberta mean cosine 12", 1e-5],
  ["roberta-cross-encoder", "roberta none cosine 1", 1e-4],
  ["mpnet-mean", "mpnet mean cosine 12", 1e-5],
  ["distilbert-cross-encoder", "distilbert none cosine 1", 1e-4],
];

describe("an imported model agrees with sentence-transformers", () => {
  let scratch = "";
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), "braid-goldens-"));
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  for (const [name, is, tolerance] of goldens) {
    const own = path.join(root, "test/golden/models", name);
    const folder = existsSync(own) ? own : path.join(shared, name);
    const skip = existsSync(folder) ? false : `${folder} is not there`;
    it(`${path.basename(name)}, alone and padded`, { skip }, async () => {
      const golden = JSON.parse(readFileSync(path.join(folder, "expected.json"), "utf8")) as Golden;
      const expected = golden.embeddings ?? golden.logits?.map((logit) => [logit]) ?? [];
      const target = path.join(scratch, path.basename(name));
      const description = await importModel(folder, target, { name: path.basename(name) });
      const { family, pooling, similarity, dimension } = description;
      assert.equal([family, pooling, similarity, dimension].join(" "), is);
      const model = await openImported(target, description);
      const types = golden.token_type_ids;
      const together = await model.run(golden.input_ids, { ...(types && { types }) });
      assert.ok(expected.length >= 6, "the golden file holds texts");
      for (const [text, ids] of golden.input_ids.entries()) {
        const own = types?.[text];
        const [alone = []] = await model.run([ids], { ...(own && { types: [own] }) });
        const reference = expected[text] ?? [];
        assert.ok(largestDifference(alone, reference) <= tolerance, `text ${text} alone`);
        assert.ok(largestDifference(together[text] ?? [], reference) <= tolerance, `text ${text}`);
      }
    });
  }

  it("fills of the padding change nothing", async () => {
    const folder = path.join(root, "test/golden/models/roberta-mean");
    const target = path.join(scratch, "padding");
    const description = await importModel(folder, target, { name: "padding" });
    const model = await openImported(target, description);
    const golden = JSON.parse(readFileSync(path.join(folder, "expected.json"), "utf8")) as Golden;
    for (const padId of [0, 1, 7]) {
      const got = await model.run(golden.input_ids, { padId, extraPadding: 2 });
      for (const [text, reference] of (golden.embeddings ?? []).entries()) {
        assert.ok(
          largestDifference(got[text] ?? [], reference) <= 1e-5,
          `id ${padId}, text ${text}`,
        );
      }
    }
  });

  it("last-token pooling finds the last token on either side of the padding", async () => {
    const folder = path.join(root, "test/golden/models/bert-last");
    const target = path.join(scratch, "last");
    const description = await importModel(folder, target, { name: "last" });
    const tokens = await openImported(target, description, "tokens");
    const ids = [5, 9, 11, 2];
    const [vectors = new Float32Array()] = await tokens.run([ids]);
    const model = await openImported(target, description);
    const [right = []] = await model.run([ids], { extraPadding: 3 });
    // No dense module and a unit vector: the last token's vector is the embedding.
    assert.ok(largestDifference(right, vectors.subarray(3 * 12, 4 * 12)) <= 1e-6);
  });

  it("half precision weights stay within half precision, int8 within a few hundredths", async () => {
    const folder = path.join(root, "test/golden/models/t5-gated");
    const golden = JSON.parse(readFileSync(path.join(folder, "expected.json"), "utf8")) as Golden;
    for (const [numberFormat, tolerance] of [
      ["fp16", 2e-3],
      ["int8", 0.08],
    ] as const) {
      const target = path.join(scratch, numberFormat);
      const description = await importModel(folder, target, { name: "t5", numberFormat });
      assert.equal(description.batchInvariant, true);
      const model = await openImported(target, description);
      const together = await model.run(golden.input_ids);
      for (const [text, ids] of golden.input_ids.entries()) {
        const [alone = []] = await model.run([ids]);
        const difference = largestDifference(alone, golden.embeddings?.[text] ?? []);
        assert.ok(difference <= tolerance, `${numberFormat}, text ${text}: ${difference}`);
        // int8 rows have a scale each: the other texts of a batch must not show.
        assert.ok(largestDifference(together[text] ?? [], alone) <= 1e-6);
      }
    }
  });
});
