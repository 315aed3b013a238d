import { createReadStream, existsSync } from "node:fs";
import { type FileHandle, open, truncate } from "node:fs/promises";
import { createInterface } from "node:readline";
import { InputError } from "../errors.js";

/**
 * A file of JSON Lines that only grows, for work that may be killed: a line counts once its line end
 * is there, and a last line without one is cut off when the file is opened again.
 */
export class JsonlLog {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Opens or creates the file and hands each whole line to `onEntry`.
   *
   * @throws {InputError} a whole line that is not JSON
   */
  static async open(path: string, onEntry: (entry: unknown) => void): Promise<JsonlLog> {
    if (existsSync(path)) {
      await cutUnfinishedLine(path);
      let line = 0;
      for await (const text of createInterface({
        input: createReadStream(path),
        crlfDelay: Number.POSITIVE_INFINITY,
      })) {
        line++;
        if (text === "") continue;
        try {
          onEntry(JSON.parse(text));
        } catch (cause) {
          throw new InputError(
            `expected JSON at ${path}:${line}, got ${text.slice(0, 60)}: mend the line, or delete the file to compute it again`,
            { path, line },
            { cause },
          );
        }
      }
    }
    return new JsonlLog(await open(path, "a"));
  }

  /** Appends one entry; it is with the operating system when the promise resolves. */
  async append(entry: unknown): Promise<void> {
    await this.#file.appendFile(`${JSON.stringify(entry)}\n`);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function cutUnfinishedLine(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const block = Buffer.alloc(65_536);
    let end = size;
    while (end > 0) {
      const start = Math.max(0, end - block.length);
      const { bytesRead } = await file.read(block, 0, end - start, start);
      const lineEnd = block.subarray(0, bytesRead).lastIndexOf(10);
      if (lineEnd >= 0) {
        if (start + lineEnd + 1 < size) await truncate(path, start + lineEnd + 1);
        return;
      }
      end = start;
    }
    if (size > 0) await truncate(path, 0);
  } finally {
    await file.close();
  }
}
