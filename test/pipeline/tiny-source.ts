import type { Collection } from "../../src/collection/collection.js";
import { createCollection } from "../../src/collection/open-collection.js";
import type { Document } from "../../src/corpus/document.js";
import { defaultFusion } from "../../src/fusion/fusion.js";
import type { SearchSource } from "../../src/pipeline/retrieval.js";
import { search } from "../../src/pipeline/search.js";
import type { SearchAnswer } from "../../src/pipeline/search-answer.js";
import { parseSearchRequest, type SearchRequestInput } from "../../src/pipeline/search-request.js";
import type { Reranker } from "../../src/rerank/reranker.js";
import type { DocId } from "../../src/run/ranking.js";
import { HashEncoder } from "../collection/hash-encoder.js";
import { SimulatedDisk } from "../store/simulated-disk.js";

/** A collection on a simulated disk with an encoder that needs no model. */
export interface TinySource extends SearchSource {
  readonly collection: Collection;
  search(request: SearchRequestInput): Promise<SearchAnswer>;
  close(): Promise<void>;
}

export async function tinySource(
  documents: readonly Document[],
  options: { readonly dense?: boolean } = {},
): Promise<TinySource> {
  const encoder = options.dense === false ? null : new HashEncoder();
  const collection = await createCollection(
    "/tiny",
    { analyzer: "whitespace@1" },
    { encoder, fileSystem: new SimulatedDisk() },
  );
  if (documents.length > 0) await collection.upsert(documents);
  const source: TinySource = {
    name: "tiny",
    collection,
    snapshot: () => collection.snapshot(),
    encoder: async () => {
      if (encoder === null) throw new Error("the tiny collection has no encoder");
      return encoder;
    },
    reranker: async () => lengthReranker,
    defaultFusion: () => defaultFusion,
    defaultRerank: () => null,
    search: (request) => search(source, parseSearchRequest(request)),
    close: () => collection.close(),
  };
  return source;
}

/** Reranker without a model: longer texts are better, which no first stage would say. */
const lengthReranker: Reranker = {
  identity: { name: "length", fingerprint: "length@1" },
  score: async (_query, texts) => Float32Array.from(texts, ({ length }) => length),
  close: async () => {},
};

/** A document with an id, words and metadata. */
export function tinyDocument(
  id: string,
  text: string,
  metadata: Record<string, string | number> = {},
): Document {
  return { _id: id as DocId, title: "", text, ...metadata };
}
