import path from "node:path";
import { analyzerNamed } from "../analysis/analyzers.js";
import type { Document, JsonValue } from "../corpus/document.js";
import { parseDocId, parseDocument } from "../corpus/parse-document.js";
import type { Embeddings, Encoder, EncoderIdentity } from "../dense/encoder.js";
import { writeGraph } from "../dense/hnsw-graph.js";
import { buildHnswGraph } from "../dense/hnsw-index.js";
import { EncoderMismatchError, InputError, NotFoundError, StorageError } from "../errors.js";
import type { FileSystem } from "../store/file-system.js";
import { MemorySections } from "../store/memory-sections.js";
import { SegmentFile } from "../store/segment-file.js";
import { SegmentFileWriter } from "../store/segment-file-writer.js";
import { WriteAheadLog } from "../store/write-ahead-log.js";
import type { WriterLock } from "../store/writer-lock.js";
import { type BulkBuildOptions, type BulkBuildResult, buildSegments } from "./bulk-build.js";
import { refuseOccupied } from "./collection-home.js";
import {
  type CollectionManifest,
  type EncoderSlot,
  manifestFileName,
  numberedName,
  parseSlot,
  readCollectionManifest,
  type SegmentEntry,
  writeCollectionManifest,
} from "./collection-manifest.js";
import { type CollectionSettings, parseCollectionSettings } from "./collection-settings.js";
import { holdCollection, releaseCollection, writeCopy } from "./copy-collection.js";
import {
  encoderRefusal,
  firstSlot,
  refuseSlotName,
  vectorsOf,
  wantsGraph,
} from "./encoder-slots.js";
import { withIdsRemoved, withSegment } from "./live-states.js";
import { encodeLogRecord } from "./log-record.js";
import { diskMergePolicy, type MergePolicy, memoryMergePolicy, pickMerge } from "./merge-policy.js";
import type { OpenedStates, SavedDeletions } from "./recovery.js";
import { graphKey, Segment } from "./segment.js";
import { SegmentBuilder, type SerializedDocument, serializeDocument } from "./segment-builder.js";
import { mergeSegments } from "./segment-merge.js";
import {
  deletedSince,
  liveCount,
  type SegmentState,
  wholeSegment,
  withDeleted,
  writeDeletions,
} from "./segment-state.js";
import { mergeToFile, openBatchIndexer } from "./segment-work.js";
import { type SlotBuildOptions, writeSlotVectors } from "./slot-build.js";
import { Snapshot } from "./snapshot.js";
import { TurnQueue } from "./turn-queue.js";
import { type VerifyReport, verifyCollection } from "./verify-collection.js";

/** What an upsert did, once it is durable. */
export interface UpsertResult {
  readonly added: number;
  readonly replaced: number;
}

export interface DeleteResult {
  readonly deleted: number;
  /** Ids that named no living document. */
  readonly missing: readonly string[];
}

export interface UpsertOptions {
  /** Vectors of the documents in the active slot, in their order, instead of encoding them. */
  readonly vectors?: Embeddings | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What opening found to mend, and what it did. */
export interface RecoveryReport {
  /** Changes replayed from the log: acknowledged, but not in a segment yet. */
  readonly replayedChanges: number;
  /** Bytes of an interrupted, never acknowledged commit that were cut from the log. */
  readonly cutBytes: number;
  /** Files of interrupted builds and merges that were removed. */
  readonly removedFiles: readonly string[];
  /** The process that held the lock and died with it, if any. */
  readonly deadWriter: { readonly pid: number; readonly host: string } | null;
  /** Damage that salvage went around. */
  readonly damages: readonly string[];
}

export interface CollectionStats {
  readonly name: string;
  readonly directory: string;
  readonly generation: number;
  readonly docCount: number;
  /** Documents that are deleted but still take room until their segments are merged. */
  readonly deletedCount: number;
  readonly settings: CollectionSettings;
  readonly slots: readonly EncoderSlot[];
  readonly activeSlot: string | null;
  readonly segments: readonly {
    readonly file: string | null;
    readonly docCount: number;
    readonly deletedCount: number;
    readonly bytes: number;
    /** Bytes of it that are in memory now. */
    readonly loadedBytes: number;
  }[];
  readonly logBytes: number;
  /** Bytes of segments and log. */
  readonly totalBytes: number;
  /** Why the last flush or merge in the background failed; null if it did not. */
  readonly maintenanceProblem: string | null;
  /** Why graphs over large segments cannot be built here; searches scan instead. */
  readonly graphProblem: string | null;
}

/** Sizes that a caller may move; the defaults suit most. */
export interface CollectionLimits {
  /** A log of so many bytes is flushed to a segment. Default 32 MiB. */
  readonly flushBytes?: number | undefined;
  readonly memoryMergePolicy?: MergePolicy | undefined;
  readonly diskMergePolicy?: MergePolicy | undefined;
}

/** Everything a collection is put together from by `openCollection` and `createCollection`. */
export interface CollectionParts {
  readonly directory: string;
  readonly manifest: CollectionManifest;
  readonly opened: OpenedStates;
  readonly encoders: readonly Encoder[];
  readonly fileSystem: FileSystem;
  readonly limits: CollectionLimits;
  readonly recovery: RecoveryReport;
  /** Present in write mode. */
  readonly writer: { readonly lock: WriterLock; readonly log: WriteAheadLog } | null;
  /** Reads what is on the disk now, for a reader's {@link Collection.refresh}. */
  readonly reopen: (known: readonly Segment[]) => {
    readonly manifest: CollectionManifest;
    readonly opened: OpenedStates;
  };
}

/** What the segments of a build are made with. */
type BuildForm = Pick<CollectionManifest, "settings" | "slots" | "activeSlot">;

const defaultFlushBytes = 32 << 20;
/** Documents analysed between two turns of the event loop. */
const docsPerStep = 256;
/** A log below this is left for the next opening to replay when the collection is closed. */
const keptLogBytes = 1 << 20;
const neverAborted: AbortSignal = new AbortController().signal;

/**
 * One corpus under two indexes, one transaction for both. One process writes, many read; a change is
 * visible and durable when its promise resolves, and a {@link Snapshot} never changes.
 */
export class Collection {
  readonly directory: string;
  readonly recovery: RecoveryReport;
  readonly #fileSystem: FileSystem;
  readonly #limits: CollectionLimits;
  readonly #encoders: Encoder[];
  readonly #lock: WriterLock | null;
  readonly #reopen: CollectionParts["reopen"];
  readonly #turns = new TurnQueue();
  #manifest: CollectionManifest;
  #states: readonly SegmentState[];
  #savedDeletions: ReadonlyMap<string, SavedDeletions>;
  #log: WriteAheadLog | null;
  /** While the log is being replaced by the next one. */
  #rotation: Promise<void> | null = null;
  #changeCount: number;
  #nextFileNumber: number;
  #snapshot: Snapshot | null = null;
  /** Segments in memory that are on their way to the disk. */
  #frozen: ReadonlySet<Segment> = new Set();
  #flushing: Promise<void> | null = null;
  #merging: Promise<void> | null = null;
  /** Merges on disk wait while this is not 0: a slot is being built for the segments as they are. */
  #mergePauses = 0;
  #graphing: Promise<void> | null = null;
  /** Why graphs cannot be built here; then nobody tries again. */
  #graphProblem: Error | null = null;
  #maintenanceProblem: Error | null = null;
  /** Set when what the disk holds is not known any more; nothing is written after that. */
  #failure: Error | null = null;
  readonly #retired = new Set<WeakRef<Segment>>();
  /** Aborted when the collection is closed: a merge is no work that has to be finished. */
  readonly #closing = new AbortController();
  #closed = false;

  constructor(parts: CollectionParts) {
    this.directory = parts.directory;
    this.recovery = parts.recovery;
    this.#fileSystem = parts.fileSystem;
    this.#limits = parts.limits;
    this.#encoders = [...parts.encoders];
    this.#lock = parts.writer?.lock ?? null;
    this.#log = parts.writer?.log ?? null;
    this.#reopen = parts.reopen;
    this.#manifest = parts.manifest;
    this.#states = parts.opened.states;
    this.#savedDeletions = parts.opened.savedDeletions;
    this.#changeCount = parts.manifest.changesBeforeLogs + parts.opened.recordCount;
    this.#nextFileNumber = parts.manifest.nextFileNumber;
  }

  get name(): string {
    return path.basename(this.directory);
  }

  get mode(): "read" | "write" {
    return this.#lock === null ? "read" : "write";
  }

  get settings(): CollectionSettings {
    return this.#manifest.settings;
  }

  /** The encoder whose vectors searches use; null without a dense leg. */
  get encoderIdentity(): EncoderIdentity | null {
    return this.#activeSlot()?.encoder ?? null;
  }

  /** The encoder given at opening that fits the dense leg; null if there is none. */
  get encoder(): Encoder | null {
    const slot = this.#activeSlot();
    return slot === null ? null : this.#encoderFor(slot);
  }

  /**
   * Why the dense leg refuses to be searched, and how to mend it: an encoder was given, and it is
   * not the one of the vectors. Null if there is nothing to refuse.
   */
  get denseRefusal(): EncoderMismatchError | null {
    return this.#refusalOf(this.#activeSlot());
  }

  #refusalOf(slot: EncoderSlot | null): EncoderMismatchError | null {
    const given = this.#encoders[0];
    if (slot === null || given === undefined || this.#encoderFor(slot) !== null) return null;
    return encoderRefusal(this.directory, slot, given);
  }

  /** Defaults of searches that tuning saved; null if none were. */
  get searchDefaults(): JsonValue {
    return this.#manifest.searchDefaults;
  }

  /** Saves defaults of searches in the collection; null removes them. */
  async setSearchDefaults(searchDefaults: JsonValue): Promise<void> {
    await this.#exclusively(async () => {
      const changesBeforeLogs = this.#manifest.changesBeforeLogs + 1;
      this.#commit(this.#states, { searchDefaults, changesBeforeLogs });
      this.#changeCount++;
    });
  }

  /** The collection as it is now. The same object until something changes. */
  snapshot(): Snapshot {
    this.#checkOpen();
    this.#snapshot ??= this.#snapshotOf(this.#activeSlot());
    return this.#snapshot;
  }

  /**
   * Like {@link snapshot}, with the vectors of a slot that need not be the active one: to evaluate an
   * encoder before it is switched to.
   *
   * @throws {NotFoundError} there is no such slot
   */
  snapshotOfSlot(slot: string): Snapshot {
    this.#checkOpen();
    return this.#snapshotOf(this.#slotNamed(slot));
  }

  /** The encoder given that made the vectors of a slot; null if none of them did. */
  encoderOfSlot(slot: string): Encoder | null {
    return this.#encoderFor(this.#slotNamed(slot));
  }

  /**
   * Adds documents; one whose id is there already is replaced. All of them become visible at once,
   * in both legs, and are durable when the promise resolves. Of an id that comes twice the later
   * one counts. Concurrent calls take effect in the order of the calls and share their syncs.
   *
   * @throws {InputError} a document or the vectors are not what they should be; nothing is changed
   * @throws {EncoderMismatchError} there is a dense leg, no vectors are given, and no right encoder
   * @throws {StorageError} the disk refuses; nothing is changed
   */
  async upsert(documents: readonly Document[], options: UpsertOptions = {}): Promise<UpsertResult> {
    this.#checkWritable();
    const parsed = documents.map((document, i) =>
      parseDocument(document, `document ${i + 1} of the batch`),
    );
    if (parsed.length === 0) return { added: 0, replaced: 0 };
    const turn = this.#turns.take();
    try {
      const active = this.#manifest.activeSlot;
      if (options.vectors !== undefined && active === null) {
        throw new InputError(
          `${this.directory} has no dense leg, and vectors were given: create it with an encoder`,
          { path: this.directory },
        );
      }
      const given = new Map<string, Embeddings>();
      if (options.vectors !== undefined && active !== null) given.set(active, options.vectors);
      let { slots } = this.#manifest;
      let vectors = await this.#vectorsOf(parsed, slots, given, options.signal);
      const serialized = parsed.map(serializeDocument);
      await this.#turnComes(turn.ready);
      // A slot may have come or gone while this call was waiting.
      while (slots !== this.#manifest.slots) {
        slots = this.#manifest.slots;
        vectors = await this.#vectorsOf(parsed, slots, vectors, options.signal);
      }
      const segments = await this.#buildInMemory(serialized, slots, vectors);
      options.signal?.throwIfAborted();
      const record = encodeLogRecord({
        kind: "upsert",
        documents: serialized.map(({ json }) => json),
        vectors,
      });
      let replaced = 0;
      const durable = this.#writableLog().append(record, () => {
        replaced = this.#apply(segments);
      });
      turn.done();
      await durable;
      this.#maintain();
      return { added: parsed.length - replaced, replaced };
    } finally {
      turn.done();
    }
  }

  /**
   * Deletes documents; durable and invisible when the promise resolves.
   *
   * @throws {InputError} an id that no document can have
   * @throws {StorageError} the disk refuses; nothing is changed
   */
  async delete(docIds: readonly string[]): Promise<DeleteResult> {
    this.#checkWritable();
    const unique = [...new Set(docIds.map((id, i) => parseDocId(id, `id ${i + 1} of the batch`)))];
    if (unique.length === 0) return { deleted: 0, missing: [] };
    const turn = this.#turns.take();
    try {
      await this.#turnComes(turn.ready);
      let found = new Set<number>();
      const record = encodeLogRecord({ kind: "delete", docIds: unique });
      const durable = this.#writableLog().append(record, () => {
        const ids = unique.map((docId) => Buffer.from(docId, "utf8"));
        const removal = withIdsRemoved(this.#states, ids, this.#analyzer());
        found = new Set(removal.found);
        this.#changed(removal.states);
      });
      turn.done();
      await durable;
      this.#maintain();
      return { deleted: found.size, missing: unique.filter((_, i) => !found.has(i)) };
    } finally {
      turn.done();
    }
  }

  /**
   * Builds segments straight on the disk with bounded memory and makes all of them visible with one
   * replacement of the manifest. Until then the earlier state is searched; if the build fails, is
   * aborted or the process dies, the earlier state stays. Other writers wait meanwhile.
   *
   * @throws {InputError} a document is not what it should be
   * @throws {StorageError} the disk refuses
   */
  async bulkBuild(
    documents: AsyncIterable<Document> | Iterable<Document>,
    options: BulkBuildOptions,
  ): Promise<BulkBuildResult> {
    const result = await this.#exclusively(async () => {
      // Records of the log would be replayed on top of the new documents: they go into a segment.
      if (options.mode === "append") await this.#flushAll();
      const form = this.#buildForm(options);
      const { settings, slots } = form;
      const created: string[] = [];
      try {
        const built = await buildSegments(documents, options, {
          settings,
          slots,
          vectorsOf: (batch) => this.#vectorsOf(batch, slots, new Map(), options.signal),
          openIndexer: () => openBatchIndexer({ kind: "build", settings, slots }, this.#fileSystem),
          takeFile: () => {
            const file = this.#takeFile("seg");
            created.push(file);
            return this.#path(file);
          },
          openFile: (file) => this.#openSegmentFile(path.basename(file)),
        });
        const merged = await this.#mergeBuilt(built.states, created, form, options.signal);
        return await this.#installBuilt(merged, options.mode, built.result, form);
      } catch (error) {
        if (this.#failure === null) this.#removeFiles(created);
        throw error;
      }
    });
    await this.#finishGraphs();
    return result;
  }

  /**
   * Makes vectors of all documents under one more encoder, beside those in use. Searches and writes
   * go on meanwhile, in the active slot; later writes need this encoder as well.
   *
   * @param slot name of the new slot: lower-case letters, digits and `-`
   * @throws {AlreadyExistsError} there is a slot of that name
   * @throws {StorageError} the disk refuses; the slot is not there
   */
  async buildSlot(slot: string, encoder: Encoder, options: SlotBuildOptions = {}): Promise<void> {
    this.#checkWritable();
    const added = parseSlot({ name: slot, encoder: encoder.identity });
    refuseSlotName(this.directory, this.#manifest.slots, slot);
    await this.#flushAll();
    const built = new Map<Segment, SegmentFile>();
    this.#mergePauses++;
    try {
      await this.#merging?.catch(() => {});
      let done = 0;
      const buildMissing = async (): Promise<void> => {
        for (const state of this.#diskStates()) {
          if (built.has(state.segment)) continue;
          const total = this.snapshot().docCount;
          const onBatch = (documents: number): void => {
            done += documents;
            options.onProgress?.({ documents: done, total: Math.max(total, done) });
          };
          const file = await this.#writeSideFile(state.segment, slot, "vec", (writer) =>
            writeSlotVectors(state, added, encoder, writer, onBatch, options.signal),
          );
          built.set(state.segment, file);
        }
      };
      await buildMissing();
      await this.#exclusively(async () => {
        await this.#flushAll();
        refuseSlotName(this.directory, this.#manifest.slots, slot);
        await buildMissing();
        options.signal?.throwIfAborted();
        this.#encoders.push(encoder);
        this.#commitSideFiles(slot, built, { slots: [...this.#manifest.slots, added] });
      });
    } catch (error) {
      this.#discardSideFiles([...built.values()]);
      throw error;
    } finally {
      this.#mergePauses--;
    }
    this.#mergeOnDisk();
  }

  /**
   * Lets searches use the vectors of another slot from now on; snapshots taken before go on with
   * theirs.
   *
   * @throws {NotFoundError} there is no such slot
   */
  async useSlot(slot: string): Promise<void> {
    await this.#exclusively(async () => {
      const { encoder } = this.#slotNamed(slot);
      if (slot === this.#manifest.activeSlot) return;
      const changesBeforeLogs = this.#manifest.changesBeforeLogs + 1;
      const settings = { ...this.settings, encoder };
      this.#commit(this.#states, { activeSlot: slot, settings, changesBeforeLogs });
      this.#changeCount++;
    });
  }

  /**
   * Removes a slot that is not in use, with its vectors.
   *
   * @throws {NotFoundError} there is no such slot
   * @throws {InputError} it is the active one
   */
  async dropSlot(slot: string): Promise<void> {
    await this.#exclusively(async () => {
      this.#slotNamed(slot);
      if (slot === this.#manifest.activeSlot) {
        throw new InputError(
          `${this.directory}: slot ${slot} is in use: switch to another one before it is dropped`,
          { path: this.directory, slot },
        );
      }
      // Logged documents carry vectors of every slot: into segments with them.
      await this.#flushAll();
      const slots = this.#manifest.slots.filter(({ name }) => name !== slot);
      const removed: SegmentFile[] = [];
      const restore: (() => void)[] = [];
      for (const { segment } of this.#states) {
        for (const key of [slot, graphKey(slot)]) {
          const file = segment.removeSideFile(key);
          if (file === undefined) continue;
          removed.push(file);
          restore.push(() => segment.addSideFile(key, file));
        }
      }
      try {
        this.#commit(this.#states, { slots });
      } catch (error) {
        for (const undo of restore) undo();
        throw error;
      }
      this.#discardSideFiles(removed);
    });
  }

  /**
   * Copies the collection as it is now into another, empty folder, while searches and writes go on.
   * Readers can copy, too. Restoring is copying back.
   *
   * @returns bytes written
   * @throws {AlreadyExistsError} the folder holds something
   * @throws {StorageError} the disk refuses; nothing is left there
   */
  async copyTo(target: string, { signal }: { signal?: AbortSignal } = {}): Promise<number> {
    this.#checkOpen();
    refuseOccupied(target, this.#fileSystem);
    const held =
      this.#lock === null
        ? holdCollection(this.directory, this.#manifest, this.#fileSystem)
        : await this.#exclusively(async () =>
            holdCollection(this.directory, this.#manifest, this.#fileSystem),
          );
    try {
      this.#fileSystem.makeDirectory(target);
      return await writeCopy(held, target, this.#fileSystem, signal);
    } finally {
      releaseCollection(held, this.#fileSystem);
    }
  }

  /** Writes what is in memory to a segment and starts a new log. */
  async flush(): Promise<void> {
    this.#checkWritable();
    await this.#flushAll();
  }

  /** Merges everything into one segment without deleted documents. */
  async compact(): Promise<void> {
    this.#checkWritable();
    await this.#flushAll();
    await this.#merging;
    const isCompact = (): boolean => {
      const disk = this.#diskStates();
      return disk.length === 0 || (disk.length === 1 && disk[0]?.deletedCount === 0);
    };
    // What is written meanwhile may leave new deletions: once more, but not for ever.
    for (let round = 0; round < 3 && !isCompact(); round++) {
      await this.#startMerge(this.#diskStates());
    }
    await this.#finishGraphs();
  }

  /**
   * Reads every byte and checks it, cross-checks both legs against the documents, and computes all
   * statistics anew.
   */
  async verify(): Promise<VerifyReport> {
    this.#checkOpen();
    await this.#log?.idle();
    return verifyCollection({
      directory: this.directory,
      manifest: this.#manifest,
      states: this.#states,
      savedDeletions: this.#savedDeletions,
      fileSystem: this.#fileSystem,
      isWriter: this.#lock !== null,
    });
  }

  stats(): CollectionStats {
    const snapshot = this.snapshot();
    const segments = this.#states.map(({ segment, deletedCount }) => ({
      file: segment.file,
      docCount: segment.docCount,
      deletedCount,
      bytes: segment.byteLength,
      loadedBytes: segment.loadedBytes,
    }));
    const logBytes = this.#log?.byteLength ?? 0;
    return {
      name: this.name,
      directory: this.directory,
      generation: snapshot.generation,
      docCount: snapshot.docCount,
      deletedCount: segments.reduce((sum, { deletedCount }) => sum + deletedCount, 0),
      settings: this.settings,
      slots: this.#manifest.slots,
      activeSlot: this.#manifest.activeSlot,
      segments,
      logBytes,
      totalBytes: logBytes + segments.reduce((sum, { bytes }) => sum + bytes, 0),
      maintenanceProblem: this.#maintenanceProblem?.message ?? null,
      graphProblem: this.#graphProblem?.message ?? null,
    };
  }

  /** The living documents as they came, in no particular order. */
  *exportDocuments(): Generator<Document> {
    yield* this.snapshot().documents();
  }

  /**
   * Readers: takes in what a writer has committed since.
   *
   * @returns whether there was anything new
   */
  refresh(): boolean {
    this.#checkOpen();
    if (this.#lock !== null) return false;
    const known = this.#states.map(({ segment }) => segment);
    const { manifest, opened } = this.#reopen(known);
    const changeCount = manifest.changesBeforeLogs + opened.recordCount;
    const isNew =
      changeCount !== this.#changeCount || manifest.generation !== this.#manifest.generation;
    if (!isNew) return false;
    const current = new Set(opened.states.map(({ segment }) => segment));
    for (const segment of known) {
      if (!current.has(segment)) this.#retired.add(new WeakRef(segment));
    }
    this.#manifest = manifest;
    this.#states = opened.states;
    this.#savedDeletions = opened.savedDeletions;
    this.#changeCount = changeCount;
    this.#snapshot = null;
    return true;
  }

  /**
   * Waits for what was accepted, closes files and gives the lock back. Snapshots taken before can
   * not read any more what they had not loaded. Encoders stay open: they are the caller's.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    const turn = this.#turns.take();
    await turn.ready;
    try {
      await this.#log?.idle();
      await this.#flushing?.catch(() => {});
      this.#closing.abort(new Error(`${this.directory} is being closed`));
      await this.#merging?.catch(() => {});
      await this.#graphing?.catch(() => {});
      if (this.#failure === null && (this.#log?.byteLength ?? 0) > keptLogBytes) {
        await this.#flushAll();
      }
    } finally {
      this.#closed = true;
      turn.done();
      try {
        await this.#log?.close();
      } finally {
        for (const { segment } of this.#states) segment.close();
        for (const retired of this.#retired) retired.deref()?.close();
        this.#lock?.release();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // Changes

  /** Makes durable documents visible; returns how many living ones they replaced. */
  #apply(segments: readonly SegmentState[]): number {
    let states = this.#states;
    let replaced = 0;
    for (const segment of segments) {
      const next = withSegment(states, segment, this.#analyzer());
      states = next.states;
      replaced += next.replacedCount;
    }
    this.#changed(states);
    // At once: a group of commits must not pile up hundreds of segments.
    this.#mergeInMemory();
    return replaced;
  }

  #changed(states: readonly SegmentState[]): void {
    this.#states = states.filter((state) => state.segment.file !== null || liveCount(state) > 0);
    this.#changeCount++;
    this.#snapshot = null;
  }

  async #buildInMemory(
    documents: readonly SerializedDocument[],
    slots: readonly EncoderSlot[],
    vectors: ReadonlyMap<string, Embeddings>,
  ): Promise<SegmentState[]> {
    const states: SegmentState[] = [];
    for (let from = 0; from < documents.length; from += docsPerStep) {
      if (from > 0) await new Promise((resolve) => setImmediate(resolve));
      const to = Math.min(from + docsPerStep, documents.length);
      const builder = new SegmentBuilder(this.settings, slots);
      for (const document of documents.slice(from, to)) builder.add(document);
      for (const [slot, { dimension, values }] of vectors) {
        const rows = values.slice(from * dimension, to * dimension);
        builder.addVectors(slot, { count: to - from, dimension, values: rows });
      }
      const sections = new MemorySections();
      builder.finish(sections);
      const state = wholeSegment(new Segment(null, sections));
      states.push(withDeleted(state, [...(builder.superseded() ?? [])], this.#analyzer()));
    }
    return states;
  }

  /** Runs while no other write is accepted; those that were are finished first. */
  async #exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#checkWritable();
    const turn = this.#turns.take();
    try {
      await this.#turnComes(turn.ready);
      await this.#log?.idle();
      return await work();
    } finally {
      turn.done();
    }
  }

  async #turnComes(ready: Promise<void>): Promise<void> {
    await ready;
    while (this.#rotation !== null) await this.#rotation;
    this.#checkWritable();
  }

  // Flushing and merging

  /** Starts a flush when one is due. */
  #maintain(): void {
    if (this.#closed || this.#failure !== null) return;
    const flushBytes = this.#limits.flushBytes ?? defaultFlushBytes;
    if (this.#flushing === null && (this.#log?.byteLength ?? 0) >= flushBytes) {
      this.#flushAll().catch((error: unknown) => this.#maintenanceFailed(error));
    }
  }

  #mergeInMemory(): void {
    const policy = this.#limits.memoryMergePolicy ?? memoryMergePolicy;
    for (;;) {
      const inMemory = this.#states.filter(
        ({ segment }) => segment.file === null && !this.#frozen.has(segment),
      );
      const picked = pickMerge(inMemory.map(asCandidate), policy);
      if (picked === null) return;
      const inputs = picked.map((i) => inMemory[i]).filter((state) => state !== undefined);
      const sections = new MemorySections();
      const merged = mergeSegments(inputs, this.#slotNames(), sections);
      const output = merged === 0 ? null : wholeSegment(new Segment(null, sections));
      this.#states = inPlaceOf(
        this.#states,
        inputs.map(({ segment }) => segment),
        output,
      );
      this.#snapshot = null;
    }
  }

  /** One flush at a time; a flush asked for during another one comes after it. */
  async #flushAll(): Promise<void> {
    while (this.#flushing !== null) await this.#flushing.catch(() => {});
    this.#flushing = this.#flushNow();
    try {
      await this.#flushing;
      this.#maintenanceProblem = null;
    } finally {
      this.#flushing = null;
      this.#frozen = new Set();
    }
    this.#mergeOnDisk();
  }

  async #flushNow(): Promise<void> {
    await this.#log?.idle();
    if (this.#changeCount === this.#manifest.changesBeforeLogs) return;
    const { inputs, oldLogs, changeCount } = await this.#rotateLog();
    this.#frozen = new Set(inputs.map(({ segment }) => segment));
    const merged = await this.#mergeToFile(inputs, neverAborted);
    const logs = this.#manifest.logs.filter((log) => !oldLogs.includes(log));
    this.#install(inputs, merged, { logs, changesBeforeLogs: changeCount });
    this.#removeFiles(oldLogs);
  }

  /** Starts a new log; what is in memory at that moment belongs to the old ones. */
  async #rotateLog(): Promise<{
    readonly inputs: readonly SegmentState[];
    readonly oldLogs: readonly string[];
    readonly changeCount: number;
  }> {
    let finished: () => void = () => {};
    this.#rotation = new Promise((resolve) => {
      finished = resolve;
    });
    try {
      const old = this.#writableLog();
      await old.idle();
      const oldLogs = this.#manifest.logs;
      const file = this.#takeFile("log");
      const log = this.#createLog(file);
      try {
        this.#commit(this.#states, { logs: [...oldLogs, file] });
      } catch (error) {
        await log.close(false);
        if (this.#failure === null) this.#removeFiles([file]);
        throw error;
      }
      this.#log = log;
      const inputs = this.#states.filter(({ segment }) => segment.file === null);
      const changeCount = this.#changeCount;
      await old.close(false);
      return { inputs, oldLogs, changeCount };
    } finally {
      this.#rotation = null;
      finished();
    }
  }

  #mergeOnDisk(): void {
    const isBusy = this.#merging !== null || this.#mergePauses > 0;
    if (this.#closing.signal.aborted || isBusy || this.#failure !== null) return;
    const disk = this.#diskStates();
    const policy = this.#limits.diskMergePolicy ?? diskMergePolicy;
    const picked = pickMerge(disk.map(asCandidate), policy);
    if (picked === null) {
      this.#graphsInBackground();
      return;
    }
    const inputs = picked.map((i) => disk[i]).filter((state) => state !== undefined);
    this.#startMerge(inputs).then(
      () => {
        this.#mergeOnDisk();
        this.#graphsInBackground();
      },
      (error: unknown) => this.#maintenanceFailed(error),
    );
  }

  async #startMerge(inputs: readonly SegmentState[]): Promise<void> {
    if (this.#mergePauses > 0) {
      throw new InputError(
        `${this.directory}: a slot is being built, and segments stay as they are: compact afterwards`,
        { path: this.directory },
      );
    }
    while (this.#merging !== null) await this.#merging.catch(() => {});
    // The inputs may be gone, or have lost more documents, since they were picked.
    const current = this.#states.filter(({ segment }) =>
      inputs.some((input) => input.segment === segment),
    );
    this.#merging = this.#mergeToFile(current, this.#closing.signal).then((merged) =>
      this.#install(current, merged, {}),
    );
    try {
      await this.#merging;
    } finally {
      this.#merging = null;
    }
  }

  /** Writes the living documents of the inputs to a new segment file; null if there are none. */
  async #mergeToFile(
    inputs: readonly SegmentState[],
    signal: AbortSignal,
    { settings, slots }: BuildForm = this.#manifest,
  ): Promise<Segment | null> {
    if (inputs.every((state) => liveCount(state) === 0)) return null;
    const file = this.#takeFile("seg");
    const slotNames = slots.map(({ name }) => name);
    const target = this.#path(file);
    await mergeToFile(inputs, slotNames, settings, target, this.#fileSystem, signal);
    return this.#openSegmentFile(file);
  }

  /** Puts a merged segment in the place of its inputs, with what was deleted meanwhile. */
  #install(
    inputs: readonly SegmentState[],
    output: Segment | null,
    change: Partial<CollectionManifest>,
  ): void {
    const current = new Map(this.#states.map((state) => [state.segment, state]));
    let added: SegmentState | null = null;
    if (output !== null) {
      const late = inputs.flatMap((before) => {
        const now = current.get(before.segment);
        if (now === undefined) return liveOrds(before, output);
        return deletedSince(before, now).map((docOrd) =>
          output.ids.locateBytes(before.segment.ids.idBytes(docOrd)),
        );
      });
      added = withDeleted(wholeSegment(output), late, this.#analyzer());
    }
    const replaced = inputs.map(({ segment }) => segment);
    try {
      this.#commit(inPlaceOf(this.#states, replaced, added), change);
    } catch (error) {
      output?.close();
      if (this.#failure === null && output?.file) this.#removeFiles([output.file]);
      throw error;
    }
    this.#retire(replaced);
  }

  /** Settings and slots that a build writes: the collection's, or in a replacement those asked for. */
  #buildForm({ mode, settings }: BulkBuildOptions): BuildForm {
    const { slots, activeSlot } = this.#manifest;
    if (settings === undefined) return { settings: this.settings, slots, activeSlot };
    if (mode !== "replace") {
      throw new InputError(
        `${this.directory}: settings are fixed while documents are added: build it anew to change them`,
        { path: this.directory, field: "settings" },
      );
    }
    const parsed = parseCollectionSettings(settings);
    const { encoder } = parsed;
    if (encoder === null) return { settings: parsed, slots: [], activeSlot: null };
    const name = firstSlot;
    return { settings: parsed, slots: [{ name, encoder }], activeSlot: name };
  }

  async #mergeBuilt(
    built: readonly SegmentState[],
    created: string[],
    form: BuildForm,
    signal: AbortSignal = neverAborted,
  ): Promise<readonly SegmentState[]> {
    if (built.length < 2) return built;
    const merged = await this.#mergeToFile(built, signal, form);
    const parts = created.splice(0);
    for (const { segment } of built) segment.close();
    this.#removeFiles(parts);
    if (merged?.file) created.push(merged.file);
    return merged === null ? [] : [wholeSegment(merged)];
  }

  async #installBuilt(
    built: readonly SegmentState[],
    mode: BulkBuildOptions["mode"],
    result: BulkBuildResult,
    form: BuildForm,
  ): Promise<BulkBuildResult> {
    if (mode === "replace") {
      await this.#flushing?.catch(() => {});
      const before = this.#states;
      const oldLogs = this.#manifest.logs;
      const file = this.#takeFile("log");
      const log = this.#createLog(file);
      this.#changeCount++;
      try {
        this.#commit(built, { ...form, logs: [file], changesBeforeLogs: this.#changeCount });
      } catch (error) {
        this.#changeCount--;
        await log.close(false);
        if (this.#failure === null) this.#removeFiles([file]);
        throw error;
      }
      const old = this.#log;
      this.#log = log;
      await old?.close(false);
      this.#removeFiles(oldLogs);
      this.#retire(before.map(({ segment }) => segment));
      return result;
    }
    let states = this.#states;
    let replaced = 0;
    for (const state of built) {
      const next = withSegment(states, state, this.#analyzer());
      states = next.states;
      replaced += next.replacedCount - state.deletedCount;
    }
    this.#changeCount++;
    try {
      this.#commit(states, { changesBeforeLogs: this.#changeCount });
    } catch (error) {
      this.#changeCount--;
      throw error;
    }
    this.#mergeOnDisk();
    return { ...result, added: result.added - replaced, replaced: result.replaced + replaced };
  }

  // Side files: vectors of later slots, graphs

  async #writeSideFile(
    segment: Segment,
    slot: string,
    ending: "vec" | "hnsw",
    write: (writer: SegmentFileWriter) => void | Promise<void>,
  ): Promise<SegmentFile> {
    const number = String(this.#nextFileNumber++).padStart(6, "0");
    const file = `${segment.file?.replace(/\.seg$/, "")}.${slot}-${number}.${ending}`;
    const writer = new SegmentFileWriter(this.#path(file), this.#fileSystem);
    try {
      await write(writer);
      writer.finish({ kind: ending, slot, segment: segment.file });
    } finally {
      writer.abort();
    }
    return SegmentFile.open(this.#path(file), this.#fileSystem);
  }

  /** Names side files in the manifest; from then on they count. */
  #commitSideFiles(
    key: string,
    files: ReadonlyMap<Segment, SegmentFile>,
    change: Partial<CollectionManifest>,
  ): void {
    const added = this.#states.flatMap(({ segment }) => {
      const file = files.get(segment);
      return file === undefined ? [] : [{ segment, file }];
    });
    for (const { segment, file } of added) segment.addSideFile(key, file);
    try {
      this.#commit(this.#states, change);
    } catch (error) {
      for (const { segment } of added) segment.removeSideFile(key);
      throw error;
    }
    const used = new Set(added.map(({ file }) => file));
    this.#discardSideFiles([...files.values()].filter((file) => !used.has(file)));
  }

  /** Removes side files that no manifest names; snapshots that have them open read on. */
  #discardSideFiles(files: readonly SegmentFile[]): void {
    if (this.#failure !== null) return;
    this.#removeFiles(files.map(({ label }) => path.basename(label)));
  }

  /** One after the other, builds the graphs that large segments lack; searches scan meanwhile. */
  #buildGraphs(): Promise<void> {
    this.#graphing ??= this.#buildMissingGraphs().finally(() => {
      this.#graphing = null;
    });
    return this.#graphing;
  }

  async #buildMissingGraphs(): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      const slot = this.#activeSlot();
      if (slot === null || signal.aborted || this.#failure !== null) return;
      const state = this.#diskStates().find(({ segment }) =>
        wantsGraph(segment, slot.name, this.settings.denseIndex),
      );
      if (state === undefined) return;
      const { segment } = state;
      const graph = await buildHnswGraph(segment.vectors(slot.name), { signal });
      const file = await this.#writeSideFile(segment, slot.name, "hnsw", (writer) =>
        writeGraph(writer, slot.name, graph),
      );
      this.#commitSideFiles(graphKey(slot.name), new Map([[segment, file]]), {});
    }
  }

  /** For builds: whoever closes the collection next would interrupt the graphs. */
  async #finishGraphs(): Promise<void> {
    this.#graphsInBackground();
    await this.#graphing?.catch(() => {});
  }

  #graphsInBackground(): void {
    if (this.settings.denseIndex === "exact" || this.#graphProblem !== null) return;
    this.#buildGraphs().catch((error: unknown) => this.#graphFailed(error));
  }

  /** Without a graph the scan answers, and nothing is missed: said in `stats`, not thrown. */
  #graphFailed(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#graphProblem = error instanceof Error ? error : new Error(String(error));
  }

  // The manifest and its files

  /** Replaces the manifest; then, and only then, the new states count. */
  #commit(states: readonly SegmentState[], change: Partial<CollectionManifest>): void {
    this.#checkWritable();
    const generation = this.#manifest.generation + 1;
    const saved = new Map<string, SavedDeletions>();
    const written: string[] = [];
    const counted = states.filter((state) => liveCount(state) > 0);
    try {
      this.#lock?.check();
      const entries: SegmentEntry[] = [];
      for (const state of counted) {
        if (state.segment.file === null) continue;
        entries.push(this.#segmentEntry(state, state.segment.file, generation, saved, written));
      }
      const manifest: CollectionManifest = {
        ...this.#manifest,
        ...change,
        generation,
        segments: entries,
        nextFileNumber: this.#nextFileNumber,
      };
      if (written.length > 0) this.#fileSystem.syncDirectory(this.directory);
      writeCollectionManifest(this.#path(manifestFileName), manifest, this.#fileSystem);
      this.#manifest = manifest;
    } catch (error) {
      this.#commitFailed(error, generation, written);
    }
    const kept = new Set([...saved.values()].map(({ file }) => file));
    const outdated = [...this.#savedDeletions.values()].map(({ file }) => file);
    this.#removeFiles(outdated.filter((file) => !kept.has(file)));
    this.#retire(states.filter((state) => !counted.includes(state)).map(({ segment }) => segment));
    this.#savedDeletions = saved;
    this.#states = counted;
    this.#snapshot = null;
  }

  #segmentEntry(
    state: SegmentState,
    file: string,
    generation: number,
    saved: Map<string, SavedDeletions>,
    written: string[],
  ): SegmentEntry {
    const { segment, deletedCount } = state;
    let deletions: SavedDeletions | null = null;
    if (deletedCount > 0) {
      const known = this.#savedDeletions.get(file);
      deletions =
        known?.count === deletedCount
          ? known
          : { file: file.replace(/\.seg$/, `.del-${generation}`), count: deletedCount };
      if (deletions !== known) {
        written.push(deletions.file);
        writeDeletions(this.#path(deletions.file), state, this.#fileSystem);
      }
      saved.set(file, deletions);
    }
    const sideFiles = Object.fromEntries(
      [...segment.sideFiles].map(([slot, { label }]) => [slot, path.basename(label)]),
    );
    return { file, docCount: segment.docCount, deletions, sideFiles };
  }

  /** The old manifest stands, or nobody knows which one does: then nothing more is written. */
  #commitFailed(error: unknown, generation: number, written: readonly string[]): never {
    let standing: number;
    try {
      standing = readCollectionManifest(this.#path(manifestFileName), this.#fileSystem).generation;
    } catch {
      standing = Number.NaN;
    }
    if (standing === generation - 1) {
      this.#removeFiles(written);
    } else {
      this.#failure = new StorageError(
        `${this.directory}: replacing the manifest failed half-way: nothing more is written by this ` +
          "process; close the collection and open it again",
        { path: this.directory, generation },
        { cause: error },
      );
    }
    throw error;
  }

  /** Removes files that the manifest does not name any more; what stays is removed on opening. */
  #removeFiles(files: readonly string[]): void {
    for (const file of files) {
      try {
        this.#fileSystem.remove(this.#path(file));
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
      }
    }
  }

  #retire(segments: readonly Segment[]): void {
    for (const segment of segments) {
      if (segment.file === null) continue;
      this.#retired.add(new WeakRef(segment));
      const sideFiles = [...segment.sideFiles.values()].map(({ label }) => path.basename(label));
      this.#removeFiles([segment.file, ...sideFiles]);
    }
    for (const retired of this.#retired) {
      if (retired.deref() === undefined) this.#retired.delete(retired);
    }
  }

  #takeFile(kind: "log" | "seg"): string {
    return numberedName(kind, this.#nextFileNumber++, kind === "log" ? "wal" : "seg");
  }

  #createLog(file: string): WriteAheadLog {
    const lock = this.#lock;
    return WriteAheadLog.create(this.#path(file), this.#fileSystem, () => lock?.check());
  }

  #openSegmentFile(file: string): Segment {
    return new Segment(file, SegmentFile.open(this.#path(file), this.#fileSystem));
  }

  #path(file: string): string {
    return path.join(this.directory, file);
  }

  // Small things

  #diskStates(): readonly SegmentState[] {
    return this.#states.filter(({ segment }) => segment.file !== null);
  }

  #slotNames(): readonly string[] {
    return this.#manifest.slots.map(({ name }) => name);
  }

  #activeSlot(): EncoderSlot | null {
    const { slots, activeSlot } = this.#manifest;
    return slots.find(({ name }) => name === activeSlot) ?? null;
  }

  #slotNamed(slot: string): EncoderSlot {
    const found = this.#manifest.slots.find(({ name }) => name === slot);
    if (found !== undefined) return found;
    const names = this.#slotNames().join(", ");
    throw new NotFoundError(`${this.directory} has no slot ${slot}; it has ${names || "none"}`, {
      path: this.directory,
      slot,
    });
  }

  #snapshotOf(slot: EncoderSlot | null): Snapshot {
    return new Snapshot({
      generation: this.#changeCount,
      settings: this.settings,
      states: this.#states,
      slot: slot?.name ?? null,
      denseRefusal: this.#refusalOf(slot),
    });
  }

  #encoderFor(slot: EncoderSlot): Encoder | null {
    const { fingerprint } = slot.encoder;
    return this.#encoders.find(({ identity }) => identity.fingerprint === fingerprint) ?? null;
  }

  #vectorsOf(
    documents: readonly Document[],
    slots: readonly EncoderSlot[],
    given: ReadonlyMap<string, Embeddings>,
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Embeddings>> {
    return vectorsOf(
      documents,
      slots,
      (slot) => {
        const encoder = this.#encoderFor(slot);
        if (encoder !== null) return encoder;
        const other = this.#encoders[0];
        const refusal = other === undefined ? null : encoderRefusal(this.directory, slot, other);
        throw (
          refusal ??
          new EncoderMismatchError(
            `${this.directory} has a dense leg by encoder ${slot.encoder.name}, and none was given: ` +
              "open it with that encoder, or give the vectors with the documents",
            { path: this.directory, expected: slot.encoder.fingerprint, slot: slot.name },
          )
        );
      },
      given,
      signal,
    );
  }

  #analyzer(): ReturnType<typeof analyzerNamed> {
    return analyzerNamed(this.settings.analyzer);
  }

  #writableLog(): WriteAheadLog {
    this.#checkWritable();
    if (this.#log === null) throw new Error("a writer has a log");
    return this.#log;
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error(`${this.directory} is closed`);
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (this.#failure !== null) throw this.#failure;
    if (this.#lock !== null) return;
    throw new InputError(
      `${this.directory} was opened for reading: open it with mode "write" to change it`,
      { path: this.directory, mode: "read" },
    );
  }

  #maintenanceFailed(error: unknown): void {
    this.#maintenanceProblem = error instanceof Error ? error : new Error(String(error));
  }
}

function asCandidate(state: SegmentState): { docCount: number; liveCount: number } {
  return { docCount: state.segment.docCount, liveCount: liveCount(state) };
}

/**
 * States with a merged segment in the place of the last of its inputs. So the order stays that of
 * age: of two versions of a document the later one stands in the later segment, which salvage relies
 * on where deletions are lost.
 */
function inPlaceOf(
  states: readonly SegmentState[],
  inputs: readonly Segment[],
  output: SegmentState | null,
): readonly SegmentState[] {
  const isInput = ({ segment }: SegmentState): boolean => inputs.includes(segment);
  const last = states.findLastIndex(isInput);
  const before = states.slice(0, last + 1).filter((state) => !isInput(state));
  return [...before, ...(output === null ? [] : [output]), ...states.slice(last + 1)];
}

/** Ordinals in a merge's output of an input's documents, for an input that has died meanwhile. */
function liveOrds({ segment, deleted }: SegmentState, output: Segment): number[] {
  const docOrds: number[] = [];
  for (let docOrd = 0; docOrd < segment.docCount; docOrd++) {
    if (!deleted?.has(docOrd)) docOrds.push(output.ids.locateBytes(segment.ids.idBytes(docOrd)));
  }
  return docOrds;
}
