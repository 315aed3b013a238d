import type { Buffer } from "node:buffer";
import { createReadStream, readdirSync, type Stats, statSync } from "node:fs";
import path from "node:path";
import { addAbortSignal, pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { InputError, NotFoundError, StorageError } from "../errors.js";

/** One input: a file, or standard input if `path` is "-". */
export interface CorpusFile {
  readonly path: string;
  /** For messages: the path below the folder that was named, or the path itself. */
  readonly name: string;
  /** Null for standard input and pipes. */
  readonly byteLength: number | null;
}

/** @throws {NotFoundError} nothing there  @throws {StorageError} not allowed to look */
export function statSource(source: string): Stats {
  try {
    return statSync(source);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new NotFoundError(
        `expected a corpus file or folder, found nothing at ${source} (cannot find it from ${process.cwd()})`,
        { path: source },
        { cause },
      );
    }
    throw new StorageError(`cannot read ${source}: ${code}`, { path: source, code }, { cause });
  }
}

/** All files below a folder whose name `isWanted`, by path; hidden files and folders left out. */
export function filesBelow(folder: string, isWanted: (name: string) => boolean): CorpusFile[] {
  const files: CorpusFile[] = [];
  const walk = (relative: string): void => {
    const entries = readdirSync(path.join(folder, relative), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith(".")) continue;
      const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory()) {
        walk(name);
      } else if (isWanted(entry.name)) {
        const place = path.join(folder, name);
        files.push({ path: place, name, byteLength: statSource(place).size });
      }
    }
  };
  walk("");
  return files;
}

/**
 * The bytes of a file or of standard input, gzip undone (recognised by its first bytes, not its
 * name; several members in one file too).
 *
 * @param onBytes called with the count of bytes read from the file, before gzip is undone
 * @throws {InputError} damaged or truncated gzip; another compression; UTF-16; a SQLite file …
 * @throws {StorageError} the file cannot be read
 */
export async function* readBytes(
  file: CorpusFile,
  onBytes: (count: number) => void,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const raw = rawBytes(file, onBytes, signal);
  const first = await raw.next();
  if (first.done) return;
  const all = prepend(first.value, raw);
  if (first.value[0] === 0x1f && first.value[1] === 0x8b) {
    yield* gunzip(file, all);
    return;
  }
  refuseForeign(file, first.value);
  yield* all;
}

async function* rawBytes(
  file: CorpusFile,
  onBytes: (count: number) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const stream =
    file.path === "-" ? process.stdin : createReadStream(file.path, { highWaterMark: 1 << 18 });
  if (signal !== undefined) addAbortSignal(signal, stream);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      onBytes(chunk.length);
      yield chunk;
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (signal?.aborted || code === undefined) throw cause;
    throw new StorageError(
      `cannot read ${file.name}: ${code}`,
      { path: file.path, code },
      { cause },
    );
  }
}

async function* prepend(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

async function* gunzip(file: CorpusFile, bytes: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const stream = createGunzip({ chunkSize: 1 << 17 });
  pipeline(Readable.from(bytes), stream, () => {});
  let byteCount = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (byteCount === 0) refuseForeign(file, chunk);
      byteCount += chunk.length;
      yield chunk;
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === undefined || !(code.startsWith("Z_") || code === "ERR_STREAM_PREMATURE_CLOSE")) {
      throw cause;
    }
    throw new InputError(
      `${file.name}: expected whole gzip data, got damage after ${byteCount} unpacked bytes (${(cause as Error).message}): test it with gzip -t`,
      { path: file.path, offset: byteCount },
      { cause },
    );
  }
}

const signatures: readonly (readonly [name: string, bytes: readonly number[], mend: string])[] = [
  ["zstd data", [0x28, 0xb5, 0x2f, 0xfd], "unpack it first (zstd -dc FILE | braid index - …)"],
  ["xz data", [0xfd, 0x37, 0x7a, 0x58], "unpack it first (xz -dc FILE | braid index - …)"],
  ["bzip2 data", [0x42, 0x5a, 0x68], "unpack it first (bzip2 -dc FILE | braid index - …)"],
  ["a zip archive", [0x50, 0x4b, 0x03, 0x04], "unpack it first and name the file inside"],
  ["a Parquet file", [0x50, 0x41, 0x52, 0x31], "export it as JSON Lines first"],
  ["UTF-16 text", [0xff, 0xfe], "convert it first (iconv -f utf-16 -t utf-8)"],
  ["UTF-16 text", [0xfe, 0xff], "convert it first (iconv -f utf-16 -t utf-8)"],
  ["a PDF file", [0x25, 0x50, 0x44, 0x46], "extract its text first"],
];

function refuseForeign(file: CorpusFile, bytes: Buffer): void {
  for (const [name, signature, mend] of signatures) {
    if (signature.every((byte, i) => bytes[i] === byte)) {
      throw new InputError(`${file.name}: expected UTF-8 text or gzip, got ${name}: ${mend}`, {
        path: file.path,
      });
    }
  }
}
