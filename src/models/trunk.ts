import type { ModelDescription } from "./model-description.js";

/** An encoder's part of the graph: from token ids to one vector per token. */
export interface Trunk {
  readonly family: ModelDescription["family"];
  /** Graph inputs in the order ids, mask, types. */
  readonly inputs: readonly string[];
  /** int64 `[batch, tokens]`, 1 for tokens of the text. */
  readonly mask: string;
  /** float32 `[batch, tokens, width]`. */
  readonly hidden: string;
  readonly width: number;
  /** Rows of the token table. */
  readonly vocabularySize: number;
  /** Longest input that the positions allow; null where there is no such limit. */
  readonly maxTokens: number | null;
  /** Tensors of the checkpoint that an encoder has no use for. */
  readonly ignored: RegExp;
}
