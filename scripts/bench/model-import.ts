// Imports random-weight T5 encoders of GTR's shapes and reports time, peak memory and sizes:
//   npx tsx scripts/bench/model-import.ts [base|large|xl|xxl …] [--format fp32|fp16|int8] [--keep DIR]
// The weights are float16 like GTR's and mean nothing; each import runs in a process of its own,
// whose peak memory is what the operating system counted. Sources are made in a temporary folder.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { importModel } from "../../src/models/import-model.js";
import type { NumberFormat } from "../../src/models/layer-builder.js";
import { floatToHalfBits } from "../../src/models/number-formats.js";

interface Shape {
  readonly width: number;
  readonly headWidth: number;
  readonly heads: number;
  readonly inner: number;
  readonly depth: number;
}

/** T5 v1.0's encoders as GTR uses them. */
const shapes: Readonly<Record<string, Shape>> = {
  base: { width: 768, headWidth: 64, heads: 12, inner: 3072, depth: 12 },
  large: { width: 1024, headWidth: 64, heads: 16, inner: 4096, depth: 24 },
  xl: { width: 1024, headWidth: 128, heads: 32, inner: 16_384, depth: 24 },
  xxl: { width: 1024, headWidth: 128, heads: 128, inner: 65_536, depth: 24 },
};
const vocabularySize = 32_128;
const dimension = 768;
const shardBytes = 5_000_000_000;

function tensorShapes(shape: Shape): [string, readonly number[]][] {
  const { width, headWidth, heads, inner, depth } = shape;
  const attention = heads * headWidth;
  const list: [string, readonly number[]][] = [["shared.weight", [vocabularySize, width]]];
  for (let block = 0; block < depth; block++) {
    const at = `encoder.block.${block}.layer`;
    for (const name of ["q", "k", "v"]) {
      list.push([`${at}.0.SelfAttention.${name}.weight`, [attention, width]]);
    }
    list.push([`${at}.0.SelfAttention.o.weight`, [width, attention]]);
    if (block === 0) {
      list.push([`${at}.0.SelfAttention.relative_attention_bias.weight`, [32, heads]]);
    }
    list.push([`${at}.0.layer_norm.weight`, [width]]);
    list.push([`${at}.1.DenseReluDense.wi.weight`, [inner, width]]);
    list.push([`${at}.1.DenseReluDense.wo.weight`, [width, inner]]);
    list.push([`${at}.1.layer_norm.weight`, [width]]);
  }
  list.push(["encoder.final_layer_norm.weight", [width]]);
  return list;
}

const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Writes the folder; random blocks are repeated, since only sizes matter. */
async function makeFolder(folder: string, shape: Shape): Promise<number> {
  const json = (name: string, value: unknown): Promise<void> =>
    writeFile(path.join(folder, name), JSON.stringify(value));
  await mkdir(path.join(folder, "1_Pooling"), { recursive: true });
  await mkdir(path.join(folder, "2_Dense"), { recursive: true });
  await json("config.json", {
    model_type: "t5",
    architectures: ["T5EncoderModel"],
    d_model: shape.width,
    d_kv: shape.headWidth,
    d_ff: shape.inner,
    num_layers: shape.depth,
    num_heads: shape.heads,
    vocab_size: vocabularySize,
    feed_forward_proj: "relu",
  });
  const module = (name: string, place: string): object => ({
    path: place,
    type: `sentence_transformers.models.${name}`,
  });
  await json("modules.json", [
    module("Transformer", ""),
    module("Pooling", "1_Pooling"),
    module("Dense", "2_Dense"),
    module("Normalize", "3_Normalize"),
  ]);
  await json("1_Pooling/config.json", { pooling_mode_mean_tokens: true });
  await json("2_Dense/config.json", {
    in_features: shape.width,
    out_features: dimension,
    bias: false,
    activation_function: "torch.nn.modules.linear.Identity",
  });
  await json("sentence_bert_config.json", { max_seq_length: 512 });
  await json("tokenizer.json", {
    added_tokens: [],
    model: { type: "Unigram", vocab: Array.from({ length: 32_100 }, (_, i) => [`t${i}`, -1]) },
  });
  await writeTensors(path.join(folder, "2_Dense/model.safetensors"), [
    ["linear.weight", [dimension, shape.width]],
  ]);
  const tensors = tensorShapes(shape);
  const total = tensors.reduce((sum, [, lengths]) => sum + 2 * elements(lengths), 0);
  if (total <= shardBytes) {
    await writeTensors(path.join(folder, "model.safetensors"), tensors);
    return total;
  }
  const shards: [string, readonly number[]][][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    if (filled > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(tensor);
    filled += 2 * elements(tensor[1]);
  }
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const name = `model-0000${i + 1}-of-0000${shards.length}.safetensors`;
    await writeTensors(path.join(folder, name), shard);
    for (const [tensor] of shard) weightMap[tensor] = name;
  }
  await json("model.safetensors.index.json", { weight_map: weightMap });
  return total;
}

const block = Uint16Array.from({ length: 1 << 20 }, () =>
  floatToHalfBits((Math.random() + Math.random() - 1) * 0.05),
);

async function writeTensors(
  file: string,
  tensors: readonly (readonly [string, readonly number[]])[],
): Promise<void> {
  const header: Record<string, object> = {};
  let offset = 0;
  for (const [name, shape] of tensors) {
    const end = offset + 2 * elements(shape);
    header[name] = { dtype: "F16", shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const stream = createWriteStream(file);
  stream.write(Buffer.concat([length, text]));
  for (let left = offset; left > 0; left -= Math.min(left, block.byteLength)) {
    const piece = new Uint8Array(block.buffer, 0, Math.min(left, block.byteLength));
    if (!stream.write(piece)) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "finish");
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(path.join(folder, name))).size;
  return bytes;
}

const self = fileURLToPath(import.meta.url);
const [first, ...rest] = process.argv.slice(2);
if (first === "--child") {
  const [source = "", target = "", format = "fp32"] = rest;
  const started = performance.now();
  await importModel(source, target, {
    name: "random",
    numberFormat: format as NumberFormat,
    overwrite: true,
  });
  const usage = process.resourceUsage();
  console.log(
    JSON.stringify({
      seconds: (performance.now() - started) / 1000,
      cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
      peakMb: usage.maxRSS / 1024,
    }),
  );
} else {
  const words = first === undefined ? ["base", "large", "xl"] : [first, ...rest];
  const option = (name: string): string | undefined => {
    const at = words.indexOf(name);
    return at < 0 ? undefined : words.splice(at, 2)[1];
  };
  const formats = option("--format")?.split(",") ?? ["fp32", "int8"];
  const keep = option("--keep");
  const scratch = keep ?? (await mkdtemp(path.join(tmpdir(), "braid-model-import-")));
  try {
    console.log("| shape | source MB | format | model MB | seconds | CPU seconds | peak MB |");
    console.log("| --- | --- | --- | --- | --- | --- | --- |");
    for (const name of words.length === 0 ? ["base", "large", "xl"] : words) {
      const shape = shapes[name];
      if (shape === undefined) throw new Error(`no shape ${name}`);
      const source = path.join(scratch, `source-${name}`);
      const sourceBytes = await makeFolder(source, shape);
      for (const format of formats) {
        const target = path.join(scratch, `${name}-${format}`);
        const child = spawnSync(
          process.execPath,
          ["--import", "tsx", self, "--child", source, target, format],
          { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
        );
        if (child.status !== 0) throw new Error(`the import of ${name} failed`);
        const { seconds, cpuSeconds, peakMb } = JSON.parse(child.stdout) as Record<string, number>;
        const cells = [
          name,
          (sourceBytes / 1e6).toFixed(0),
          format,
          ((await folderBytes(target)) / 1e6).toFixed(0),
          seconds?.toFixed(1),
          cpuSeconds?.toFixed(1),
          peakMb?.toFixed(0),
        ];
        console.log(`| ${cells.join(" | ")} |`);
        if (keep === undefined) await rm(target, { recursive: true, force: true });
      }
      await rm(source, { recursive: true, force: true });
    }
  } finally {
    if (keep === undefined) await rm(scratch, { recursive: true, force: true });
  }
}
