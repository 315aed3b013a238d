import { writeFile } from "node:fs/promises";
import path from "node:path";
import { InvalidModelError } from "../errors.js";
import { JsonFile } from "./json-file.js";

/** What another program computed with the same model, for comparison. */
export type ReferenceVectors =
  | {
      readonly kind: "embeddings";
      readonly texts: readonly string[];
      readonly embeddings: readonly (readonly number[])[];
    }
  | {
      readonly kind: "logits";
      readonly pairs: readonly (readonly [string, string])[];
      readonly logits: readonly number[];
    };

export const referenceFile = "reference.json";
/** Names under which a source folder may carry them. */
const sourceNames = [referenceFile, "expected.json"];

/**
 * Copies the reference vectors of a source folder, if it carries any, into a model folder.
 * @returns the names of the files written: none or one
 */
export async function copyReference(from: string, to: string): Promise<string[]> {
  for (const name of sourceNames) {
    const reference = await readReferenceFile(path.join(from, name));
    if (reference === null) continue;
    const { kind: _, ...content } = reference;
    await writeFile(path.join(to, referenceFile), `${JSON.stringify(content)}\n`);
    return [referenceFile];
  }
  return [];
}

/** Reference vectors of a model folder; null where it has none. */
export function readReference(folder: string): Promise<ReferenceVectors | null> {
  return readReferenceFile(path.join(folder, referenceFile));
}

/** null for no such file, or a file of that name that holds something else. */
async function readReferenceFile(file: string): Promise<ReferenceVectors | null> {
  const json = await JsonFile.readIfPresent(file);
  if (json === null) return null;
  const [texts, embeddings] = [json.get("texts"), json.get("embeddings")];
  if (isList(texts, isString) && isList(embeddings, isNumbers)) {
    sameLength(file, texts.length, embeddings.length);
    return { kind: "embeddings", texts, embeddings };
  }
  const [pairs, logits] = [json.get("pairs"), json.get("logits")];
  if (isList(pairs, isPair) && isNumbers(logits)) {
    sameLength(file, pairs.length, logits.length);
    return { kind: "logits", pairs, logits };
  }
  return null;
}

function sameLength(file: string, inputs: number, outputs: number): void {
  if (inputs === outputs) return;
  throw new InvalidModelError(`${file} has ${inputs} inputs, but ${outputs} outputs`, { file });
}

function isList<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.length > 0 && value.every(isItem);
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function isNumbers(value: unknown): value is number[] {
  return isList(value, (item): item is number => typeof item === "number");
}

function isPair(value: unknown): value is [string, string] {
  return isList(value, isString) && value.length === 2;
}
