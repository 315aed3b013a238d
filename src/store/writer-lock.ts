import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { LockedError } from "../errors.js";
import { type FileSystem, isMissing, nodeFileSystem, readWholeFile } from "./file-system.js";

/** Who holds a collection for writing, as its `lock` file says. */
export interface LockHolder {
  readonly pid: number;
  /** When that process started, in the words of its system; pids are used again, this is not. */
  readonly startedAt: string | null;
  readonly host: string;
  readonly token: string;
}

const heartbeatMs = 5_000;
/** A holder on another host (or container) that has not touched its lock for so long is gone. */
const silenceMs = 60_000;

/**
 * Exclusive right to write a collection, held as a file. A lock whose process is gone is taken
 * over: on the same host when no process of that pid and start time lives, on another host when
 * the lock was not touched for a minute. A holder that lost its lock that way (a suspended machine)
 * finds out in {@link check} before its next commit.
 */
export class WriterLock {
  readonly #file: string;
  readonly #fileSystem: FileSystem;
  readonly #token: string;
  readonly #heartbeat: NodeJS.Timeout;
  /** The dead holder this lock was taken over from, if any. */
  readonly takenOverFrom: LockHolder | null;

  private constructor(
    file: string,
    fileSystem: FileSystem,
    token: string,
    takenOverFrom: LockHolder | null,
  ) {
    this.#file = file;
    this.#fileSystem = fileSystem;
    this.#token = token;
    this.takenOverFrom = takenOverFrom;
    this.#heartbeat = setInterval(() => this.#touch(), heartbeatMs);
    this.#heartbeat.unref();
  }

  /**
   * @throws {LockedError} somebody writes: who, and the way out
   * @throws {StorageError} the disk refuses
   */
  static acquire(file: string, fileSystem: FileSystem = nodeFileSystem): WriterLock {
    const holder: LockHolder = {
      pid: process.pid,
      startedAt: startOfProcess(process.pid),
      host: os.hostname(),
      token: randomUUID(),
    };
    if (createExclusively(file, holder, fileSystem)) {
      return new WriterLock(file, fileSystem, holder.token, null);
    }
    // Two processes may find the same dead lock: only one may replace it, so that is locked as well.
    const takeover = `${file}.takeover`;
    const previous = refuseLiving(file, fileSystem);
    if (!createExclusively(takeover, holder, fileSystem)) {
      refuseLiving(takeover, fileSystem);
      fileSystem.remove(takeover);
      if (!createExclusively(takeover, holder, fileSystem)) refuseLiving(takeover, fileSystem);
    }
    try {
      refuseLiving(file, fileSystem);
      fileSystem.remove(file);
      if (!createExclusively(file, holder, fileSystem)) refuseLiving(file, fileSystem);
    } finally {
      fileSystem.remove(takeover);
    }
    return new WriterLock(file, fileSystem, holder.token, previous);
  }

  /**
   * Call before every commit.
   *
   * @throws {LockedError} the lock is not ours any more
   */
  check(): void {
    const holder = readHolder(this.#file, this.#fileSystem);
    if (holder?.token === this.#token) return;
    throw new LockedError(
      `the write lock ${this.#file} was taken over by ${describe(holder)} while this process was ` +
        "suspended: nothing more is written here; open the collection again",
      { path: this.#file, pid: holder?.pid ?? 0, host: holder?.host ?? "" },
    );
  }

  release(): void {
    clearInterval(this.#heartbeat);
    if (readHolder(this.#file, this.#fileSystem)?.token === this.#token) {
      this.#fileSystem.remove(this.#file);
    }
  }

  #touch(): void {
    try {
      if (readHolder(this.#file, this.#fileSystem)?.token === this.#token) {
        this.#fileSystem.touch(this.#file);
      }
    } catch {
      // A disk that refuses for a moment; check() decides before anything is written.
    }
  }
}

/** Who writes at this moment, or null if nobody (alive) does. */
export function livingHolder(
  file: string,
  fileSystem: FileSystem = nodeFileSystem,
): LockHolder | null {
  const holder = readHolder(file, fileSystem);
  return holder !== null && isAlive(holder, file, fileSystem) ? holder : null;
}

function createExclusively(file: string, holder: LockHolder, fileSystem: FileSystem): boolean {
  let descriptor: number;
  try {
    descriptor = fileSystem.open(file, "create");
  } catch (error) {
    if (error instanceof Error && "facts" in error) {
      const facts = error.facts as Readonly<Record<string, unknown>>;
      if (facts["errno"] === "EEXIST") return false;
    }
    throw error;
  }
  try {
    fileSystem.write(descriptor, Buffer.from(`${JSON.stringify(holder)}\n`, "utf8"), 0);
  } catch (error) {
    fileSystem.remove(file);
    throw error;
  } finally {
    fileSystem.close(descriptor);
  }
  fileSystem.syncDirectory(path.dirname(file));
  return true;
}

/** The dead holder of a lock, or null for a lock file that says nothing readable and is old. */
function refuseLiving(file: string, fileSystem: FileSystem): LockHolder | null {
  const holder = readHolder(file, fileSystem);
  if (holder !== null && !isAlive(holder, file, fileSystem)) return holder;
  if (holder === null && !isRecent(file, fileSystem)) return null;
  throw new LockedError(
    `${path.dirname(file)} is being written by ${describe(holder)}: wait until it is done or stop ` +
      `it, or open for reading; only if that process is surely gone, remove ${file}`,
    { path: file, pid: holder?.pid ?? 0, host: holder?.host ?? "" },
  );
}

function readHolder(file: string, fileSystem: FileSystem): LockHolder | null {
  try {
    const text = Buffer.from(readWholeFile(fileSystem, file)).toString("utf8");
    const holder: unknown = JSON.parse(text);
    return isHolder(holder) ? holder : null;
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return null;
    throw error;
  }
}

function isHolder(value: unknown): value is LockHolder {
  return (
    typeof value === "object" &&
    value !== null &&
    "pid" in value &&
    typeof value.pid === "number" &&
    "host" in value &&
    typeof value.host === "string" &&
    "token" in value &&
    typeof value.token === "string" &&
    "startedAt" in value &&
    (value.startedAt === null || typeof value.startedAt === "string")
  );
}

function isAlive(holder: LockHolder, file: string, fileSystem: FileSystem): boolean {
  if (holder.host !== os.hostname()) return isRecent(file, fileSystem);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: there is such a process, of another user.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return false;
  }
  const startedAt = startOfProcess(holder.pid);
  return holder.startedAt === null || startedAt === null || startedAt === holder.startedAt;
}

/** Whether the lock was touched within {@link silenceMs}; a vanished one was not. */
function isRecent(file: string, fileSystem: FileSystem): boolean {
  try {
    return Math.abs(Date.now() - fileSystem.modifiedMs(file)) < silenceMs;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function describe(holder: LockHolder | null): string {
  return holder === null ? "another process" : `process ${holder.pid} on ${holder.host}`;
}

/** Start of a process: boot id and clock ticks on Linux, `ps` elsewhere, null where neither works. */
function startOfProcess(pid: number): string | null {
  try {
    if (process.platform === "linux") {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      // The name in parentheses may itself hold spaces and parentheses; field 22 counts from 1.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      // A killed process that its parent has not collected yet writes nothing any more.
      if (fields[0] === "Z" || fields[0] === "X") return "ended";
      const ticks = fields[19];
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
      return ticks === undefined ? null : `${boot}/${ticks}`;
    }
    if (process.platform === "win32") return null;
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "latin1" }).trim();
  } catch {
    return null;
  }
}
