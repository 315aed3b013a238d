/** `model.json` of a model folder: everything that running the model needs, and what it is. */
export interface ModelDescription {
  readonly formatVersion: 1;
  /** Folder name below the models folder; `[a-z0-9][a-z0-9._-]*`. */
  readonly name: string;
  readonly kind: "dual-encoder" | "cross-encoder";
  readonly family: "t5-encoder" | "bert" | "distilbert" | "roberta" | "mpnet" | "onnx";
  /** Width of the embedding; 1 for a cross-encoder (its logit). */
  readonly dimension: number;
  readonly similarity: "cosine" | "dot";
  readonly pooling: "mean" | "cls" | "max" | "last" | "none";
  readonly numberFormat: "fp32" | "fp16" | "int8";
  /** Longest input in tokens, special tokens included; longer texts are cut, the end tokens kept. */
  readonly maxTokens: number;
  /** Put before the text of a query or document before tokenisation. */
  readonly prompts: { readonly query: string; readonly document: string };
  /** ONNX file, relative to the folder; external data beside it is named inside the file. */
  readonly onnxFile: string;
  /** Names of the graph's inputs (int64 `[batch, tokens]`), in the order ids, mask, types. */
  readonly inputs: readonly string[];
  /**
   * Output that ends the graph: `[batch, dimension]`, pooled, projected and normalised inside the
   * graph, or `[batch, 1]` logits.
   */
  readonly output: string;
  /**
   * Late interaction, where the model can do it: a second graph over the same weights, with the same
   * inputs, and its output of projected, normalised token vectors `[batch, tokens, dimension]`
   * (rows of masked tokens are zero). A file of its own, because onnxruntime computes every output
   * of a graph, fetched or not. Load both by path: the weights lie in a file that both name.
   */
  readonly tokenOnnxFile: string | null;
  readonly tokenOutput: string | null;
  /**
   * True where a text's vector does not depend on the other texts of its batch. False for foreign
   * int8 graphs that quantise activations over the whole batch: run texts one by one there.
   */
  readonly batchInvariant: boolean;
  /** `sha256:` over the source's tensors (names, types, shapes, bytes) or its ONNX file. */
  readonly weights: string;
  /** `sha256:` over weights, tokenizer, pooling, projection and number format: binds collections. */
  readonly fingerprint: string;
  /** Every other file of the folder with its size and hash. */
  readonly files: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
  /** Where it came from and under which licence, as far as known. */
  readonly source: string;
  readonly licence: string | null;
}
