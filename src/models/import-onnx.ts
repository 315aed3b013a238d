import { copyFile, stat } from "node:fs/promises";
import path from "node:path";
import { InvalidModelError } from "../errors.js";
import { type LoadedDense, loadDense, normalize, pool, project } from "./embedding-head.js";
import { GraphLayers } from "./graph-layers.js";
import type { ImportOptions } from "./import-model.js";
import type { ModelDescription } from "./model-description.js";
import { describeFiles, fingerprint } from "./model-folder.js";
import { type ForeignValue, type OnnxFile, readOnnxFile, writeAppended } from "./onnx-file.js";
import { GraphBuilder, onnxType } from "./onnx-graph.js";
import { placeModel, statedLicence } from "./place-model.js";
import { copyReference } from "./reference-vectors.js";
import {
  type DenseModule,
  isSentenceTransformersFolder,
  type Pooling,
  readSentenceTransformersFolder,
  type SentenceTransformersFolder,
} from "./sentence-transformers-folder.js";
import { checkTokenizer, copyTokenizer } from "./tokenizer-file.js";
import { WeightSource } from "./weight-source.js";

/** Lowest opset whose operators the appended layers know. */
const lowestOpset = 11;
const onnxType32 = 6;

/** Where an export's graph and what describes it lie. */
interface OnnxSource {
  readonly file: string;
  /** Holds `modules.json` and `config.json`. */
  readonly modelFolder: string;
  readonly tokenizerFolder: string;
}

/**
 * An ONNX export (a folder of optimum's, `onnx/` in a sentence-transformers folder, or one file with
 * `tokenizer.json` beside it) -> a model folder. The exported graph is taken as it is; pooling,
 * projection and normalisation that it lacks are appended from the folder's modules.
 *
 * Exports drop GTR's projection without a word. So where the folder tells of modules, the graph is
 * cut at its token vectors and they are all appended; where it has only a finished vector, the
 * projection's weights must be found in it. What cannot be known is refused.
 *
 * @throws {InvalidModelError} no telling what the graph computes, or it cannot be served
 */
export async function importOnnx(
  source: string,
  targetDir: string,
  options: ImportOptions,
): Promise<ModelDescription> {
  if (options.numberFormat !== undefined && options.numberFormat !== "fp32") {
    throw new InvalidModelError(
      `${source} is ONNX already: its numbers stay as they are; import the safetensors for ` +
        options.numberFormat,
      { file: source },
    );
  }
  const place = await findOnnx(source);
  const folder = isSentenceTransformersFolder(place.modelFolder)
    ? await readSentenceTransformersFolder(place.modelFolder, {
        // The graph may be finished; whether a pooling is needed shows below.
        pooling: options.pooling ?? "mean",
        ...(options.similarity && { similarity: options.similarity }),
      })
    : null;
  const poolingKnown =
    options.pooling !== undefined || (await exists(path.join(place.modelFolder, "modules.json")));
  const foreign = await readOnnxFile(place.file);
  return placeModel(targetDir, options, (target) =>
    writeModel(place, foreign, folder, poolingKnown, target, options),
  );
}

async function findOnnx(source: string): Promise<OnnxSource> {
  const isFile = (await stat(source).catch(() => null))?.isFile() === true;
  const candidates = isFile
    ? [source]
    : ["model.onnx", "onnx/model.onnx"].map((name) => path.join(source, name));
  for (const file of candidates) {
    if (!(await exists(file))) continue;
    const own = path.dirname(file);
    const above = path.dirname(own);
    const nested = path.basename(own) === "onnx" && (await exists(path.join(above, "config.json")));
    const modelFolder = nested ? above : own;
    const tokenizerBeside = await exists(path.join(own, "tokenizer.json"));
    return { file, modelFolder, tokenizerFolder: tokenizerBeside ? own : modelFolder };
  }
  throw new InvalidModelError(`${source} holds no model.onnx`, { folder: source });
}

/** What is to be computed from which value of the foreign graph. */
interface Plan {
  readonly kind: ModelDescription["kind"];
  readonly from: ForeignValue;
  readonly pooling: Pooling | null;
  readonly dense: readonly DenseModule[];
  readonly unit: boolean;
  readonly similarity: ModelDescription["similarity"];
  readonly dimension: number;
}

async function writeModel(
  place: OnnxSource,
  foreign: OnnxFile,
  folder: SentenceTransformersFolder | null,
  poolingKnown: boolean,
  target: string,
  options: ImportOptions,
): Promise<ModelDescription> {
  if (foreign.opset < lowestOpset) {
    throw new InvalidModelError(
      `${foreign.file} uses opset ${foreign.opset}; ${lowestOpset} or later is needed: export it again`,
      { file: foreign.file, opset: foreign.opset },
    );
  }
  const plan = await makePlan(foreign, folder, poolingKnown, options);
  const graph = new GraphBuilder(foreign.opset, "braid/");
  const layers = new GraphLayers(graph);
  const replaced = new Set<string>();
  const inputs = foreignInputs(foreign).map((value) => {
    if (value.type === onnxType.int64) return value.name;
    // int32 inputs get an int64 one before them, under the name that all our models use.
    const outside = graph.input(`${value.name}_int64`, ["batch", "tokens"]);
    graph.cast(outside, onnxType32, value.name);
    replaced.add(value.name);
    return outside;
  });
  const mask = foreignInputs(foreign)[1]?.name ?? "";
  const dense: LoadedDense[] = [];
  for (const [index, module] of plan.dense.entries()) {
    dense.push((await loadDense(module, `braid/dense.${index}`, layers)).loaded);
  }
  const hidden =
    plan.from.type === onnxType.float16 ? layers.toFloat(plan.from.name) : plan.from.name;
  const maskValue = replaced.has(mask) ? `${mask}_int64` : mask;
  const pooled =
    plan.pooling === null ? hidden : pool({ hidden, mask: maskValue }, plan.pooling, layers);
  const projected = project(pooled, dense, layers);
  const output = plan.kind === "cross-encoder" ? "braid_logits" : "braid_embedding";
  graph.rename(plan.unit ? normalize(projected, layers) : projected, output);
  const added = graph.build(
    [{ name: output, type: onnxType.float, shape: ["batch", plan.dimension] }],
    replaced,
  );
  await writeAppended(path.join(target, "model.onnx"), foreign, added, replaced);
  for (const name of foreign.dataFiles) {
    const from = path.join(path.dirname(place.file), name);
    if (!(await exists(from))) {
      throw new InvalidModelError(`${place.file} needs ${name} beside it, which is missing`, {
        file: from,
      });
    }
    await copyFile(from, path.join(target, name));
  }
  await checkTokenizer(place.tokenizerFolder, tokenRows(foreign, folder));
  const tokenizerFiles = await copyTokenizer(
    place.tokenizerFolder,
    target,
    folder?.lowerCase ?? false,
  );
  const files = await describeFiles(target, [
    "model.onnx",
    ...foreign.dataFiles,
    ...tokenizerFiles,
    ...(await copyReference(place.modelFolder, target)),
  ]);
  const sources = await describeFiles(path.dirname(place.file), [
    path.basename(place.file),
    ...foreign.dataFiles,
  ]);
  const draft = {
    formatVersion: 1,
    name: options.name,
    kind: plan.kind,
    family: "onnx",
    dimension: plan.dimension,
    similarity: plan.similarity,
    pooling: plan.pooling ?? "none",
    numberFormat: storedFormat(foreign),
    maxTokens: maxTokens(folder),
    prompts: folder?.prompts ?? { query: "", document: "" },
    onnxFile: "model.onnx",
    inputs,
    output,
    tokenOnnxFile: null,
    tokenOutput: null,
    batchInvariant: !foreign.nodes.some((node) => dynamicOperators.has(node.operator)),
    // The projection may come from another file: what was written says it all.
    weights: `sha256:${sources[0]?.sha256}:${files[0]?.sha256}`,
    files,
    source: options.source ?? path.basename(path.resolve(place.modelFolder)),
    licence: options.licence ?? (await statedLicence(place.modelFolder)),
  } as const satisfies Omit<ModelDescription, "fingerprint">;
  return { ...draft, fingerprint: fingerprint(draft) };
}

/** Activations quantised over the whole batch. */
const dynamicOperators = new Set([
  "DynamicQuantizeLinear",
  "DynamicQuantizeMatMul",
  "DynamicQuantizeLSTM",
]);

/** ids, mask and, where the graph takes them, types. */
function foreignInputs(foreign: OnnxFile): ForeignValue[] {
  const names = ["input_ids", "attention_mask", "token_type_ids"];
  const unknown = foreign.inputs.find((value) => !names.includes(value.name));
  if (unknown !== undefined) {
    throw new InvalidModelError(
      `${foreign.file} has the input "${unknown.name}"; only ${names.join(", ")} can be served`,
      { file: foreign.file, input: unknown.name },
    );
  }
  const found = names.flatMap((name) => foreign.inputs.filter((value) => value.name === name));
  if (found[0]?.name !== "input_ids" || found[1]?.name !== "attention_mask") {
    throw new InvalidModelError(`${foreign.file} lacks the input input_ids or attention_mask`, {
      file: foreign.file,
    });
  }
  const odd = found.find(({ type }) => type !== onnxType.int64 && type !== onnxType32);
  if (odd === undefined) return found;
  throw new InvalidModelError(
    `${foreign.file}: input "${odd.name}" is of ONNX type ${odd.type}, neither int64 nor int32`,
    { file: foreign.file, input: odd.name },
  );
}

async function makePlan(
  foreign: OnnxFile,
  folder: SentenceTransformersFolder | null,
  poolingKnown: boolean,
  options: ImportOptions,
): Promise<Plan> {
  const { file } = foreign;
  const logits = foreign.outputs.find(({ name }) => name === "logits");
  if (logits !== undefined && (folder === null || folder.kind === "cross-encoder")) {
    const labels = logits.shape[1] ?? labelCount(folder);
    if (logits.shape.length !== 2 || labels !== 1) {
      throw new InvalidModelError(
        `${file}: a reranker needs one logit per text, this graph has ${labels ?? "unknown many"}`,
        { file },
      );
    }
    const rest = { pooling: null, dense: [], unit: false, similarity: "cosine" } as const;
    return { kind: "cross-encoder", from: logits, dimension: 1, ...rest };
  }
  const similarity = options.similarity ?? folder?.similarity ?? "cosine";
  const unit = similarity === "cosine" || (folder?.normalize ?? false);
  const base = { kind: "dual-encoder", unit, similarity } as const;
  const tokens = foreign.outputs.find(
    ({ name, shape }) =>
      shape.length === 3 || name === "last_hidden_state" || name === "token_embeddings",
  );
  if (folder !== null && poolingKnown && tokens !== undefined) {
    const pooling = folder.pooling ?? "mean";
    const dimension = await vectorWidth(file, tokens.shape[2] ?? null, folder);
    return { ...base, from: tokens, pooling, dense: folder.dense, dimension };
  }
  const finished = foreign.outputs.filter(
    ({ name, shape }) => shape.length === 2 && name !== "logits",
  );
  const vector = finished.find(({ name }) => name === "sentence_embedding") ?? finished[0];
  if (vector === undefined) {
    throw new InvalidModelError(
      `${file} gives token vectors, and its folder does not say how they become one vector (no ` +
        "modules.json): name the pooling that the model was trained with",
      { file },
    );
  }
  if (finished.length > 1 && vector.name !== "sentence_embedding") {
    throw new InvalidModelError(
      `${file} has the outputs ${finished.map(({ name }) => name).join(", ")}: which one is the ` +
        "embedding cannot be known",
      { file },
    );
  }
  for (const module of folder?.dense ?? []) await refuseDroppedProjection(foreign, module);
  const dimension = await vectorWidth(file, vector.shape[1] ?? null, folder);
  return { ...base, from: vector, pooling: null, dense: [], dimension };
}

/** A finished vector cannot be projected after the fact: the projection must be in the graph. */
async function refuseDroppedProjection(foreign: OnnxFile, module: DenseModule): Promise<void> {
  const source = await WeightSource.open(module.folder);
  try {
    const values = await source.read("linear.weight");
    if (foreign.tensors.some((tensor) => holds(tensor.bytes, values, module))) return;
  } finally {
    await source.close();
  }
  throw new InvalidModelError(
    `${foreign.file} lacks the projection of ${module.folder}, which the model was trained with, and ` +
      "gives no token vectors to put it after: import the safetensors instead",
    { file: foreign.file, folder: module.folder },
  );
}

/** Whether float32 bytes are the values, as they stand or transposed: compared along one row. */
function holds(bytes: Uint8Array | null, values: Float32Array, module: DenseModule): boolean {
  if (bytes === null || bytes.byteLength !== 4 * values.length) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { inWidth, outWidth } = module;
  const at = (index: number): number => view.getFloat32(4 * index, true);
  let same = true;
  let transposed = true;
  for (let row = 0; row < outWidth; row++) {
    for (let column = 0; column < inWidth; column++) {
      const value = values[row * inWidth + column];
      same &&= at(row * inWidth + column) === value;
      transposed &&= at(column * outWidth + row) === value;
    }
    if (!same && !transposed) return false;
  }
  return true;
}

async function vectorWidth(
  file: string,
  stated: number | null,
  folder: SentenceTransformersFolder | null,
): Promise<number> {
  const last = folder?.dense.at(-1)?.outWidth;
  if (last !== undefined) return last;
  if (stated !== null && stated > 0) return stated;
  for (const field of ["hidden_size", "d_model", "dim"]) {
    if (folder?.config.get(field) !== undefined) return folder.config.integer(field);
  }
  throw new InvalidModelError(`${file} does not say how long its vectors are`, { file });
}

function labelCount(folder: SentenceTransformersFolder | null): number | null {
  const labels = folder?.config.get("id2label");
  return typeof labels === "object" && labels !== null ? Object.keys(labels).length : null;
}

/** Rows of the token table: of the config, else of the longest table in the graph. */
function tokenRows(foreign: OnnxFile, folder: SentenceTransformersFolder | null): number {
  if (folder?.config.get("vocab_size") !== undefined) return folder.config.integer("vocab_size");
  const tables = foreign.tensors.filter(({ shape }) => shape.length === 2);
  return Math.max(0, ...tables.map(({ shape }) => shape[0] ?? 0));
}

/** By the type that most weights have. */
function storedFormat(foreign: OnnxFile): ModelDescription["numberFormat"] {
  const counts = new Map<number, number>();
  for (const { type, shape } of foreign.tensors) {
    const elements = shape.reduce((product, length) => product * length, 1);
    counts.set(type, (counts.get(type) ?? 0) + elements);
  }
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  switch (first?.[0]) {
    case onnxType.float16:
      return "fp16";
    case onnxType.int8:
    case onnxType.uint8:
      return "int8";
    default:
      return "fp32";
  }
}

function maxTokens(folder: SentenceTransformersFolder | null): number {
  const positions = folder?.config.get("max_position_embeddings");
  const limits = [folder?.maxTokens ?? 512];
  if (typeof positions === "number" && positions > 0) {
    const counted = /roberta|camembert|mpnet/.test(folder?.config.string("model_type", "") ?? "");
    limits.push(counted ? positions - 2 : positions);
  }
  return Math.min(...limits);
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
