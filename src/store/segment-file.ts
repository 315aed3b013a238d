import { crc32 } from "node:zlib";
import { CorruptIndexError, IndexVersionError, type SearchError } from "../errors.js";
import { type FileSystem, isMissing, nodeFileSystem } from "./file-system.js";
import type { SectionSource } from "./sections.js";
import {
  alignUp,
  footerBytes,
  footerMagic,
  headerBytes,
  headerMagic,
  type SectionPlace,
  type SegmentContents,
  segmentFormatVersion,
} from "./segment-format.js";

/** Opening reads this much from the end: the footer and, but for huge segments, the contents. */
const tailBytes = 4096;
const verifyChunkBytes = 1 << 20;

/** Closes the descriptors of files that nobody can reach any more. */
const forgotten = new FinalizationRegistry<{ fileSystem: FileSystem; descriptor: number }>(
  ({ fileSystem, descriptor }) => fileSystem.close(descriptor),
);

/**
 * A finished segment file. Opened once and kept open, so that readers go on after a merge has
 * removed the file's name. Safe to share between any number of readers of one thread.
 */
export class SegmentFile implements SectionSource {
  readonly label: string;
  readonly byteLengthOfFile: number;
  readonly meta: unknown;
  readonly #fileSystem: FileSystem;
  readonly #descriptor: number;
  readonly #sections: ReadonlyMap<string, SectionPlace>;
  readonly #loaded = new Map<string, Uint8Array>();
  #closed = false;

  private constructor(
    label: string,
    fileSystem: FileSystem,
    descriptor: number,
    byteLength: number,
    contents: SegmentContents,
  ) {
    this.label = label;
    this.byteLengthOfFile = byteLength;
    this.meta = contents.meta;
    this.#fileSystem = fileSystem;
    this.#descriptor = descriptor;
    this.#sections = new Map(contents.sections.map((place) => [place.name, place]));
    forgotten.register(this, { fileSystem, descriptor }, this);
  }

  /**
   * Reads footer and contents, nothing else.
   *
   * @throws {CorruptIndexError} not there, not a segment file, cut, or damaged
   * @throws {IndexVersionError} written by a newer version
   */
  static open(path: string, fileSystem: FileSystem = nodeFileSystem): SegmentFile {
    let descriptor: number;
    try {
      descriptor = fileSystem.open(path, "read");
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new CorruptIndexError(
        `${path} is missing: restore it from a snapshot, or open with --salvage to read the rest`,
        { path, missing: true },
        { cause: error },
      );
    }
    try {
      const byteLength = fileSystem.byteLength(descriptor);
      const contents = readContents(path, fileSystem, descriptor, byteLength);
      return new SegmentFile(path, fileSystem, descriptor, byteLength, contents);
    } catch (error) {
      fileSystem.close(descriptor);
      throw error;
    }
  }

  get names(): readonly string[] {
    return [...this.#sections.keys()];
  }

  /** Bytes of the sections that have been loaded into memory. */
  get loadedBytes(): number {
    let total = 0;
    for (const bytes of this.#loaded.values()) total += bytes.byteLength;
    return total;
  }

  has(name: string): boolean {
    return this.#sections.has(name);
  }

  byteLength(name: string): number {
    return this.#place(name).byteLength;
  }

  load(name: string): Uint8Array {
    const loaded = this.#loaded.get(name);
    if (loaded !== undefined) return loaded;
    const place = this.#place(name);
    const bytes = new Uint8Array(new SharedArrayBuffer(place.byteLength));
    this.#readInto(bytes, place, 0);
    const checksum = crc32(bytes);
    if (checksum !== place.crc32) throw damagedSection(this.label, place, checksum);
    this.#loaded.set(name, bytes);
    return bytes;
  }

  read(name: string, offset: number, length: number): Uint8Array {
    const place = this.#place(name);
    if (!(offset >= 0 && length >= 0 && offset + length <= place.byteLength)) {
      throw new CorruptIndexError(
        `${this.label}: section ${name} has ${place.byteLength} bytes, asked for ` +
          `${offset}..${offset + length}`,
        { path: this.label, section: name, byteLength: place.byteLength, offset, length },
      );
    }
    const loaded = this.#loaded.get(name);
    if (loaded !== undefined) return loaded.slice(offset, offset + length);
    const bytes = new Uint8Array(length);
    this.#readInto(bytes, place, offset);
    return bytes;
  }

  /**
   * Reads every byte of the file and names every damage: header, padding, sections.
   *
   * @returns one error per damaged place, empty if the file is whole
   */
  verify(): SearchError[] {
    const damages: SearchError[] = [];
    const header = this.#readRange(0, headerBytes);
    const headerError = checkHeader(this.label, header);
    if (headerError !== null) damages.push(headerError);
    let end = headerBytes;
    for (const place of this.#sections.values()) {
      this.#checkPadding(end, place.offset, damages);
      let checksum = 0;
      for (let at = 0; at < place.byteLength; at += verifyChunkBytes) {
        const length = Math.min(verifyChunkBytes, place.byteLength - at);
        checksum = crc32(this.#readRange(place.offset + at, length), checksum);
      }
      if (checksum !== place.crc32) damages.push(damagedSection(this.label, place, checksum));
      end = place.offset + place.byteLength;
    }
    this.#checkPadding(end, alignUp(end), damages);
    return damages;
  }

  /** Closes the file; later reads of what is not loaded fail. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    forgotten.unregister(this);
    this.#fileSystem.close(this.#descriptor);
  }

  #place(name: string): SectionPlace {
    const place = this.#sections.get(name);
    if (place === undefined) {
      throw new CorruptIndexError(
        `${this.label} has no section ${name}: it was written for another purpose, or is damaged`,
        { path: this.label, section: name },
      );
    }
    return place;
  }

  #readInto(target: Uint8Array, place: SectionPlace, offset: number): void {
    if (this.#closed) throw new Error(`${this.label} is closed`);
    const count = this.#fileSystem.read(this.#descriptor, target, place.offset + offset);
    if (count === target.byteLength) return;
    throw new CorruptIndexError(
      `${this.label}: section ${place.name} ends ${target.byteLength - count} bytes early: ` +
        "restore the file from a snapshot, or open with --salvage to read the rest",
      { path: this.label, section: place.name, missingBytes: target.byteLength - count },
    );
  }

  #readRange(offset: number, length: number): Uint8Array {
    if (this.#closed) throw new Error(`${this.label} is closed`);
    const bytes = new Uint8Array(length);
    const count = this.#fileSystem.read(this.#descriptor, bytes, offset);
    return count === length ? bytes : bytes.subarray(0, count);
  }

  #checkPadding(from: number, to: number, damages: SearchError[]): void {
    if (this.#readRange(from, to - from).every((byte) => byte === 0)) return;
    damages.push(
      new CorruptIndexError(
        `${this.label}: bytes ${from}..${to} between sections must be zero: the file is damaged`,
        { path: this.label, offset: from, section: "padding" },
      ),
    );
  }
}

function readContents(
  path: string,
  fileSystem: FileSystem,
  descriptor: number,
  byteLength: number,
): SegmentContents {
  if (byteLength < headerBytes + footerBytes) throw cut(path, byteLength);
  const tail = new Uint8Array(Math.min(tailBytes, byteLength));
  fileSystem.read(descriptor, tail, byteLength - tail.byteLength);
  const footer = tail.subarray(tail.byteLength - footerBytes);
  const view = new DataView(footer.buffer, footer.byteOffset, footerBytes);
  const whole =
    Buffer.from(footer.subarray(40)).toString("latin1") === footerMagic &&
    footer.subarray(32, 40).every((byte) => byte === 0) &&
    view.getUint32(28, true) === crc32(footer.subarray(0, 28)) &&
    view.getFloat64(16, true) === byteLength;
  if (!whole) {
    const header = new Uint8Array(headerBytes);
    fileSystem.read(descriptor, header, 0);
    const headerError = checkHeader(path, header);
    if (headerError instanceof IndexVersionError) throw headerError;
    throw cut(path, byteLength);
  }
  const contentsOffset = view.getFloat64(0, true);
  const contentsLength = view.getFloat64(8, true);
  let contents: Uint8Array;
  if (contentsLength + footerBytes <= tail.byteLength) {
    contents = tail.subarray(tail.byteLength - footerBytes - contentsLength, -footerBytes);
  } else {
    contents = new Uint8Array(contentsLength);
    fileSystem.read(descriptor, contents, contentsOffset);
  }
  if (crc32(contents) !== view.getUint32(24, true)) {
    throw new CorruptIndexError(
      `${path}: the table of contents at byte ${contentsOffset} is damaged: restore the file from ` +
        "a snapshot, or open with --salvage to read the rest",
      { path, offset: contentsOffset, section: "contents" },
    );
  }
  return JSON.parse(Buffer.from(contents).toString("utf8")) as SegmentContents;
}

function checkHeader(
  path: string,
  header: Uint8Array,
): CorruptIndexError | IndexVersionError | null {
  const magic = Buffer.from(header.subarray(0, 8)).toString("latin1");
  const version =
    header.byteLength < headerBytes ? 0 : new DataView(header.buffer).getUint32(8, true);
  const rest = header.subarray(12);
  if (magic === headerMagic && rest.every((byte) => byte === 0)) {
    if (version === segmentFormatVersion) return null;
    if (version > segmentFormatVersion && version < 1000) {
      return new IndexVersionError(
        `${path} has segment format ${version}, this version of braid reads ${segmentFormatVersion}: ` +
          "update braid, or rebuild the collection from its source",
        { path, found: version, supported: segmentFormatVersion },
      );
    }
  }
  return new CorruptIndexError(
    `${path}: the header in bytes 0..${headerBytes} is damaged: restore the file from a snapshot, ` +
      "or open with --salvage to read the rest",
    { path, offset: 0, section: "header" },
  );
}

function cut(path: string, byteLength: number): CorruptIndexError {
  return new CorruptIndexError(
    `${path} does not end like a segment file (${byteLength} bytes): it was cut or damaged at its ` +
      "end; restore it from a snapshot, or open with --salvage to read the rest",
    { path, byteLength, section: "footer" },
  );
}

function damagedSection(path: string, place: SectionPlace, found: number): CorruptIndexError {
  const end = place.offset + place.byteLength;
  return new CorruptIndexError(
    `${path}: section ${place.name} (bytes ${place.offset}..${end}) has checksum ${hex(found)}, ` +
      `expected ${hex(place.crc32)}: restore the file from a snapshot, or open with --salvage`,
    { path, section: place.name, offset: place.offset, byteLength: place.byteLength },
  );
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
