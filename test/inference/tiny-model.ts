import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { ModelDescription } from "../../src/models/model-description.js";
import { fingerprint } from "../../src/models/model-folder.js";

/**
 * A model small enough to check by hand: word w of the vocabulary has the row `rows[w]`, a text is
 * the mean of the rows of its tokens (special tokens have rows too). Not normalised, so that means
 * can be read off.
 */
export interface TinyModel {
  readonly dir: string;
  readonly description: ModelDescription;
  remove(): void;
}

const words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "a", "b", "c"];

export function tinyModel(changes: Partial<ModelDescription> = {}): TinyModel {
  const dir = mkdtempSync(path.join(os.tmpdir(), "braid-tiny-model-"));
  mkdirSync(dir, { recursive: true });
  const rows = words.map((_, w) => [w, w % 2, 1]);
  writeFileSync(path.join(dir, "model.onnx"), tinyGraph(rows));
  writeFileSync(path.join(dir, "tokenizer.json"), JSON.stringify(wordTokenizer()));
  writeFileSync(path.join(dir, "tokenizer_config.json"), JSON.stringify({ pad_token: "[PAD]" }));
  const settings = {
    formatVersion: 1 as const,
    name: "tiny",
    kind: "dual-encoder" as const,
    family: "bert" as const,
    dimension: 3,
    similarity: "dot" as const,
    pooling: "mean" as const,
    numberFormat: "fp32" as const,
    maxTokens: 6,
    prompts: { query: "", document: "" },
    onnxFile: "model.onnx",
    inputs: ["input_ids", "attention_mask"],
    output: "embedding",
    tokenOnnxFile: null,
    tokenOutput: null,
    batchInvariant: true,
    weights: "sha256:0",
    files: [],
    source: "test",
    licence: null,
    ...changes,
  };
  const description: ModelDescription = { ...settings, fingerprint: fingerprint(settings) };
  writeFileSync(path.join(dir, "model.json"), JSON.stringify(description));
  return { dir, description, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** WordPiece over whole words with BERT's template, so `red blue` is `[CLS] red blue [SEP]`. */
export function wordTokenizer(): object {
  const special = (content: string) => ({ SpecialToken: { id: content, type_id: 0 } });
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: words.slice(0, 4).map((content, id) => ({
      id,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [special("[CLS]"), sequence("A", 0), special("[SEP]")],
      pair: [
        special("[CLS]"),
        sequence("A", 0),
        special("[SEP]"),
        sequence("B", 1),
        { SpecialToken: { id: "[SEP]", type_id: 1 } },
      ],
      special_tokens: {
        "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] },
        "[SEP]": { id: "[SEP]", ids: [3], tokens: ["[SEP]"] },
      },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    },
  };
}

/** embedding = sum(Gather(table, ids) * mask, axis 1) / sum(mask, axis 1) */
function tinyGraph(rows: readonly (readonly number[])[]): Uint8Array {
  const table = Buffer.from(Float32Array.from(rows.flat()).buffer);
  const int64 = (values: number[]) => Buffer.from(BigInt64Array.from(values.map(BigInt)).buffer);
  const graph = concat(
    field(1, node("Gather", ["table", "input_ids"], "vectors")),
    field(1, node("Cast", ["attention_mask"], "mask", [intAttribute("to", 1)])),
    field(1, node("Unsqueeze", ["mask", "last"], "wide_mask")),
    field(1, node("Mul", ["vectors", "wide_mask"], "kept")),
    field(1, node("ReduceSum", ["kept", "tokens_axis"], "sum", [intAttribute("keepdims", 0)])),
    field(1, node("ReduceSum", ["mask", "tokens_axis"], "count", [intAttribute("keepdims", 1)])),
    field(1, node("Div", ["sum", "count"], "embedding")),
    field(2, text("tiny")),
    field(5, tensor("table", 1, [rows.length, rows[0]?.length ?? 0], table)),
    field(5, tensor("last", 7, [1], int64([2]))),
    field(5, tensor("tokens_axis", 7, [1], int64([1]))),
    field(11, valueInfo("input_ids", 7, ["batch", "tokens"])),
    field(11, valueInfo("attention_mask", 7, ["batch", "tokens"])),
    field(12, valueInfo("embedding", 1, ["batch", rows[0]?.length ?? 0])),
  );
  const opset = concat(field(1, text("")), varintField(2, 17));
  return concat(varintField(1, 8), field(7, graph), field(8, opset));
}

function node(op: string, inputs: string[], output: string, attributes: Uint8Array[] = []) {
  return concat(
    ...inputs.map((name) => field(1, text(name))),
    field(2, text(output)),
    field(4, text(op)),
    ...attributes.map((attribute) => field(5, attribute)),
  );
}

function intAttribute(name: string, value: number) {
  return concat(field(1, text(name)), varintField(3, value), varintField(20, 2));
}

function tensor(name: string, type: number, dims: number[], raw: Uint8Array) {
  const shape = dims.map((dim) => varintField(1, dim));
  return concat(...shape, varintField(2, type), field(8, text(name)), field(9, raw));
}

function valueInfo(name: string, type: number, dims: (string | number)[]) {
  const shape = concat(
    ...dims.map((dim) =>
      field(1, typeof dim === "string" ? field(2, text(dim)) : varintField(1, dim)),
    ),
  );
  const tensorType = concat(varintField(1, type), field(2, shape));
  return concat(field(1, text(name)), field(2, field(1, tensorType)));
}

function text(value: string): Uint8Array {
  return Buffer.from(value, "utf8");
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function varintField(number: number, value: number): Uint8Array {
  return concat(varint(number * 8), varint(value));
}

function field(number: number, payload: Uint8Array): Uint8Array {
  return concat(varint(number * 8 + 2), varint(payload.length), payload);
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
