import path from "node:path";
import { AlreadyExistsError, InputError, LockedError, NotFoundError } from "../errors.js";
import { type FileSystem, isMissing, nodeFileSystem } from "../store/file-system.js";
import { livingHolder, WriterLock } from "../store/writer-lock.js";
import { manifestFileName, readCollectionManifest } from "./collection-manifest.js";

export const lockFileName = "lock";
const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** Files that a collection's folder may hold; nothing else is ever removed from it. */
const ownFile =
  /^(?:manifest\.json(?:\.tmp)?|lock(?:\.takeover)?|(?:seg|log)-\d{6,}\.[a-z0-9.-]+)$/;

/**
 * Folder of the collection of that name. Names are lower-case letters, digits, `.`, `_` and `-`, at
 * most 64, beginning with a letter or digit, without `..`: no name leaves the home folder, and a
 * file system that ignores case keeps any two apart.
 *
 * @throws {InputError} not such a name
 */
export function collectionDirectory(home: string, name: string): string {
  if (!namePattern.test(name) || name.includes("..") || name.endsWith(".")) {
    throw new InputError(
      "a collection's name must be 1 to 64 lower-case letters, digits, '.', '_' or '-', beginning " +
        `with a letter or digit and without '..', got ${JSON.stringify(name.slice(0, 80))}`,
      { field: "name", value: name.slice(0, 80) },
    );
  }
  return path.join(home, name);
}

/** One collection of a home folder. `problem` says why it cannot be opened, null if it can. */
export interface CollectionEntry {
  readonly name: string;
  readonly directory: string;
  readonly problem: string | null;
}

/** The collections in a home folder by name; a home that is not there holds none. */
export function listCollections(
  home: string,
  fileSystem: FileSystem = nodeFileSystem,
): CollectionEntry[] {
  const entries: CollectionEntry[] = [];
  for (const name of fileSystem.list(home) ?? []) {
    if (!namePattern.test(name)) continue;
    const directory = path.join(home, name);
    let problem: string | null = null;
    try {
      readCollectionManifest(path.join(directory, manifestFileName), fileSystem);
    } catch (error) {
      if (isMissing(error)) continue;
      problem = error instanceof Error ? error.message : String(error);
    }
    entries.push({ name, directory, problem });
  }
  return entries;
}

/**
 * Removes a collection with everything in it. The manifest goes first, so that a crash on the way
 * leaves no half collection. A folder that holds other files keeps them.
 *
 * @throws {NotFoundError} there is no collection
 * @throws {LockedError} somebody writes it
 */
export function dropCollection(directory: string, fileSystem: FileSystem = nodeFileSystem): void {
  const names = fileSystem.list(directory);
  if (!names?.includes(manifestFileName)) throw noCollection(directory);
  const lockFile = path.join(directory, lockFileName);
  const holder = livingHolder(lockFile, fileSystem);
  if (holder !== null) {
    throw new LockedError(
      `${directory} is being written by process ${holder.pid} on ${holder.host}: stop it before ` +
        "the collection is dropped",
      { path: directory, pid: holder.pid, host: holder.host },
    );
  }
  const lock = WriterLock.acquire(lockFile, fileSystem);
  try {
    fileSystem.remove(path.join(directory, manifestFileName));
    fileSystem.syncDirectory(directory);
    for (const name of names) {
      if (ownFile.test(name) && name !== lockFileName) {
        fileSystem.remove(path.join(directory, name));
      }
    }
  } finally {
    lock.release();
  }
  if (fileSystem.list(directory)?.length === 0) fileSystem.removeDirectory(directory);
  fileSystem.syncDirectory(path.dirname(directory));
}

/** @throws {AlreadyExistsError} the folder holds a collection, or anything else that is not ours */
export function refuseOccupied(directory: string, fileSystem: FileSystem): void {
  const names = fileSystem.list(directory) ?? [];
  if (names.includes(manifestFileName)) {
    throw new AlreadyExistsError(
      `there is a collection in ${directory} already: open it, drop it with \`braid drop\`, or name ` +
        "another folder",
      { path: directory },
    );
  }
  const foreign = names.find((name) => !isOwnFile(name));
  if (foreign === undefined) return;
  throw new AlreadyExistsError(
    `${directory} is not empty (it holds ${foreign}): a collection wants a folder of its own`,
    { path: directory, holds: foreign },
  );
}

/** Whether a name in a collection's folder is one that braid gives to its files. */
export function isOwnFile(name: string): boolean {
  return ownFile.test(name);
}

export function noCollection(directory: string): NotFoundError {
  return new NotFoundError(
    `there is no collection in ${directory}: build one with \`braid index\`, or see \`braid list\``,
    { path: directory },
  );
}
