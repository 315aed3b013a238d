import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import {
  AlreadyExistsError,
  InputError,
  InvalidModelError,
  ModelMissingError,
} from "../../src/errors.js";
import { importModel } from "../../src/models/import-model.js";
import { largestDifference, openImported } from "./run-imported.js";
import {
  gtrFiles,
  safetensorsBytes,
  t5Config,
  t5Tensors,
  wordTokenizer,
  writeFolder,
} from "./tiny-folder.js";

let scratch = "";
let count = 0;
const fresh = (): string => path.join(scratch, String(++count));
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), "braid-import-"));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** Imports the GTR-like folder with some files replaced (undefined: left out). */
async function importWith(changes: Readonly<Record<string, unknown>>, options = {}) {
  const source = await writeFolder(fresh(), { ...gtrFiles(), ...changes });
  const target = fresh();
  const description = await importModel(source, target, { name: "tiny", ...options });
  return { source, target, description };
}

async function refused(
  changes: Readonly<Record<string, unknown>>,
  message: RegExp,
  kind: new (message: string) => Error = InvalidModelError,
): Promise<void> {
  const source = await writeFolder(fresh(), { ...gtrFiles(), ...changes });
  const target = fresh();
  await assert.rejects(importModel(source, target, { name: "tiny" }), (error: Error) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    return true;
  });
  const left = (await readdir(scratch)).filter((name) => name.startsWith(path.basename(target)));
  assert.deepEqual(left, [], "nothing stays of a refused model");
}

describe("importing a folder", () => {
  it("describes what it made", async () => {
    const { target, description } = await importWith({
      "README.md": Buffer.from("---\nlicense: apache-2.0\ntags: x\n---\n# Tiny\n"),
    });
    const { fingerprint, weights, files, ...rest } = description;
    assert.match(fingerprint, /^sha256:[0-9a-f]{64}$/);
    assert.match(weights, /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual(
      files.map((file) => file.name),
      ["model.onnx.data", "model.onnx", "tokens.onnx", "tokenizer.json"],
    );
    assert.deepEqual(rest, {
      formatVersion: 1,
      name: "tiny",
      kind: "dual-encoder",
      family: "t5-encoder",
      dimension: 3,
      similarity: "cosine",
      pooling: "mean",
      numberFormat: "fp32",
      maxTokens: 64,
      prompts: { query: "", document: "" },
      onnxFile: "model.onnx",
      inputs: ["input_ids", "attention_mask"],
      output: "embedding",
      tokenOnnxFile: "tokens.onnx",
      tokenOutput: "token_embeddings",
      batchInvariant: true,
      source: "1",
      licence: "apache-2.0",
    });
    const written = JSON.parse(readFileSync(path.join(target, "model.json"), "utf8"));
    assert.deepEqual(written, description);
  });

  it("gives the same bytes each time, and one fingerprint for F32 split over shards", async () => {
    const tensors = Object.entries(t5Tensors());
    const [first, second] = [tensors.slice(0, 5), tensors.slice(5)];
    const map = (list: typeof tensors, shard: string) =>
      Object.fromEntries(list.map(([name]) => [name, shard]));
    const whole = await importWith({});
    const again = await importWith({});
    const sharded = await importWith({
      "model.safetensors": undefined,
      "a.safetensors": safetensorsBytes(Object.fromEntries(first)),
      "b.safetensors": safetensorsBytes(Object.fromEntries(second)),
      "model.safetensors.index.json": {
        metadata: { total_size: 0 },
        weight_map: { ...map(first, "a.safetensors"), ...map(second, "b.safetensors") },
      },
    });
    assert.deepEqual(again.description.files, whole.description.files);
    assert.deepEqual(sharded.description.files, whole.description.files);
    assert.equal(sharded.description.fingerprint, whole.description.fingerprint);
  });

  it("binds weights, projection, tokenizer, pooling, length and format into the fingerprint", async () => {
    const changed = t5Tensors();
    const norm = "encoder.final_layer_norm.weight";
    const variants = [
      await importWith({}),
      await importWith({
        "model.safetensors": safetensorsBytes({
          ...changed,
          [norm]: { shape: [4], values: [1, 1, 1, 1.0001] },
        }),
      }),
      await importWith({
        "2_Dense/model.safetensors": safetensorsBytes({
          "linear.weight": { shape: [3, 4], values: Array.from({ length: 12 }, (_, i) => i) },
        }),
      }),
      await importWith({ "tokenizer.json": { ...wordTokenizer, version: "1.1" } }),
      await importWith({ "1_Pooling/config.json": { pooling_mode_cls_token: true } }),
      await importWith({ "sentence_bert_config.json": { max_seq_length: 32 } }),
      await importWith({
        "config_sentence_transformers.json": { prompts: { query: "q: ", passage: "p: " } },
      }),
      await importWith({}, { numberFormat: "fp16" }),
      await importWith({}, { numberFormat: "int8" }),
    ];
    const prints = variants.map(({ description }) => description.fingerprint);
    assert.equal(new Set(prints).size, variants.length);
    assert.deepEqual(variants[6]?.description.prompts, { query: "q: ", document: "p: " });
    assert.equal(
      (await importWith({}, { name: "other", source: "elsewhere" })).description.fingerprint,
      prints[0],
      "name and origin do not change what a model computes",
    );
  });

  it("makes unit vectors of texts and of their tokens", async () => {
    const { target, description } = await importWith({});
    const model = await openImported(target, description);
    const tokens = await openImported(target, description, "tokens");
    const ids = [
      [4, 7, 1],
      [9, 1],
    ];
    const vectors = await model.run(ids);
    for (const vector of vectors) {
      assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6, "unit length");
    }
    const [first = new Float32Array(), second = new Float32Array()] = await tokens.run(ids);
    assert.equal(first.length, 9);
    assert.ok(Math.abs(Math.hypot(...first.subarray(0, 3)) - 1) < 1e-6);
    assert.deepEqual([...second.subarray(6)].map(Math.abs), [0, 0, 0], "a masked token is zero");
  });

  it("a text without tokens gives zeros, not NaN", async () => {
    const { target, description } = await importWith({});
    const model = await openImported(target, description);
    const [empty = []] = await model.run([[], [4, 1]]);
    assert.deepEqual([...empty].map(Math.abs), [0, 0, 0]);
  });

  it("lower-cases before the tokenizer where the model was trained so", async () => {
    const { target } = await importWith({
      "sentence_bert_config.json": { max_seq_length: 64, do_lower_case: true },
    });
    const written = JSON.parse(readFileSync(path.join(target, "tokenizer.json"), "utf8"));
    assert.deepEqual(written.normalizer, { type: "Lowercase" });
  });

  it("gives cosine models without a Normalize module unit vectors all the same", async () => {
    const modules = (gtrFiles()["modules.json"] as object[]).slice(0, 3);
    const plain = await importWith({ "modules.json": modules });
    const usual = await importWith({});
    assert.equal(plain.description.similarity, "cosine");
    const [a = []] = await (await openImported(plain.target, plain.description)).run([[4, 1]]);
    const [b = []] = await (await openImported(usual.target, usual.description)).run([[4, 1]]);
    assert.equal(largestDifference(a, b), 0);
  });

  it("keeps what is there unless told to replace it, and replaces only models", async () => {
    const { source, target, description } = await importWith({});
    await assert.rejects(importModel(source, target, { name: "tiny" }), AlreadyExistsError);
    const options = { name: "tiny", overwrite: true, numberFormat: "fp16" } as const;
    const replaced = await importModel(source, target, options);
    assert.notEqual(replaced.fingerprint, description.fingerprint);
    await writeFile(path.join(scratch, "precious.txt"), "not a model");
    await assert.rejects(
      importModel(source, scratch, { name: "tiny", overwrite: true }),
      AlreadyExistsError,
    );
    assert.ok(existsSync(path.join(scratch, "precious.txt")));
  });

  it("refuses names that are no folder names", async () => {
    for (const name of ["", "Upper", "../up", "a/b", ".hidden"]) {
      await assert.rejects(importModel(fresh(), fresh(), { name }), (error: Error) =>
        [InputError, ModelMissingError].some((kind) => error instanceof kind),
      );
    }
  });
});

describe("a bad model folder is refused with the name of what is wrong", () => {
  it("no configuration, no weights, no tokenizer", async () => {
    await refused({ "config.json": undefined }, /config\.json does not exist/, ModelMissingError);
    await refused({ "model.safetensors": undefined }, /no model\.safetensors/, ModelMissingError);
    await refused({ "tokenizer.json": undefined }, /tokenizer\.json does not/, ModelMissingError);
    await refused(
      { "tokenizer.json": undefined, "spiece.model": Buffer.from("x") },
      /only spiece\.model/,
      ModelMissingError,
    );
    await refused(
      { "2_Dense/model.safetensors": undefined },
      /2_Dense holds no model\.safetensors/,
      ModelMissingError,
    );
  });

  it("a missing shard, a tensor that its shard lacks, a shard outside the folder", async () => {
    const tensors = t5Tensors();
    const index = (shards: Record<string, string>) => ({
      "model.safetensors": undefined,
      "a.safetensors": safetensorsBytes(tensors),
      "model.safetensors.index.json": {
        weight_map: {
          ...Object.fromEntries(Object.keys(tensors).map((name) => [name, "a.safetensors"])),
          ...shards,
        },
      },
    });
    await refused(
      index({ "shared.weight": "b.safetensors" }),
      /b\.safetensors cannot be opened/,
      ModelMissingError,
    );
    await refused(index({ "no.such": "a.safetensors" }), /lacks tensor "no\.such"/);
    await refused(index({ "shared.weight": "../a.safetensors" }), /is no shard name/);
  });

  it("a tensor that is missing, misshapen, of another type, or that nothing uses", async () => {
    const bytes = (changes: Parameters<typeof safetensorsBytes>[0], drop = "") => {
      const { [drop]: _, ...kept } = { ...t5Tensors(), ...changes };
      return { "model.safetensors": safetensorsBytes(kept) };
    };
    const key = "encoder.block.0.layer.0.SelfAttention.k.weight";
    await refused(bytes({}, key), /no tensor "encoder\.block\.0\.layer\.0\.SelfAttention\.k/);
    await refused(
      bytes({ [key]: { shape: [2, 8], values: Array(16).fill(0) } }),
      /SelfAttention\.k\.weight" has the shape \[2,8\], but config\.json asks for \[4,4\]/,
    );
    await refused(
      bytes({ [key]: { type: "I8", shape: [4, 4], bytes: new Uint8Array(16) } }),
      /SelfAttention\.k\.weight" is of type I8/,
    );
    await refused(
      bytes({ "encoder.block.1.layer.0.layer_norm.weight": { shape: [4], values: [1, 1, 1, 1] } }),
      /no place for, "encoder\.block\.1/,
    );
  });

  it("NaN and infinity among the weights", async () => {
    const name = "encoder.block.0.layer.1.DenseReluDense.wo.weight";
    for (const bad of [Number.NaN, Infinity]) {
      const values = [...Array(23).fill(0.5), bad];
      const tensors = { ...t5Tensors(), [name]: { shape: [4, 6], values } };
      await refused(
        { "model.safetensors": safetensorsBytes(tensors) },
        /wo\.weight" holds (NaN|Inf)/,
      );
    }
  });

  it("weights that fp16 cannot hold", async () => {
    const name = "encoder.block.0.layer.1.DenseReluDense.wo.weight";
    const tensors = { ...t5Tensors(), [name]: { shape: [4, 6], values: Array(24).fill(70_000) } };
    await assert.rejects(
      importWith({ "model.safetensors": safetensorsBytes(tensors) }, { numberFormat: "fp16" }),
      (error: Error) =>
        error instanceof InvalidModelError && /too large for fp16/.test(error.message),
    );
  });

  it("pickles, by name and by content", async () => {
    await refused(
      { "model.safetensors": undefined, "pytorch_model.bin": Buffer.from("x") },
      /pytorch_model\.bin, a Python pickle/,
    );
    const pickle = Buffer.from([0x80, 4, 0x95, 10, 0, 0, 0, 0, 0, 0, 0, 0x8c]);
    const zip = Buffer.from("PK\u0003\u0004 and so on");
    for (const content of [pickle, zip]) {
      await refused({ "model.safetensors": content }, /is a Python pickle/);
    }
  });

  it("modules, poolings, activations and similarities that are not known", async () => {
    const [transformer, pooling, dense, normalize] = gtrFiles()["modules.json"] as object[];
    const noise = { ...dense, type: "sentence_transformers.models.WeightedLayerPooling" };
    await refused({ "modules.json": [transformer, pooling, noise] }, /WeightedLayerPooling/);
    await refused({ "modules.json": [transformer, dense, pooling] }, /stands where it cannot/);
    await refused({ "modules.json": [pooling, normalize] }, /no Transformer/);
    await refused({ "modules.json": undefined }, /does not say how token vectors/);
    const place = { ...pooling, path: "../elsewhere" };
    await refused({ "modules.json": [transformer, place] }, /leaves the folder/);
    const poolings = "1_Pooling/config.json";
    await refused({ [poolings]: { pooling_mode_mean_sqrt_len_tokens: true } }, /mean_sqrt_len/);
    await refused(
      { [poolings]: { pooling_mode_cls_token: true, pooling_mode_mean_tokens: true } },
      /one pooling expected, got cls and mean/,
    );
    await refused({ [poolings]: {} }, /one pooling expected, got none/);
    const activation = {
      in_features: 4,
      out_features: 3,
      bias: false,
      activation_function: "x.Mish",
    };
    await refused({ "2_Dense/config.json": activation }, /activation "x\.Mish"/);
    await refused(
      { "config.json": { ...t5Config, feed_forward_proj: "gated-tanh-x" } },
      /feed_forward_proj "gated-tanh-x"/,
    );
    await refused(
      { "config_sentence_transformers.json": { similarity_fn_name: "euclidean" } },
      /euclidean/,
    );
    await refused({ "config.json": { ...t5Config, model_type: "llama" } }, /model type "llama"/);
  });

  it("a projection that does not fit the encoder", async () => {
    const dense = { in_features: 5, out_features: 3, bias: false, activation_function: "Identity" };
    await refused({ "2_Dense/config.json": dense }, /width 5, but gets width 4/);
    await refused(
      { "2_Dense/config.json": { ...dense, in_features: 4, out_features: 2 } },
      /linear\.weight" has the shape \[3,4\], but config\.json asks for \[2,4\]/,
    );
  });

  it("a tokenizer with more ids than the table has rows", async () => {
    const vocab = { ...wordTokenizer.model.vocab, extra: 20 };
    await refused(
      { "tokenizer.json": { ...wordTokenizer, model: { ...wordTokenizer.model, vocab } } },
      /ids up to 20, but the token table has 20 rows/,
    );
    await refused(
      { "tokenizer.json": { ...wordTokenizer, added_tokens: [{ id: 99, content: "<x>" }] } },
      /ids up to 99/,
    );
  });

  it("JSON files that are none", async () => {
    await refused({ "config.json": Buffer.from("{") }, /config\.json is not JSON/);
    await refused({ "config.json": [] }, /must hold a JSON object/);
    await refused({ "config.json": { ...t5Config, d_model: "4" } }, /"d_model" must be an integer/);
    await refused({ "modules.json": {} }, /modules\.json must hold a list/);
  });
});
