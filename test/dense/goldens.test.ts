import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { openEncoder } from "../../src/dense/open-encoder.js";
import { ModelSession } from "../../src/inference/model-session.js";
import { importModel } from "../../src/models/import-model.js";

const shared =
  process.env["BRAID_SHARED"] ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const goldens = path.join(shared, "goldens");
const skip = existsSync(goldens) ? false : `no golden models in ${goldens}`;

interface Expected {
  readonly texts: readonly string[];
  readonly input_ids: readonly (readonly number[])[];
  readonly embeddings: readonly (readonly number[])[];
}

function unit(vector: ArrayLike<number>): number[] {
  const values = Array.from(vector);
  const norm = Math.hypot(...values);
  return values.map((value) => value / norm);
}

/** Largest difference of any component between normalised vectors. */
function distance(got: Float32Array, expected: readonly (readonly number[])[]): number {
  const dimension = expected[0]?.length ?? 0;
  assert.equal(got.length, expected.length * dimension);
  let largest = 0;
  for (const [i, row] of expected.entries()) {
    const mine = unit(got.subarray(i * dimension, (i + 1) * dimension));
    for (const [j, value] of unit(row).entries()) {
      largest = Math.max(largest, Math.abs(value - (mine[j] ?? Number.NaN)));
    }
  }
  return largest;
}

describe("golden dual encoders", { skip }, () => {
  for (const name of ["gtr-tiny", "minilm-tiny", "tasb-tiny"]) {
    it(`${name} agrees with sentence-transformers within 1e-5, single and padded`, async (t) => {
      const directory = mkdtempSync(path.join(os.tmpdir(), "braid-golden-"));
      t.after(() => rmSync(directory, { recursive: true, force: true }));
      const modelDir = path.join(directory, name);
      await importModel(path.join(goldens, name), modelDir, { name });
      const file = path.join(goldens, name, "expected.json");
      const expected = JSON.parse(readFileSync(file, "utf8")) as Expected;
      assert.equal(expected.texts.length, 20);
      const results: Float32Array[] = [];
      for (const batching of [
        { grouping: "single" },
        { grouping: "sorted", maxTexts: 7 },
      ] as const) {
        const encoder = await openEncoder(modelDir, { batching });
        t.after(() => encoder.close());
        const { values } = await encoder.encodeDocuments(expected.texts);
        results.push(values);
        const largest = distance(values, expected.embeddings);
        assert.ok(largest < 1e-5, `${batching.grouping}: off by ${largest}`);
        const queries = await encoder.encodeQueries(expected.texts);
        assert.ok(distance(queries.values, expected.embeddings) < 1e-5);
        // The same query has the same bits on every run.
        assert.deepEqual(await encoder.encodeQueries(expected.texts), queries);
      }
      // A text's vector is a function of the text alone: no bit depends on its batch or its padding.
      assert.deepEqual(results[0], results[1]);
      const { description } = await openEncoder(modelDir).then(async (encoder) => {
        await encoder.close();
        return encoder;
      });
      const session = await ModelSession.open(modelDir, description);
      t.after(() => session.close());
      const { tokenIds, tokenCounts } = await session.tokenize(expected.texts);
      assert.deepEqual(
        [...tokenCounts],
        expected.input_ids.map(({ length }) => length),
      );
      assert.deepEqual([...tokenIds], expected.input_ids.flat());
    });
  }
});

interface ExpectedPairs {
  readonly pairs: readonly (readonly [string, string])[];
  readonly input_ids: readonly (readonly number[])[];
  readonly token_type_ids: readonly (readonly number[])[];
  readonly logits: readonly number[];
}

describe("golden cross-encoder", { skip }, () => {
  it("crossencoder-tiny agrees with sentence-transformers within 1e-4", async (t) => {
    const directory = mkdtempSync(path.join(os.tmpdir(), "braid-golden-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const name = "crossencoder-tiny";
    const modelDir = path.join(directory, name);
    const description = await importModel(path.join(goldens, name), modelDir, { name });
    const file = path.join(goldens, name, "expected.json");
    const expected = JSON.parse(readFileSync(file, "utf8")) as ExpectedPairs;
    const session = await ModelSession.open(modelDir, description);
    t.after(() => session.close());
    const logits = await session.scorePairs(expected.pairs);
    assert.equal(logits.length, 20);
    for (const [i, logit] of expected.logits.flat().entries()) {
      assert.ok(Math.abs(logit - (logits[i] ?? Number.NaN)) < 1e-4, `pair ${i}: ${logits[i]}`);
    }
  });
});
