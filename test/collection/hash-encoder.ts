import { createHash } from "node:crypto";
import type { Embeddings, Encoder, EncoderIdentity } from "../../src/dense/encoder.js";

/** Encoder without a model: unit vectors from hashes of the words. Equal texts, equal vectors. */
export class HashEncoder implements Encoder {
  readonly identity: EncoderIdentity;
  encodedCount: number = 0;

  constructor(name: string = "hash", dimension: number = 8) {
    const fingerprint = `sha256:${createHash("sha256").update(name).digest("hex")}`;
    this.identity = { name, fingerprint, dimension, similarity: "cosine" };
  }

  async encodeQueries(texts: readonly string[]): Promise<Embeddings> {
    return this.#encode(texts);
  }

  async encodeDocuments(texts: readonly string[], signal?: AbortSignal): Promise<Embeddings> {
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    this.encodedCount += texts.length;
    return this.#encode(texts);
  }

  async close(): Promise<void> {}

  #encode(texts: readonly string[]): Embeddings {
    const { dimension, name } = this.identity;
    const values = new Float32Array(texts.length * dimension);
    for (const [row, text] of texts.entries()) {
      const vector = values.subarray(row * dimension, (row + 1) * dimension);
      for (const word of [name, ...text.toLowerCase().split(/\W+/)]) {
        const digest = createHash("sha256").update(word).digest();
        for (let i = 0; i < dimension; i++) vector[i] = (vector[i] ?? 0) + (digest[i] ?? 0) - 127.5;
      }
      const length = Math.hypot(...vector);
      for (let i = 0; i < dimension; i++) vector[i] = (vector[i] ?? 0) / length;
    }
    return { count: texts.length, dimension, values };
  }
}
