import path from "node:path";
import type { CommonOptions } from "./output.js";
import { UsageError } from "./output.js";

/** Folder of the collections: `--home`, else `BRAID_HOME`, else `indexes` here. */
export function homeDirectory(options: CommonOptions): string {
  return path.resolve(options.home ?? process.env["BRAID_HOME"] ?? "indexes");
}

/** A number of the command line. */
export function numberOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) {
    throw new UsageError(`${name} must be a number, got "${text}"`);
  }
  return value;
}

/** A whole number >= `least` of the command line. */
export function countOption(
  name: string,
  text: string | undefined,
  least: number,
): number | undefined {
  const value = numberOption(name, text);
  if (value !== undefined && (!Number.isSafeInteger(value) || value < least)) {
    throw new UsageError(`${name} must be a whole number >= ${least}, got "${text}"`);
  }
  return value;
}

/** A comma-separated list of the command line; blanks around items do not count. */
export function listOption(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** A comma-separated list of measures: commas inside parentheses belong to a measure's parameters. */
export function measureListOption(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  return text
    .split(/,(?![^(]*\))/)
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** Options with `undefined` left out, for interfaces that tell absent from undefined. */
export function defined<T extends Record<string, unknown>>(
  options: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
