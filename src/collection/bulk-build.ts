import type { Document } from "../corpus/document.js";
import { parseDocument } from "../corpus/parse-document.js";
import { InputError } from "../errors.js";
import type { CollectionManifest } from "./collection-manifest.js";
import { type CollectionSettingsInput, parseCollectionSettings } from "./collection-settings.js";
import type { CollectionStore } from "./collection-store.js";
import type { DocumentVectors } from "./document-vectors.js";
import { firstSlot } from "./encoder-slots.js";
import { analyzerOf, withSegment } from "./live-states.js";
import type { Maintenance } from "./maintenance.js";
import { type SegmentState, wholeSegment, withDeleted } from "./segment-state.js";
import { openBatchIndexer, packBatch } from "./segment-work.js";

export interface BulkBuildOptions {
  /** `replace`: these documents become the whole collection; `append`: they are upserted. */
  readonly mode: "replace" | "append";
  /** With `replace`: the settings of the new build, its encoder's identity included. */
  readonly settings?: CollectionSettingsInput | undefined;
  /** Called after each batch with the number of documents read so far. */
  readonly onProgress?: ((progress: BulkBuildProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Vectors for the active slot, instead of encoding the documents. */
  readonly readyVectors?: ReadyVectorSource | undefined;
  /** A segment is written when so much is held in memory. Default 256 MiB. */
  readonly segmentBytes?: number | undefined;
}

/** Vectors that were made elsewhere. */
export interface ReadyVectorSource {
  /** Vectors of the next documents, asked batch by batch, maybe before the batch before is answered. */
  take(docIds: readonly string[]): Promise<DocumentVectors>;
  /** Called behind the last document; if it throws, the build fails. */
  end(): Promise<void>;
}

export interface BulkBuildProgress {
  readonly documents: number;
}

export interface BulkBuildResult {
  /** Documents that came. */
  readonly documents: number;
  /** Ids that were new. */
  readonly added: number;
  /** Documents that took the place of one with the same id, earlier in the input or in the collection. */
  readonly replaced: number;
}

/** What building needs of the collection. */
export interface BulkBuildContext {
  readonly store: CollectionStore;
  readonly maintenance: Maintenance;
  vectorsOf(
    documents: readonly Document[],
    form: Pick<CollectionManifest, "settings" | "slots">,
    given: ReadonlyMap<string, DocumentVectors>,
  ): Promise<ReadonlyMap<string, DocumentVectors>>;
}

/** What the segments of a build are made with, and what the manifest says of it then. */
type BuildForm = Pick<CollectionManifest, "settings" | "slots" | "activeSlot">;

const defaultSegmentBytes = 256 << 20;
/** Documents encoded in one call: enough that the encoder can sort them by length. */
const docsPerBatch = 1024;
/** Batches that are encoded while earlier ones are indexed. */
const batchesAhead = 2;

interface Batch {
  readonly documents: readonly Document[];
  readonly vectors: Promise<ReadonlyMap<string, DocumentVectors>>;
}

/**
 * Builds segments straight on the disk and makes them visible with one replacement of the manifest.
 * Runs while no other write is accepted.
 */
export async function bulkBuild(
  documents: AsyncIterable<Document> | Iterable<Document>,
  options: BulkBuildOptions,
  context: BulkBuildContext,
): Promise<BulkBuildResult> {
  const { store, maintenance } = context;
  // Records of the log would be replayed on top of the new documents: they go into a segment.
  if (options.mode === "append") await maintenance.flush();
  const form = buildForm(options, store);
  const created: string[] = [];
  try {
    const built = await buildSegments(documents, options, form, context, created);
    const states = await mergeBuilt(built.states, form, context, created, options.signal);
    if (options.mode === "append") return append(store, states, built.result);
    await maintenance.flushed();
    await store.replaceAll(states, form);
    return built.result;
  } catch (error) {
    store.discardFiles(created);
    throw error;
  }
}

/** Settings and slots that a build writes: the collection's, or in a replacement those asked for. */
function buildForm({ mode, settings }: BulkBuildOptions, store: CollectionStore): BuildForm {
  if (settings === undefined) {
    const { settings: kept, slots, activeSlot } = store.manifest;
    return { settings: kept, slots, activeSlot };
  }
  if (mode !== "replace") {
    throw new InputError(
      `${store.directory}: settings are fixed while documents are added: build it anew to change them`,
      { path: store.directory, field: "settings" },
    );
  }
  const parsed = parseCollectionSettings(settings);
  const { encoder } = parsed;
  if (encoder === null) return { settings: parsed, slots: [], activeSlot: null };
  const name = firstSlot;
  return { settings: parsed, slots: [{ name, encoder }], activeSlot: name };
}

/**
 * Writes documents to as many segment files as memory asks for. Of an id that comes twice the later
 * document lives.
 *
 * @param created takes the names of the files, also when it fails
 */
async function buildSegments(
  documents: AsyncIterable<Document> | Iterable<Document>,
  { onProgress, signal, readyVectors, segmentBytes = defaultSegmentBytes }: BulkBuildOptions,
  form: BuildForm,
  context: BulkBuildContext,
  created: string[],
): Promise<{ readonly states: readonly SegmentState[]; readonly result: BulkBuildResult }> {
  const { store } = context;
  const { settings, slots } = form;
  const analyzer = analyzerOf(settings);
  let states: readonly SegmentState[] = [];
  let documentCount = 0;
  let replaced = 0;
  const indexer = openBatchIndexer({ kind: "build", settings, slots }, store.fileSystem);
  const finish = async (): Promise<void> => {
    const file = store.takeSegmentFile();
    created.push(file);
    const finished = await indexer.finish(store.path(file));
    if (finished === null) return;
    const whole = wholeSegment(store.openSegmentFile(file));
    const next = withSegment(states, withDeleted(whole, finished.superseded, analyzer), analyzer);
    states = next.states;
    replaced += next.replacedCount;
  };
  try {
    const encode = async (
      batch: readonly Document[],
    ): Promise<ReadonlyMap<string, DocumentVectors>> => {
      const given = new Map<string, DocumentVectors>();
      if (readyVectors !== undefined && form.activeSlot !== null) {
        given.set(form.activeSlot, await readyVectors.take(batch.map(({ _id }) => _id)));
      }
      return context.vectorsOf(batch, form, given);
    };
    for await (const batch of encodedAhead(documents, encode, signal)) {
      signal?.throwIfAborted();
      const memoryBytes = await indexer.add(packBatch(batch.documents, batch.vectors));
      documentCount += batch.documents.length;
      onProgress?.({ documents: documentCount });
      if (memoryBytes >= segmentBytes) await finish();
      // Timers and searches of this thread get their turn between batches.
      await new Promise((resolve) => setImmediate(resolve));
    }
    signal?.throwIfAborted();
    await readyVectors?.end();
    await finish();
  } catch (error) {
    for (const { segment } of states) segment.close();
    throw error;
  } finally {
    indexer.close();
  }
  return {
    states,
    result: { documents: documentCount, added: documentCount - replaced, replaced },
  };
}

/** One segment is searched fastest: the parts of a build become one. */
async function mergeBuilt(
  built: readonly SegmentState[],
  form: BuildForm,
  { store, maintenance }: BulkBuildContext,
  created: string[],
  signal: AbortSignal | undefined,
): Promise<readonly SegmentState[]> {
  if (built.length < 2) return built;
  const merged = await maintenance.mergeToFile(built, form, signal);
  for (const { segment } of built) segment.close();
  store.discardFiles(created.splice(0));
  if (merged === null) return [];
  if (merged.file !== null) created.push(merged.file);
  return [wholeSegment(merged)];
}

/** The built documents take the place of those of the same ids. */
function append(
  store: CollectionStore,
  built: readonly SegmentState[],
  result: BulkBuildResult,
): BulkBuildResult {
  let states = store.states;
  let replaced = 0;
  for (const state of built) {
    const next = withSegment(states, state, store.analyzer());
    states = next.states;
    replaced += next.replacedCount - state.deletedCount;
  }
  store.commitChange(states, {});
  return { ...result, added: result.added - replaced, replaced: result.replaced + replaced };
}

/** Batches with their vectors, in order, a few of them being encoded at any time. */
async function* encodedAhead(
  documents: AsyncIterable<Document> | Iterable<Document>,
  encode: (documents: readonly Document[]) => Promise<ReadonlyMap<string, DocumentVectors>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<{
  readonly documents: readonly Document[];
  readonly vectors: ReadonlyMap<string, DocumentVectors>;
}> {
  const queue: Batch[] = [];
  for await (const batch of batchesOf(documents)) {
    signal?.throwIfAborted();
    const vectors = encode(batch);
    // Awaited in order below; until then a failure must not count as unhandled.
    vectors.catch(() => {});
    queue.push({ documents: batch, vectors });
    if (queue.length <= batchesAhead) continue;
    const first = queue.shift();
    if (first !== undefined) yield { documents: first.documents, vectors: await first.vectors };
  }
  for (const batch of queue) yield { documents: batch.documents, vectors: await batch.vectors };
}

async function* batchesOf(
  documents: AsyncIterable<Document> | Iterable<Document>,
): AsyncGenerator<readonly Document[]> {
  let batch: Document[] = [];
  let count = 0;
  for await (const document of documents) {
    count++;
    batch.push(parseDocument(document, `document ${count} of the build`));
    if (batch.length < docsPerBatch) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
