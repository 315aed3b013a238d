import { writeGraph } from "../dense/hnsw-graph.js";
import { buildHnswGraph } from "../dense/hnsw-index.js";
import { InputError } from "../errors.js";
import { MemorySections } from "../store/memory-sections.js";
import type { CollectionManifest } from "./collection-manifest.js";
import type { CollectionStore } from "./collection-store.js";
import { wantsGraph } from "./encoder-slots.js";
import { inPlaceOf } from "./live-states.js";
import { diskMergePolicy, type MergePolicy, memoryMergePolicy, pickMerge } from "./merge-policy.js";
import { graphKey, Segment } from "./segment.js";
import { mergeSegments } from "./segment-merge.js";
import { liveCount, type SegmentState, wholeSegment } from "./segment-state.js";
import { mergeToFile } from "./segment-work.js";

/** Sizes that a caller may move; the defaults suit most. */
export interface CollectionLimits {
  /** A log of so many bytes is flushed to a segment. Default 32 MiB. */
  readonly flushBytes?: number | undefined;
  readonly memoryMergePolicy?: MergePolicy | undefined;
  readonly diskMergePolicy?: MergePolicy | undefined;
}

/** What new segments are made with. */
export type SegmentForm = Pick<CollectionManifest, "settings" | "slots">;

const defaultFlushBytes = 32 << 20;
const neverAborted: AbortSignal = new AbortController().signal;

/**
 * Keeps a collection in shape while it is used: flushes memory to segments, merges segments in tiers,
 * builds graphs over large ones. None of it changes what a search finds, and none of it is waited for
 * by searches or upserts; a failure is kept to be told, and tried again with the next occasion.
 */
export class Maintenance {
  readonly #store: CollectionStore;
  readonly #limits: CollectionLimits;
  /** Segments in memory that are on their way to the disk. */
  #frozen: ReadonlySet<Segment> = new Set();
  #flushing: Promise<void> | null = null;
  #merging: Promise<void> | null = null;
  /** Merges on disk wait while this is not 0: a slot is being built for the segments as they are. */
  #mergePauses = 0;
  #graphing: Promise<void> | null = null;
  #problem: Error | null = null;
  #graphProblem: Error | null = null;
  /** Aborted when the collection is closed: a merge is no work that has to be finished. */
  readonly #closing = new AbortController();

  constructor(store: CollectionStore, limits: CollectionLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** Why the last flush or merge in the background failed; null if it did not. */
  get problem(): Error | null {
    return this.#problem;
  }

  /** Why graphs cannot be built here; null if they can, or nobody tried. */
  get graphProblem(): Error | null {
    return this.#graphProblem;
  }

  /** Starts a flush when one is due. */
  afterChange(): void {
    if (this.#stopped()) return;
    const flushBytes = this.#limits.flushBytes ?? defaultFlushBytes;
    if (this.#flushing === null && this.#store.logBytes >= flushBytes) {
      this.flush().catch((error: unknown) => this.#failed(error));
    }
  }

  /** The same documents in fewer segments in memory, where a tier is full. */
  mergedInMemory(states: readonly SegmentState[]): readonly SegmentState[] {
    const policy = this.#limits.memoryMergePolicy ?? memoryMergePolicy;
    let current = states;
    for (;;) {
      const inMemory = current.filter(
        ({ segment }) => segment.file === null && !this.#frozen.has(segment),
      );
      const inputs = pickStates(inMemory, policy);
      if (inputs === null) return current;
      const sections = new MemorySections();
      const docCount = mergeSegments(inputs, this.#store.slotNames, sections);
      const output = docCount === 0 ? null : wholeSegment(new Segment(null, sections));
      const replaced = inputs.map(({ segment }) => segment);
      current = inPlaceOf(current, replaced, output);
    }
  }

  /** Writes what is in memory to a segment. One at a time: one asked for meanwhile comes after it. */
  async flush(): Promise<void> {
    while (this.#flushing !== null) await this.#flushing.catch(() => {});
    this.#flushing = this.#flushNow();
    try {
      await this.#flushing;
      this.#problem = null;
    } finally {
      this.#flushing = null;
      this.#frozen = new Set();
    }
    this.mergeOnDisk();
  }

  /** Resolves when no flush is under way. */
  async flushed(): Promise<void> {
    await this.#flushing?.catch(() => {});
  }

  /** Merges everything into one segment without deleted documents. */
  async compact(): Promise<void> {
    await this.flush();
    await this.#merging?.catch(() => {});
    const isCompact = (): boolean => {
      const disk = this.#store.diskStates;
      return disk.length === 0 || (disk.length === 1 && disk[0]?.deletedCount === 0);
    };
    // What is written meanwhile may leave new deletions: once more, but not for ever.
    for (let round = 0; round < 3 && !isCompact(); round++) {
      await this.#merge(this.#store.diskStates);
    }
    await this.settle();
  }

  /** Starts a merge on disk if a tier is full, and graphs where they are missing. */
  mergeOnDisk(): void {
    if (this.#stopped() || this.#merging !== null || this.#mergePauses > 0) return;
    const inputs = pickStates(
      this.#store.diskStates,
      this.#limits.diskMergePolicy ?? diskMergePolicy,
    );
    if (inputs === null) {
      this.#startGraphs();
      return;
    }
    this.#merge(inputs).then(
      () => this.mergeOnDisk(),
      (error: unknown) => this.#failed(error),
    );
  }

  /** Runs while the segments on disk stay as they are, but for new ones. */
  async withoutMerges<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#mergePauses++;
    try {
      await this.#merging?.catch(() => {});
      return await work();
    } finally {
      this.#mergePauses--;
      this.mergeOnDisk();
    }
  }

  /** Writes the living documents of the inputs to a new segment file; null if there are none. */
  async mergeToFile(
    inputs: readonly SegmentState[],
    { settings, slots }: SegmentForm = this.#store.manifest,
    signal: AbortSignal = neverAborted,
  ): Promise<Segment | null> {
    if (inputs.every((state) => liveCount(state) === 0)) return null;
    const { fileSystem } = this.#store;
    const file = this.#store.takeSegmentFile();
    const slotNames = slots.map(({ name }) => name);
    await mergeToFile(inputs, slotNames, settings, this.#store.path(file), fileSystem, signal);
    return this.#store.openSegmentFile(file);
  }

  /** For builds: merges and graphs that are due now; whoever closes next would interrupt them. */
  async settle(): Promise<void> {
    this.mergeOnDisk();
    while (this.#merging !== null) await this.#merging.catch(() => {});
    this.#startGraphs();
    await this.#graphing;
  }

  /** Ends what need not be finished and waits for the rest. */
  async stop(): Promise<void> {
    await this.flushed();
    this.#closing.abort(new Error(`${this.#store.directory} is being closed`));
    await this.#merging?.catch(() => {});
    await this.#graphing?.catch(() => {});
  }

  async #flushNow(): Promise<void> {
    const store = this.#store;
    await store.logIdle();
    if (store.changeCount === store.manifest.changesBeforeLogs) return;
    const rotated = await store.rotateLog();
    this.#frozen = new Set(rotated.inputs.map(({ segment }) => segment));
    store.installFlushed(rotated, await this.mergeToFile(rotated.inputs));
  }

  async #merge(picked: readonly SegmentState[]): Promise<void> {
    if (this.#mergePauses > 0) {
      throw new InputError(
        `${this.#store.directory}: a slot is being built, and segments stay as they are: compact ` +
          "afterwards",
        { path: this.#store.directory },
      );
    }
    while (this.#merging !== null) await this.#merging.catch(() => {});
    // The inputs may be gone, or have lost more documents, since they were picked.
    const inputs = this.#store.states.filter(({ segment }) =>
      picked.some((state) => state.segment === segment),
    );
    const form = this.#store.manifest;
    this.#merging = this.mergeToFile(inputs, form, this.#closing.signal).then((output) =>
      this.#store.install(inputs, output, {}),
    );
    try {
      await this.#merging;
    } finally {
      this.#merging = null;
    }
  }

  #startGraphs(): void {
    const isWanted = this.#store.manifest.settings.denseIndex !== "exact";
    if (!isWanted || this.#graphProblem !== null || this.#stopped()) return;
    this.#graphing ??= this.#buildMissingGraphs()
      .catch((error: unknown) => {
        // Without a graph the scan answers and misses nothing: told, not thrown.
        if (!this.#closing.signal.aborted) this.#graphProblem = asError(error);
      })
      .finally(() => {
        this.#graphing = null;
      });
  }

  /** One after the other, builds the graphs that large segments lack; searches scan meanwhile. */
  async #buildMissingGraphs(): Promise<void> {
    const store = this.#store;
    const { signal } = this.#closing;
    for (;;) {
      const slot = store.activeSlot?.name;
      if (slot === undefined || this.#stopped()) return;
      const { denseIndex } = store.manifest.settings;
      const state = store.diskStates.find(({ segment }) => wantsGraph(segment, slot, denseIndex));
      if (state === undefined) return;
      const { segment } = state;
      const graph = await buildHnswGraph(segment.vectors(slot), { signal });
      const file = await store.writeSideFile(segment, slot, "hnsw", (writer) =>
        writeGraph(writer, slot, graph),
      );
      store.commitSideFiles(graphKey(slot), new Map([[segment, file]]), {});
    }
  }

  #stopped(): boolean {
    return this.#closing.signal.aborted || this.#store.isClosed || this.#store.hasFailed;
  }

  #failed(error: unknown): void {
    if (!this.#closing.signal.aborted) this.#problem = asError(error);
  }
}

function pickStates(
  states: readonly SegmentState[],
  policy: MergePolicy,
): readonly SegmentState[] | null {
  const candidates = states.map((state) => ({
    docCount: state.segment.docCount,
    liveCount: liveCount(state),
  }));
  const picked = pickMerge(candidates, policy);
  return picked === null ? null : states.filter((_, position) => picked.includes(position));
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
