import type { FolderHints } from "./sentence-transformers-folder.js";

/** A model that `braid models add` knows by a short name. */
export interface KnownModel {
  readonly name: string;
  readonly hubId: string;
  readonly hints: FolderHints;
  /** One line for `braid models list`. */
  readonly about: string;
}

export const knownModels: readonly KnownModel[] = [
  {
    name: "gtr-base",
    hubId: "sentence-transformers/gtr-t5-base",
    hints: {},
    about: "GTR base: T5 encoder of 110 M parameters, 768 dimensions",
  },
  {
    name: "gtr-large",
    hubId: "sentence-transformers/gtr-t5-large",
    hints: {},
    about: "GTR large: 335 M parameters, 768 dimensions",
  },
  {
    name: "gtr-xl",
    hubId: "sentence-transformers/gtr-t5-xl",
    hints: {},
    about: "GTR XL: 1.24 billion parameters, 768 dimensions",
  },
  {
    name: "gtr-xxl",
    hubId: "sentence-transformers/gtr-t5-xxl",
    hints: {},
    about: "GTR XXL: 4.8 billion parameters, 768 dimensions",
  },
  {
    name: "tas-b",
    hubId: "sentence-transformers/msmarco-distilbert-base-tas-b",
    hints: { similarity: "dot" },
    about: "TAS-B: DistilBERT, [CLS] vector, dot product, 768 dimensions",
  },
  {
    name: "minilm",
    hubId: "sentence-transformers/all-MiniLM-L6-v2",
    hints: {},
    about: "MiniLM of 6 layers, 22 M parameters, 384 dimensions",
  },
  {
    name: "ms-marco-minilm",
    hubId: "cross-encoder/ms-marco-MiniLM-L6-v2",
    hints: {},
    about: "cross-encoder for reranking, 22 M parameters",
  },
];
