import type { Encoder } from "../dense/encoder.js";
import { VectorsBuilder } from "../dense/vectors.js";
import type { SectionSink } from "../store/sections.js";
import type { EncoderSlot } from "./collection-manifest.js";
import { documentRows } from "./document-vectors.js";
import { encodeDocuments } from "./encoder-slots.js";
import type { PassageSettings } from "./passages.js";
import type { SegmentState } from "./segment-state.js";

export interface SlotBuildOptions {
  /** Called after each batch. */
  readonly onProgress?:
    | ((progress: { readonly documents: number; readonly total: number }) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Documents encoded in one call: enough that the encoder can sort them by length. */
const docsPerBatch = 1024;

export interface SlotVectorsWork {
  readonly slot: EncoderSlot;
  readonly encoder: Encoder;
  readonly passages: PassageSettings | null;
  readonly sink: SectionSink;
  /** Called with the number of documents of each finished batch. */
  readonly onBatch: (documents: number) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Writes the vectors of a segment's documents under one more encoder. Deleted documents get zeros:
 * every docOrd needs a row, and nobody reads theirs.
 */
export async function writeSlotVectors(
  { segment, deleted }: SegmentState,
  { slot, encoder, passages, sink, onBatch, signal }: SlotVectorsWork,
): Promise<void> {
  const { dimension } = slot.encoder;
  const builder = new VectorsBuilder(slot.encoder);
  const zeros = { count: 1, dimension, values: new Float32Array(dimension) };
  for (let from = 0; from < segment.docCount; from += docsPerBatch) {
    signal?.throwIfAborted();
    const to = Math.min(from + docsPerBatch, segment.docCount);
    const docOrds = Array.from({ length: to - from }, (_, i) => from + i);
    const documents = docOrds
      .filter((docOrd) => !deleted?.has(docOrd))
      .map((docOrd) => segment.documents.document(docOrd));
    const vectors = await encodeDocuments(slot, encoder, documents, passages, signal);
    let living = 0;
    for (const docOrd of docOrds) {
      if (deleted?.has(docOrd)) {
        builder.addPassages(zeros);
        continue;
      }
      const [first, end] = documentRows(vectors, living++);
      const values = vectors.values.subarray(first * dimension, end * dimension);
      builder.addPassages({ count: end - first, dimension, values });
    }
    onBatch(documents.length);
  }
  builder.finish(sink, slot.name);
}
