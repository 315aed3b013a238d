import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import path from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { InputError } from "../../errors.js";

/** What an archive may ask of this machine; anything beyond is refused before or while unpacking. */
export interface ZipLimits {
  readonly entryCount: number;
  /** Bytes of all unpacked entries together. */
  readonly totalBytes: number;
  /** Unpacked bytes per packed byte, over the whole archive. Text packs about 4 to 1. */
  readonly ratio: number;
}

export const defaultZipLimits: ZipLimits = {
  entryCount: 10_000,
  totalBytes: 64 * 2 ** 30,
  ratio: 100,
};

/** One file of an archive, as its directory describes it. */
export interface ZipEntry {
  /** Relative, with `/`, without `..`: it stays in the folder it is unpacked into. */
  readonly name: string;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly crc32: number;
  readonly method: "stored" | "deflated";
  readonly headerOffset: number;
}

/**
 * Files of a ZIP archive (also ZIP64), read from the directory at its end. Folders are left out.
 *
 * Refused: names that leave the folder (`..`, absolute, drive letters, backslashes), symbolic links,
 * encrypted entries, methods other than stored and deflated, a name twice, entries that overlap
 * (the trick of archives that unpack to petabytes), and what goes beyond the limits.
 *
 * @throws {InputError} not a ZIP archive, damaged, or refused as above
 * @see PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.6 to 4.3.16
 */
export async function readZipDirectory(
  file: string,
  limits: ZipLimits = defaultZipLimits,
): Promise<ZipEntry[]> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const refuse = (what: string): never => {
      throw new InputError(`expected a ZIP archive that can be unpacked safely, ${file} ${what}`, {
        path: file,
      });
    };
    const { offset, bytes, count } = await findDirectory(handle, size, refuse);
    if (count > limits.entryCount) refuse(`has ${count} entries, more than ${limits.entryCount}`);
    if (offset + bytes > size || bytes > 2 ** 28) refuse("has a directory outside the file");
    const directory = await readAt(handle, offset, bytes, refuse);
    const entries: ZipEntry[] = [];
    const names = new Set<string>();
    let at = 0;
    for (let i = 0; i < count; i++) {
      if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x02014b50) {
        refuse("has a damaged directory");
      }
      const flags = directory.readUInt16LE(at + 8);
      const method = directory.readUInt16LE(at + 10);
      const checksum = directory.readUInt32LE(at + 16);
      const nameBytes = directory.readUInt16LE(at + 28);
      const extraBytes = directory.readUInt16LE(at + 30);
      const commentBytes = directory.readUInt16LE(at + 32);
      const next = at + 46 + nameBytes + extraBytes + commentBytes;
      if (next > directory.length) refuse("has a damaged directory");
      const name = directory.toString("utf8", at + 46, at + 46 + nameBytes);
      const extra = directory.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes);
      const sizes = entrySizes(directory, at, extra, refuse);
      const unixType = (directory.readUInt32LE(at + 38) >>> 28) & 0xf;
      at = next;
      checkName(name, refuse);
      if (unixType === 0xa) refuse(`holds the symbolic link ${JSON.stringify(name)}`);
      if (name.endsWith("/")) continue;
      if ((flags & 1) !== 0) refuse(`has the encrypted entry ${name}`);
      if (method !== 0 && method !== 8) refuse(`packs ${name} with method ${method}`);
      const folded = name.normalize("NFC").toLowerCase();
      if (names.has(folded)) refuse(`has ${name} twice`);
      names.add(folded);
      entries.push({
        name,
        ...sizes,
        crc32: checksum,
        method: method === 0 ? "stored" : "deflated",
      });
    }
    checkSizes(entries, offset, size, limits, refuse);
    return entries;
  } finally {
    await handle.close();
  }
}

type Refuse = (what: string) => never;

async function findDirectory(
  handle: FileHandle,
  size: number,
  refuse: Refuse,
): Promise<{ offset: number; bytes: number; count: number }> {
  // The end record is 22 bytes and a comment of up to 65,535 behind them.
  const tailBytes = Math.min(size, 22 + 65_535);
  const tail = await readAt(handle, size - tailBytes, tailBytes, refuse);
  let end = tail.length - 22;
  while (
    end >= 0 &&
    !(
      tail.readUInt32LE(end) === 0x06054b50 &&
      end + 22 + tail.readUInt16LE(end + 20) === tail.length
    )
  ) {
    end--;
  }
  if (end < 0) return refuse("has no end record: it is no ZIP archive, or is cut short");
  const count = tail.readUInt16LE(end + 10);
  const bytes = tail.readUInt32LE(end + 12);
  const offset = tail.readUInt32LE(end + 16);
  if (count !== 0xffff && bytes !== 0xffffffff && offset !== 0xffffffff) {
    return { offset, bytes, count };
  }
  if (end < 20 || tail.readUInt32LE(end - 20) !== 0x07064b50) return { offset, bytes, count };
  const place = Number(tail.readBigUInt64LE(end - 12));
  const record = await readAt(handle, place, 56, refuse);
  if (record.readUInt32LE(0) !== 0x06064b50) refuse("has a damaged ZIP64 end record");
  return {
    count: Number(record.readBigUInt64LE(32)),
    bytes: Number(record.readBigUInt64LE(40)),
    offset: Number(record.readBigUInt64LE(48)),
  };
}

/** Sizes and place of an entry, from its ZIP64 field where 32 bits are not enough. */
function entrySizes(
  directory: Buffer,
  at: number,
  extra: Buffer,
  refuse: Refuse,
): { packedBytes: number; bytes: number; headerOffset: number } {
  let packedBytes = directory.readUInt32LE(at + 20);
  let bytes = directory.readUInt32LE(at + 24);
  let headerOffset = directory.readUInt32LE(at + 42);
  for (let field = 0; field + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(field + 2);
    if (field + 4 + length > extra.length) break;
    if (extra.readUInt16LE(field) === 1) {
      let value = field + 4;
      const take = (): number => {
        if (value + 8 > field + 4 + length) return refuse("has a damaged ZIP64 field");
        value += 8;
        return Number(extra.readBigUInt64LE(value - 8));
      };
      if (bytes === 0xffffffff) bytes = take();
      if (packedBytes === 0xffffffff) packedBytes = take();
      if (headerOffset === 0xffffffff) headerOffset = take();
    }
    field += 4 + length;
  }
  return { packedBytes, bytes, headerOffset };
}

function checkName(name: string, refuse: Refuse): void {
  const unsafe =
    name === "" ||
    name.startsWith("/") ||
    name.includes("\\") ||
    name.includes("\0") ||
    /^[A-Za-z]:/.test(name) ||
    name.split("/").some((part) => part === ".." || part === ".");
  if (unsafe)
    refuse(`holds the name ${JSON.stringify(name.slice(0, 80))}, which would leave its folder`);
}

function checkSizes(
  entries: readonly ZipEntry[],
  directoryOffset: number,
  size: number,
  limits: ZipLimits,
  refuse: Refuse,
): void {
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  if (!(total <= limits.totalBytes)) {
    refuse(`says it unpacks to ${total} bytes, more than ${limits.totalBytes}`);
  }
  if (total > limits.ratio * Math.max(size, 65_536)) {
    refuse(`says it unpacks to ${total} bytes from ${size}, more than ${limits.ratio} to 1`);
  }
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.headerOffset - b.headerOffset)) {
    if (entry.headerOffset < end) refuse(`has entries that overlap at ${entry.name}`);
    end = entry.headerOffset + 30 + entry.packedBytes;
    if (!(end <= directoryOffset)) refuse(`has ${entry.name} outside the file`);
  }
}

/**
 * Unpacks one entry into a file, counting bytes as they come: an entry that gives more than it said
 * is stopped there.
 *
 * @throws {InputError} other bytes than the directory promised
 */
export async function unpackEntry(file: string, entry: ZipEntry, target: string): Promise<void> {
  const handle = await open(file, "r");
  let start: number;
  try {
    const header = await readAt(handle, entry.headerOffset, 30, (what) => {
      throw new InputError(`${file} ${what}`, { path: file });
    });
    if (header.readUInt32LE(0) !== 0x04034b50) {
      throw new InputError(
        `expected ${entry.name} at ${entry.headerOffset} of ${file}, found something else`,
        { path: file, entry: entry.name },
      );
    }
    start = entry.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  } finally {
    await handle.close();
  }
  await mkdir(path.dirname(target), { recursive: true });
  const counter = new CheckedBytes(file, entry);
  const packed: Readable =
    entry.packedBytes === 0
      ? Readable.from([])
      : createReadStream(file, { start, end: start + entry.packedBytes - 1 });
  const out = createWriteStream(target, { flags: "wx" });
  try {
    if (entry.method === "stored" || entry.packedBytes === 0) await pipeline(packed, counter, out);
    else await pipeline(packed, createInflateRaw(), counter, out);
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    if ((cause as NodeJS.ErrnoException).code?.startsWith("Z_") !== true) throw cause;
    throw counter.wrong(`cannot be unpacked (${(cause as Error).message})`, { cause });
  }
}

/** Passes bytes on while length and checksum agree with what the directory says. */
class CheckedBytes extends Transform {
  readonly #file: string;
  readonly #entry: ZipEntry;
  #bytes = 0;
  #crc = 0;

  constructor(file: string, entry: ZipEntry) {
    super();
    this.#file = file;
    this.#entry = entry;
  }

  wrong(what: string, options?: ErrorOptions): InputError {
    const { name, bytes } = this.#entry;
    return new InputError(
      `expected ${bytes} bytes of ${name} in ${this.#file} with their checksum, it ${what}: download it again`,
      { path: this.#file, entry: name },
      options,
    );
  }

  override _transform(
    chunk: Buffer,
    _encoding: string,
    done: (error: Error | null, chunk?: Buffer) => void,
  ): void {
    this.#bytes += chunk.length;
    this.#crc = crc32(chunk, this.#crc);
    if (this.#bytes > this.#entry.bytes) done(this.wrong("unpacks to more"));
    else done(null, chunk);
  }

  override _flush(done: (error: Error | null) => void): void {
    if (this.#bytes !== this.#entry.bytes) done(this.wrong(`unpacks to ${this.#bytes}`));
    else if (this.#crc >>> 0 !== this.#entry.crc32) done(this.wrong("has another one"));
    else done(null);
  }
}

async function readAt(
  handle: FileHandle,
  offset: number,
  length: number,
  refuse: Refuse,
): Promise<Buffer> {
  if (!Number.isSafeInteger(offset) || offset < 0) refuse("names a place outside the file");
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, offset);
  if (bytesRead < length) refuse("is cut short");
  return buffer;
}
