import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { InvalidModelError, ModelMissingError } from "../../src/errors.js";
import { addModel } from "../../src/models/add-model.js";
import { loadDense, normalize, pool, project } from "../../src/models/embedding-head.js";
import { importModel } from "../../src/models/import-model.js";
import { importOnnx } from "../../src/models/import-onnx.js";
import { JsonFile } from "../../src/models/json-file.js";
import { LayerBuilder } from "../../src/models/layer-builder.js";
import { readModelDescription } from "../../src/models/model-folder.js";
import { onnxType } from "../../src/models/onnx-graph.js";
import { writeOnnxFiles } from "../../src/models/onnx-writer.js";
import { readSentenceTransformersFolder } from "../../src/models/sentence-transformers-folder.js";
import { buildT5Encoder } from "../../src/models/t5-encoder.js";
import { WeightSource } from "../../src/models/weight-source.js";
import { largestDifference, openImported } from "./run-imported.js";
import { gtrFiles, writeFolder } from "./tiny-folder.js";

type Exported = "tokens" | "pooled" | "pooled and projected" | "tokens and pooled";

const ids = [
  [4, 7, 12, 1],
  [9, 1],
];

describe("taking ONNX exports in", () => {
  let scratch = "";
  let count = 0;
  const fresh = (): string => path.join(scratch, String(++count));
  let reference: Float32Array[] = [];

  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), "braid-onnx-"));
    const source = await writeFolder(fresh(), gtrFiles());
    const target = fresh();
    const description = await importModel(source, target, { name: "reference" });
    reference = await (await openImported(target, description)).run(ids);
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  /** A folder as optimum writes it: the graph of the GTR-like folder up to some point, no weights. */
  async function exported(
    what: Exported,
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const source = await writeFolder(fresh(), gtrFiles());
    const folder = await readSentenceTransformersFolder(source);
    const weights = await WeightSource.open(source);
    const layers = new LayerBuilder(weights, "fp32");
    const trunk = await buildT5Encoder(await JsonFile.read(`${source}/config.json`), layers);
    const { graph } = layers;
    const [module] = folder.dense;
    assert.ok(module);
    const dense = (await loadDense(module, "2.linear", layers)).loaded;
    const pooled = pool(trunk, "mean", layers);
    const finished = what === "pooled and projected" ? project(pooled, [dense], layers) : pooled;
    const width = what === "pooled and projected" ? 3 : 4;
    const type = onnxType.float;
    const outputs = [];
    if (what.startsWith("tokens")) {
      const name = graph.rename(trunk.hidden, "last_hidden_state");
      outputs.push({ name, type, shape: ["batch", "tokens", 4] });
    }
    if (what.includes("pooled")) {
      const name = graph.rename(normalize(finished, layers), "sentence_embedding");
      outputs.push({ name, type, shape: ["batch", width] });
    }
    const { "model.safetensors": _, ...rest } = gtrFiles();
    const target = await writeFolder(fresh(), { ...rest, ...changes });
    await writeOnnxFiles(target, new Map([["model.onnx", graph.build(outputs)]]), "data");
    await weights.close();
    return target;
  }

  for (const what of ["tokens", "tokens and pooled", "pooled and projected"] as const) {
    it(`an export of ${what} gives the vectors of the safetensors`, async () => {
      const target = fresh();
      const description = await importOnnx(await exported(what), target, { name: "tiny" });
      assert.equal(description.family, "onnx");
      assert.equal(description.dimension, 3);
      assert.equal(description.numberFormat, "fp32");
      assert.deepEqual(description.inputs, ["input_ids", "attention_mask"]);
      assert.deepEqual(await readModelDescription(target), description);
      const got = await (await openImported(target, description)).run(ids);
      for (const [text, expected] of reference.entries()) {
        assert.ok(largestDifference(got[text] ?? [], expected) < 1e-6);
      }
    });
  }

  it("an export that has lost its projection, with no token vectors to put it after, is refused", async () => {
    const folder = await exported("pooled");
    await assert.rejects(importOnnx(folder, fresh(), { name: "tiny" }), (error: Error) => {
      assert.ok(error instanceof InvalidModelError);
      assert.match(error.message, /lacks the projection of .*2_Dense/);
      return true;
    });
  });

  it("token vectors without a word on pooling are refused, unless the caller knows it", async () => {
    const folder = await exported("tokens", { "modules.json": undefined });
    await assert.rejects(
      importOnnx(folder, fresh(), { name: "tiny" }),
      (error: Error) =>
        error instanceof InvalidModelError && /name the pooling/.test(error.message),
    );
    const target = fresh();
    const description = await importOnnx(folder, target, { name: "tiny", pooling: "cls" });
    assert.equal(description.pooling, "cls");
    assert.equal(description.dimension, 4);
  });

  it("a finished vector alone is taken as it is", async () => {
    const folder = await exported("pooled", { "modules.json": undefined });
    const description = await importOnnx(path.join(folder, "model.onnx"), fresh(), {
      name: "tiny",
    });
    assert.equal(description.pooling, "none");
    assert.equal(description.dimension, 4);
  });

  it("a cut file, another file and a missing tokenizer are refused", async () => {
    const { "tokenizer.json": tokenizer, ...rest } = gtrFiles();
    const bad = await writeFolder(fresh(), {
      ...rest,
      "tokenizer.json": tokenizer,
      "model.onnx": Buffer.from("not protobuf at all"),
    });
    await assert.rejects(importOnnx(bad, fresh(), { name: "tiny" }), InvalidModelError);
    await assert.rejects(importOnnx(fresh(), fresh(), { name: "tiny" }), InvalidModelError);
    const lacking = await exported("tokens", { "tokenizer.json": undefined });
    await assert.rejects(importOnnx(lacking, fresh(), { name: "tiny" }), ModelMissingError);
  });

  it("keeps its numbers: another number format is refused", async () => {
    await assert.rejects(
      importOnnx(await exported("tokens"), fresh(), { name: "tiny", numberFormat: "int8" }),
      InvalidModelError,
    );
  });

  it("adding finds out what a folder holds, and names the model after it", async () => {
    const modelsDir = fresh();
    const onnx = await addModel(await exported("tokens"), { modelsDir, name: "from-onnx" });
    assert.equal(onnx.family, "onnx");
    const source = await writeFolder(path.join(fresh(), "GTR Tiny"), gtrFiles());
    const plain = await addModel(source, { modelsDir });
    assert.equal(plain.name, "gtr-tiny");
    const int8 = await addModel(source, { modelsDir, numberFormat: "int8" });
    assert.equal(int8.name, "gtr-tiny-int8");
    assert.deepEqual(await readModelDescription(path.join(modelsDir, "gtr-tiny-int8")), int8);
    await assert.rejects(addModel("no-such-model", { modelsDir }), ModelMissingError);
  });
});
