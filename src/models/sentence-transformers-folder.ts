import { existsSync } from "node:fs";
import path from "node:path";
import { InvalidModelError } from "../errors.js";
import { type Activation, activationNamed } from "./graph-layers.js";
import { JsonFile, readJsonIfPresent } from "./json-file.js";
import type { ModelDescription } from "./model-description.js";

export type Pooling = Exclude<ModelDescription["pooling"], "none">;

/** A linear layer after pooling, as `N_Dense` folders hold it. */
export interface DenseModule {
  readonly folder: string;
  readonly inWidth: number;
  readonly outWidth: number;
  readonly bias: boolean;
  readonly activation: Activation;
}

/** What a folder in the layout of sentence-transformers says about its model. */
export interface SentenceTransformersFolder {
  readonly folder: string;
  /** Where `config.json`, tokenizer and weights of the encoder lie. */
  readonly transformerFolder: string;
  readonly config: JsonFile;
  readonly kind: ModelDescription["kind"];
  /** null for a cross-encoder. */
  readonly pooling: Pooling | null;
  readonly dense: readonly DenseModule[];
  readonly normalize: boolean;
  readonly similarity: ModelDescription["similarity"];
  /** null where the folder does not say. */
  readonly maxTokens: number | null;
  readonly lowerCase: boolean;
  readonly prompts: ModelDescription["prompts"];
}

/** What the caller knows better than the folder. */
export interface FolderHints {
  readonly pooling?: Pooling;
  readonly similarity?: ModelDescription["similarity"];
}

/**
 * Reads `config.json`, `modules.json` and the modules' own files. Unknown modules, poolings and
 * settings are refused: leaving one out would give plausible, wrong vectors.
 *
 * Similarity, where the model does not state one: cosine, as sentence-transformers assumes, unless
 * the model takes the [CLS] vector without normalising it, as the dot product models (TAS-B, DPR) do.
 *
 * @throws {ModelMissingError} a file is missing; {InvalidModelError} a file says what is not supported
 */
export async function readSentenceTransformersFolder(
  folder: string,
  hints: FolderHints = {},
): Promise<SentenceTransformersFolder> {
  const modules = await readModules(folder);
  const transformerFolder = path.join(folder, modules?.transformer ?? "");
  const config = await JsonFile.read(path.join(transformerFolder, "config.json"));
  const kind = isCrossEncoder(config) ? "cross-encoder" : "dual-encoder";
  const pooling = kind === "cross-encoder" ? null : await readPooling(folder, modules, hints);
  const dense: DenseModule[] = [];
  for (const place of modules?.dense ?? []) dense.push(await readDense(path.join(folder, place)));
  const settings = await JsonFile.readIfPresent(
    path.join(folder, "config_sentence_transformers.json"),
  );
  const stated = hints.similarity ?? statedSimilarity(settings);
  const normalize = modules?.normalize ?? false;
  const bert = await JsonFile.readIfPresent(
    path.join(transformerFolder, "sentence_bert_config.json"),
  );
  return {
    folder,
    transformerFolder,
    config,
    kind,
    pooling,
    dense,
    normalize,
    similarity: stated ?? (normalize || pooling !== "cls" ? "cosine" : "dot"),
    maxTokens: await readMaxTokens(transformerFolder, bert),
    lowerCase: bert?.boolean("do_lower_case", false) ?? false,
    prompts: readPrompts(settings),
  };
}

interface Modules {
  readonly transformer: string;
  readonly pooling: string | null;
  readonly dense: readonly string[];
  readonly normalize: boolean;
}

/** Order of the modules that can be served: Transformer, Pooling, any Dense, at most one Normalize. */
const moduleOrder = ["Transformer", "Pooling", "Dense", "Normalize"];

async function readModules(folder: string): Promise<Modules | null> {
  const file = path.join(folder, "modules.json");
  const list = await readJsonIfPresent(file);
  if (list === undefined) return null;
  if (!Array.isArray(list) || list.length === 0) {
    throw new InvalidModelError(`${file} must hold a list of modules`, { file });
  }
  const places: Record<string, string[]> = {};
  let stage = 0;
  for (const entry of list) {
    const module = new JsonFile(file, entry);
    const type = module.string("type");
    const name = type.split(".").at(-1) ?? type;
    const at = moduleOrder.indexOf(name);
    if (at < 0) {
      throw new InvalidModelError(
        `${file}: module "${type}" is not supported (${moduleOrder.join(", ")} are): ` +
          "leaving it out would change the vectors",
        { file, module: type },
      );
    }
    if (at < stage || (at === stage && name !== "Dense" && places[name] !== undefined)) {
      throw new InvalidModelError(
        `${file}: module "${type}" stands where it cannot be served; the order must be ` +
          moduleOrder.join(", "),
        { file, module: type },
      );
    }
    stage = at;
    const place = module.string("path", "");
    if (path.isAbsolute(place) || place.split(/[\\/]/).includes("..")) {
      throw new InvalidModelError(`${file}: module path "${place}" leaves the folder`, { file });
    }
    places[name] = [...(places[name] ?? []), place];
  }
  const transformer = places["Transformer"]?.[0];
  if (transformer === undefined) {
    throw new InvalidModelError(`${file} names no Transformer module`, { file });
  }
  return {
    transformer,
    pooling: places["Pooling"]?.[0] ?? null,
    dense: places["Dense"] ?? [],
    normalize: places["Normalize"] !== undefined,
  };
}

function isCrossEncoder(config: JsonFile): boolean {
  return config
    .strings("architectures", [])
    .some((name) => name.endsWith("ForSequenceClassification"));
}

const poolingFlags: Readonly<Record<string, Pooling | null>> = {
  pooling_mode_cls_token: "cls",
  pooling_mode_mean_tokens: "mean",
  pooling_mode_max_tokens: "max",
  pooling_mode_lasttoken: "last",
  pooling_mode_mean_sqrt_len_tokens: null,
  pooling_mode_weightedmean_tokens: null,
};

const poolingNames: readonly string[] = ["cls", "mean", "max", "last"] satisfies Pooling[];

async function readPooling(
  folder: string,
  modules: Modules | null,
  hints: FolderHints,
): Promise<Pooling> {
  if (modules?.pooling == null) {
    if (hints.pooling !== undefined) return hints.pooling;
    throw new InvalidModelError(
      `${folder} does not say how token vectors become one vector (no modules.json with a Pooling ` +
        "module): name the pooling, mean or cls, that the model was trained with",
      { folder },
    );
  }
  const config = await JsonFile.read(path.join(folder, modules.pooling, "config.json"));
  const named = config.get("pooling_mode");
  const asked =
    typeof named === "string"
      ? named.split(/[+,]/)
      : Object.keys(poolingFlags).filter((flag) => config.boolean(flag, false));
  const poolings = asked.map((name) => {
    const pooling = poolingFlags[name] ?? (name === "lasttoken" ? "last" : name);
    if (poolingNames.includes(pooling)) return pooling as Pooling;
    throw new InvalidModelError(`${config.file}: pooling "${name}" is not supported`, {
      file: config.file,
      pooling: name,
    });
  });
  const [first] = poolings;
  if (poolings.length !== 1 || first === undefined) {
    throw new InvalidModelError(
      `${config.file}: one pooling expected, got ${poolings.join(" and ") || "none"}`,
      { file: config.file },
    );
  }
  if (config.get("include_prompt") === false) {
    throw new InvalidModelError(
      `${config.file}: pooling without the prompt's tokens (include_prompt false) is not supported`,
      { file: config.file },
    );
  }
  return first;
}

async function readDense(folder: string): Promise<DenseModule> {
  const config = await JsonFile.read(path.join(folder, "config.json"));
  return {
    folder,
    inWidth: config.integer("in_features"),
    outWidth: config.integer("out_features"),
    bias: config.boolean("bias", true),
    activation: activationNamed(
      config.string("activation_function", "torch.nn.modules.activation.Tanh"),
      `${config.file}: activation_function`,
    ),
  };
}

function statedSimilarity(settings: JsonFile | null): ModelDescription["similarity"] | null {
  const name = settings?.get("similarity_fn_name") ?? null;
  if (settings === null || name === null) return null;
  if (name === "cosine") return "cosine";
  if (name === "dot" || name === "dot_product") return "dot";
  throw new InvalidModelError(
    `${settings.file}: similarity "${String(name)}" is not supported (cosine and dot are)`,
    { file: settings.file },
  );
}

async function readMaxTokens(folder: string, bert: JsonFile | null): Promise<number | null> {
  const limits: number[] = [];
  if (typeof bert?.get("max_seq_length") === "number") limits.push(bert.integer("max_seq_length"));
  else {
    const tokenizer = await JsonFile.readIfPresent(path.join(folder, "tokenizer_config.json"));
    const length = tokenizer?.get("model_max_length");
    // transformers writes 10^30 for "no limit".
    if (typeof length === "number" && length > 0 && length < 1e6) limits.push(Math.floor(length));
  }
  return limits[0] ?? null;
}

function readPrompts(settings: JsonFile | null): ModelDescription["prompts"] {
  const prompts = settings?.get("prompts");
  if (settings === null || typeof prompts !== "object" || prompts === null) {
    return { query: "", document: "" };
  }
  const table = new JsonFile(`${settings.file} (prompts)`, prompts);
  const fallbackName = settings.get("default_prompt_name");
  const fallback = typeof fallbackName === "string" ? table.string(fallbackName) : "";
  const first = (names: readonly string[]): string => {
    const name = names.find((candidate) => table.get(candidate) != null);
    return name === undefined ? fallback : table.string(name);
  };
  return { query: first(["query"]), document: first(["document", "passage", "corpus"]) };
}

/** Whether a folder looks like one that {@link readSentenceTransformersFolder} reads. */
export function isSentenceTransformersFolder(folder: string): boolean {
  return (
    existsSync(path.join(folder, "config.json")) || existsSync(path.join(folder, "modules.json"))
  );
}
