/** What a score depends on besides its texts. */
export interface RerankerIdentity {
  readonly name: string;
  /** Over weights, tokenizer, number format and way of scoring: keys caches. */
  readonly fingerprint: string;
}

/**
 * Reads a query and a text together and says how well they fit. Never blocks the event loop: models
 * run in worker threads.
 */
export interface Reranker {
  readonly identity: RerankerIdentity;
  /**
   * One score per text, in their order; larger is better. A score depends on its query and text only,
   * never on the texts beside it.
   *
   * @throws {ModelFailedError} the model failed
   * @throws the signal's reason when it is aborted
   */
  score(query: string, texts: readonly string[], signal?: AbortSignal): Promise<Float32Array>;
  close(): Promise<void>;
}
