import type { Analyzer } from "../analysis/analyzer.js";
import { analyzerNamed } from "../analysis/analyzers.js";
import type { CollectionSettings } from "./collection-settings.js";
import { locateLive, type SegmentState, withDeleted } from "./segment-state.js";

/**
 * What happens to the segments of a collection when documents come or go: pure functions from one
 * list of states to the next.
 */

export function analyzerOf({ analyzer }: CollectionSettings): Analyzer {
  return analyzerNamed(analyzer);
}

/** A batch of ids taken out of all segments. */
export interface Removal {
  readonly states: readonly SegmentState[];
  /** Which of the ids (their positions) named a living document. */
  readonly found: readonly number[];
}

/**
 * States after the living documents with these ids are deleted.
 *
 * @param docIds all different
 */
export function withIdsRemoved(
  states: readonly SegmentState[],
  docIds: readonly Uint8Array[],
  analyzer: Analyzer,
): Removal {
  const found: number[] = [];
  const docOrds: number[][] = states.map(() => []);
  for (const [position, docId] of docIds.entries()) {
    for (const [segmentOrd, state] of states.entries()) {
      const docOrd = locateLive(state, docId);
      if (docOrd < 0) continue;
      docOrds[segmentOrd]?.push(docOrd);
      found.push(position);
      break;
    }
  }
  if (found.length === 0) return { states, found };
  return {
    states: states.map((state, i) => withDeleted(state, docOrds[i] ?? [], analyzer)),
    found,
  };
}

/** States after the documents of a new segment have replaced those of the same ids. */
export function withSegment(
  states: readonly SegmentState[],
  added: SegmentState,
  analyzer: Analyzer,
): { readonly states: readonly SegmentState[]; readonly replacedCount: number } {
  const removal = withIdsRemoved(states, liveIds(added), analyzer);
  return {
    states: [...removal.states, added],
    replacedCount: removal.found.length + added.deletedCount,
  };
}

function liveIds({ segment, deleted }: SegmentState): Uint8Array[] {
  const ids: Uint8Array[] = [];
  for (let docOrd = 0; docOrd < segment.docCount; docOrd++) {
    if (!deleted?.has(docOrd)) ids.push(segment.ids.idBytes(docOrd));
  }
  return ids;
}
