import { SearchError } from "../errors.js";

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
  readonly home?: string;
}

/** Wrong use of the command line: exit status 2. */
export class UsageError extends Error {}

/** Exit status 1 without a message: the command has already said what failed. */
export class SilentFailure extends Error {}

/** Writes one JSON document to stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Writes text to stdout. */
export function printText(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** Writes a message for people to stderr, unless `--quiet`. */
export function say(options: CommonOptions, text: string): void {
  if (options.quiet !== true) process.stderr.write(`${text}\n`);
}

/**
 * Turns a failure into one line on stderr and the exit status: 2 for wrong use, 1 otherwise.
 * With `--debug` the stack and the chain of causes follow.
 */
export function reportFailure(error: unknown, debug: boolean): number {
  const line = (text: string): string => text.replace(/\s*\n\s*/g, " ");
  if (error instanceof UsageError) {
    process.stderr.write(`error: ${line(error.message)}\n`);
  } else if (error instanceof SearchError) {
    process.stderr.write(`error ${error.code}: ${line(error.message)}\n`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`error UNEXPECTED: ${line(message)} (--debug shows where)\n`);
  }
  if (debug) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) {
      process.stderr.write(`${at.stack ?? at.message}\n`);
    }
  }
  return error instanceof UsageError ? 2 : 1;
}

/** A column of a text table. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/**
 * A table in plain text: columns padded to their widest cell, two spaces between them.
 */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...rows.map((row) => (row[i] ?? "").length)),
  );
  const format = (cells: readonly string[]): string =>
    cells
      .map((cell, i) =>
        columns[i]?.align === "right" ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [format(columns.map((column) => column.title)), ...rows.map(format)].join("\n");
}

/** Text cut to `width` characters, the cut marked by an ellipsis; white space becomes one space. */
export function ellipsis(text: string, width: number): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length <= width ? flat : `${flat.slice(0, Math.max(0, width - 1)).trimEnd()}…`;
}

/** 1234567 -> "1.2 MB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** 5183 -> "5,183". */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}
