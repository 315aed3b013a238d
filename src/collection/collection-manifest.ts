import { z } from "zod";
import type { JsonValue } from "../corpus/document.js";
import type { EncoderIdentity } from "../dense/encoder.js";
import { CorruptIndexError, InputError } from "../errors.js";
import { type FileSystem, nodeFileSystem } from "../store/file-system.js";
import { readManifest, writeManifest } from "../store/manifest-file.js";
import {
  type CollectionSettings,
  collectionSettingsSchema,
  encoderIdentitySchema,
} from "./collection-settings.js";

/** One segment on disk, as the manifest names it. */
export interface SegmentEntry {
  readonly file: string;
  readonly docCount: number;
  /** Deletion bitset and statistics corrections; null while every document lives. */
  readonly deletions: { readonly file: string; readonly count: number } | null;
  /**
   * Files written after the segment, which never changes: `<slot>` has the vectors of a slot that was
   * added later, `<slot>.graph` the graph over the vectors of a slot.
   */
  readonly sideFiles: Readonly<Record<string, string>>;
}

/** One encoder whose vectors the collection holds. */
export interface EncoderSlot {
  readonly name: string;
  readonly encoder: EncoderIdentity;
}

/** Everything that makes up a collection. What it does not name does not count. */
export interface CollectionManifest {
  /** Grows by one with every replacement of the manifest. */
  readonly generation: number;
  readonly settings: CollectionSettings;
  readonly slots: readonly EncoderSlot[];
  /** The slot that searches use; null without a dense leg. */
  readonly activeSlot: string | null;
  readonly segments: readonly SegmentEntry[];
  /** Logs to replay on top of the segments, oldest first; the last one is written to. */
  readonly logs: readonly string[];
  /** Changes that happened before the first record of the logs. */
  readonly changesBeforeLogs: number;
  /** Number of the next file; a number is never used again. */
  readonly nextFileNumber: number;
  /** Defaults of searches, saved by tuning and read by `pipeline/`; opaque here. */
  readonly searchDefaults: JsonValue;
}

const fileName = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/);
const segmentEntrySchema = z.strictObject({
  file: fileName,
  docCount: z.int().min(1),
  deletions: z.strictObject({ file: fileName, count: z.int().min(1) }).nullable(),
  sideFiles: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]*(?:\.graph)?$/), fileName),
});
const slotSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
  encoder: encoderIdentitySchema,
});
const manifestSchema: z.ZodType<CollectionManifest> = z.strictObject({
  generation: z.int().min(1),
  settings: collectionSettingsSchema,
  slots: z.array(slotSchema),
  activeSlot: z.string().nullable(),
  segments: z.array(segmentEntrySchema),
  logs: z.array(fileName).min(1),
  changesBeforeLogs: z.int().min(0),
  nextFileNumber: z.int().min(1),
  searchDefaults: z.json().nullable(),
});

export const manifestFileName = "manifest.json";

/**
 * @throws {StorageError} there is none (`facts.errno` is `ENOENT`), or it cannot be read
 * @throws {CorruptIndexError} damaged, or not one of ours
 * @throws {IndexVersionError} written by a newer version
 */
export function readCollectionManifest(
  file: string,
  fileSystem: FileSystem = nodeFileSystem,
): CollectionManifest {
  const parsed = manifestSchema.safeParse(readManifest(file, fileSystem));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CorruptIndexError(
    `${file}: ${issue?.path.join(".")}: ${issue?.message}: the manifest is not what braid writes; ` +
      "restore it from a snapshot",
    { path: file, field: issue?.path.join(".") ?? "" },
  );
}

export function writeCollectionManifest(
  file: string,
  manifest: CollectionManifest,
  fileSystem: FileSystem = nodeFileSystem,
): void {
  writeManifest(file, manifest, fileSystem);
}

/** @throws {InputError} a name that a slot cannot have */
export function parseSlot(slot: EncoderSlot): EncoderSlot {
  const parsed = slotSchema.safeParse(slot);
  if (parsed.success) return parsed.data;
  throw new InputError(
    `a slot's name must be 1 to 32 lower-case letters, digits or '-', got ${JSON.stringify(slot.name)}`,
    { field: "slot", value: slot.name },
  );
}

/** `log-000007.wal` and the like: six digits or more. */
export function numberedName(kind: "log" | "seg", number: number, ending: string): string {
  return `${kind}-${String(number).padStart(6, "0")}.${ending}`;
}
