import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { InvalidModelError, ModelMissingError } from "../errors.js";
import { JsonFile } from "./json-file.js";
import { decodeWeights, type WeightType } from "./number-formats.js";
import { openSafetensors, type SafetensorsFile, type StoredTensor } from "./safetensors.js";

/** About how many bytes of a tensor are in memory at once where it can be taken in pieces. */
const pieceBytes = 16 << 20;

/**
 * All weights of one model: the tensors of `model.safetensors`, or of the shards that
 * `model.safetensors.index.json` names. Values are checked while they are read, and hashed, so that
 * one pass over the files both converts and identifies the model.
 */
export class WeightSource {
  readonly #tensors = new Map<string, { file: SafetensorsFile; tensor: StoredTensor }>();
  readonly #hashes = new Map<string, string>();
  readonly #files: readonly SafetensorsFile[];
  /** Folder, for messages. */
  readonly place: string;

  private constructor(
    place: string,
    files: readonly SafetensorsFile[],
    owner: ReadonlyMap<string, SafetensorsFile>,
  ) {
    this.place = place;
    this.#files = files;
    for (const [name, file] of owner) {
      const tensor = file.tensors.get(name);
      if (tensor === undefined) {
        throw new InvalidModelError(
          `${file.file} lacks tensor "${name}", which the shard index says is there`,
          { file: file.file, tensor: name },
        );
      }
      this.#tensors.set(name, { file, tensor });
    }
  }

  /**
   * @param folder holds `model.safetensors` or `model.safetensors.index.json` and its shards
   * @throws {ModelMissingError} a shard is missing; {InvalidModelError} only pickle files, bad headers
   */
  static async open(folder: string): Promise<WeightSource> {
    const single = path.join(folder, "model.safetensors");
    if (existsSync(single)) {
      const file = await openSafetensors(single);
      return new WeightSource(
        folder,
        [file],
        new Map([...file.tensors.keys()].map((name) => [name, file])),
      );
    }
    const indexFile = path.join(folder, "model.safetensors.index.json");
    if (existsSync(indexFile)) return WeightSource.#openShards(folder, indexFile);
    for (const name of ["pytorch_model.bin", "pytorch_model.bin.index.json"]) {
      if (!existsSync(path.join(folder, name))) continue;
      throw new InvalidModelError(
        `${folder} has its weights only as ${name}, a Python pickle, which can run code when read: ` +
          "take a revision with safetensors, or convert it",
        { file: path.join(folder, name) },
      );
    }
    throw new ModelMissingError(`${folder} holds no model.safetensors`, { folder });
  }

  static async #openShards(folder: string, indexFile: string): Promise<WeightSource> {
    const index = await JsonFile.read(indexFile);
    const map = new JsonFile(`${indexFile} (weight_map)`, index.get("weight_map"));
    const opened = new Map<string, SafetensorsFile>();
    const owner = new Map<string, SafetensorsFile>();
    try {
      for (const name of map.keys()) {
        const shard = map.string(name);
        if (!/^[\w][\w.-]*\.safetensors$/.test(shard)) {
          throw new InvalidModelError(`${indexFile}: "${shard}" is no shard name`, {
            file: indexFile,
            tensor: name,
          });
        }
        const file = opened.get(shard) ?? (await openSafetensors(path.join(folder, shard)));
        opened.set(shard, file);
        owner.set(name, file);
      }
      return new WeightSource(folder, [...opened.values()], owner);
    } catch (error) {
      for (const file of opened.values()) await file.close();
      throw error;
    }
  }

  names(): string[] {
    return [...this.#tensors.keys()];
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** @throws {InvalidModelError} no such tensor */
  shape(name: string): readonly number[] {
    return this.#find(name).tensor.shape;
  }

  /** @throws {InvalidModelError} absent, another shape, or no floating-point tensor */
  expect(name: string, shape: readonly number[]): void {
    const { file, tensor } = this.#find(name);
    if (tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i])) {
      throw new InvalidModelError(
        `${file.file}: tensor "${name}" has the shape [${tensor.shape}], but config.json asks for [${shape}]`,
        { file: file.file, tensor: name },
      );
    }
    if (!isWeightType(tensor.type)) {
      throw new InvalidModelError(
        `${file.file}: tensor "${name}" is of type ${tensor.type}; F32, F16 and BF16 can be read`,
        { file: file.file, tensor: name, type: tensor.type },
      );
    }
  }

  /** The whole tensor, row-major. @throws {InvalidModelError} NaN or infinity in it */
  async read(name: string): Promise<Float32Array> {
    const { tensor } = this.#find(name);
    const count = tensor.shape.reduce((product, length) => product * length, 1);
    const values = new Float32Array(count);
    let filled = 0;
    for await (const piece of this.pieces(name)) {
      values.set(piece, filled);
      filled += piece.length;
    }
    return values;
  }

  /** The tensor's values in order, in pieces of whole rows (first dimension) of some 16 MiB. */
  async *pieces(name: string): AsyncGenerator<Float32Array, void, undefined> {
    const { file, tensor } = this.#find(name);
    const { type } = tensor;
    if (!isWeightType(type)) {
      this.expect(name, tensor.shape);
      return;
    }
    const total = tensor.end - tensor.begin;
    const rows = tensor.shape[0] ?? 1;
    const rowBytes = rows === 0 ? 1 : Math.max(1, total / rows);
    const step = Math.max(1, Math.floor(pieceBytes / rowBytes)) * rowBytes;
    const hash = createHash("sha256").update(JSON.stringify([name, type, tensor.shape]));
    for (let from = 0; from < total; from += step) {
      const bytes = await file.read(tensor, from, Math.min(from + step, total));
      hash.update(bytes);
      const values = decodeWeights(bytes, type);
      checkFinite(values, file.file, name);
      yield values;
    }
    this.#hashes.set(name, hash.digest("hex"));
  }

  /** `name -> sha256` of every tensor read so far, sorted by name. */
  hashes(): readonly (readonly [string, string])[] {
    return [...this.#hashes].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  #find(name: string): { file: SafetensorsFile; tensor: StoredTensor } {
    const found = this.#tensors.get(name);
    if (found !== undefined) return found;
    throw new InvalidModelError(`${this.place} has no tensor "${name}", which the model needs`, {
      folder: this.place,
      tensor: name,
    });
  }
}

function isWeightType(type: string): type is WeightType {
  return type === "F32" || type === "F16" || type === "BF16";
}

function checkFinite(values: Float32Array, file: string, tensor: string): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new InvalidModelError(
      `${file}: tensor "${tensor}" holds ${values[i]}: the weights are damaged`,
      { file, tensor },
    );
  }
}
