import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { InputError, InvalidModelError, ModelMissingError } from "../errors.js";
import { JsonFile } from "./json-file.js";
import type { ModelDescription } from "./model-description.js";

export const descriptionFile = "model.json";

export type ModelFile = ModelDescription["files"][number];

/**
 * Reads and checks `model.json`: every field, the fingerprint against the fields it binds, and that
 * each listed file is there with its size. Hashes are left to {@link verifyModelFiles}.
 *
 * @throws {ModelMissingError} no such folder or no `model.json`; {InvalidModelError} contradiction
 */
export async function readModelDescription(folder: string): Promise<ModelDescription> {
  const file = path.join(folder, descriptionFile);
  if (!existsSync(file)) {
    throw new ModelMissingError(
      `${folder} holds no ${descriptionFile}: no imported model ("braid models add" makes one)`,
      { folder },
    );
  }
  const description = parseDescription(await JsonFile.read(file));
  for (const { name, bytes } of description.files) {
    const size = await stat(path.join(folder, name)).then(
      (found) => found.size,
      () => null,
    );
    if (size === bytes) continue;
    throw new InvalidModelError(
      `${path.join(folder, name)} should have ${bytes} bytes, ` +
        `${size === null ? "but is missing" : `has ${size}`}: add the model again`,
      { file: path.join(folder, name), expectedBytes: bytes },
    );
  }
  const expected = fingerprint(description);
  if (expected !== description.fingerprint) {
    throw new InvalidModelError(
      `${file}: the fingerprint does not belong to these settings and files (edited by hand?): ` +
        "add the model again",
      { file, expected, got: description.fingerprint },
    );
  }
  return description;
}

/** Reads every byte of the model's files. @throws {InvalidModelError} a file is not what was imported */
export async function verifyModelFiles(folder: string): Promise<ModelDescription> {
  const description = await readModelDescription(folder);
  for (const { name, sha256 } of description.files) {
    const file = path.join(folder, name);
    const got = await hashFile(file);
    if (got === sha256) continue;
    throw new InvalidModelError(
      `${file} has changed since the import (SHA-256 ${got} instead of ${sha256}): add the model again`,
      { file, expected: sha256, got },
    );
  }
  return description;
}

export interface ModelPlaces {
  /** Folder of models; default `BRAID_MODELS`, else `models` in the working directory. */
  readonly modelsDir?: string;
}

/**
 * Folder of a model: a path with a separator as it is, a name below the models folder, then among
 * the models that come with the package.
 *
 * @throws {ModelMissingError} listing the places looked at
 */
export function resolveModelDir(name: string, places: ModelPlaces = {}): string {
  if (name === "") throw new InputError("a model name is needed, got an empty string", {});
  if (/[\\/]/.test(name) || path.isAbsolute(name)) {
    if (existsSync(path.join(name, descriptionFile))) return path.resolve(name);
    throw new ModelMissingError(`no imported model in ${path.resolve(name)}`, { model: name });
  }
  const tried = [modelsDirectory(places), bundledModelsDirectory()].map((place) =>
    path.join(place, name),
  );
  const found = tried.find((folder) => existsSync(path.join(folder, descriptionFile)));
  if (found !== undefined) return found;
  throw new ModelMissingError(
    `no model "${name}" (looked in ${tried.join(" and ")}): "braid models add" brings one in`,
    { model: name },
  );
}

/** Where models are written and looked for first. */
export function modelsDirectory(places: ModelPlaces = {}): string {
  return path.resolve(places.modelsDir ?? process.env["BRAID_MODELS"] ?? "models");
}

/** `models/` of the installed package or of the checkout. */
export function bundledModelsDirectory(): string {
  // src/models/ and dist/models/ both lie two levels below the package's root.
  return path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../models");
}

/** Size and SHA-256 of files of a folder, in the given order. */
export async function describeFiles(
  folder: string,
  names: readonly string[],
): Promise<ModelFile[]> {
  const files: ModelFile[] = [];
  for (const name of names) {
    const file = path.join(folder, name);
    files.push({ name, bytes: (await stat(file)).size, sha256: await hashFile(file) });
  }
  return files;
}

/**
 * Identity of what a model computes: SHA-256 over the weights, the tokenizer and every setting
 * that changes a vector. Two imports of one model in one number format have the same one, wherever
 * they lie and whatever they are called.
 */
export function fingerprint(description: Omit<ModelDescription, "fingerprint">): string {
  const tokenizer = description.files.find((file) => file.name === "tokenizer.json");
  const identity = [
    "braid-model-1",
    description.weights,
    tokenizer?.sha256 ?? "",
    description.kind,
    description.family,
    description.dimension,
    description.pooling,
    description.similarity,
    description.numberFormat,
    description.maxTokens,
    description.prompts.query,
    description.prompts.document,
  ];
  return `sha256:${createHash("sha256").update(JSON.stringify(identity)).digest("hex")}`;
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

function parseDescription(json: JsonFile): ModelDescription {
  const version = json.get("formatVersion");
  if (version !== 1) {
    throw new InvalidModelError(
      `${json.file}: format version ${JSON.stringify(version)}; this program reads version 1`,
      { file: json.file },
    );
  }
  const prompts = new JsonFile(`${json.file} (prompts)`, json.get("prompts"));
  return {
    formatVersion: 1,
    name: json.string("name"),
    kind: choice(json, "kind", ["dual-encoder", "cross-encoder"]),
    family: choice(json, "family", [
      "t5-encoder",
      "bert",
      "distilbert",
      "roberta",
      "mpnet",
      "onnx",
    ]),
    dimension: json.integer("dimension"),
    similarity: choice(json, "similarity", ["cosine", "dot"]),
    pooling: choice(json, "pooling", ["mean", "cls", "max", "last", "none"]),
    numberFormat: choice(json, "numberFormat", ["fp32", "fp16", "int8"]),
    maxTokens: json.integer("maxTokens"),
    prompts: { query: prompts.string("query"), document: prompts.string("document") },
    onnxFile: fileName(json, json.string("onnxFile")),
    inputs: json.strings("inputs"),
    output: json.string("output"),
    tokenOnnxFile:
      json.get("tokenOnnxFile") === null ? null : fileName(json, json.string("tokenOnnxFile")),
    tokenOutput: json.get("tokenOutput") === null ? null : json.string("tokenOutput"),
    batchInvariant: json.boolean("batchInvariant"),
    weights: json.string("weights"),
    fingerprint: json.string("fingerprint"),
    files: parseFiles(json),
    source: json.string("source"),
    licence: json.get("licence") === null ? null : json.string("licence"),
  };
}

function choice<T extends string>(json: JsonFile, key: string, choices: readonly T[]): T {
  const value = json.string(key);
  const found = choices.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new InvalidModelError(
    `${json.file}: "${key}" must be one of ${choices.join(", ")}, got "${value}"`,
    { file: json.file, field: key },
  );
}

function parseFiles(json: JsonFile): ModelFile[] {
  const list = json.get("files");
  if (!Array.isArray(list)) {
    throw new InvalidModelError(`${json.file}: "files" must be a list`, { file: json.file });
  }
  return list.map((entry: unknown) => {
    const file = new JsonFile(`${json.file} (files)`, entry);
    return {
      name: fileName(json, file.string("name")),
      bytes: file.integer("bytes"),
      sha256: file.string("sha256"),
    };
  });
}

/** A plain name: nothing in a model's description may point outside its folder. */
function fileName(json: JsonFile, name: string): string {
  if (/^[\w][\w.-]*$/.test(name)) return name;
  throw new InvalidModelError(`${json.file}: "${name}" is no file name`, { file: json.file });
}
