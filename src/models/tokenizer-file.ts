import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { InvalidModelError, ModelMissingError } from "../errors.js";
import { JsonFile } from "./json-file.js";

/**
 * Every id of `tokenizer.json` must have its row in the token table.
 * @param rows of the token table
 * @throws {ModelMissingError} no `tokenizer.json`; {InvalidModelError} an id without a row
 */
export async function checkTokenizer(folder: string, rows: number): Promise<void> {
  const file = path.join(folder, "tokenizer.json");
  if (!existsSync(file)) {
    const old = ["spiece.model", "vocab.txt", "sentencepiece.bpe.model"].find((name) =>
      existsSync(path.join(folder, name)),
    );
    throw new ModelMissingError(
      `${file} does not exist${old === undefined ? "" : ` (only ${old})`}: save the tokenizer once ` +
        "with a fast tokenizer, which writes it",
      { file },
    );
  }
  const largest = largestTokenId(await JsonFile.read(file));
  if (largest < rows) return;
  throw new InvalidModelError(
    `${file} gives ids up to ${largest}, but the token table has ${rows} rows: ` +
      "tokenizer and weights belong to different models",
    { file, largestId: largest, rows },
  );
}

function largestTokenId(tokenizer: JsonFile): number {
  let largest = -1;
  const see = (id: unknown): void => {
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0) {
      throw new InvalidModelError(`${tokenizer.file} has a token with the id ${String(id)}`, {
        file: tokenizer.file,
      });
    }
    if (id > largest) largest = id;
  };
  const vocabulary = new JsonFile(`${tokenizer.file} (model)`, tokenizer.get("model")).get("vocab");
  if (Array.isArray(vocabulary)) largest = vocabulary.length - 1;
  else if (typeof vocabulary === "object" && vocabulary !== null) {
    for (const id of Object.values(vocabulary)) see(id);
  } else {
    throw new InvalidModelError(`${tokenizer.file} has no vocabulary`, { file: tokenizer.file });
  }
  const added: unknown = tokenizer.get("added_tokens") ?? [];
  if (Array.isArray(added)) {
    for (const token of added) {
      see(new JsonFile(`${tokenizer.file} (added_tokens)`, token).get("id"));
    }
  }
  return largest;
}

/**
 * Copies `tokenizer.json` and `tokenizer_config.json`.
 * @param lowerCase put a lower-casing step before the tokenizer's own normaliser
 *   (`do_lower_case` of sentence_bert_config.json)
 * @returns names of the files written
 */
export async function copyTokenizer(
  from: string,
  to: string,
  lowerCase: boolean,
): Promise<string[]> {
  const source = path.join(from, "tokenizer.json");
  const target = path.join(to, "tokenizer.json");
  if (lowerCase) {
    const file = await JsonFile.read(source);
    const entries = Object.fromEntries(file.keys().map((key) => [key, file.get(key)]));
    const own = entries["normalizer"];
    const lower = { type: "Lowercase" };
    entries["normalizer"] = own ? { type: "Sequence", normalizers: [lower, own] } : lower;
    await writeFile(target, JSON.stringify(entries));
  } else {
    await copyBytes(source, target);
  }
  const config = path.join(from, "tokenizer_config.json");
  if (!existsSync(config)) return ["tokenizer.json"];
  await copyBytes(config, path.join(to, "tokenizer_config.json"));
  return ["tokenizer.json", "tokenizer_config.json"];
}

/** Not the file's permissions: a source that is read-only must not make a model that stays so. */
async function copyBytes(from: string, to: string): Promise<void> {
  await writeFile(to, await readFile(from));
}
