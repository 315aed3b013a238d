import { mergeVectors } from "../dense/vectors.js";
import { mergeColumns } from "../filter/merge-columns.js";
import { Bitset } from "../numeric/bitset.js";
import { mergeSparseSegments } from "../sparse/merge-segments.js";
import type { SectionSink } from "../store/sections.js";
import { mergeDocumentIds } from "./document-ids.js";
import type { Segment } from "./segment.js";
import { mergeStoredDocuments } from "./stored-documents.js";

/** A segment of a merge and the documents of it that are left out. */
export interface SegmentMergeInput {
  readonly segment: Segment;
  readonly deleted: Bitset | null;
}

/**
 * Writes one segment with the living documents of the inputs, in the order of the inputs.
 *
 * @param slots whose vectors are taken along; every input has them
 * @returns number of documents written; nothing is written if it is 0
 */
export function mergeSegments(
  inputs: readonly SegmentMergeInput[],
  slots: readonly string[],
  sink: SectionSink,
): number {
  const kept = inputs.map(({ segment, deleted }) => {
    const keep = Bitset.full(segment.docCount);
    if (deleted !== null) keep.subtract(deleted);
    return { segment, keep, keepsAll: deleted === null };
  });
  const docCount = kept.reduce((sum, { keep }) => sum + keep.count(), 0);
  if (docCount === 0) return 0;
  mergeDocumentIds(
    kept.map(({ segment, keep }) => ({ ids: segment.ids, keep })),
    sink,
  );
  mergeStoredDocuments(
    kept.map(({ segment, keep }) => ({ documents: segment.documents, keep })),
    sink,
  );
  mergeSparseSegments(
    kept.map(({ segment, keep, keepsAll }) => ({
      segment: segment.sparse,
      keep: keepsAll ? null : keep,
    })),
    sink,
  );
  mergeColumns(
    kept.map(({ segment, keep }) => ({ columns: segment.columns, keep })),
    sink,
  );
  for (const slot of slots) {
    mergeVectors(
      kept.map(({ segment, keep }) => ({ vectors: segment.vectors(slot), keep })),
      sink,
      slot,
    );
  }
  return docCount;
}
