import path from "node:path";
import type { Worker } from "node:worker_threads";
import type { Document } from "../corpus/document.js";
import {
  CorruptIndexError,
  type ErrorFacts,
  InputError,
  SearchError,
  StorageError,
} from "../errors.js";
import { startThread } from "../inference/start-thread.js";
import { Bitset } from "../numeric/bitset.js";
import { type FileSystem, nodeFileSystem } from "../store/file-system.js";
import { MemorySections } from "../store/memory-sections.js";
import { SegmentFile } from "../store/segment-file.js";
import { SegmentFileWriter } from "../store/segment-file-writer.js";
import type { EncoderSlot } from "./collection-manifest.js";
import type { CollectionSettings } from "./collection-settings.js";
import type { DocumentVectors } from "./document-vectors.js";
import { Segment } from "./segment.js";
import { SegmentBuilder } from "./segment-builder.js";
import { mergeSegments } from "./segment-merge.js";
import type { SegmentState } from "./segment-state.js";

/*
 * Building and merging segments takes seconds of computing, so it runs in threads of its own and
 * searches of the main thread go on. Memory is shared or handed over, never copied; what is small
 * is done at once, because starting a thread takes longer.
 */

/** A segment that a thread can open: by its files, or by its shared memory. */
type SegmentReference =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly sideFiles: readonly (readonly [string, string])[];
    }
  | { readonly kind: "memory"; readonly sections: readonly (readonly [string, Uint8Array])[] };

export interface MergeJob {
  readonly kind: "merge";
  readonly inputs: readonly {
    readonly segment: SegmentReference;
    readonly docCount: number;
    readonly deleted: Uint32Array | null;
  }[];
  readonly slots: readonly string[];
  readonly settings: CollectionSettings;
  readonly target: string;
}

export interface BuildJob {
  readonly kind: "build";
  readonly settings: CollectionSettings;
  readonly slots: readonly EncoderSlot[];
}

export type ThreadJob = MergeJob | BuildJob;

/** One batch of documents: their JSON end to end, where each begins, and their vectors by slot. */
export interface DocumentBatch {
  readonly json: Uint8Array;
  readonly offsets: Uint32Array;
  readonly vectors: readonly (readonly [string, DocumentVectors])[];
}

export type BuildRequest =
  | { readonly kind: "add"; readonly batch: DocumentBatch }
  | { readonly kind: "finish"; readonly target: string };

export type ThreadReply =
  | { readonly kind: "merged"; readonly docCount: number }
  | { readonly kind: "added"; readonly memoryBytes: number }
  | {
      readonly kind: "finished";
      readonly docCount: number;
      readonly superseded: readonly number[];
    }
  | {
      readonly kind: "failed";
      readonly code: string;
      readonly message: string;
      readonly facts: ErrorFacts;
    };

/** Merges of fewer bytes are done at once. */
const inlineMergeBytes = 1 << 20;

/**
 * Writes the living documents of the inputs to a new segment file.
 *
 * @param signal ends the work; the file is removed
 * @returns number of documents; 0 leaves no file
 */
export async function mergeToFile(
  inputs: readonly SegmentState[],
  slots: readonly string[],
  settings: CollectionSettings,
  target: string,
  fileSystem: FileSystem,
  signal: AbortSignal,
): Promise<number> {
  const bytes = inputs.reduce((sum, { segment }) => sum + segment.byteLength, 0);
  if (fileSystem !== nodeFileSystem || bytes < inlineMergeBytes) {
    return writeMerged(inputs, slots, settings, target, fileSystem);
  }
  const job: MergeJob = {
    kind: "merge",
    inputs: inputs.map(({ segment, deleted }) => ({
      segment: referenceTo(segment),
      docCount: segment.docCount,
      deleted: deleted?.words ?? null,
    })),
    slots,
    settings,
    target,
  };
  const thread = new SegmentThread(job);
  const abort = (): void => thread.end(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    const reply = await thread.next();
    if (reply.kind !== "merged") throw new Error(`a merge answered ${reply.kind}`);
    return reply.docCount;
  } catch (error) {
    fileSystem.remove(target);
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    thread.end();
  }
}

/** Builds one segment after the other from batches of documents. */
export interface BatchIndexer {
  /** Adds a batch; resolves when the next one may come, with the bytes held in memory. */
  add(batch: DocumentBatch): Promise<number>;
  /** Writes what was added to a segment file; null if nothing was. */
  finish(target: string): Promise<{ readonly superseded: readonly number[] } | null>;
  close(): void;
}

/** An indexer in a thread of its own, or in this one where the file system lives in this one. */
export function openBatchIndexer(job: BuildJob, fileSystem: FileSystem): BatchIndexer {
  return fileSystem === nodeFileSystem
    ? new ThreadIndexer(job)
    : new InlineIndexer(job, fileSystem);
}

/** Packs documents and vectors so that they can be handed to another thread without copying. */
export function packBatch(
  documents: readonly Document[],
  vectors: ReadonlyMap<string, DocumentVectors>,
): DocumentBatch {
  const parts = documents.map((document) => Buffer.from(JSON.stringify(document), "utf8"));
  const offsets = new Uint32Array(parts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] ?? 0) + part.byteLength;
  const json = new Uint8Array(offsets[parts.length] ?? 0);
  for (const [i, part] of parts.entries()) json.set(part, offsets[i] ?? 0);
  // Copied: who made the vectors may keep them.
  const copies = [...vectors].map(
    ([slot, embeddings]) => [slot, { ...embeddings, values: embeddings.values.slice() }] as const,
  );
  return { json, offsets, vectors: copies };
}

/** Runs in this thread: the plain twin of {@link ThreadIndexer}, and what its thread does. */
export class InlineIndexer implements BatchIndexer {
  readonly #job: BuildJob;
  readonly #fileSystem: FileSystem;
  #builder: SegmentBuilder;

  constructor(job: BuildJob, fileSystem: FileSystem) {
    this.#job = job;
    this.#fileSystem = fileSystem;
    this.#builder = new SegmentBuilder(job.settings, job.slots);
  }

  async add({ json, offsets, vectors }: DocumentBatch): Promise<number> {
    for (let i = 0; i + 1 < offsets.length; i++) {
      const bytes = json.subarray(offsets[i], offsets[i + 1]);
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
      this.#builder.add({ document: JSON.parse(text) as Document, json: bytes });
    }
    for (const [slot, embeddings] of vectors) this.#builder.addVectors(slot, embeddings);
    return this.#builder.memoryBytes;
  }

  async finish(target: string): Promise<{ readonly superseded: readonly number[] } | null> {
    const builder = this.#builder;
    if (builder.docCount === 0) return null;
    const { settings, slots } = this.#job;
    this.#builder = new SegmentBuilder(settings, slots);
    const writer = new SegmentFileWriter(target, this.#fileSystem);
    try {
      builder.finish(writer);
      writer.finish({ kind: "segment", docCount: builder.docCount, settings });
    } finally {
      writer.abort();
    }
    return { superseded: [...(builder.superseded() ?? [])] };
  }

  close(): void {}
}

/** {@link InlineIndexer} in a thread. One batch may wait while another is indexed. */
class ThreadIndexer implements BatchIndexer {
  readonly #thread: SegmentThread;
  #earlier: Promise<ThreadReply> | null = null;
  #memoryBytes = 0;

  constructor(job: BuildJob) {
    this.#thread = new SegmentThread(job);
  }

  async add(batch: DocumentBatch): Promise<number> {
    const request: BuildRequest = { kind: "add", batch };
    const reply = this.#thread.ask(request, [
      batch.json.buffer as ArrayBuffer,
      ...batch.vectors.map(([, { values }]) => values.buffer as ArrayBuffer),
    ]);
    // Awaited with the next batch; a failure must not count as unhandled until then.
    reply.catch(() => {});
    await this.#settle();
    this.#earlier = reply;
    return this.#memoryBytes;
  }

  async finish(target: string): Promise<{ readonly superseded: readonly number[] } | null> {
    await this.#settle();
    const reply = await this.#thread.ask({ kind: "finish", target });
    if (reply.kind !== "finished") throw new Error(`finishing was answered by ${reply.kind}`);
    this.#memoryBytes = 0;
    return reply.docCount === 0 ? null : { superseded: reply.superseded };
  }

  close(): void {
    this.#thread.end();
  }

  async #settle(): Promise<void> {
    const reply = await this.#earlier;
    this.#earlier = null;
    if (reply?.kind === "added") this.#memoryBytes = reply.memoryBytes;
  }
}

interface Waiting {
  readonly resolve: (reply: ThreadReply) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread for one job; it answers requests in their order. */
class SegmentThread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #ended: unknown = null;

  constructor(job: ThreadJob) {
    this.#worker = startThread("./segment-thread", import.meta.url, {
      workerData: job,
      name: `braid ${job.kind}`,
    });
    this.#worker.on("message", (reply: ThreadReply) => {
      const waiting = this.#waiting.shift();
      if (reply.kind === "failed") waiting?.reject(reviveError(reply));
      else waiting?.resolve(reply);
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("the indexing thread ended by itself")));
  }

  ask(request: BuildRequest, transfer: readonly ArrayBuffer[] = []): Promise<ThreadReply> {
    const reply = this.next();
    if (this.#ended === null) this.#worker.postMessage(request, [...transfer]);
    return reply;
  }

  next(): Promise<ThreadReply> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) reject(this.#ended);
      else this.#waiting.push({ resolve, reject });
    });
  }

  end(reason: unknown = new Error("the indexing thread was ended")): void {
    this.#fail(reason);
    void this.#worker.terminate();
  }

  #fail(error: unknown): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}

/** What the thread's module does with a merge. */
export function runMerge(job: MergeJob): number {
  const states = job.inputs.map(({ segment, docCount, deleted }) => ({
    segment: openReference(segment),
    deleted: deleted === null ? null : new Bitset(docCount, deleted),
  }));
  try {
    return writeMerged(states, job.slots, job.settings, job.target, nodeFileSystem);
  } finally {
    for (const { segment } of states) segment.close();
  }
}

export function failureOf(error: unknown): ThreadReply {
  if (error instanceof SearchError) {
    return { kind: "failed", code: error.code, message: error.message, facts: error.facts };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { kind: "failed", code: "", message, facts: {} };
}

function writeMerged(
  inputs: readonly { readonly segment: Segment; readonly deleted: Bitset | null }[],
  slots: readonly string[],
  settings: CollectionSettings,
  target: string,
  fileSystem: FileSystem,
): number {
  const writer = new SegmentFileWriter(target, fileSystem);
  try {
    const docCount = mergeSegments(inputs, slots, writer);
    if (docCount > 0) writer.finish({ kind: "segment", docCount, settings });
    return docCount;
  } finally {
    writer.abort();
  }
}

function referenceTo({ source, sideFiles }: Segment): SegmentReference {
  if (source instanceof SegmentFile) {
    const files = [...sideFiles].map(([slot, { label }]) => [slot, label] as const);
    return { kind: "file", path: source.label, sideFiles: files };
  }
  return { kind: "memory", sections: source.names.map((name) => [name, source.load(name)]) };
}

function openReference(reference: SegmentReference): Segment {
  if (reference.kind === "memory") return new Segment(null, MemorySections.of(reference.sections));
  const sideFiles = reference.sideFiles.map(
    ([slot, file]) => [slot, SegmentFile.open(file)] as const,
  );
  const file = SegmentFile.open(reference.path);
  return new Segment(path.basename(reference.path), file, new Map(sideFiles));
}

function reviveError({
  code,
  message,
  facts,
}: {
  readonly code: string;
  readonly message: string;
  readonly facts: ErrorFacts;
}): Error {
  if (code === "STORAGE_FAILED") return new StorageError(message, facts);
  if (code === "INDEX_CORRUPT") return new CorruptIndexError(message, facts);
  if (code === "INPUT_INVALID") return new InputError(message, facts);
  return new Error(message);
}
