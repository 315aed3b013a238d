import type { Reranker } from "../../src/rerank/index.js";

export interface FakeOptions {
  /** Score of a text; default its length. */
  readonly scoreOf?: (text: string, query: string) => number;
  /** Called before each batch with its texts. */
  readonly onBatch?: (texts: readonly string[], signal?: AbortSignal) => void | Promise<void>;
}

/** A reranker without a model. */
export function fakeReranker({
  scoreOf = (text) => text.length,
  onBatch,
}: FakeOptions = {}): Reranker {
  return {
    identity: { name: "fake", fingerprint: "sha256:fake" },
    async score(query, texts, signal) {
      await onBatch?.(texts, signal);
      return Float32Array.from(texts, (text) => scoreOf(text, query));
    },
    async close() {},
  };
}
