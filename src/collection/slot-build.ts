import { type Encoder, encodedText } from "../dense/encoder.js";
import { VectorsBuilder } from "../dense/vectors.js";
import type { SectionSink } from "../store/sections.js";
import type { EncoderSlot } from "./collection-manifest.js";
import { checkEmbeddings } from "./encoder-slots.js";
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

/**
 * Writes the vectors of a segment's documents under one more encoder. Deleted documents get zeros:
 * rows are counted by docOrd, and nobody reads theirs.
 *
 * @param onBatch called with the number of documents of each finished batch
 */
export async function writeSlotVectors(
  { segment, deleted }: SegmentState,
  slot: EncoderSlot,
  encoder: Encoder,
  sink: SectionSink,
  onBatch: (documents: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { dimension } = slot.encoder;
  const builder = new VectorsBuilder(slot.encoder);
  for (let from = 0; from < segment.docCount; from += docsPerBatch) {
    signal?.throwIfAborted();
    const to = Math.min(from + docsPerBatch, segment.docCount);
    const docOrds = Array.from({ length: to - from }, (_, i) => from + i).filter(
      (docOrd) => !deleted?.has(docOrd),
    );
    const values = new Float32Array((to - from) * dimension);
    if (docOrds.length > 0) {
      const texts = docOrds.map((docOrd) => encodedText(segment.documents.document(docOrd)));
      const encoded = await encoder.encodeDocuments(texts, signal);
      const embeddings = checkEmbeddings(slot, encoded, texts.length);
      for (const [i, docOrd] of docOrds.entries()) {
        const row = embeddings.values.subarray(i * dimension, (i + 1) * dimension);
        values.set(row, (docOrd - from) * dimension);
      }
    }
    builder.add({ count: to - from, dimension, values });
    onBatch(docOrds.length);
  }
  builder.finish(sink, slot.name);
}
