import { crc32 } from "node:zlib";
import { CorruptIndexError, IndexVersionError } from "../errors.js";
import { type FileSystem, nodeFileSystem, readWholeFile, replaceFile } from "./file-system.js";

/*
 * The manifest is JSON for people and programs, and protects itself:
 *
 *   { "format": "braid-collection",
 *     "formatVersion": 1,
 *     "crc32": "1b2c3d4e",      over the whole text with these eight digits as zeros
 *     "content": { … } }
 */

const format = "braid-collection";
export const manifestFormatVersion = 1;
const checksumPattern = /"crc32": "([0-9a-f]{8})"/;

/**
 * Replaces the manifest atomically: after a crash the old or the new one is there, whole.
 *
 * @param content JSON value
 * @throws {StorageError} the disk refuses; the old manifest stands
 */
export function writeManifest(
  file: string,
  content: unknown,
  fileSystem: FileSystem = nodeFileSystem,
): void {
  const blank = { format, formatVersion: manifestFormatVersion, crc32: "00000000", content };
  const text = `${JSON.stringify(blank, null, 2)}\n`;
  const checksum = hex(crc32(text));
  const signed = text.replace('"crc32": "00000000"', `"crc32": "${checksum}"`);
  replaceFile(fileSystem, file, Buffer.from(signed, "utf8"));
}

/**
 * Reads a manifest and checks it.
 *
 * @returns its content, still to be parsed
 * @throws {StorageError} not there (`facts.errno` is `ENOENT`) or not readable
 * @throws {CorruptIndexError} not one of ours, or damaged
 * @throws {IndexVersionError} written by a newer version
 */
export function readManifest(file: string, fileSystem: FileSystem = nodeFileSystem): unknown {
  const text = Buffer.from(readWholeFile(fileSystem, file)).toString("utf8");
  const checksum = checksumPattern.exec(text)?.[1];
  if (checksum === undefined || !text.slice(0, 100).includes(format)) {
    throw new CorruptIndexError(
      `${file} is not the manifest of a braid collection, or its beginning is damaged: name another ` +
        "folder, restore it from a snapshot, or open with --salvage",
      { path: file, offset: 0 },
    );
  }
  const blank = text.replace(checksumPattern, '"crc32": "00000000"');
  const found = hex(crc32(blank));
  if (found !== checksum) {
    throw new CorruptIndexError(
      `${file} has checksum ${found}, expected ${checksum}: it was changed or damaged; restore it ` +
        "from a snapshot, or open with --salvage",
      { path: file, found, expected: checksum },
    );
  }
  const manifest = JSON.parse(text) as {
    readonly formatVersion: number;
    readonly content: unknown;
  };
  if (manifest.formatVersion !== manifestFormatVersion) {
    throw new IndexVersionError(
      `${file} has format ${manifest.formatVersion}, this version of braid reads ` +
        `${manifestFormatVersion}: update braid, or rebuild the collection from its source`,
      { path: file, found: manifest.formatVersion, supported: manifestFormatVersion },
    );
  }
  return manifest.content;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
