import { createHash } from "node:crypto";
import path from "node:path";
import { InvalidModelError } from "../errors.js";
import { buildBertEncoder, buildClassifier } from "./bert-encoder.js";
import {
  type LoadedDense,
  loadDense,
  normalize,
  pool,
  project,
  tokenVectors,
} from "./embedding-head.js";
import { LayerBuilder, type NumberFormat } from "./layer-builder.js";
import type { ModelDescription } from "./model-description.js";
import { describeFiles, fingerprint } from "./model-folder.js";
import { type OnnxGraph, onnxType } from "./onnx-graph.js";
import { writeOnnxFiles } from "./onnx-writer.js";
import { type PlaceOptions, placeModel, statedLicence } from "./place-model.js";
import { copyReference } from "./reference-vectors.js";
import {
  type FolderHints,
  readSentenceTransformersFolder,
  type SentenceTransformersFolder,
} from "./sentence-transformers-folder.js";
import { buildT5Encoder } from "./t5-encoder.js";
import { checkTokenizer, copyTokenizer } from "./tokenizer-file.js";
import type { Trunk } from "./trunk.js";
import { WeightSource } from "./weight-source.js";

export interface ImportOptions extends FolderHints, PlaceOptions {
  /** Default fp32. */
  readonly numberFormat?: NumberFormat;
  /** Recorded in `model.json`; default the source folder's name. */
  readonly source?: string;
  /** Recorded in `model.json`; default what the front matter of the folder's README.md says. */
  readonly licence?: string;
}

const onnxFile = "model.onnx";
const tokenOnnxFile = "tokens.onnx";
const dataFile = "model.onnx.data";

/**
 * A sentence-transformers folder with safetensors -> a folder that runs here: ONNX graphs that end
 * in the finished embedding (or a cross-encoder's logit), the tokenizer, and `model.json`.
 * Works tensor by tensor; the result appears in one piece or not at all.
 *
 * @throws {InvalidModelError} naming the tensor, file or module at fault
 * @throws {AlreadyExistsError} the target holds something and `overwrite` is not set
 */
export async function importModel(
  sourceDir: string,
  targetDir: string,
  options: ImportOptions,
): Promise<ModelDescription> {
  const folder = await readSentenceTransformersFolder(sourceDir, options);
  return placeModel(targetDir, options, (partial) => writeModel(folder, partial, options));
}

async function writeModel(
  folder: SentenceTransformersFolder,
  target: string,
  options: ImportOptions,
): Promise<ModelDescription> {
  const numberFormat = options.numberFormat ?? "fp32";
  const weights = await WeightSource.open(folder.transformerFolder);
  try {
    const layers = new LayerBuilder(weights, numberFormat);
    const trunk = await buildTrunk(folder, layers);
    const head =
      folder.kind === "cross-encoder"
        ? crossEncoderHead(trunk, folder, layers)
        : await dualEncoderHead(trunk, folder, layers);
    refuseUnusedWeights(weights, layers.used, trunk);
    await checkTokenizer(folder.transformerFolder, trunk.vocabularySize);
    const tokenizerFiles = await copyTokenizer(folder.transformerFolder, target, folder.lowerCase);
    const references = await copyReference(folder.folder, target);
    const onnxFiles = await writeOnnxFiles(target, head.graphs, dataFile);
    const draft = {
      formatVersion: 1,
      name: options.name,
      kind: folder.kind,
      family: trunk.family,
      dimension: head.dimension,
      similarity: folder.similarity,
      pooling: folder.pooling ?? "none",
      numberFormat,
      maxTokens: maxTokens(folder, trunk),
      prompts: folder.prompts,
      onnxFile,
      inputs: trunk.inputs,
      output: head.output,
      tokenOnnxFile: head.tokenOutput === null ? null : tokenOnnxFile,
      tokenOutput: head.tokenOutput,
      batchInvariant: true,
      weights: identityOfWeights(weights, head.moduleHashes),
      files: await describeFiles(target, [...onnxFiles, ...tokenizerFiles, ...references]),
      source: options.source ?? path.basename(path.resolve(folder.folder)),
      licence: options.licence ?? (await statedLicence(folder.folder)),
    } as const satisfies Omit<ModelDescription, "fingerprint">;
    return { ...draft, fingerprint: fingerprint(draft) };
  } finally {
    await weights.close();
  }
}

async function buildTrunk(
  folder: SentenceTransformersFolder,
  layers: LayerBuilder,
): Promise<Trunk> {
  const { config } = folder;
  const type = config.string("model_type");
  const pairs = folder.kind === "cross-encoder";
  switch (type) {
    case "t5":
    case "mt5":
    case "umt5":
      if (type === "umt5" || pairs) break;
      return buildT5Encoder(config, layers);
    case "bert":
    case "distilbert":
    case "roberta":
    case "mpnet":
      return buildBertEncoder(type, config, layers, pairs);
    case "xlm-roberta":
    case "camembert":
      return buildBertEncoder("roberta", config, layers, pairs);
  }
  throw new InvalidModelError(
    `${config.file}: a ${folder.kind} of model type "${type}" is not supported (T5 encoder, BERT, ` +
      "DistilBERT, RoBERTa, XLM-R and MPNet are)",
    { file: config.file, modelType: type },
  );
}

interface Head {
  readonly graphs: ReadonlyMap<string, OnnxGraph>;
  readonly output: string;
  readonly tokenOutput: string | null;
  readonly dimension: number;
  readonly moduleHashes: readonly (readonly [string, string])[];
}

function crossEncoderHead(
  trunk: Trunk,
  folder: SentenceTransformersFolder,
  layers: LayerBuilder,
): Head {
  const output = layers.graph.rename(buildClassifier(trunk, folder.config, layers), "logits");
  const graph = layers.graph.build([{ name: output, type: onnxType.float, shape: ["batch", 1] }]);
  return {
    graphs: new Map([[onnxFile, graph]]),
    output,
    tokenOutput: null,
    dimension: 1,
    moduleHashes: [],
  };
}

async function dualEncoderHead(
  trunk: Trunk,
  folder: SentenceTransformersFolder,
  layers: LayerBuilder,
): Promise<Head> {
  const dense: LoadedDense[] = [];
  const moduleHashes: (readonly [string, string])[] = [];
  let dimension = trunk.width;
  for (const [index, module] of folder.dense.entries()) {
    if (module.inWidth !== dimension) {
      throw new InvalidModelError(
        `${module.folder} takes vectors of width ${module.inWidth}, but gets width ${dimension}`,
        { folder: module.folder },
      );
    }
    const { loaded, hashes } = await loadDense(module, `dense.${index}`, layers);
    dense.push(loaded);
    for (const [name, hash] of hashes()) {
      moduleHashes.push([`dense.${index}.${module.activation}.${name}`, hash]);
    }
    dimension = module.outWidth;
  }
  const { graph } = layers;
  // Only a model without its own statement reaches this with neither pooling.
  const pooled = project(pool(trunk, folder.pooling ?? "mean", layers), dense, layers);
  const unit = folder.normalize || folder.similarity === "cosine";
  const output = graph.rename(unit ? normalize(pooled, layers) : pooled, "embedding");
  const tokenOutput = graph.rename(tokenVectors(trunk, dense, layers), "token_embeddings");
  const float = onnxType.float;
  return {
    graphs: new Map([
      [onnxFile, graph.build([{ name: output, type: float, shape: ["batch", dimension] }])],
      [
        tokenOnnxFile,
        graph.build([{ name: tokenOutput, type: float, shape: ["batch", "tokens", dimension] }]),
      ],
    ]),
    output,
    tokenOutput,
    dimension,
    moduleHashes: [...moduleHashes, ["normalize", String(unit)]],
  };
}

/** A weight that nothing uses is a layer that config.json does not tell of: a wrong model. */
function refuseUnusedWeights(weights: WeightSource, used: ReadonlySet<string>, trunk: Trunk): void {
  const unused = weights.names().filter((name) => !used.has(name) && !trunk.ignored.test(name));
  if (unused.length === 0) return;
  throw new InvalidModelError(
    `${weights.place} holds ${unused.length} tensors that config.json has no place for, ` +
      `"${unused[0]}" first: it describes another model`,
    { folder: weights.place, tensor: unused[0] ?? "" },
  );
}

function maxTokens(folder: SentenceTransformersFolder, trunk: Trunk): number {
  const limits = [folder.maxTokens, trunk.maxTokens].filter((limit) => limit !== null);
  return limits.length === 0 ? 512 : Math.min(...limits);
}

function identityOfWeights(
  weights: WeightSource,
  moduleHashes: readonly (readonly [string, string])[],
): string {
  const hashes = JSON.stringify([weights.hashes(), moduleHashes]);
  return `sha256:${createHash("sha256").update(hashes).digest("hex")}`;
}
