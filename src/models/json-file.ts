import { readFile } from "node:fs/promises";
import { InvalidModelError, ModelMissingError } from "../errors.js";

/** One JSON object of a model folder, read with errors that name the file and the field. */
export class JsonFile {
  readonly file: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(file: string, value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new InvalidModelError(`${file} must hold a JSON object`, { file });
    }
    this.file = file;
    this.#fields = value as Record<string, unknown>;
  }

  /** @throws {ModelMissingError} no such file; {InvalidModelError} not a JSON object */
  static async read(file: string): Promise<JsonFile> {
    return new JsonFile(file, await readJson(file));
  }

  /** null where there is no such file. */
  static async readIfPresent(file: string): Promise<JsonFile | null> {
    const value = await readJsonIfPresent(file);
    return value === undefined ? null : new JsonFile(file, value);
  }

  get(key: string): unknown {
    return Object.hasOwn(this.#fields, key) ? this.#fields[key] : undefined;
  }

  keys(): string[] {
    return Object.keys(this.#fields);
  }

  /** @param fallback for a field that is absent or null; without it such a field is refused */
  integer(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#wrong(key, "an integer >= 0", value);
  }

  number(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.#wrong(key, "a number", value);
  }

  string(key: string, fallback?: string): string {
    const value = this.get(key) ?? fallback;
    if (typeof value === "string") return value;
    throw this.#wrong(key, "a string", value);
  }

  boolean(key: string, fallback?: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.#wrong(key, "true or false", value);
  }

  strings(key: string, fallback?: readonly string[]): readonly string[] {
    const value = this.get(key) ?? fallback;
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    throw this.#wrong(key, "a list of strings", value);
  }

  #wrong(key: string, expected: string, value: unknown): InvalidModelError {
    const got = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
    return new InvalidModelError(
      `${this.file}: "${key}" must be ${expected}, got ${got.slice(0, 80)}`,
      { file: this.file, field: key },
    );
  }
}

export async function readJson(file: string): Promise<unknown> {
  const value = await readJsonIfPresent(file);
  if (value === undefined) {
    throw new ModelMissingError(`${file} does not exist: the model folder is incomplete`, { file });
  }
  return value;
}

/** undefined where there is no such file. */
export async function readJsonIfPresent(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new InvalidModelError(`${file} cannot be read`, { file }, { cause: error });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new InvalidModelError(`${file} is not JSON`, { file }, { cause: error });
  }
}
