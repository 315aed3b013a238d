/** Row-major vectors: vector i is `values.subarray(i * dimension, (i + 1) * dimension)`. */
export interface Embeddings {
  readonly count: number;
  readonly dimension: number;
  readonly values: Float32Array;
}

/** How two vectors are compared. Vectors of a cosine model are stored with length 1. */
export type Similarity = "cosine" | "dot";

/** What a collection remembers of the encoder its vectors were made with. */
export interface EncoderIdentity {
  readonly name: string;
  /** `sha256:` over weights, tokenizer, pooling, projection and number format. */
  readonly fingerprint: string;
  readonly dimension: number;
  readonly similarity: Similarity;
}

/**
 * Dual encoder: text -> vector. Queries and documents may be prefixed differently (prompts).
 * Never blocks the event loop: the model runs in worker threads.
 */
export interface Encoder {
  readonly identity: EncoderIdentity;
  encodeQueries(texts: readonly string[], signal?: AbortSignal): Promise<Embeddings>;
  encodeDocuments(texts: readonly string[], signal?: AbortSignal): Promise<Embeddings>;
  close(): Promise<void>;
}

/** The text of a document that encoders and rerankers read, as BEIR does: title, a space, text. */
export function encodedText(document: { readonly title: string; readonly text: string }): string {
  return `${document.title} ${document.text}`.trim();
}
