import type { Analyzer } from "../analysis/analyzer.js";
import { CorruptIndexError } from "../errors.js";
import { Bitset } from "../numeric/bitset.js";
import { TermCorrections, termCorrectionsFor } from "../sparse/term-corrections.js";
import type { FileSystem } from "../store/file-system.js";
import { SegmentFile } from "../store/segment-file.js";
import { SegmentFileWriter } from "../store/segment-file-writer.js";
import type { Segment } from "./segment.js";

/**
 * A segment with what was deleted from it, as of one moment; immutable. `corrections` are the
 * statistics of exactly the deleted documents.
 */
export interface SegmentState {
  readonly segment: Segment;
  readonly deleted: Bitset | null;
  readonly deletedCount: number;
  readonly corrections: TermCorrections | null;
}

export function wholeSegment(segment: Segment): SegmentState {
  return { segment, deleted: null, deletedCount: 0, corrections: null };
}

export function liveCount({ segment, deletedCount }: SegmentState): number {
  return segment.docCount - deletedCount;
}

/** Ordinals of the living documents. */
export function liveOrds({ segment, deleted }: SegmentState): number[] {
  const docOrds: number[] = [];
  for (let docOrd = 0; docOrd < segment.docCount; docOrd++) {
    if (!deleted?.has(docOrd)) docOrds.push(docOrd);
  }
  return docOrds;
}

/** Ordinal of a living document in the segment, or -1. */
export function locateLive({ segment, deleted }: SegmentState, docId: Uint8Array): number {
  const docOrd = segment.ids.locateBytes(docId);
  return docOrd < 0 || deleted?.has(docOrd) ? -1 : docOrd;
}

/**
 * The state after these living documents are deleted. They are analysed once more, to take their
 * terms out of the statistics.
 */
export function withDeleted(
  state: SegmentState,
  docOrds: readonly number[],
  analyzer: Analyzer,
): SegmentState {
  if (docOrds.length === 0) return state;
  const { segment } = state;
  const deleted = state.deleted?.clone() ?? new Bitset(segment.docCount);
  for (const docOrd of docOrds) deleted.add(docOrd);
  const gone = termCorrectionsFor(
    analyzer,
    docOrds.map((docOrd) => segment.documents.document(docOrd)),
  );
  return {
    segment,
    deleted,
    deletedCount: state.deletedCount + docOrds.length,
    corrections: state.corrections === null ? gone : state.corrections.plus(gone),
  };
}

/** Documents deleted in `now` that were alive in `before`, states of the same segment. */
export function deletedSince(before: SegmentState, now: SegmentState): number[] {
  if (now.deleted === null || now.deleted === before.deleted) return [];
  const fresh = now.deleted.clone();
  if (before.deleted !== null) fresh.subtract(before.deleted);
  return [...fresh];
}

/** Writes what was deleted from a segment on disk. */
export function writeDeletions(file: string, state: SegmentState, fileSystem: FileSystem): void {
  if (state.deleted === null || state.corrections === null) throw new Error("nothing is deleted");
  const writer = new SegmentFileWriter(file, fileSystem);
  try {
    writer.add("deleted", state.deleted.words);
    writer.add("corrections", state.corrections.toBytes());
    const { deletedCount } = state;
    writer.finish({ kind: "deletions", docCount: state.segment.docCount, deletedCount });
  } finally {
    writer.abort();
  }
}

/** @throws {CorruptIndexError} missing, damaged, or of another segment */
export function readDeletions(
  file: string,
  segment: Segment,
  count: number,
  fileSystem: FileSystem,
): SegmentState {
  const source = SegmentFile.open(file, fileSystem);
  try {
    const bytes = source.load("deleted");
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
    const corrections = TermCorrections.fromBytes(source.load("corrections").slice());
    if (words.length !== (segment.docCount + 31) >>> 5) {
      throw new CorruptIndexError(
        `${file} is a deletion set of ${32 * words.length} documents, its segment has ` +
          `${segment.docCount}: restore both from one snapshot`,
        { path: file, found: 32 * words.length, expected: segment.docCount },
      );
    }
    const deleted = new Bitset(segment.docCount, words);
    const found = deleted.count();
    if (found !== count || corrections.statistics.docCount !== count) {
      throw new CorruptIndexError(
        `${file} holds ${found} deletions and statistics of ${corrections.statistics.docCount}, ` +
          `the manifest says ${count}: restore both from one snapshot`,
        { path: file, found, expected: count },
      );
    }
    return { segment, deleted, deletedCount: count, corrections };
  } finally {
    source.close();
  }
}
