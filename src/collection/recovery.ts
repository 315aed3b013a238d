import path from "node:path";
import { analyzerNamed } from "../analysis/analyzers.js";
import type { Document } from "../corpus/document.js";
import { CorruptIndexError, type SearchError } from "../errors.js";
import type { FileSystem } from "../store/file-system.js";
import { MemorySections } from "../store/memory-sections.js";
import { SegmentFile } from "../store/segment-file.js";
import { type LogContents, readLog } from "../store/write-ahead-log.js";
import type { CollectionManifest, SegmentEntry } from "./collection-manifest.js";
import { type DocumentVectors, sliceVectors } from "./document-vectors.js";
import { withIdsRemoved } from "./live-states.js";
import { decodeLogRecord } from "./log-record.js";
import { Segment } from "./segment.js";
import { SegmentBuilder } from "./segment-builder.js";
import { readDeletions, type SegmentState, wholeSegment } from "./segment-state.js";

/** The saved deletions of a segment on disk. */
export interface SavedDeletions {
  readonly file: string;
  readonly count: number;
}

/** What opening a collection found on the disk, with the log replayed on top of the segments. */
export interface OpenedStates {
  readonly states: readonly SegmentState[];
  /** By segment file. */
  readonly savedDeletions: ReadonlyMap<string, SavedDeletions>;
  /** The log that is written to, as it was found; null if salvage gave it up. */
  readonly lastLog: LogContents | null;
  readonly recordCount: number;
  /** Damage that salvage went around; empty without salvage, which is never silent. */
  readonly damages: readonly SearchError[];
}

/**
 * Opens every segment and replays the logs.
 *
 * @param known segments that are open already: file names are never used again
 * @throws {CorruptIndexError} a file is missing or damaged
 */
export function openStates(
  directory: string,
  manifest: CollectionManifest,
  fileSystem: FileSystem,
  known: readonly Segment[] = [],
): OpenedStates {
  const savedDeletions = new Map<string, SavedDeletions>();
  const states = manifest.segments.map((entry) => {
    const state = openSegment(directory, entry, fileSystem, known);
    if (entry.deletions !== null) savedDeletions.set(entry.file, entry.deletions);
    return state;
  });
  const { records, last } = readLogs(directory, manifest.logs, fileSystem);
  return {
    states: replay(manifest, states, records),
    savedDeletions,
    lastLog: last,
    recordCount: records.length,
    damages: [],
  };
}

/** Opens one segment of the manifest with its vectors and deletions. */
export function openSegment(
  directory: string,
  entry: SegmentEntry,
  fileSystem: FileSystem,
  known: readonly Segment[] = [],
): SegmentState {
  const segment =
    known.find((open) => isEntry(open, entry)) ?? openSegmentFiles(directory, entry, fileSystem);
  if (entry.deletions === null) return wholeSegment(segment);
  const { file, count } = entry.deletions;
  return readDeletions(path.join(directory, file), segment, count, fileSystem);
}

function isEntry({ file, sideFiles }: Segment, entry: SegmentEntry): boolean {
  if (file !== entry.file) return false;
  const slots = Object.entries(entry.sideFiles);
  return (
    slots.length === sideFiles.size &&
    slots.every(([slot, name]) => path.basename(sideFiles.get(slot)?.label ?? "") === name)
  );
}

function openSegmentFiles(directory: string, entry: SegmentEntry, fileSystem: FileSystem): Segment {
  const source = SegmentFile.open(path.join(directory, entry.file), fileSystem);
  const sideFiles = new Map(
    Object.entries(entry.sideFiles).map(([slot, file]) => [
      slot,
      SegmentFile.open(path.join(directory, file), fileSystem),
    ]),
  );
  const segment = new Segment(entry.file, source, sideFiles);
  if (segment.docCount !== entry.docCount) {
    throw new CorruptIndexError(
      `${source.label} has ${segment.docCount} documents, the manifest says ${entry.docCount}: ` +
        "restore both from one snapshot",
      { path: source.label, found: segment.docCount, expected: entry.docCount },
    );
  }
  return segment;
}

/** One record of a log and the file it stands in. */
export interface LoggedRecord {
  readonly bytes: Uint8Array;
  readonly file: string;
}

function readLogs(
  directory: string,
  names: readonly string[],
  fileSystem: FileSystem,
): { readonly records: readonly LoggedRecord[]; readonly last: LogContents | null } {
  const records: LoggedRecord[] = [];
  let last: LogContents | null = null;
  for (const [i, name] of names.entries()) {
    const file = path.join(directory, name);
    last = readLog(file, fileSystem);
    // A log is followed by another one only once all of it is on the disk.
    if (i < names.length - 1 && last.tornBytes > 0) {
      throw new CorruptIndexError(
        `${file}: the commit at byte ${last.validBytes} is damaged, and a later log follows: ` +
          "acknowledged changes are lost; restore from a snapshot, or open with --salvage",
        { path: file, offset: last.validBytes },
      );
    }
    for (const bytes of last.records) records.push({ bytes, file });
  }
  return { records, last };
}

/** A document as the log last saw it. */
interface LoggedDocument {
  readonly json: Uint8Array;
  readonly vectors: ReadonlyMap<string, { readonly rows: DocumentVectors; readonly at: number }>;
}

/**
 * Replays records on top of segments. Only the last word on each id matters, so all of them become
 * one removal and one segment in memory. Replaying what a segment holds already changes nothing.
 */
export function replay(
  manifest: CollectionManifest,
  states: readonly SegmentState[],
  records: readonly LoggedRecord[],
): readonly SegmentState[] {
  const last = new Map<string, LoggedDocument | null>();
  for (const { bytes, file } of records) {
    const record = decodeLogRecord(bytes, file);
    if (record.kind === "delete") {
      for (const docId of record.docIds) last.set(docId, null);
      continue;
    }
    for (const [at, json] of record.documents.entries()) {
      const { _id } = JSON.parse(Buffer.from(json).toString("utf8")) as Document;
      const vectors = new Map(
        [...record.vectors].map(([slot, rows]) => [slot, { rows, at }] as const),
      );
      last.set(_id, { json, vectors });
    }
  }
  if (last.size === 0) return states;
  const analyzer = analyzerNamed(manifest.settings.analyzer);
  const ids = [...last.keys()].map((docId) => Buffer.from(docId, "utf8"));
  const removed = withIdsRemoved(states, ids, analyzer).states;
  const kept = [...last.values()].filter((document) => document !== null);
  if (kept.length === 0) return removed;
  return [...removed, wholeSegment(buildReplayed(manifest, kept))];
}

function buildReplayed(
  manifest: CollectionManifest,
  documents: readonly LoggedDocument[],
): Segment {
  const builder = new SegmentBuilder(manifest.settings, manifest.slots);
  for (const { json, vectors } of documents) {
    const document = JSON.parse(Buffer.from(json).toString("utf8")) as Document;
    builder.add({ document, json });
    for (const { name, encoder } of manifest.slots) {
      const { dimension } = encoder;
      const logged = vectors.get(name);
      if (logged === undefined || logged.rows.dimension !== dimension) {
        throw new CorruptIndexError(
          `the log has document ${document._id} without a vector of slot ${name}: index the ` +
            "document again",
          { docId: document._id, slot: name },
        );
      }
      builder.addVectors(name, sliceVectors(logged.rows, logged.at, logged.at + 1));
    }
  }
  const sections = new MemorySections();
  builder.finish(sections);
  return new Segment(null, sections);
}
