import path from "node:path";
import { CorruptIndexError } from "../errors.js";
import { type FileSystem, nodeFileSystem } from "../store/file-system.js";
import { readLog } from "../store/write-ahead-log.js";
import {
  type CollectionManifest,
  manifestFileName,
  readCollectionManifest,
  writeCollectionManifest,
} from "./collection-manifest.js";

const pieceBytes = 4 << 20;

/** A file of a collection, held open so that a merge may remove its name meanwhile. */
interface HeldFile {
  readonly name: string;
  readonly descriptor: number;
  readonly byteLength: number;
}

/** Every file of one state of a collection. */
export interface HeldCollection {
  readonly manifest: CollectionManifest;
  readonly files: readonly HeldFile[];
}

/** Names of all files of a state but the manifest. */
export function filesOfManifest(manifest: CollectionManifest): string[] {
  return [
    ...manifest.logs,
    ...manifest.segments.flatMap(({ file, deletions, sideFiles }) => [
      file,
      ...(deletions === null ? [] : [deletions.file]),
      ...Object.values(sideFiles),
    ]),
  ];
}

/**
 * Opens every file that the manifest names. Nothing is read but the logs, whose end is the last
 * whole commit at this moment.
 */
export function holdCollection(
  directory: string,
  manifest: CollectionManifest,
  fileSystem: FileSystem = nodeFileSystem,
): HeldCollection {
  const files: HeldFile[] = [];
  try {
    for (const name of filesOfManifest(manifest)) {
      const file = path.join(directory, name);
      const isLog = manifest.logs.includes(name);
      const validBytes = isLog ? readLog(file, fileSystem).validBytes : null;
      const descriptor = fileSystem.open(file, "read");
      const byteLength = validBytes ?? fileSystem.byteLength(descriptor);
      files.push({ name, descriptor, byteLength });
    }
    return { manifest, files };
  } catch (error) {
    releaseCollection({ manifest, files }, fileSystem);
    throw error;
  }
}

export function releaseCollection({ files }: HeldCollection, fileSystem: FileSystem): void {
  for (const { descriptor } of files) fileSystem.close(descriptor);
}

/**
 * Copies a held state into an empty folder. The manifest comes last: a copy that was interrupted is
 * no collection.
 *
 * @returns bytes written
 */
export async function writeCopy(
  held: HeldCollection,
  target: string,
  fileSystem: FileSystem,
  signal?: AbortSignal,
): Promise<number> {
  const written: string[] = [];
  let total = 0;
  try {
    for (const file of held.files) {
      written.push(file.name);
      await copyFile(file, path.join(target, file.name), fileSystem, signal);
      total += file.byteLength;
    }
    fileSystem.syncDirectory(target);
    writeCollectionManifest(path.join(target, manifestFileName), held.manifest, fileSystem);
    // Read back: a copy that cannot be opened is found now and not when it is needed.
    readCollectionManifest(path.join(target, manifestFileName), fileSystem);
    return total;
  } catch (error) {
    for (const name of written) fileSystem.remove(path.join(target, name));
    throw error;
  }
}

async function copyFile(
  { name, descriptor, byteLength }: HeldFile,
  target: string,
  fileSystem: FileSystem,
  signal: AbortSignal | undefined,
): Promise<void> {
  const out = fileSystem.open(target, "create");
  try {
    const piece = new Uint8Array(Math.min(pieceBytes, Math.max(1, byteLength)));
    for (let at = 0; at < byteLength; at += piece.byteLength) {
      signal?.throwIfAborted();
      const wanted = piece.subarray(0, Math.min(piece.byteLength, byteLength - at));
      if (fileSystem.read(descriptor, wanted, at) !== wanted.byteLength) {
        throw new CorruptIndexError(
          `${name} ends before byte ${at + wanted.byteLength} while it is copied: verify the collection`,
          { path: name, offset: at },
        );
      }
      fileSystem.write(out, wanted, at);
      await new Promise((resolve) => setImmediate(resolve));
    }
    fileSystem.sync(out);
  } finally {
    fileSystem.close(out);
  }
}
