import { analyzerNamed } from "../analysis/analyzers.js";
import type { Document } from "../corpus/document.js";
import { DenseSearcher } from "../dense/dense-searcher.js";
import type { VectorSegment } from "../dense/vectors.js";
import type { EncoderMismatchError } from "../errors.js";
import type { Columns } from "../filter/columns.js";
import type { Bitset } from "../numeric/bitset.js";
import type { DocNames } from "../run/doc-names.js";
import type { DocId } from "../run/ranking.js";
import { SparseSearcher } from "../sparse/sparse-searcher.js";
import type { SparseSegment } from "../sparse/sparse-segment.js";
import { type CollectionSettings, sparseSettingsOf } from "./collection-settings.js";
import type { Segment } from "./segment.js";
import { liveCount, locateLive, type SegmentState } from "./segment-state.js";

/** Where a document is in one snapshot. */
export interface DocumentPlace {
  readonly segmentOrd: number;
  readonly docOrd: number;
}

/** Names of a segment's documents, with the way back from the id. */
export interface SegmentDocNames extends DocNames {
  /** The document's ordinal, deleted or not, or -1 if the segment never held it. */
  locate(docId: string): number;
}

/** One segment of a snapshot. Its parts load when they are first asked for. */
export interface SegmentView {
  /** Documents, the deleted ones included. */
  readonly docCount: number;
  readonly liveCount: number;
  readonly deleted: Bitset | null;
  readonly names: SegmentDocNames;
  readonly sparse: SparseSegment;
  /** Metadata, for filters and facets. */
  readonly columns: Columns;
  /** Vectors of the snapshot's slot, or null without a dense leg. */
  readonly vectors: VectorSegment | null;
  /**
   * The stored document, deleted or not, by one positioned read.
   *
   * @throws {CorruptIndexError} its bytes are damaged
   */
  document(docOrd: number): Document;
}

/** What a snapshot is made of. */
export interface SnapshotParts {
  readonly generation: number;
  readonly settings: CollectionSettings;
  readonly states: readonly SegmentState[];
  readonly slot: string | null;
  readonly denseRefusal: EncoderMismatchError | null;
}

/**
 * The collection at one moment: never changes, whatever is written meanwhile, and stays readable as
 * long as it is referenced. One query works on one snapshot from start to end.
 */
export class Snapshot {
  /** Number of changes that this state has seen: grows with every change, also over restarts. */
  readonly generation: number;
  /** Live documents. */
  readonly docCount: number;
  readonly settings: CollectionSettings;
  readonly segments: readonly SegmentView[];
  readonly #states: readonly SegmentState[];
  readonly #slot: string | null;
  readonly #denseRefusal: EncoderMismatchError | null;
  #sparse: SparseSearcher | null = null;
  #dense: DenseSearcher | null = null;

  constructor({ generation, settings, states, slot, denseRefusal }: SnapshotParts) {
    this.generation = generation;
    this.settings = settings;
    this.docCount = states.reduce((sum, state) => sum + liveCount(state), 0);
    this.segments = states.map((state) => new StateView(state, slot));
    this.#states = states;
    this.#slot = slot;
    this.#denseRefusal = denseRefusal;
  }

  get sparse(): SparseSearcher {
    this.#sparse ??= new SparseSearcher(
      this.#states.map(({ segment, deleted, corrections }) => ({
        segment: segment.sparse,
        names: segment.ids,
        deleted,
        corrections,
      })),
      sparseSettingsOf(this.settings),
      {
        analyzer: analyzerNamed(this.settings.analyzer),
        textOf: (segmentOrd, docOrd) => this.#state(segmentOrd).segment.documents.document(docOrd),
      },
    );
    return this.#sparse;
  }

  /**
   * Search over the vectors; null if the collection has no dense leg.
   *
   * @throws {EncoderMismatchError} the collection was opened with another encoder than its vectors
   *   were made with
   */
  get dense(): DenseSearcher | null {
    const slot = this.#slot;
    if (slot === null) return null;
    if (this.#denseRefusal !== null) throw this.#denseRefusal;
    this.#dense ??= new DenseSearcher(
      this.#states.map(({ segment, deleted }) => ({
        vectors: segment.vectors(slot),
        names: segment.ids,
        deleted,
        graph: segment.graph(slot),
      })),
    );
    return this.#dense;
  }

  /** Where the living document of that id is, or null. */
  locate(docId: string): DocumentPlace | null {
    const bytes = Buffer.from(docId, "utf8");
    for (const [segmentOrd, state] of this.#states.entries()) {
      const docOrd = locateLive(state, bytes);
      if (docOrd >= 0) return { segmentOrd, docOrd };
    }
    return null;
  }

  /**
   * The living document of that id, or null.
   *
   * @throws {CorruptIndexError} its bytes are damaged
   */
  document(docId: string): Document | null {
    const place = this.locate(docId);
    if (place === null) return null;
    return this.#state(place.segmentOrd).segment.documents.document(place.docOrd);
  }

  /** Ids of the living documents, segment by segment. */
  *docIds(): Generator<DocId> {
    for (const { segment, deleted } of this.#states) {
      for (let docOrd = 0; docOrd < segment.docCount; docOrd++) {
        if (!deleted?.has(docOrd)) yield segment.ids.docId(docOrd);
      }
    }
  }

  /** The living documents, segment by segment. */
  *documents(): Generator<Document> {
    for (const { segment, deleted } of this.#states) {
      for (let docOrd = 0; docOrd < segment.docCount; docOrd++) {
        if (!deleted?.has(docOrd)) yield segment.documents.document(docOrd);
      }
    }
  }

  #state(segmentOrd: number): SegmentState {
    const state = this.#states[segmentOrd];
    if (state === undefined) throw new Error(`there is no segment ${segmentOrd}`);
    return state;
  }
}

class StateView implements SegmentView {
  readonly docCount: number;
  readonly liveCount: number;
  readonly deleted: Bitset | null;
  readonly #segment: Segment;
  readonly #slot: string | null;

  constructor(state: SegmentState, slot: string | null) {
    this.docCount = state.segment.docCount;
    this.liveCount = liveCount(state);
    this.deleted = state.deleted;
    this.#segment = state.segment;
    this.#slot = slot;
  }

  get names(): SegmentDocNames {
    return this.#segment.ids;
  }

  get sparse(): SparseSegment {
    return this.#segment.sparse;
  }

  get columns(): Columns {
    return this.#segment.columns;
  }

  get vectors(): VectorSegment | null {
    return this.#slot === null ? null : this.#segment.vectors(this.#slot);
  }

  document(docOrd: number): Document {
    return this.#segment.documents.document(docOrd);
  }
}
