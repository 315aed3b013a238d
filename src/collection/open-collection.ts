import path from "node:path";
import type { Encoder } from "../dense/encoder.js";
import { CorruptIndexError, EncoderMismatchError, InputError } from "../errors.js";
import { type FileSystem, isMissing, nodeFileSystem } from "../store/file-system.js";
import { WriteAheadLog } from "../store/write-ahead-log.js";
import { WriterLock } from "../store/writer-lock.js";
import { Collection, type RecoveryReport } from "./collection.js";
import { isOwnFile, lockFileName, noCollection, refuseOccupied } from "./collection-home.js";
import {
  type CollectionManifest,
  type EncoderSlot,
  manifestFileName,
  numberedName,
  readCollectionManifest,
  writeCollectionManifest,
} from "./collection-manifest.js";
import { type CollectionSettingsInput, parseCollectionSettings } from "./collection-settings.js";
import { filesOfManifest } from "./copy-collection.js";
import { firstSlot } from "./encoder-slots.js";
import type { CollectionLimits } from "./maintenance.js";
import { type OpenedStates, openStates } from "./recovery.js";
import { salvageCollection } from "./salvage.js";
import type { Segment } from "./segment.js";

export interface CollectionOptions {
  /** Encoder of the dense leg; null or absent: vectors are given, or only sparse search is used. */
  readonly encoder?: Encoder | null | undefined;
  /** Encoders of further slots. */
  readonly otherEncoders?: readonly Encoder[] | undefined;
  readonly limits?: CollectionLimits | undefined;
  /** For tests: where the bytes go. */
  readonly fileSystem?: FileSystem | undefined;
}

export interface OpenCollectionOptions extends CollectionOptions {
  /** Default `read`: no lock, nothing written, not even to repair. */
  readonly mode?: "read" | "write" | undefined;
  /**
   * Read what is whole of a damaged collection; only with mode `read`. {@link Collection.recovery}
   * names what is not. Deletions in damaged files may come undone.
   */
  readonly salvage?: boolean | undefined;
}

/** A reader that loses every race against a writer's merges gives up after so many. */
const openAttempts = 20;

/**
 * Creates an empty collection in a folder that is not there or empty, and opens it for writing.
 *
 * @throws {InputError} settings that cannot be
 * @throws {AlreadyExistsError} there is a collection, or the folder holds something else
 * @throws {EncoderMismatchError} the settings name another encoder than the one given
 */
export async function createCollection(
  directory: string,
  settings: CollectionSettingsInput = {},
  options: CollectionOptions = {},
): Promise<Collection> {
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  const encoder = options.encoder ?? null;
  const parsed = parseCollectionSettings({
    ...settings,
    encoder: settings.encoder === undefined ? (encoder?.identity ?? null) : settings.encoder,
  });
  if (encoder !== null && encoder.identity.fingerprint !== parsed.encoder?.fingerprint) {
    throw new EncoderMismatchError(
      `the settings name encoder ${parsed.encoder?.name ?? "none"}, the encoder given is ` +
        `${encoder.identity.name}: leave "encoder" out of the settings, or give that encoder`,
      {
        expected: parsed.encoder?.fingerprint ?? "none",
        got: encoder.identity.fingerprint,
      },
    );
  }
  refuseOccupied(directory, fileSystem);
  fileSystem.makeDirectory(directory);
  const lock = WriterLock.acquire(path.join(directory, lockFileName), fileSystem);
  try {
    refuseOccupied(directory, fileSystem);
    // What an interrupted creation or removal left behind.
    removeFiles(directory, leftovers(directory, [], fileSystem), fileSystem);
    const log = numberedName("log", 1, "wal");
    const slots: EncoderSlot[] =
      parsed.encoder === null ? [] : [{ name: firstSlot, encoder: parsed.encoder }];
    const manifest: CollectionManifest = {
      generation: 1,
      settings: parsed,
      slots,
      activeSlot: slots[0]?.name ?? null,
      segments: [],
      logs: [log],
      changesBeforeLogs: 0,
      nextFileNumber: 2,
      searchDefaults: null,
    };
    const logFile = path.join(directory, log);
    await WriteAheadLog.create(logFile, fileSystem).close(false);
    writeCollectionManifest(path.join(directory, manifestFileName), manifest, fileSystem);
    return openForWriting(directory, lock, options, fileSystem);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Opens a collection. With mode `write` an interrupted commit is cut from the log and files of
 * interrupted builds are removed; {@link Collection.recovery} says what was done.
 *
 * An encoder with another fingerprint than the collection's does not keep it from opening: sparse
 * search works, and the dense leg refuses.
 *
 * @throws {NotFoundError} no collection there
 * @throws {CorruptIndexError} a file is damaged, missing, or not one of ours
 * @throws {IndexVersionError} written by a newer version
 * @throws {LockedError} somebody else writes it
 */
export async function openCollection(
  directory: string,
  options: OpenCollectionOptions = {},
): Promise<Collection> {
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  if (options.mode !== "write") return openForReading(directory, options, fileSystem);
  if (options.salvage === true) {
    throw new InputError(
      'salvage only reads: open with mode "read", export what is whole and build it anew',
      { path: directory, mode: "write" },
    );
  }
  // Read before the lock is written: a folder that is not ours is never written to.
  readManifest(directory, fileSystem);
  const lock = WriterLock.acquire(path.join(directory, lockFileName), fileSystem);
  try {
    return openForWriting(directory, lock, options, fileSystem);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function openForWriting(
  directory: string,
  lock: WriterLock,
  options: CollectionOptions,
  fileSystem: FileSystem,
): Collection {
  const manifest = readManifest(directory, fileSystem);
  const opened = openStates(directory, manifest, fileSystem);
  if (opened.lastLog === null) throw new Error("a manifest names at least one log");
  const files = leftovers(directory, filesOfManifest(manifest), fileSystem);
  removeFiles(directory, files, fileSystem);
  const logFile = path.join(directory, manifest.logs.at(-1) ?? "");
  const log = WriteAheadLog.open(logFile, opened.lastLog, fileSystem, () => lock.check());
  const dead = lock.takenOverFrom;
  return new Collection({
    directory,
    manifest,
    opened,
    encoders: encodersOf(options),
    fileSystem,
    limits: options.limits ?? {},
    recovery: {
      ...recoveryOf(opened),
      cutBytes: opened.lastLog.tornBytes,
      removedFiles: files,
      deadWriter: dead === null ? null : { pid: dead.pid, host: dead.host },
    },
    writer: { lock, log },
    reopen: () => ({ manifest, opened }),
  });
}

function openForReading(
  directory: string,
  options: OpenCollectionOptions,
  fileSystem: FileSystem,
): Collection {
  const salvage = options.salvage ?? false;
  const reopen = (
    known: readonly Segment[],
  ): { manifest: CollectionManifest; opened: OpenedStates } =>
    salvage
      ? salvageCollection(directory, fileSystem)
      : openConsistently(directory, fileSystem, known);
  const { manifest, opened } = reopen([]);
  return new Collection({
    directory,
    manifest,
    opened,
    encoders: encodersOf(options),
    fileSystem,
    limits: options.limits ?? {},
    recovery: recoveryOf(opened),
    writer: null,
    reopen,
  });
}

/** A writer may remove files between the reading of the manifest and their opening: then again. */
function openConsistently(
  directory: string,
  fileSystem: FileSystem,
  known: readonly Segment[],
): { manifest: CollectionManifest; opened: OpenedStates } {
  for (let attempt = 1; ; attempt++) {
    const manifest = readManifest(directory, fileSystem);
    try {
      return {
        manifest,
        opened: openStates(directory, manifest, fileSystem, known),
      };
    } catch (error) {
      const overtaken =
        error instanceof CorruptIndexError &&
        error.facts["missing"] === true &&
        readManifest(directory, fileSystem).generation !== manifest.generation;
      if (!overtaken || attempt === openAttempts) throw error;
    }
  }
}

function recoveryOf(opened: OpenedStates): RecoveryReport {
  return {
    replayedChanges: opened.recordCount,
    cutBytes: 0,
    removedFiles: [],
    deadWriter: null,
    damages: opened.damages.map(({ message }) => message),
  };
}

function encodersOf({ encoder, otherEncoders }: CollectionOptions): Encoder[] {
  return [
    ...(encoder === null || encoder === undefined ? [] : [encoder]),
    ...(otherEncoders ?? []),
  ];
}

function readManifest(directory: string, fileSystem: FileSystem): CollectionManifest {
  try {
    return readCollectionManifest(path.join(directory, manifestFileName), fileSystem);
  } catch (error) {
    if (isMissing(error)) throw noCollection(directory);
    throw error;
  }
}

/** Files of ours that no manifest names: left by a crash. */
function leftovers(
  directory: string,
  named: readonly string[],
  fileSystem: FileSystem,
): readonly string[] {
  const needed = new Set([...named, lockFileName, manifestFileName]);
  return (fileSystem.list(directory) ?? []).filter((name) => isOwnFile(name) && !needed.has(name));
}

function removeFiles(directory: string, files: readonly string[], fileSystem: FileSystem): void {
  for (const file of files) fileSystem.remove(path.join(directory, file));
}
