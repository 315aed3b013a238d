import { existsSync, statSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import path from "node:path";
import { InputError, ModelMissingError } from "../errors.js";
import { downloadFromHub, type HubOptions } from "./hub-download.js";
import { type ImportOptions, importModel } from "./import-model.js";
import { importOnnx } from "./import-onnx.js";
import { knownModels } from "./known-models.js";
import type { ModelDescription } from "./model-description.js";
import {
  descriptionFile,
  type ModelPlaces,
  modelsDirectory,
  verifyModelFiles,
} from "./model-folder.js";
import { placeModel } from "./place-model.js";

export interface AddOptions extends Omit<ImportOptions, "name">, ModelPlaces {
  /** Default the short name, or the last part of the hub id or folder in lower case. */
  readonly name?: string;
  readonly hub?: HubOptions;
}

/**
 * Brings a model into the models folder.
 *
 * @param source a short name (`gtr-base`), a hub id (`owner/name`), a folder in the layout of
 *   sentence-transformers, an ONNX folder or file, or a model folder of ours, which is copied
 * @throws {ModelMissingError} no such source; {InvalidModelError} it cannot be served;
 *   {AlreadyExistsError} the name is taken; {UpstreamError} the hub fails
 */
export async function addModel(
  source: string,
  options: AddOptions = {},
): Promise<ModelDescription> {
  const { name, hub, modelsDir, ...rest } = options;
  const places = modelsDir === undefined ? {} : { modelsDir };
  const known = knownModels.find((model) => model.name === source);
  const format = options.numberFormat ?? "fp32";
  const suffix = format === "fp32" ? "" : `-${format}`;
  const chosen = name ?? `${known?.name ?? nameOf(source)}${suffix}`;
  const target = path.join(modelsDirectory(places), chosen);
  if (existsSync(source)) {
    return importAny(source, target, { ...rest, name: chosen });
  }
  if (known === undefined && !looksLikeHubId(source)) {
    throw new ModelMissingError(
      `"${source}" is no folder, no hub id (owner/name) and none of the short names ` +
        knownModels.map((model) => model.name).join(", "),
      { source },
    );
  }
  const hubId = known?.hubId ?? source;
  const snapshot = await downloadFromHub(hubId, hub);
  return importAny(snapshot.folder, target, {
    ...known?.hints,
    source: `${hubId}@${snapshot.commit}`,
    ...rest,
    name: chosen,
  });
}

/** Safetensors where there are any: they say more than an export does. */
function importAny(
  source: string,
  target: string,
  options: ImportOptions,
): Promise<ModelDescription> {
  if (statSync(source).isFile()) return importOnnx(source, target, options);
  if (existsSync(path.join(source, descriptionFile))) return copyModel(source, target, options);
  const onnx = ["model.onnx", "onnx/model.onnx"].some((name) =>
    existsSync(path.join(source, name)),
  );
  const weights = ["model.safetensors", "model.safetensors.index.json"].some(
    (name) =>
      existsSync(path.join(source, name)) || existsSync(path.join(source, "0_Transformer", name)),
  );
  return onnx && !weights
    ? importOnnx(source, target, options)
    : importModel(source, target, options);
}

/**
 * A folder that was imported already comes as it is, under the new name: its fingerprint stays, so
 * collections that were built with it are served by the copy.
 */
async function copyModel(
  source: string,
  target: string,
  options: ImportOptions,
): Promise<ModelDescription> {
  const description = await verifyModelFiles(source);
  const { numberFormat = description.numberFormat } = options;
  if (numberFormat !== description.numberFormat) {
    throw new InputError(
      `${source} is a model of ours in ${description.numberFormat}: import it again from its source ` +
        `(${description.source}) to have it in ${numberFormat}`,
      { source, numberFormat },
    );
  }
  return placeModel(target, options, async (folder) => {
    for (const { name } of description.files) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await copyFile(path.join(source, name), path.join(folder, name));
    }
    return { ...description, name: options.name };
  });
}

function looksLikeHubId(source: string): boolean {
  return /^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(source);
}

function nameOf(source: string): string {
  const last = path.basename(path.resolve(source)).replace(/\.onnx$/i, "");
  const name = last
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "");
  if (name !== "") return name;
  throw new InputError(`no model name can be made of "${source}": give one`, { source });
}
