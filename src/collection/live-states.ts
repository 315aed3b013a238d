import type { Analyzer } from "../analysis/analyzer.js";
import { analyzerNamed } from "../analysis/analyzers.js";
import type { CollectionSettings } from "./collection-settings.js";
import type { Segment } from "./segment.js";
import { liveOrds, locateLive, type SegmentState, withDeleted } from "./segment-state.js";

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

function liveIds(state: SegmentState): Uint8Array[] {
  return liveOrds(state).map((docOrd) => state.segment.ids.idBytes(docOrd));
}

/**
 * States with a merged segment in the place of the last of its inputs. So the order stays that of
 * age: of two versions of a document the later one stands in the later segment, which salvage relies
 * on where deletions are lost.
 */
export function inPlaceOf(
  states: readonly SegmentState[],
  inputs: readonly Segment[],
  output: SegmentState | null,
): readonly SegmentState[] {
  const isInput = ({ segment }: SegmentState): boolean => inputs.includes(segment);
  const last = states.findLastIndex(isInput);
  const before = states.slice(0, last + 1).filter((state) => !isInput(state));
  return [...before, ...(output === null ? [] : [output]), ...states.slice(last + 1)];
}
