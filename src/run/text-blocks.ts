import { isAscii, isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { InputError, NotFoundError, StorageError } from "../errors.js";

/** Whole lines of a text file: `text` ends with a line feed except at the end of the file. */
export interface TextBlock {
  readonly text: string;
  /** Number of the block's first line, from 1. */
  readonly firstLine: number;
}

export interface TextBlockOptions {
  /**
   * Called with the number of each line that is not UTF-8; the line is then delivered empty, so
   * that line numbers stay right. Without it such a line is an `InputError`.
   */
  readonly onInvalidLine?: (line: number) => void;
  /** Bytes asked for at a time. */
  readonly chunkBytes?: number;
}

const LINE_FEED = 10;
const DEFAULT_CHUNK_BYTES = 1 << 20;
const MAX_LINE_BYTES = 1 << 28;

/**
 * Reads a UTF-8 text file as blocks of whole lines, so that memory holds one block however large
 * the file is. Gzip is recognised by its first two bytes, whatever the name; `-` is standard input.
 * A byte order mark is dropped. Lines end at a line feed; carriage returns are left to the caller.
 *
 * @throws {NotFoundError} no such file
 * @throws {InputError} a directory, UTF-16, bytes that are not UTF-8, damaged gzip, a line above 256 MiB
 * @throws {StorageError} the file system refused
 */
export async function* readTextBlocks(
  path: string,
  options: TextBlockOptions = {},
): AsyncGenerator<TextBlock> {
  let carry: Buffer[] = [];
  let carryBytes = 0;
  let firstLine = 1;
  let atStart = true;
  for await (const chunk of readBytes(path, options.chunkBytes ?? DEFAULT_CHUNK_BYTES)) {
    let bytes = chunk;
    if (atStart && carryBytes + bytes.length >= 3) {
      bytes = dropByteOrderMark(Buffer.concat([...carry, bytes]), path);
      carry = [];
      carryBytes = 0;
      atStart = false;
    }
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    if (end > 0 && !atStart) {
      const block = Buffer.concat([...carry, bytes.subarray(0, end)]);
      yield { text: decode(block, firstLine, path, options), firstLine };
      firstLine += countLines(block);
      carry = [];
      carryBytes = 0;
      bytes = bytes.subarray(end);
    }
    if (bytes.length > 0) {
      carry.push(bytes);
      carryBytes += bytes.length;
    }
    if (carryBytes > MAX_LINE_BYTES) {
      throw new InputError(
        `expected lines below 256 MiB, got a longer one at ${path}:${firstLine}: is this a text file?`,
        { path, line: firstLine },
      );
    }
  }
  const rest = Buffer.concat(carry);
  if (rest.length > 0) yield { text: decode(rest, firstLine, path, options), firstLine };
}

/** One line without its line feed and carriage return. */
export interface TextLine {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** The lines of a text file one by one: `readTextBlocks` cut at line feeds, blank lines included. */
export async function* readTextLines(
  path: string,
  options: TextBlockOptions = {},
): AsyncGenerator<TextLine> {
  for await (const block of readTextBlocks(path, options)) {
    let line = block.firstLine;
    let start = 0;
    while (start < block.text.length) {
      let end = block.text.indexOf("\n", start);
      if (end < 0) end = block.text.length;
      const hasReturn = end > start && block.text.charCodeAt(end - 1) === 13;
      yield { text: block.text.slice(start, hasReturn ? end - 1 : end), line };
      start = end + 1;
      line++;
    }
  }
}

async function* readBytes(path: string, chunkBytes: number): AsyncGenerator<Buffer> {
  const source: Readable =
    path === "-" ? process.stdin : createReadStream(path, { highWaterMark: chunkBytes });
  try {
    const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    let head = Buffer.alloc(0);
    let ended = false;
    while (head.length < 2 && !ended) {
      const next = await chunks.next();
      if (next.done === true) ended = true;
      else head = Buffer.concat([head, next.value]);
    }
    if (head[0] === 0x1f && head[1] === 0x8b) {
      const gunzip = createGunzip({ chunkSize: chunkBytes });
      // The callback only keeps the error from being unhandled: iterating below throws it.
      pipeline(Readable.from(chain(head, chunks), { objectMode: false }), gunzip, () => {});
      yield* gunzip as AsyncIterable<Buffer>;
    } else {
      yield* chain(head, chunks);
    }
  } catch (cause) {
    throw explainReadFailure(path, cause);
  } finally {
    if (path !== "-") source.destroy();
  }
}

async function* chain(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield next.value;
  }
}

function explainReadFailure(path: string, cause: unknown): unknown {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "ENOENT") {
    return new NotFoundError(`no such file: ${path}`, { path }, { cause });
  }
  if (code === "EISDIR") {
    return new InputError(`expected a file, got a directory: ${path}`, { path }, { cause });
  }
  if (code.startsWith("Z_")) {
    return new InputError(
      `expected whole gzip data, got a damaged or cut-off file: ${path}`,
      { path },
      { cause },
    );
  }
  if (/^E[A-Z]+$/.test(code)) {
    return new StorageError(`could not read ${path}: ${code}`, { path, reason: code }, { cause });
  }
  return cause;
}

function dropByteOrderMark(bytes: Buffer, path: string): Buffer {
  const [a, b, c] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return bytes.subarray(3);
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    throw new InputError(`expected UTF-8, got UTF-16 in ${path}: save the file as UTF-8`, { path });
  }
  return bytes;
}

function decode(bytes: Buffer, firstLine: number, path: string, options: TextBlockOptions): string {
  // ASCII as latin1 is the quickest decoder and gives one-byte strings, which scan fastest.
  if (isAscii(bytes)) return bytes.toString("latin1");
  if (isUtf8(bytes)) return bytes.toString("utf8");
  return decodeByLine(bytes, firstLine, path, options);
}

function decodeByLine(
  bytes: Buffer,
  firstLine: number,
  path: string,
  options: TextBlockOptions,
): string {
  const lines: string[] = [];
  let line = firstLine;
  for (let start = 0; start < bytes.length; line++) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed < 0 ? bytes.length : feed + 1;
    const lineBytes = bytes.subarray(start, end);
    if (isUtf8(lineBytes)) {
      lines.push(lineBytes.toString("utf8"));
    } else if (options.onInvalidLine) {
      options.onInvalidLine(line);
      lines.push("\n");
    } else {
      throw new InputError(`expected UTF-8, got other bytes at ${path}:${line}`, { path, line });
    }
    start = end;
  }
  return lines.join("");
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}
