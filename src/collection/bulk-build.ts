import { analyzerNamed } from "../analysis/analyzers.js";
import type { Document } from "../corpus/document.js";
import { parseDocument } from "../corpus/parse-document.js";
import type { Embeddings } from "../dense/encoder.js";
import type { EncoderSlot } from "./collection-manifest.js";
import type { CollectionSettings, CollectionSettingsInput } from "./collection-settings.js";
import { withSegment } from "./live-states.js";
import type { Segment } from "./segment.js";
import { type SegmentState, wholeSegment, withDeleted } from "./segment-state.js";
import { type BatchIndexer, packBatch } from "./segment-work.js";

export interface BulkBuildOptions {
  /** `replace`: these documents become the whole collection; `append`: they are upserted. */
  readonly mode: "replace" | "append";
  /** With `replace`: the settings of the new build, its encoder's identity included. */
  readonly settings?: CollectionSettingsInput | undefined;
  /** Called after each batch with the number of documents read so far. */
  readonly onProgress?: ((progress: BulkBuildProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A segment is written when so much is held in memory. Default 256 MiB. */
  readonly segmentBytes?: number | undefined;
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
  readonly settings: CollectionSettings;
  readonly slots: readonly EncoderSlot[];
  vectorsOf(documents: readonly Document[]): Promise<ReadonlyMap<string, Embeddings>>;
  openIndexer(): BatchIndexer;
  /** Path of the next segment file. */
  takeFile(): string;
  openFile(path: string): Segment;
}

const defaultSegmentBytes = 256 << 20;
/** Documents encoded in one call: enough that the encoder can sort them by length. */
const docsPerBatch = 1024;
/** Batches that are encoded while earlier ones are indexed. */
const batchesAhead = 2;

interface Batch {
  readonly documents: readonly Document[];
  readonly vectors: Promise<ReadonlyMap<string, Embeddings>>;
}

/**
 * Writes documents to as many segment files as memory asks for. Of an id that comes twice the later
 * document lives.
 */
export async function buildSegments(
  documents: AsyncIterable<Document> | Iterable<Document>,
  { onProgress, signal, segmentBytes = defaultSegmentBytes }: BulkBuildOptions,
  context: BulkBuildContext,
): Promise<{ readonly states: readonly SegmentState[]; readonly result: BulkBuildResult }> {
  const analyzer = analyzerNamed(context.settings.analyzer);
  let states: readonly SegmentState[] = [];
  let documentCount = 0;
  let replaced = 0;
  const indexer = context.openIndexer();
  const finish = async (): Promise<void> => {
    const file = context.takeFile();
    const finished = await indexer.finish(file);
    if (finished === null) return;
    const whole = wholeSegment(context.openFile(file));
    const next = withSegment(states, withDeleted(whole, finished.superseded, analyzer), analyzer);
    states = next.states;
    replaced += next.replacedCount;
  };
  try {
    for await (const batch of encodedAhead(documents, context, signal)) {
      signal?.throwIfAborted();
      const memoryBytes = await indexer.add(packBatch(batch.documents, batch.vectors));
      documentCount += batch.documents.length;
      onProgress?.({ documents: documentCount });
      if (memoryBytes >= segmentBytes) await finish();
      // Timers and searches of this thread get their turn between batches.
      await new Promise((resolve) => setImmediate(resolve));
    }
    signal?.throwIfAborted();
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

/** Batches with their vectors, in order, a few of them being encoded at any time. */
async function* encodedAhead(
  documents: AsyncIterable<Document> | Iterable<Document>,
  context: BulkBuildContext,
  signal: AbortSignal | undefined,
): AsyncGenerator<{
  readonly documents: readonly Document[];
  readonly vectors: ReadonlyMap<string, Embeddings>;
}> {
  const queue: Batch[] = [];
  for await (const batch of batchesOf(documents)) {
    signal?.throwIfAborted();
    const vectors = context.vectorsOf(batch);
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
