import type { Snapshot } from "../collection/snapshot.js";
import { evaluateFilter } from "../filter/evaluate-filter.js";
import type { Filter } from "../filter/filter.js";
import { Bitset } from "../numeric/bitset.js";

/** Per segment the living documents that the filter admits (null: all of them). */
export function acceptedDocuments(snapshot: Snapshot, filter: Filter | null): Bitset[] {
  return snapshot.segments.map(({ docCount, deleted, columns, names }) => {
    const accepted =
      filter === null
        ? Bitset.full(docCount)
        : evaluateFilter(columns, filter, (docId) => names.locate(docId));
    if (deleted !== null) accepted.subtract(deleted);
    return accepted;
  });
}
