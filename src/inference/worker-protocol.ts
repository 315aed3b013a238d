import type { ErrorCode, ErrorFacts } from "../errors.js";
import type { ModelDescription } from "../models/model-description.js";
import type { TokenBatchLimits } from "./token-batches.js";

/** What a worker is started with. */
export interface WorkerSetup {
  readonly modelDir: string;
  readonly description: ModelDescription;
  readonly intraOpThreads: number;
  readonly batchLimits: TokenBatchLimits;
}

/** What one task asks of the model. Texts come with their prompts already in front. */
export type ModelInput =
  | { readonly kind: "embed"; readonly texts: readonly string[] }
  | { readonly kind: "pairs"; readonly pairs: readonly (readonly [string, string])[] }
  | { readonly kind: "token-vectors"; readonly texts: readonly string[] }
  | { readonly kind: "tokens"; readonly texts: readonly string[] };

/** Main thread -> worker. `cancelled[0]` becomes 1 when nobody waits for the answer any more. */
export type WorkerRequest =
  | {
      readonly type: "run";
      readonly taskId: number;
      readonly input: ModelInput;
      readonly interactive: boolean;
      readonly cancelled: Int32Array;
    }
  | { readonly type: "close" };

/**
 * Answer of one task.
 * - `values`: `embed` `[texts, dimension]`; `pairs` `[pairs]` logits; `token-vectors`
 *   `[sum of tokens, dimension]`, text after text; `tokens` empty.
 * - `tokenIds`: for `token-vectors` and `tokens` the ids of all texts one after another, else empty.
 * - `tokenCounts`: tokens of each text or pair as the model read it.
 */
export interface ModelOutput {
  readonly values: Float32Array;
  readonly tokenIds: Int32Array;
  readonly tokenCounts: Int32Array;
}

/** Worker -> main thread. */
export type WorkerReply =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly taskId: number; readonly output: ModelOutput }
  | { readonly type: "failed"; readonly taskId: number | null; readonly error: WorkerError };

/** An error on its way between threads. */
export interface WorkerError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: ErrorFacts;
}
