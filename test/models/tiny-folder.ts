import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

/** A tensor to be written; values are float32 unless bytes are given. */
export interface TinyTensor {
  readonly type?: string;
  readonly shape: readonly number[];
  readonly values?: readonly number[];
  readonly bytes?: Uint8Array;
}

/** Bytes of a safetensors file. */
export function safetensorsBytes(tensors: Readonly<Record<string, TinyTensor>>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const bytes = tensor.bytes ?? new Uint8Array(Float32Array.from(tensor.values ?? []).buffer);
    header[name] = {
      dtype: tensor.type ?? "F32",
      shape: tensor.shape,
      data_offsets: [offset, offset + bytes.byteLength],
    };
    offset += bytes.byteLength;
    parts.push(bytes);
  }
  return withHeader(JSON.stringify(header), Buffer.concat(parts));
}

/** A safetensors file with any header text, true or not. */
export function withHeader(header: string, data: Uint8Array): Buffer {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** Numbers in [-1, 1) that are the same each time. */
export function noise(count: number, seed: number): number[] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const vocabularySize = 20;
const width = 4;
const heads = 2;
const inner = 6;

/** Tensors of a T5 encoder of one layer; width 4, two heads of 2, feed-forward 6, 20 tokens. */
export function t5Tensors(): Record<string, TinyTensor> {
  const layer = "encoder.block.0.layer";
  const square = [width, width];
  const shapes: Record<string, readonly number[]> = {
    "shared.weight": [vocabularySize, width],
    [`${layer}.0.SelfAttention.q.weight`]: square,
    [`${layer}.0.SelfAttention.k.weight`]: square,
    [`${layer}.0.SelfAttention.v.weight`]: square,
    [`${layer}.0.SelfAttention.o.weight`]: square,
    [`${layer}.0.SelfAttention.relative_attention_bias.weight`]: [32, heads],
    [`${layer}.0.layer_norm.weight`]: [width],
    [`${layer}.1.DenseReluDense.wi.weight`]: [inner, width],
    [`${layer}.1.DenseReluDense.wo.weight`]: [width, inner],
    [`${layer}.1.layer_norm.weight`]: [width],
    "encoder.final_layer_norm.weight": [width],
  };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], seed) => [
      name,
      {
        shape,
        values: noise(
          shape.reduce((a, b) => a * b, 1),
          seed + 1,
        ),
      },
    ]),
  );
}

export const t5Config: Readonly<Record<string, unknown>> = {
  model_type: "t5",
  architectures: ["T5EncoderModel"],
  d_model: width,
  d_kv: 2,
  d_ff: inner,
  num_layers: 1,
  num_heads: heads,
  vocab_size: vocabularySize,
  feed_forward_proj: "relu",
};

export interface WordTokenizer {
  readonly model: {
    readonly type: string;
    readonly vocab: Record<string, number>;
    readonly unk_token: string;
  };
  readonly [field: string]: unknown;
}

export const wordTokenizer: WordTokenizer = {
  version: "1.0",
  added_tokens: [],
  normalizer: null,
  model: {
    type: "WordLevel",
    vocab: Object.fromEntries(Array.from({ length: vocabularySize }, (_, id) => [`t${id}`, id])),
    unk_token: "t3",
  },
};

/** Files of a GTR-like folder: T5 of one layer, mean, projection 4 -> 3, normalise. */
export function gtrFiles(): Record<string, unknown> {
  const module = (idx: number, name: string, place: string) => ({
    idx,
    name: String(idx),
    path: place,
    type: `sentence_transformers.models.${name}`,
  });
  return {
    "config.json": t5Config,
    "modules.json": [
      module(0, "Transformer", ""),
      module(1, "Pooling", "1_Pooling"),
      module(2, "Dense", "2_Dense"),
      module(3, "Normalize", "3_Normalize"),
    ],
    "1_Pooling/config.json": { pooling_mode_mean_tokens: true, pooling_mode_cls_token: false },
    "2_Dense/config.json": {
      in_features: width,
      out_features: 3,
      bias: false,
      activation_function: "torch.nn.modules.linear.Identity",
    },
    "2_Dense/model.safetensors": safetensorsBytes({
      "linear.weight": { shape: [3, width], values: noise(12, 99) },
    }),
    "sentence_bert_config.json": { max_seq_length: 64, do_lower_case: false },
    "tokenizer.json": wordTokenizer,
    "model.safetensors": safetensorsBytes(t5Tensors()),
  };
}

/** Writes files: bytes as they are, anything else as JSON, undefined not at all. */
export async function writeFolder(
  folder: string,
  files: Readonly<Record<string, unknown>>,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    if (content === undefined) continue;
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content instanceof Uint8Array ? content : JSON.stringify(content));
  }
  return folder;
}
