import path from "node:path";
import type { Document, JsonValue } from "../corpus/document.js";
import { parseDocId, parseDocument } from "../corpus/parse-document.js";
import type { Encoder, EncoderIdentity } from "../dense/encoder.js";
import { type EncoderMismatchError, InputError } from "../errors.js";
import type { FileSystem } from "../store/file-system.js";
import { MemorySections } from "../store/memory-sections.js";
import type { SegmentFile } from "../store/segment-file.js";
import type { WriteAheadLog } from "../store/write-ahead-log.js";
import type { WriterLock } from "../store/writer-lock.js";
import { type BulkBuildOptions, type BulkBuildResult, bulkBuild } from "./bulk-build.js";
import { refuseOccupied } from "./collection-home.js";
import { type CollectionManifest, type EncoderSlot, parseSlot } from "./collection-manifest.js";
import type { CollectionSettings } from "./collection-settings.js";
import { CollectionStore } from "./collection-store.js";
import {
  type HeldCollection,
  holdCollection,
  releaseCollection,
  writeCopy,
} from "./copy-collection.js";
import { type DocumentVectors, sliceVectors } from "./document-vectors.js";
import { EncoderSet, refuseSlotName } from "./encoder-slots.js";
import { withIdsRemoved, withSegment } from "./live-states.js";
import { encodeLogRecord } from "./log-record.js";
import { type CollectionLimits, Maintenance } from "./maintenance.js";
import type { OpenedStates } from "./recovery.js";
import { graphKey, Segment } from "./segment.js";
import { SegmentBuilder, type SerializedDocument, serializeDocument } from "./segment-builder.js";
import { type SegmentState, wholeSegment, withDeleted } from "./segment-state.js";
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
  /**
   * Vectors of the documents in the active slot, in their order, instead of encoding them: one each,
   * or several where `rowEnds` says so.
   */
  readonly vectors?: DocumentVectors | undefined;
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

/** Documents analysed between two turns of the event loop. */
const docsPerStep = 256;
/** A log below this is left for the next opening to replay when the collection is closed. */
const keptLogBytes = 1 << 20;
/** Verifications of a collection that is merged under the reader's eyes. */
const verifyAttempts = 5;

/**
 * One corpus under two indexes, one transaction for both. One process writes, many read; a change is
 * visible and durable when its promise resolves, and a {@link Snapshot} never changes.
 */
export class Collection {
  readonly directory: string;
  readonly recovery: RecoveryReport;
  readonly #store: CollectionStore;
  readonly #maintenance: Maintenance;
  readonly #encoders: EncoderSet;
  readonly #reopen: CollectionParts["reopen"];
  readonly #turns = new TurnQueue();
  #snapshot: Snapshot | null = null;
  #snapshotRevision = -1;

  constructor(parts: CollectionParts) {
    this.directory = parts.directory;
    this.recovery = parts.recovery;
    this.#store = new CollectionStore(parts);
    this.#maintenance = new Maintenance(this.#store, parts.limits);
    this.#encoders = new EncoderSet(parts.directory, parts.encoders);
    this.#reopen = parts.reopen;
  }

  get name(): string {
    return path.basename(this.directory);
  }

  get mode(): "read" | "write" {
    return this.#store.isWriter ? "write" : "read";
  }

  get settings(): CollectionSettings {
    return this.#store.manifest.settings;
  }

  /** The encoder whose vectors searches use; null without a dense leg. */
  get encoderIdentity(): EncoderIdentity | null {
    return this.#store.activeSlot?.encoder ?? null;
  }

  /** The encoder given at opening that fits the dense leg; null if there is none. */
  get encoder(): Encoder | null {
    const slot = this.#store.activeSlot;
    return slot === null ? null : this.#encoders.for(slot);
  }

  /**
   * Why the dense leg refuses to be searched, and how to mend it: an encoder was given, and it is
   * not the one of the vectors. Null if there is nothing to refuse.
   */
  get denseRefusal(): EncoderMismatchError | null {
    const slot = this.#store.activeSlot;
    return slot === null ? null : this.#encoders.refusal(slot);
  }

  /** Defaults of searches that tuning saved; null if none were. */
  get searchDefaults(): JsonValue {
    return this.#store.manifest.searchDefaults;
  }

  /** Saves defaults of searches in the collection; null removes them. */
  async setSearchDefaults(searchDefaults: JsonValue): Promise<void> {
    await this.#exclusively(async () => {
      this.#store.commitChange(this.#store.states, { searchDefaults });
    });
  }

  /** The collection as it is now. The same object until something changes. */
  snapshot(): Snapshot {
    const store = this.#store;
    store.checkOpen();
    if (this.#snapshot === null || this.#snapshotRevision !== store.revision) {
      this.#snapshot = this.#snapshotOf(store.activeSlot);
      this.#snapshotRevision = store.revision;
    }
    return this.#snapshot;
  }

  /**
   * Like {@link snapshot}, with the vectors of a slot that need not be the active one: to evaluate an
   * encoder before it is switched to.
   *
   * @throws {NotFoundError} there is no such slot
   */
  snapshotOfSlot(slot: string): Snapshot {
    this.#store.checkOpen();
    return this.#snapshotOf(this.#store.slotNamed(slot));
  }

  /** The encoder given that made the vectors of a slot; null if none of them did. */
  encoderOfSlot(slot: string): Encoder | null {
    return this.#encoders.for(this.#store.slotNamed(slot));
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
    const store = this.#store;
    store.checkWritable();
    const parsed = documents.map((document, i) =>
      parseDocument(document, `document ${i + 1} of the batch`),
    );
    if (parsed.length === 0) return { added: 0, replaced: 0 };
    const turn = this.#turns.take();
    try {
      const { signal } = options;
      let { slots } = store.manifest;
      let vectors = await this.#encoders.vectorsOf(
        parsed,
        slots,
        this.settings.passages,
        this.#given(options),
        signal,
      );
      const serialized = parsed.map(serializeDocument);
      await this.#turnComes(turn.ready);
      // A slot may have come or gone while this call was waiting.
      while (slots !== store.manifest.slots) {
        slots = store.manifest.slots;
        const { passages } = this.settings;
        vectors = await this.#encoders.vectorsOf(parsed, slots, passages, vectors, signal);
      }
      const segments = await this.#buildInMemory(serialized, slots, vectors);
      signal?.throwIfAborted();
      const record = encodeLogRecord({
        kind: "upsert",
        documents: serialized.map(({ json }) => json),
        vectors,
      });
      let replaced = 0;
      const durable = store.append(record, (states) => {
        let current = states;
        for (const segment of segments) {
          const next = withSegment(current, segment, store.analyzer());
          current = next.states;
          replaced += next.replacedCount;
        }
        // At once: a group of commits must not pile up hundreds of segments.
        return this.#maintenance.mergedInMemory(current);
      });
      turn.done();
      await durable;
      this.#maintenance.afterChange();
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
    const store = this.#store;
    store.checkWritable();
    const unique = [...new Set(docIds.map((id, i) => parseDocId(id, `id ${i + 1} of the batch`)))];
    if (unique.length === 0) return { deleted: 0, missing: [] };
    const turn = this.#turns.take();
    try {
      await this.#turnComes(turn.ready);
      let found = new Set<number>();
      const record = encodeLogRecord({ kind: "delete", docIds: unique });
      const durable = store.append(record, (states) => {
        const ids = unique.map((docId) => Buffer.from(docId, "utf8"));
        const removal = withIdsRemoved(states, ids, store.analyzer());
        found = new Set(removal.found);
        return removal.states;
      });
      turn.done();
      await durable;
      this.#maintenance.afterChange();
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
    const result = await this.#exclusively(() =>
      bulkBuild(documents, options, {
        store: this.#store,
        maintenance: this.#maintenance,
        vectorsOf: (batch, { slots, settings }, given) =>
          this.#encoders.vectorsOf(batch, slots, settings.passages, given, options.signal),
      }),
    );
    await this.#maintenance.settle();
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
    const store = this.#store;
    store.checkWritable();
    const { signal, onProgress } = options;
    const added = parseSlot({ name: slot, encoder: encoder.identity });
    refuseSlotName(this.directory, store.manifest.slots, slot);
    await this.#maintenance.flush();
    const built = new Map<Segment, SegmentFile>();
    let done = 0;
    const onBatch = (documents: number): void => {
      done += documents;
      onProgress?.({ documents: done, total: Math.max(this.snapshot().docCount, done) });
    };
    const buildMissing = async (): Promise<void> => {
      for (const state of store.diskStates) {
        if (built.has(state.segment)) continue;
        const file = await store.writeSideFile(state.segment, slot, "vec", (writer) =>
          writeSlotVectors(state, {
            slot: added,
            encoder,
            passages: this.settings.passages,
            sink: writer,
            onBatch,
            signal,
          }),
        );
        built.set(state.segment, file);
      }
    };
    await this.#maintenance.withoutMerges(async () => {
      try {
        await buildMissing();
        await this.#exclusively(async () => {
          // What was written meanwhile, most of it small.
          await this.#maintenance.flush();
          refuseSlotName(this.directory, store.manifest.slots, slot);
          await buildMissing();
          signal?.throwIfAborted();
          this.#encoders.add(encoder);
          store.commitSideFiles(slot, built, { slots: [...store.manifest.slots, added] });
        });
      } catch (error) {
        store.discardSideFiles([...built.values()]);
        throw error;
      }
    });
  }

  /**
   * Lets searches use the vectors of another slot from now on; snapshots taken before go on with
   * theirs.
   *
   * @throws {NotFoundError} there is no such slot
   */
  async useSlot(slot: string): Promise<void> {
    await this.#exclusively(async () => {
      const { encoder } = this.#store.slotNamed(slot);
      if (slot === this.#store.manifest.activeSlot) return;
      const settings = { ...this.settings, encoder };
      this.#store.commitChange(this.#store.states, { activeSlot: slot, settings });
    });
    this.#maintenance.mergeOnDisk();
  }

  /**
   * Removes a slot that is not in use, with its vectors.
   *
   * @throws {NotFoundError} there is no such slot
   * @throws {InputError} it is the active one
   */
  async dropSlot(slot: string): Promise<void> {
    const store = this.#store;
    await this.#maintenance.withoutMerges(() =>
      this.#exclusively(async () => {
        store.slotNamed(slot);
        if (slot === store.manifest.activeSlot) {
          throw new InputError(
            `${this.directory}: slot ${slot} is in use: switch to another one before it is dropped`,
            { path: this.directory, slot },
          );
        }
        // Segments in memory have the slot, and so have logged documents.
        await this.#maintenance.flush();
        const slots = store.manifest.slots.filter(({ name }) => name !== slot);
        store.dropSideFiles([slot, graphKey(slot)], { slots });
      }),
    );
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
    const { fileSystem } = this.#store;
    this.#store.checkOpen();
    refuseOccupied(target, fileSystem);
    const held = this.#store.isWriter
      ? await this.#exclusively(async () => this.#hold())
      : this.#hold();
    try {
      fileSystem.makeDirectory(target);
      return await writeCopy(held, target, fileSystem, signal);
    } finally {
      releaseCollection(held, fileSystem);
    }
  }

  /** Writes what is in memory to a segment and starts a new log. */
  async flush(): Promise<void> {
    this.#store.checkWritable();
    await this.#maintenance.flush();
  }

  /** Merges everything into one segment without deleted documents. */
  async compact(): Promise<void> {
    this.#store.checkWritable();
    await this.#maintenance.compact();
  }

  /**
   * Reads every byte and checks it, cross-checks both legs against the documents, and computes all
   * statistics anew.
   */
  async verify(): Promise<VerifyReport> {
    const store = this.#store;
    for (let attempt = 1; ; attempt++) {
      store.checkOpen();
      await store.logIdle();
      const { directory } = this;
      const { manifest, states, savedDeletions, fileSystem } = store;
      const context = { directory, manifest, states, savedDeletions, fileSystem };
      const report = await verifyCollection(context);
      // Files that were merged away meanwhile are not missing: what took their place is checked.
      const hasMoved = store.isWriter ? store.manifest !== manifest : this.refresh();
      if (report.ok || !hasMoved || attempt === verifyAttempts) return report;
    }
  }

  stats(): CollectionStats {
    const { manifest, states, logBytes } = this.#store;
    const snapshot = this.snapshot();
    const segments = states.map(({ segment, deletedCount }) => ({
      file: segment.file,
      docCount: segment.docCount,
      deletedCount,
      bytes: segment.byteLength,
      loadedBytes: segment.loadedBytes,
    }));
    return {
      name: this.name,
      directory: this.directory,
      generation: snapshot.generation,
      docCount: snapshot.docCount,
      deletedCount: segments.reduce((sum, { deletedCount }) => sum + deletedCount, 0),
      settings: this.settings,
      slots: manifest.slots,
      activeSlot: manifest.activeSlot,
      segments,
      logBytes,
      totalBytes: logBytes + segments.reduce((sum, { bytes }) => sum + bytes, 0),
      maintenanceProblem: this.#maintenance.problem?.message ?? null,
      graphProblem: this.#maintenance.graphProblem?.message ?? null,
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
    this.#store.checkOpen();
    if (this.#store.isWriter) return false;
    const { manifest, opened } = this.#reopen(this.#store.states.map(({ segment }) => segment));
    return this.#store.reload(manifest, opened);
  }

  /**
   * Waits for what was accepted, closes files and gives the lock back. Snapshots taken before can
   * not read any more what they had not loaded. Encoders stay open: they are the caller's.
   */
  async close(): Promise<void> {
    const turn = this.#turns.take();
    await turn.ready;
    try {
      if (this.#store.isClosed) return;
      await this.#store.logIdle();
      if (!this.#store.hasFailed && this.#store.logBytes > keptLogBytes) {
        await this.#maintenance.flush();
      }
    } finally {
      await this.#maintenance.stop();
      if (!this.#store.isClosed) await this.#store.close();
      turn.done();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #hold(): HeldCollection {
    for (;;) {
      const { manifest, fileSystem } = this.#store;
      try {
        return holdCollection(this.directory, manifest, fileSystem);
      } catch (error) {
        // A reader's files may have been merged away; what took their place is as good.
        if (!this.refresh()) throw error;
      }
    }
  }

  #snapshotOf(slot: EncoderSlot | null): Snapshot {
    return new Snapshot({
      generation: this.#store.changeCount,
      settings: slot === null ? this.settings : { ...this.settings, encoder: slot.encoder },
      states: this.#store.states,
      slot: slot?.name ?? null,
      denseRefusal: slot === null ? null : this.#encoders.refusal(slot),
    });
  }

  /** Vectors that came with the documents, by slot. */
  #given({ vectors }: UpsertOptions): Map<string, DocumentVectors> {
    if (vectors === undefined) return new Map();
    const slot = this.#store.activeSlot;
    if (slot !== null) return new Map([[slot.name, vectors]]);
    throw new InputError(
      `${this.directory} has no dense leg, and vectors were given: create it with an encoder`,
      { path: this.directory },
    );
  }

  async #buildInMemory(
    documents: readonly SerializedDocument[],
    slots: readonly EncoderSlot[],
    vectors: ReadonlyMap<string, DocumentVectors>,
  ): Promise<SegmentState[]> {
    const states: SegmentState[] = [];
    for (let from = 0; from < documents.length; from += docsPerStep) {
      if (from > 0) await new Promise((resolve) => setImmediate(resolve));
      const to = Math.min(from + docsPerStep, documents.length);
      const builder = new SegmentBuilder(this.settings, slots);
      for (const document of documents.slice(from, to)) builder.add(document);
      for (const [slot, all] of vectors) builder.addVectors(slot, sliceVectors(all, from, to));
      const sections = new MemorySections();
      builder.finish(sections);
      const state = wholeSegment(new Segment(null, sections));
      states.push(withDeleted(state, [...(builder.superseded() ?? [])], this.#store.analyzer()));
    }
    return states;
  }

  /** Runs while no other write is accepted; those that were are finished first. */
  async #exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#store.checkWritable();
    const turn = this.#turns.take();
    try {
      await this.#turnComes(turn.ready);
      await this.#store.logIdle();
      return await work();
    } finally {
      turn.done();
    }
  }

  async #turnComes(ready: Promise<void>): Promise<void> {
    await ready;
    await this.#store.rotated();
    this.#store.checkWritable();
  }
}
