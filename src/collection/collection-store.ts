import path from "node:path";
import type { Analyzer } from "../analysis/analyzer.js";
import { InputError, NotFoundError, StorageError } from "../errors.js";
import type { FileSystem } from "../store/file-system.js";
import { SegmentFile } from "../store/segment-file.js";
import { SegmentFileWriter } from "../store/segment-file-writer.js";
import { WriteAheadLog } from "../store/write-ahead-log.js";
import type { WriterLock } from "../store/writer-lock.js";
import {
  type CollectionManifest,
  type EncoderSlot,
  manifestFileName,
  numberedName,
  readCollectionManifest,
  type SegmentEntry,
  writeCollectionManifest,
} from "./collection-manifest.js";
import { analyzerOf, inPlaceOf } from "./live-states.js";
import type { OpenedStates, SavedDeletions } from "./recovery.js";
import { Segment } from "./segment.js";
import {
  deletedSince,
  liveCount,
  liveOrds,
  type SegmentState,
  wholeSegment,
  withDeleted,
  writeDeletions,
} from "./segment-state.js";

/** What a store is opened from. `writer` is present in write mode. */
export interface StoreParts {
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly manifest: CollectionManifest;
  readonly opened: OpenedStates;
  readonly writer: { readonly lock: WriterLock; readonly log: WriteAheadLog } | null;
}

/** What is in memory when a new log begins, and the logs that hold it. */
export interface RotatedLog {
  readonly inputs: readonly SegmentState[];
  readonly oldLogs: readonly string[];
  readonly recordCount: number;
}

/**
 * The state of one collection, in memory and on the disk: segments, manifest, log. Every step here is
 * one synchronous transition from one whole state to the next; in which order they come is the
 * business of {@link Collection} and {@link Maintenance}.
 */
export class CollectionStore {
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly #lock: WriterLock | null;
  #manifest: CollectionManifest;
  #states: readonly SegmentState[];
  #savedDeletions: ReadonlyMap<string, SavedDeletions>;
  #log: WriteAheadLog | null;
  /** While the log is being replaced by the next one. */
  #rotation: Promise<void> | null = null;
  #changeCount: number;
  #revision = 0;
  #nextFileNumber: number;
  /** Set when what the disk holds is not known any more; nothing is written after that. */
  #failure: Error | null = null;
  #closed = false;
  /** Segments that left the collection, for as long as a snapshot may read them. */
  readonly #retired = new Set<WeakRef<Segment>>();

  constructor({ directory, fileSystem, manifest, opened, writer }: StoreParts) {
    this.directory = directory;
    this.fileSystem = fileSystem;
    this.#lock = writer?.lock ?? null;
    this.#log = writer?.log ?? null;
    this.#manifest = manifest;
    this.#states = opened.states;
    this.#savedDeletions = opened.savedDeletions;
    this.#changeCount = manifest.changesBeforeLogs + opened.recordCount;
    this.#nextFileNumber = manifest.nextFileNumber;
  }

  get manifest(): CollectionManifest {
    return this.#manifest;
  }

  /** All segments, oldest first, those in memory last. */
  get states(): readonly SegmentState[] {
    return this.#states;
  }

  get diskStates(): readonly SegmentState[] {
    return this.#states.filter(({ segment }) => segment.file !== null);
  }

  get memoryStates(): readonly SegmentState[] {
    return this.#states.filter(({ segment }) => segment.file === null);
  }

  get savedDeletions(): ReadonlyMap<string, SavedDeletions> {
    return this.#savedDeletions;
  }

  /** Changes since the collection was created. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Moves whenever anything here changes. */
  get revision(): number {
    return this.#revision;
  }

  get logBytes(): number {
    return this.#log?.byteLength ?? 0;
  }

  get isWriter(): boolean {
    return this.#lock !== null;
  }

  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get slotNames(): readonly string[] {
    return this.#manifest.slots.map(({ name }) => name);
  }

  get activeSlot(): EncoderSlot | null {
    const { slots, activeSlot } = this.#manifest;
    return slots.find(({ name }) => name === activeSlot) ?? null;
  }

  /** @throws {NotFoundError} there is no such slot */
  slotNamed(slot: string): EncoderSlot {
    const found = this.#manifest.slots.find(({ name }) => name === slot);
    if (found !== undefined) return found;
    const names = this.slotNames.join(", ");
    throw new NotFoundError(`${this.directory} has no slot ${slot}; it has ${names || "none"}`, {
      path: this.directory,
      slot,
    });
  }

  analyzer(): Analyzer {
    return analyzerOf(this.#manifest.settings);
  }

  path(file: string): string {
    return path.join(this.directory, file);
  }

  checkOpen(): void {
    if (this.#closed) throw new Error(`${this.directory} is closed`);
  }

  checkWritable(): void {
    this.checkOpen();
    if (this.#failure !== null) throw this.#failure;
    if (this.#lock !== null) return;
    throw new InputError(
      `${this.directory} was opened for reading: open it with mode "write" to change it`,
      { path: this.directory, mode: "read" },
    );
  }

  // Changes that are in the log

  /**
   * Appends one change to the log and makes it visible once it is durable.
   *
   * @param apply gives the states after the change, from those before it
   */
  async append(
    record: Uint8Array,
    apply: (states: readonly SegmentState[]) => readonly SegmentState[],
  ): Promise<void> {
    await this.#writableLog().append(record, () => {
      const states = apply(this.#states);
      this.#changeCount++;
      this.rearrange(states.filter((state) => state.segment.file !== null || liveCount(state) > 0));
    });
  }

  /** The same documents in other segments in memory. */
  rearrange(states: readonly SegmentState[]): void {
    this.#states = states;
    this.#revision++;
  }

  /** Resolves when everything appended so far is durable or has failed. */
  async logIdle(): Promise<void> {
    await this.#log?.idle();
  }

  /** Resolves when no log is being replaced; what is appended before the next await goes well. */
  async rotated(): Promise<void> {
    while (this.#rotation !== null) await this.#rotation;
  }

  /** Starts a new log; what is in memory at that moment belongs to the old ones. */
  async rotateLog(): Promise<RotatedLog> {
    let finished: () => void = () => {};
    this.#rotation = new Promise((resolve) => {
      finished = resolve;
    });
    try {
      const old = this.#writableLog();
      await old.idle();
      const oldLogs = this.#manifest.logs;
      await this.#beginLog((file) => this.commit(this.#states, { logs: [...oldLogs, file] }));
      const recordCount = this.#changeCount - this.#manifest.changesBeforeLogs;
      return { inputs: this.memoryStates, oldLogs, recordCount };
    } finally {
      this.#rotation = null;
      finished();
    }
  }

  // Transitions of the manifest

  /** Replaces the manifest; then, and only then, the states count. */
  commit(states: readonly SegmentState[], change: Partial<CollectionManifest>): void {
    this.checkWritable();
    const generation = this.#manifest.generation + 1;
    const saved = new Map<string, SavedDeletions>();
    const written: string[] = [];
    const counted = states.filter((state) => liveCount(state) > 0);
    try {
      this.#lock?.check();
      const segments: SegmentEntry[] = [];
      for (const state of counted) {
        const { file } = state.segment;
        if (file !== null) {
          segments.push(this.#segmentEntry(state, file, generation, saved, written));
        }
      }
      const manifest: CollectionManifest = {
        ...this.#manifest,
        ...change,
        generation,
        segments,
        nextFileNumber: this.#nextFileNumber,
      };
      if (written.length > 0) this.fileSystem.syncDirectory(this.directory);
      writeCollectionManifest(this.path(manifestFileName), manifest, this.fileSystem);
      this.#manifest = manifest;
    } catch (error) {
      this.#commitFailed(error, generation, written);
    }
    const kept = new Set([...saved.values()].map(({ file }) => file));
    const outdated = [...this.#savedDeletions.values()].map(({ file }) => file);
    this.removeFiles(outdated.filter((file) => !kept.has(file)));
    this.#retire(states.filter((state) => !counted.includes(state)).map(({ segment }) => segment));
    this.#savedDeletions = saved;
    this.rearrange(counted);
  }

  /** A change that stands in the manifest and not in the log. The log must be idle. */
  commitChange(states: readonly SegmentState[], change: Partial<CollectionManifest>): void {
    const changesBeforeLogs = this.#manifest.changesBeforeLogs + 1;
    this.commit(states, { ...change, changesBeforeLogs });
    this.#changeCount++;
  }

  /**
   * Puts a merged segment in the place of its inputs, with what was deleted meanwhile taken out.
   *
   * @param inputs states as they were when the merge began
   */
  install(
    inputs: readonly SegmentState[],
    output: Segment | null,
    change: Partial<CollectionManifest>,
  ): void {
    const replaced = inputs.map(({ segment }) => segment);
    try {
      const added = output === null ? null : this.#withLateDeletions(inputs, output);
      this.commit(inPlaceOf(this.#states, replaced, added), change);
    } catch (error) {
      output?.close();
      if (output?.file) this.discardFiles([output.file]);
      throw error;
    }
    this.#retire(replaced);
  }

  /** {@link install} for a flush: the logs it read fall away. */
  installFlushed({ inputs, oldLogs, recordCount }: RotatedLog, output: Segment | null): void {
    const logs = this.#manifest.logs.filter((log) => !oldLogs.includes(log));
    const changesBeforeLogs = this.#manifest.changesBeforeLogs + recordCount;
    this.install(inputs, output, { logs, changesBeforeLogs });
    this.removeFiles(oldLogs);
  }

  /** Other documents in the place of all that is there. The log must be idle. */
  async replaceAll(
    states: readonly SegmentState[],
    change: Partial<CollectionManifest>,
  ): Promise<void> {
    const before = this.#states.map(({ segment }) => segment);
    const oldLogs = this.#manifest.logs;
    const changesBeforeLogs = this.#changeCount + 1;
    await this.#beginLog((file) =>
      this.commit(states, { ...change, logs: [file], changesBeforeLogs }),
    );
    this.#changeCount = changesBeforeLogs;
    this.removeFiles(oldLogs);
    this.#retire(before);
  }

  // Files

  takeSegmentFile(): string {
    return numberedName("seg", this.#nextFileNumber++, "seg");
  }

  openSegmentFile(file: string): Segment {
    return new Segment(file, SegmentFile.open(this.path(file), this.fileSystem));
  }

  /** Removes files that the manifest does not name any more; what stays is removed on opening. */
  removeFiles(files: readonly string[]): void {
    for (const file of files) {
      try {
        this.fileSystem.remove(this.path(file));
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
      }
    }
  }

  /** Removes files that no manifest ever named, unless it is not known which one stands. */
  discardFiles(files: readonly string[]): void {
    if (this.#failure === null) this.removeFiles(files);
  }

  // Side files: vectors of later slots, graphs

  async writeSideFile(
    segment: Segment,
    slot: string,
    ending: "vec" | "hnsw",
    write: (writer: SegmentFileWriter) => void | Promise<void>,
  ): Promise<SegmentFile> {
    const number = String(this.#nextFileNumber++).padStart(6, "0");
    const file = `${segment.file?.replace(/\.seg$/, "")}.${slot}-${number}.${ending}`;
    const writer = new SegmentFileWriter(this.path(file), this.fileSystem);
    try {
      await write(writer);
      writer.finish({ kind: ending, slot, segment: segment.file });
    } finally {
      writer.abort();
    }
    return SegmentFile.open(this.path(file), this.fileSystem);
  }

  /** Names side files in the manifest; those of segments that have gone are removed. */
  commitSideFiles(
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
      this.commit(this.#states, change);
    } catch (error) {
      for (const { segment } of added) segment.removeSideFile(key);
      throw error;
    }
    const used = new Set(added.map(({ file }) => file));
    this.discardSideFiles([...files.values()].filter((file) => !used.has(file)));
  }

  /** Takes side files out of the manifest and removes them. */
  dropSideFiles(keys: readonly string[], change: Partial<CollectionManifest>): void {
    const removed: { segment: Segment; key: string; file: SegmentFile }[] = [];
    for (const { segment } of this.#states) {
      for (const key of keys) {
        const file = segment.removeSideFile(key);
        if (file !== undefined) removed.push({ segment, key, file });
      }
    }
    try {
      this.commit(this.#states, change);
    } catch (error) {
      for (const { segment, key, file } of removed) segment.addSideFile(key, file);
      throw error;
    }
    this.discardSideFiles(removed.map(({ file }) => file));
  }

  /** Removes side files that no manifest names; snapshots that have them open read on. */
  discardSideFiles(files: readonly SegmentFile[]): void {
    this.discardFiles(files.map(({ label }) => path.basename(label)));
  }

  // Readers, and the end

  /** Takes in what is on the disk now. @returns whether there was anything new */
  reload(manifest: CollectionManifest, opened: OpenedStates): boolean {
    const changeCount = manifest.changesBeforeLogs + opened.recordCount;
    const isKnown =
      changeCount === this.#changeCount && manifest.generation === this.#manifest.generation;
    if (isKnown) return false;
    const current = new Set(opened.states.map(({ segment }) => segment));
    for (const { segment } of this.#states) {
      if (!current.has(segment)) this.#retired.add(new WeakRef(segment));
    }
    this.#manifest = manifest;
    this.#savedDeletions = opened.savedDeletions;
    this.#changeCount = changeCount;
    this.rearrange(opened.states);
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    try {
      await this.#log?.close();
    } finally {
      for (const { segment } of this.#states) segment.close();
      for (const retired of this.#retired) retired.deref()?.close();
      this.#lock?.release();
    }
  }

  #writableLog(): WriteAheadLog {
    this.checkWritable();
    if (this.#log === null) throw new Error("a writer has a log");
    return this.#log;
  }

  /** Creates the next log, lets `commit` name it, and writes to it from then on. */
  async #beginLog(commit: (file: string) => void): Promise<void> {
    const file = numberedName("log", this.#nextFileNumber++, "wal");
    const lock = this.#lock;
    const log = WriteAheadLog.create(this.path(file), this.fileSystem, () => lock?.check());
    try {
      commit(file);
    } catch (error) {
      await log.close(false);
      this.discardFiles([file]);
      throw error;
    }
    const old = this.#log;
    this.#log = log;
    await old?.close(false);
  }

  #withLateDeletions(inputs: readonly SegmentState[], output: Segment): SegmentState {
    const current = new Map(this.#states.map((state) => [state.segment, state]));
    const late = inputs.flatMap((before) => {
      const { segment } = before;
      const now = current.get(segment);
      // An input that is not there any more has lost all its documents.
      const docOrds = now === undefined ? liveOrds(before) : deletedSince(before, now);
      return docOrds.map((docOrd) => output.ids.locateBytes(segment.ids.idBytes(docOrd)));
    });
    return withDeleted(wholeSegment(output), late, this.analyzer());
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
      // Deletions are never undone, so as many are the same ones.
      deletions =
        known?.count === deletedCount
          ? known
          : { file: file.replace(/\.seg$/, `.del-${generation}`), count: deletedCount };
      if (deletions !== known) {
        written.push(deletions.file);
        writeDeletions(this.path(deletions.file), state, this.fileSystem);
      }
      saved.set(file, deletions);
    }
    const sideFiles = Object.fromEntries(
      [...segment.sideFiles].map(([key, { label }]) => [key, path.basename(label)]),
    );
    return { file, docCount: segment.docCount, deletions, sideFiles };
  }

  /** The old manifest stands, or nobody knows which one does: then nothing more is written. */
  #commitFailed(error: unknown, generation: number, written: readonly string[]): never {
    let standing: number;
    try {
      standing = readCollectionManifest(this.path(manifestFileName), this.fileSystem).generation;
    } catch {
      standing = Number.NaN;
    }
    if (standing === generation - 1) {
      this.removeFiles(written);
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

  #retire(segments: readonly Segment[]): void {
    for (const segment of segments) {
      if (segment.file === null) continue;
      this.#retired.add(new WeakRef(segment));
      const sideFiles = [...segment.sideFiles.values()].map(({ label }) => path.basename(label));
      this.removeFiles([segment.file, ...sideFiles]);
    }
    for (const retired of this.#retired) {
      if (retired.deref() === undefined) this.#retired.delete(retired);
    }
  }
}
