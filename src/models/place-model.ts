import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { AlreadyExistsError, InputError } from "../errors.js";
import type { ModelDescription } from "./model-description.js";
import { descriptionFile, readModelDescription } from "./model-folder.js";

export interface PlaceOptions {
  /** `[a-z0-9][a-z0-9._-]*`; becomes the folder name and the name in every message. */
  readonly name: string;
  /** Replaces a model that is already in the target folder. */
  readonly overwrite?: boolean;
}

/**
 * Writes a model beside its place and moves it there when it is complete and reads back well: the
 * target is the old one or the new one, never a half.
 *
 * @param write fills the folder with everything but `model.json`
 * @throws {AlreadyExistsError} the target is there and `overwrite` is not set
 */
export async function placeModel(
  targetDir: string,
  options: PlaceOptions,
  write: (folder: string) => Promise<ModelDescription>,
): Promise<ModelDescription> {
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(options.name)) {
    throw new InputError(
      `a model name has lower-case letters, digits, ".", "_" and "-" only, got "${options.name}"`,
      { name: options.name },
    );
  }
  if (existsSync(targetDir) && options.overwrite !== true) {
    throw new AlreadyExistsError(`${targetDir} is already there: name another, or replace it`, {
      folder: targetDir,
    });
  }
  if (existsSync(targetDir) && !existsSync(path.join(targetDir, descriptionFile))) {
    throw new AlreadyExistsError(`${targetDir} is there and holds no model: it is not replaced`, {
      folder: targetDir,
    });
  }
  const partial = `${targetDir}.partial-${process.pid}`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  try {
    const description = await write(partial);
    const json = `${JSON.stringify(description, null, 2)}\n`;
    await writeFile(path.join(partial, descriptionFile), json);
    await readModelDescription(partial);
    await rm(targetDir, { recursive: true, force: true });
    await rename(partial, targetDir);
    return description;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** `license:` of a README's front matter, as the hub's model cards have it; null where there is none. */
export async function statedLicence(folder: string): Promise<string | null> {
  const card = await readFile(path.join(folder, "README.md"), "utf8").catch(() => "");
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card)?.[1] ?? "";
  return /^license:\s*["']?([\w.+-]+)/m.exec(front)?.[1] ?? null;
}
