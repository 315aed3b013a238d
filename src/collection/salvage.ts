import path from "node:path";
import type { Document } from "../corpus/document.js";
import { rowsOf } from "../dense/vectors.js";
import { CorruptIndexError, SearchError } from "../errors.js";
import type { FileSystem } from "../store/file-system.js";
import { MemorySections } from "../store/memory-sections.js";
import { SegmentFile } from "../store/segment-file.js";
import { salvageLog } from "../store/write-ahead-log.js";
import { noCollection } from "./collection-home.js";
import {
  type CollectionManifest,
  type EncoderSlot,
  manifestFileName,
  readCollectionManifest,
  type SegmentEntry,
} from "./collection-manifest.js";
import { type CollectionSettings, parseCollectionSettings } from "./collection-settings.js";
import { analyzerOf, withSegment } from "./live-states.js";
import { type LoggedRecord, type OpenedStates, replay } from "./recovery.js";
import { Segment } from "./segment.js";
import { SegmentBuilder } from "./segment-builder.js";
import { readDeletions, type SegmentState, wholeSegment, withDeleted } from "./segment-state.js";

/*
 * Salvage reads a damaged collection and changes nothing:
 *
 * - a segment without damage is used as it is;
 * - of a damaged one, every document whose own checksum holds is indexed anew in memory, with its
 *   vectors if these are whole;
 * - a slot whose vectors are damaged in any segment is given up: the sparse leg works alone;
 * - of a log, every whole commit is replayed;
 * - without a manifest, all segments and logs in the folder are taken.
 */

/** What could be read, and why the rest could not. */
export interface Salvaged {
  readonly manifest: CollectionManifest;
  readonly opened: OpenedStates;
}

/**
 * @throws {NotFoundError} nothing there looks like a collection
 * @throws {CorruptIndexError} neither the manifest nor any segment can be read
 */
export function salvageCollection(directory: string, fileSystem: FileSystem): Salvaged {
  const damages: SearchError[] = [];
  const manifest = salvageManifest(directory, fileSystem, damages);
  const lostSlots = new Set<string>();
  const rescued: RescuedSegment[] = [];
  for (const entry of manifest.segments) {
    const segment = rescueSegment(directory, entry, manifest, fileSystem, damages);
    if (segment === null) continue;
    rescued.push(segment);
    for (const slot of segment.lostSlots) lostSlots.add(slot);
  }
  const slots = manifest.slots.filter(({ name }) => !lostSlots.has(name));
  const kept: CollectionManifest = {
    ...manifest,
    slots,
    activeSlot: slots.some(({ name }) => name === manifest.activeSlot) ? manifest.activeSlot : null,
  };
  const analyzer = analyzerOf(kept.settings);
  let states: readonly SegmentState[] = [];
  for (const { open } of rescued) {
    const state = open(slots);
    // Lost deletions bring replaced documents back: of one id, the later segment's counts.
    if (state !== null) states = withSegment(states, state, analyzer).states;
  }
  const records = salvageRecords(directory, kept.logs, fileSystem, damages);
  return {
    manifest: kept,
    opened: {
      states: replay(kept, states, records),
      savedDeletions: new Map(),
      lastLog: null,
      recordCount: records.length,
      damages,
    },
  };
}

/** A segment of which at least the documents can be read. */
interface RescuedSegment {
  readonly lostSlots: readonly string[];
  /** Opens it with the slots that all segments have. */
  open(slots: readonly EncoderSlot[]): SegmentState | null;
}

function rescueSegment(
  directory: string,
  entry: SegmentEntry,
  manifest: CollectionManifest,
  fileSystem: FileSystem,
  damages: SearchError[],
): RescuedSegment | null {
  const damageCount = damages.length;
  const source = attempt(damages, () => {
    const file = SegmentFile.open(path.join(directory, entry.file), fileSystem);
    damages.push(...file.verify());
    return file;
  });
  if (source === null) return null;
  const sideFiles = new Map<string, SegmentFile>();
  const lostSlots: string[] = [];
  for (const [slot, name] of Object.entries(entry.sideFiles)) {
    const file = attempt(damages, () => SegmentFile.open(path.join(directory, name), fileSystem));
    const broken = file?.verify() ?? [];
    damages.push(...broken);
    if (file === null || broken.length > 0) lostSlots.push(slot);
    else sideFiles.set(slot, file);
  }
  const segment = attempt(damages, () => new Segment(entry.file, source, sideFiles));
  if (segment === null) return null;
  for (const { name } of manifest.slots) {
    if (lostSlots.includes(name)) continue;
    if (attempt(damages, () => segment.vectors(name).values) === null) lostSlots.push(name);
  }
  const deletions = readDeletionsOrNone(directory, entry, segment, fileSystem, damages);
  const isWhole = damages.slice(damageCount).every(({ facts }) => facts["path"] !== source.label);
  return {
    lostSlots,
    open: (slots) => (isWhole ? deletions : rebuild(deletions, slots, manifest.settings, damages)),
  };
}

/** Indexes the documents that can be read anew, in memory. */
function rebuild(
  { segment, deleted }: SegmentState,
  slots: readonly EncoderSlot[],
  settings: CollectionSettings,
  damages: SearchError[],
): SegmentState | null {
  const builder = new SegmentBuilder(settings, slots);
  for (let docOrd = 0; docOrd < segment.docCount; docOrd++) {
    if (deleted?.has(docOrd)) continue;
    const json = attempt(damages, () => segment.documents.jsonBytes(docOrd));
    if (json === null) continue;
    builder.add({ document: JSON.parse(Buffer.from(json).toString()) as Document, json });
    for (const { name } of slots) {
      const vectors = segment.vectors(name);
      const { dimension } = vectors;
      const [first, end] = rowsOf(vectors, docOrd);
      const values = vectors.values.slice(first * dimension, end * dimension);
      const count = end - first;
      builder.addVectors(name, { count, dimension, values, rowEnds: Uint32Array.of(count) });
    }
  }
  if (builder.docCount === 0) return null;
  const sections = new MemorySections();
  builder.finish(sections);
  const state = wholeSegment(new Segment(null, sections));
  return withDeleted(state, [...(builder.superseded() ?? [])], analyzerOf(settings));
}

function readDeletionsOrNone(
  directory: string,
  { deletions }: SegmentEntry,
  segment: Segment,
  fileSystem: FileSystem,
  damages: SearchError[],
): SegmentState {
  if (deletions === null) return wholeSegment(segment);
  const file = path.join(directory, deletions.file);
  return (
    attempt(damages, () => readDeletions(file, segment, deletions.count, fileSystem)) ??
    wholeSegment(segment)
  );
}

function salvageRecords(
  directory: string,
  logs: readonly string[],
  fileSystem: FileSystem,
  damages: SearchError[],
): LoggedRecord[] {
  const records: LoggedRecord[] = [];
  for (const name of logs) {
    const file = path.join(directory, name);
    const salvaged = attempt(damages, () => salvageLog(file, fileSystem));
    if (salvaged === null) continue;
    for (const bytes of salvaged.records) records.push({ bytes, file });
    if (salvaged.lostBytes === 0) continue;
    damages.push(
      new CorruptIndexError(`${file}: ${salvaged.lostBytes} bytes are in no whole commit`, {
        path: file,
        lostBytes: salvaged.lostBytes,
      }),
    );
  }
  return records;
}

function salvageManifest(
  directory: string,
  fileSystem: FileSystem,
  damages: SearchError[],
): CollectionManifest {
  try {
    return readCollectionManifest(path.join(directory, manifestFileName), fileSystem);
  } catch (error) {
    if (!(error instanceof SearchError)) throw error;
    const manifest = manifestFromFiles(directory, fileSystem);
    if (manifest === null)
      throw error instanceof CorruptIndexError ? error : noCollection(directory);
    damages.push(error);
    return manifest;
  }
}

/** A manifest put together from the files in the folder; null if no segment can be read. */
function manifestFromFiles(directory: string, fileSystem: FileSystem): CollectionManifest | null {
  const names = fileSystem.list(directory) ?? [];
  const segments: SegmentEntry[] = [];
  let settings: CollectionSettings | null = null;
  for (const file of names.filter((name) => /^seg-\d{6,}\.seg$/.test(name))) {
    const meta = metaOf(path.join(directory, file), fileSystem);
    if (meta === null) continue;
    settings = meta.settings;
    const deletions = latestDeletions(directory, file, names, fileSystem);
    segments.push({ file, docCount: meta.docCount, deletions, sideFiles: {} });
  }
  if (settings === null) return null;
  const slots: EncoderSlot[] =
    settings.encoder === null ? [] : [{ name: "main", encoder: settings.encoder }];
  return {
    generation: 1,
    settings,
    slots,
    activeSlot: slots[0]?.name ?? null,
    segments,
    logs: names.filter((name) => /^log-\d{6,}\.wal$/.test(name)),
    changesBeforeLogs: 0,
    nextFileNumber: Number.MAX_SAFE_INTEGER,
    searchDefaults: null,
  };
}

/** Every segment carries the settings that it was built with. */
function metaOf(
  file: string,
  fileSystem: FileSystem,
): { readonly docCount: number; readonly settings: CollectionSettings } | null {
  return attempt([], () => {
    const segment = SegmentFile.open(file, fileSystem);
    segment.close();
    const meta = segment.meta as { readonly docCount: number; readonly settings: unknown };
    return { docCount: meta.docCount, settings: parseCollectionSettings(meta.settings) };
  });
}

function latestDeletions(
  directory: string,
  segmentFile: string,
  names: readonly string[],
  fileSystem: FileSystem,
): SegmentEntry["deletions"] {
  const prefix = segmentFile.replace(/seg$/, "del-");
  const files = names
    .filter((name) => name.startsWith(prefix))
    .sort((a, b) => Number(b.slice(prefix.length)) - Number(a.slice(prefix.length)));
  for (const file of files) {
    const count = attempt([], () => {
      const source = SegmentFile.open(path.join(directory, file), fileSystem);
      source.close();
      return (source.meta as { readonly deletedCount: number }).deletedCount;
    });
    if (count !== null) return { file, count };
  }
  return null;
}

/** The result, or null with the error noted. */
function attempt<Result>(damages: SearchError[], operation: () => Result): Result | null {
  try {
    return operation();
  } catch (error) {
    if (!(error instanceof SearchError)) throw error;
    damages.push(error);
    return null;
  }
}
