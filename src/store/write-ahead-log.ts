import { randomFillSync } from "node:crypto";
import path from "node:path";
import { crc32 } from "node:zlib";
import { CorruptIndexError, IndexVersionError, StorageError } from "../errors.js";
import { type FileSystem, isMissing, nodeFileSystem, readWholeFile } from "./file-system.js";

/*
 * A log file is a header and then one frame per commit, little-endian:
 *
 *   header  "BRAIDLOG"  version u32  salt u32  CRC-32 of the 16 bytes before u32  zeros to 32
 *   frame   marker u32  payload length u32  record count u32  sequence u32 (from 0)  CRC-32 u32
 *           payload: per record its length u32 and its bytes
 *
 * A frame's checksum runs over salt, sequence, count, length and payload. All records that wait
 * while the disk is busy go into one frame with one sync (group commit), and a frame is written
 * only after the one before it is safe. So at most the LAST frame can be torn by a crash: damage
 * that a valid frame follows is damage to acknowledged data and is never cut away silently.
 * The salt keeps bytes inside a record from ever passing for a frame. A log that was closed in
 * order ends with a frame of no records, which protects the last real frame in the same way.
 */

const logFormatVersion = 1;
const headerMagic = "BRAIDLOG";
const headerBytes = 32;
const frameHeaderBytes = 20;
const frameMarker = 0xc1b7a1fe;
const longestFrame = 0xffff_fff0;

/** What a log file holds, as found by reading it without changing it. */
export interface LogContents {
  readonly records: readonly Uint8Array[];
  /** Length of header and whole frames; anything beyond is a torn tail. */
  readonly validBytes: number;
  /** Bytes after the last whole frame: a commit that a crash interrupted, never acknowledged. */
  readonly tornBytes: number;
  /** Whether the last frame says that the writer closed the log in order. */
  readonly closedInOrder: boolean;
  readonly salt: number;
  readonly nextSequence: number;
}

/**
 * Reads a log without changing it.
 *
 * @throws {CorruptIndexError} missing, not a log, or damaged anywhere but in its last frame
 * @throws {IndexVersionError} written by a newer version
 */
export function readLog(file: string, fileSystem: FileSystem = nodeFileSystem): LogContents {
  const bytes = readLogFile(file, fileSystem);
  const salt = parseHeader(file, bytes);
  const records: Uint8Array[] = [];
  let offset = headerBytes;
  let sequence = 0;
  let closedInOrder = false;
  for (;;) {
    const frame = parseFrame(bytes, offset, salt);
    if (frame === null || frame.sequence !== sequence) break;
    for (const record of frame.records) records.push(record);
    closedInOrder = frame.records.length === 0;
    offset += frame.byteLength;
    sequence++;
  }
  const tornBytes = bytes.byteLength - offset;
  if (tornBytes > 0) {
    refuseDamageInTheMiddle(file, bytes, offset, salt);
    closedInOrder = false;
  }
  return { records, validBytes: offset, tornBytes, closedInOrder, salt, nextSequence: sequence };
}

/**
 * Salvage: every whole frame of a log, whatever lies between them.
 *
 * @returns the records in order, and how many bytes could not be read
 */
export function salvageLog(
  file: string,
  fileSystem: FileSystem = nodeFileSystem,
): { readonly records: readonly Uint8Array[]; readonly lostBytes: number } {
  const bytes = readLogFile(file, fileSystem);
  let salt: number;
  try {
    salt = parseHeader(file, bytes);
  } catch {
    return { records: [], lostBytes: bytes.byteLength };
  }
  const records: Uint8Array[] = [];
  let lostBytes = 0;
  let offset = headerBytes;
  while (offset < bytes.byteLength) {
    const frame = parseFrame(bytes, offset, salt);
    if (frame !== null) {
      records.push(...frame.records);
      offset += frame.byteLength;
      continue;
    }
    const next = nextFrame(bytes, offset + 1, salt);
    lostBytes += (next ?? bytes.byteLength) - offset;
    offset = next ?? bytes.byteLength;
  }
  return { records, lostBytes };
}

interface PendingRecord {
  readonly payload: Uint8Array;
  readonly whenDurable: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Log of acknowledged changes, open for appending. {@link append} resolves when the record is on
 * the disk; appends made meanwhile share the next sync.
 */
export class WriteAheadLog {
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #descriptor: number;
  readonly #salt: number;
  /** Called before every commit; throws when this process may no longer write. */
  readonly #mayWrite: () => void;
  #byteLength: number;
  #sequence: number;
  #pending: PendingRecord[] = [];
  #writing: Promise<void> | null = null;
  #failure: unknown = null;
  #closed = false;
  #commitCount = 0;

  private constructor(
    file: string,
    fileSystem: FileSystem,
    descriptor: number,
    salt: number,
    byteLength: number,
    sequence: number,
    mayWrite: () => void,
  ) {
    this.path = file;
    this.#fileSystem = fileSystem;
    this.#descriptor = descriptor;
    this.#salt = salt;
    this.#byteLength = byteLength;
    this.#sequence = sequence;
    this.#mayWrite = mayWrite;
  }

  /**
   * A new, empty log, safe on the disk when this returns.
   *
   * @throws {StorageError} the file exists already, or the disk refuses
   */
  static create(
    file: string,
    fileSystem: FileSystem = nodeFileSystem,
    mayWrite: () => void = () => {},
  ): WriteAheadLog {
    const salt = randomFillSync(new Uint32Array(1))[0] ?? 0;
    const header = new Uint8Array(headerBytes);
    header.set(Buffer.from(headerMagic, "latin1"));
    const view = new DataView(header.buffer);
    view.setUint32(8, logFormatVersion, true);
    view.setUint32(12, salt, true);
    view.setUint32(16, crc32(header.subarray(0, 16)), true);
    const descriptor = fileSystem.open(file, "create");
    try {
      fileSystem.write(descriptor, header, 0);
      fileSystem.sync(descriptor);
      fileSystem.syncDirectory(path.dirname(file));
    } catch (error) {
      fileSystem.close(descriptor);
      fileSystem.remove(file);
      throw error;
    }
    return new WriteAheadLog(file, fileSystem, descriptor, salt, headerBytes, 0, mayWrite);
  }

  /**
   * Opens a log for appending after what {@link readLog} found in it, and cuts its torn tail.
   *
   * @throws {StorageError} the disk refuses
   */
  static open(
    file: string,
    contents: LogContents,
    fileSystem: FileSystem = nodeFileSystem,
    mayWrite: () => void = () => {},
  ): WriteAheadLog {
    const descriptor = fileSystem.open(file, "update");
    try {
      if (contents.tornBytes > 0) {
        fileSystem.truncate(descriptor, contents.validBytes);
        fileSystem.sync(descriptor);
      }
    } catch (error) {
      fileSystem.close(descriptor);
      throw error;
    }
    return new WriteAheadLog(
      file,
      fileSystem,
      descriptor,
      contents.salt,
      contents.validBytes,
      contents.nextSequence,
      mayWrite,
    );
  }

  /** Bytes on the disk, without what is still waiting. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Number of syncs so far: with many appends at once, fewer than appends. */
  get commitCount(): number {
    return this.#commitCount;
  }

  /**
   * Adds one record; resolves when it is durable, in the order of the calls.
   *
   * @param whenDurable called once the record is on the disk, before the promise resolves: for all
   *   records in their order, whoever waits for them
   * @throws {StorageError} the disk refused; the record is not in the log. After a failed sync every
   * later append fails too, because what the disk holds is not known any more: reopen.
   */
  append(payload: Uint8Array, whenDurable: () => void = () => {}): Promise<void> {
    if (this.#closed) return Promise.reject(new Error(`${this.path} is closed`));
    if (payload.byteLength + frameHeaderBytes + 4 > longestFrame) {
      return Promise.reject(
        new StorageError(
          `one change of ${payload.byteLength} bytes is more than the ${longestFrame} that a log ` +
            "record holds: send it in several parts, or use a bulk build",
          { path: this.path, byteLength: payload.byteLength },
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ payload, whenDurable, resolve, reject });
      this.#writing ??= this.#commitAll();
    });
  }

  /** Resolves when everything appended so far is durable or has failed. */
  async idle(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  /**
   * Waits for what was appended, and closes the log.
   *
   * @param mark whether to say in the log that it was closed in order; not needed where the manifest
   *   says so by naming a later log
   */
  async close(mark = true): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    try {
      if (mark && this.#failure === null) await this.#commit([]);
    } finally {
      this.#fileSystem.close(this.#descriptor);
    }
  }

  async #commitAll(): Promise<void> {
    // Appends of the same turn of the event loop belong into the first frame as well.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#commit(group.map(({ payload }) => payload));
      } catch (error) {
        for (const { reject } of group) reject(error);
        continue;
      }
      for (const { whenDurable, resolve, reject } of group) {
        try {
          whenDurable();
          resolve();
        } catch (error) {
          reject(error);
        }
      }
    }
    this.#writing = null;
  }

  #takeGroup(): PendingRecord[] {
    let byteLength = frameHeaderBytes;
    let count = 0;
    for (const { payload } of this.#pending) {
      if (count > 0 && byteLength + payload.byteLength + 4 > longestFrame) break;
      byteLength += payload.byteLength + 4;
      count++;
    }
    return this.#pending.splice(0, count);
  }

  async #commit(payloads: readonly Uint8Array[]): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    this.#mayWrite();
    const frame = buildFrame(payloads, this.#salt, this.#sequence);
    try {
      this.#fileSystem.write(this.#descriptor, frame, this.#byteLength);
    } catch (error) {
      this.#cutBack(error);
      throw error;
    }
    try {
      await this.#fileSystem.syncLater(this.#descriptor);
    } catch (error) {
      this.#cutBack(error);
      this.#failure ??= error;
      throw error;
    }
    this.#byteLength += frame.byteLength;
    this.#sequence++;
    this.#commitCount++;
  }

  /** Removes what a failed commit left behind; if even that fails the log takes nothing more. */
  #cutBack(cause: unknown): void {
    try {
      this.#fileSystem.truncate(this.#descriptor, this.#byteLength);
      this.#fileSystem.sync(this.#descriptor);
    } catch {
      this.#failure = cause;
    }
  }
}

function buildFrame(payloads: readonly Uint8Array[], salt: number, sequence: number): Uint8Array {
  let payloadBytes = 0;
  for (const payload of payloads) payloadBytes += 4 + payload.byteLength;
  const frame = new Uint8Array(frameHeaderBytes + payloadBytes);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frameMarker, true);
  view.setUint32(4, payloadBytes, true);
  view.setUint32(8, payloads.length, true);
  view.setUint32(12, sequence, true);
  let offset = frameHeaderBytes;
  for (const payload of payloads) {
    view.setUint32(offset, payload.byteLength, true);
    frame.set(payload, offset + 4);
    offset += 4 + payload.byteLength;
  }
  view.setUint32(16, frameChecksum(frame, salt), true);
  return frame;
}

function frameChecksum(frame: Uint8Array, salt: number): number {
  const seed = new Uint8Array(4);
  new DataView(seed.buffer).setUint32(0, salt, true);
  return crc32(frame.subarray(frameHeaderBytes), crc32(frame.subarray(4, 16), crc32(seed)));
}

interface Frame {
  readonly sequence: number;
  readonly records: readonly Uint8Array[];
  readonly byteLength: number;
}

function parseFrame(bytes: Uint8Array, offset: number, salt: number): Frame | null {
  if (offset + frameHeaderBytes > bytes.byteLength) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
  if (view.getUint32(0, true) !== frameMarker) return null;
  const byteLength = frameHeaderBytes + view.getUint32(4, true);
  if (offset + byteLength > bytes.byteLength) return null;
  const frame = bytes.subarray(offset, offset + byteLength);
  if (view.getUint32(16, true) !== frameChecksum(frame, salt)) return null;
  const records: Uint8Array[] = [];
  let at = frameHeaderBytes;
  for (let count = view.getUint32(8, true); count > 0; count--) {
    const length = view.getUint32(at, true);
    records.push(frame.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { sequence: view.getUint32(12, true), records, byteLength };
}

/** Offset of the first whole frame at or after `from`, or null. */
function nextFrame(bytes: Uint8Array, from: number, salt: number): number | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const marker = Buffer.alloc(4);
  marker.writeUInt32LE(frameMarker);
  for (let at = buffer.indexOf(marker, from); at >= 0; at = buffer.indexOf(marker, at + 1)) {
    if (parseFrame(bytes, at, salt) !== null) return at;
  }
  return null;
}

function refuseDamageInTheMiddle(
  file: string,
  bytes: Uint8Array,
  offset: number,
  salt: number,
): void {
  const next = nextFrame(bytes, offset, salt);
  if (next === null) return;
  throw new CorruptIndexError(
    `${file}: the commit at byte ${offset} is damaged, and whole commits follow from byte ${next}: ` +
      "acknowledged changes are lost; restore from a snapshot, or open with --salvage to read the rest",
    { path: file, offset, nextValidOffset: next },
  );
}

function readLogFile(file: string, fileSystem: FileSystem): Uint8Array {
  try {
    return readWholeFile(fileSystem, file);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new CorruptIndexError(
      `${file} is missing, and with it the latest changes: restore it from a snapshot, or open ` +
        "with --salvage to read the rest",
      { path: file, missing: true },
      { cause: error },
    );
  }
}

function parseHeader(file: string, bytes: Uint8Array): number {
  const magic = Buffer.from(bytes.subarray(0, 8)).toString("latin1");
  if (bytes.byteLength >= headerBytes && magic === headerMagic) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
    if (
      crc32(bytes.subarray(0, 16)) === view.getUint32(16, true) &&
      bytes.subarray(20, headerBytes).every((byte) => byte === 0)
    ) {
      const version = view.getUint32(8, true);
      if (version === logFormatVersion) return view.getUint32(12, true);
      throw new IndexVersionError(
        `${file} has log format ${version}, this version of braid reads ${logFormatVersion}: ` +
          "update braid, or compact the collection with the version that wrote it",
        { path: file, found: version, supported: logFormatVersion },
      );
    }
  }
  throw new CorruptIndexError(
    `${file}: the header in bytes 0..${headerBytes} is damaged: restore the file from a snapshot, ` +
      "or open with --salvage to read the rest",
    { path: file, offset: 0 },
  );
}
