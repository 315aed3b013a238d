import fs from "node:fs";
import path from "node:path";
import { StorageError } from "../errors.js";

/**
 * The few operations of a file system that durable storage is built from. Everything in `store/`
 * and `collection/` goes through it, so that tests can put a disk underneath that fills up, writes
 * short or loses power at a chosen moment.
 *
 * Every operation throws {@link StorageError} with `facts.errno` (`ENOENT`, `ENOSPC`, …) on failure.
 */
export interface FileSystem {
  /** `read`: must exist. `create`: must not exist. `update`: must exist, read and written. */
  open(file: string, purpose: "read" | "create" | "update"): number;
  close(descriptor: number): void;
  /** Bytes read into `target`, fewer than asked for only at the end of the file. */
  read(descriptor: number, target: Uint8Array, position: number): number;
  /** Writes all of `bytes` at `position`; throws when the disk takes less. */
  write(descriptor: number, bytes: Uint8Array, position: number): void;
  byteLength(descriptor: number): number;
  truncate(descriptor: number, byteLength: number): void;
  /** Returns when the file's bytes and length are on the disk. */
  sync(descriptor: number): void;
  /** Like {@link sync}, without holding up the event loop. */
  syncLater(descriptor: number): Promise<void>;
  /** Replaces `to` atomically if it exists. */
  rename(from: string, to: string): void;
  /** Removes a file; a file that is not there is no error. */
  remove(file: string): void;
  /** Removes a directory with everything in it. */
  removeDirectory(directory: string): void;
  /** Returns when creations, renames and removals inside the directory are on the disk. */
  syncDirectory(directory: string): void;
  /** Names in the directory in code unit order, or null where there is no such directory. */
  list(directory: string): string[] | null;
  /** Creates the directory and what is missing above it. */
  makeDirectory(directory: string): void;
  /** Milliseconds since the epoch of the last change by this disk's own clock. */
  modifiedMs(file: string): number;
  /** Marks the file as changed now. */
  touch(file: string): void;
}

const ways: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free some space and try again",
  EDQUOT: "the disk quota is used up: free some space and try again",
  EACCES: "permission denied: check the owner and the mode of the file and its folder",
  EPERM: "permission denied: check the owner and the mode of the file and its folder",
  EROFS: "the file system is mounted read-only: open the collection for reading, or move it",
  ENOENT: "there is no such file",
  EEXIST: "the file is already there",
  EIO: "the disk reported an I/O error: check its health before anything else",
  EMFILE: "too many open files: raise the limit (ulimit -n) or run `braid compact`",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "a folder is where a file should be",
};

/** The error for an operation the operating system refused: what, where, why and the way out. */
export function storageError(action: string, file: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const errno =
    cause instanceof Error && "code" in cause && typeof cause.code === "string"
      ? cause.code
      : "UNKNOWN";
  const why = ways[errno] ?? (cause instanceof Error ? cause.message : String(cause));
  return new StorageError(`cannot ${action} ${file}: ${why}`, { path: file, errno }, { cause });
}

/** Whether an error says that a file or folder is not there. */
export function isMissing(error: unknown): boolean {
  return (
    error instanceof StorageError &&
    (error.facts["errno"] === "ENOENT" || error.facts["errno"] === "ENOTDIR")
  );
}

const openFlags = { read: "r", create: "wx+", update: "r+" } as const;
/** Linux moves at most this many bytes in one call. */
const longestTransfer = 0x7ffff000;

/** Descriptor -> path, for error messages only. */
const openPaths = new Map<number, string>();

function attempt<Result>(action: string, file: string, operation: () => Result): Result {
  try {
    return operation();
  } catch (error) {
    throw storageError(action, file, error);
  }
}

function pathOf(descriptor: number): string {
  return openPaths.get(descriptor) ?? `descriptor ${descriptor}`;
}

/** The operating system's file system. */
export const nodeFileSystem: FileSystem = {
  open(file, purpose) {
    return attempt(purpose === "create" ? "create" : "open", file, () => {
      const descriptor = fs.openSync(file, openFlags[purpose]);
      openPaths.set(descriptor, file);
      return descriptor;
    });
  },
  close(descriptor) {
    attempt("close", pathOf(descriptor), () => {
      openPaths.delete(descriptor);
      fs.closeSync(descriptor);
    });
  },
  read(descriptor, target, position) {
    return attempt("read", pathOf(descriptor), () => {
      let done = 0;
      while (done < target.byteLength) {
        const length = Math.min(target.byteLength - done, longestTransfer);
        const count = fs.readSync(descriptor, target, done, length, position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  },
  write(descriptor, bytes, position) {
    attempt("write", pathOf(descriptor), () => {
      let done = 0;
      while (done < bytes.byteLength) {
        const length = Math.min(bytes.byteLength - done, longestTransfer);
        const count = fs.writeSync(descriptor, bytes, done, length, position + done);
        if (count === 0) throw new Error("the disk took none of the bytes");
        done += count;
      }
    });
  },
  byteLength(descriptor) {
    return attempt("measure", pathOf(descriptor), () => fs.fstatSync(descriptor).size);
  },
  truncate(descriptor, byteLength) {
    attempt("truncate", pathOf(descriptor), () => fs.ftruncateSync(descriptor, byteLength));
  },
  sync(descriptor) {
    attempt("sync", pathOf(descriptor), () => fs.fsyncSync(descriptor));
  },
  syncLater(descriptor) {
    return new Promise((resolve, reject) => {
      fs.fdatasync(descriptor, (error) => {
        if (error) reject(storageError("sync", pathOf(descriptor), error));
        else resolve();
      });
    });
  },
  rename(from, to) {
    attempt("rename", from, () => fs.renameSync(from, to));
  },
  remove(file) {
    attempt("remove", file, () => fs.rmSync(file, { force: true }));
  },
  removeDirectory(directory) {
    attempt("remove", directory, () => fs.rmSync(directory, { recursive: true, force: true }));
  },
  syncDirectory(directory) {
    // Windows cannot open a folder; NTFS journals its entries itself.
    if (process.platform === "win32") return;
    attempt("sync", directory, () => {
      const descriptor = fs.openSync(directory, "r");
      try {
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
    });
  },
  list(directory) {
    try {
      return fs.readdirSync(directory).sort();
    } catch (error) {
      const wrapped = storageError("list", directory, error);
      if (isMissing(wrapped)) return null;
      throw wrapped;
    }
  },
  makeDirectory(directory) {
    attempt("create", directory, () => {
      const first = fs.mkdirSync(directory, { recursive: true });
      // The new entry itself must survive: sync the folder above the topmost one created.
      if (first !== undefined) nodeFileSystem.syncDirectory(path.dirname(first));
    });
  },
  modifiedMs(file) {
    return attempt("examine", file, () => fs.statSync(file).mtimeMs);
  },
  touch(file) {
    attempt("touch", file, () => {
      const now = new Date();
      fs.utimesSync(file, now, now);
    });
  },
};

/** The whole content of a file. */
export function readWholeFile(fileSystem: FileSystem, file: string): Uint8Array {
  const descriptor = fileSystem.open(file, "read");
  try {
    const bytes = new Uint8Array(fileSystem.byteLength(descriptor));
    const count = fileSystem.read(descriptor, bytes, 0);
    return count === bytes.byteLength ? bytes : bytes.subarray(0, count);
  } finally {
    fileSystem.close(descriptor);
  }
}

/**
 * Puts `bytes` in the place of `file` so that after a crash at any moment either the old or the new
 * content is there, whole: write beside it, sync, rename, sync the folder.
 */
export function replaceFile(fileSystem: FileSystem, file: string, bytes: Uint8Array): void {
  const temporary = `${file}.tmp`;
  fileSystem.remove(temporary);
  const descriptor = fileSystem.open(temporary, "create");
  try {
    fileSystem.write(descriptor, bytes, 0);
    fileSystem.sync(descriptor);
  } catch (error) {
    fileSystem.close(descriptor);
    fileSystem.remove(temporary);
    throw error;
  }
  fileSystem.close(descriptor);
  fileSystem.rename(temporary, file);
  fileSystem.syncDirectory(path.dirname(file));
}
