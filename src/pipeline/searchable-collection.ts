import path from "node:path";
import type { BulkBuildOptions, BulkBuildResult } from "../collection/bulk-build.js";
import type { Collection, DeleteResult, UpsertResult } from "../collection/collection.js";
import { manifestFileName, readCollectionManifest } from "../collection/collection-manifest.js";
import type { CollectionSettingsInput } from "../collection/collection-settings.js";
import { createCollection, openCollection } from "../collection/open-collection.js";
import type { Snapshot } from "../collection/snapshot.js";
import type { Document } from "../corpus/document.js";
import { parseDocument } from "../corpus/parse-document.js";
import type { Encoder } from "../dense/encoder.js";
import { InputError, ModelMissingError } from "../errors.js";
import type { Fusion } from "../fusion/fusion.js";
import type { Reranker } from "../rerank/reranker.js";
import { isMissing } from "../store/file-system.js";
import { ModelPool } from "./model-pool.js";
import type { SearchSource } from "./retrieval.js";
import { search } from "./search.js";
import type { SearchAnswer } from "./search-answer.js";
import { fusionOf, rerankOf } from "./search-defaults.js";
import {
  parseSearchRequest,
  type RerankRequest,
  type SearchRequestInput,
} from "./search-request.js";
import { lateInteraction, SlotView } from "./slot-view.js";

export interface OpenOptions {
  /** Default `read`. */
  readonly mode?: "read" | "write";
  /** Models to share with other collections; one's own pool when absent. */
  readonly models?: ModelPool;
  /** Model to encode with instead of the one of that name in the collection; must be the same one. */
  readonly encoder?: string;
  readonly salvage?: boolean;
}

export interface CreateOptions {
  readonly models?: ModelPool;
  /** Model's name or folder; null builds the sparse leg alone. Default `braid-mini`. */
  readonly encoder?: string | null;
  readonly settings?: Omit<CollectionSettingsInput, "encoder">;
}

/** The encoder that comes with the package. */
export const bundledEncoder = "braid-mini";

/** A collection with its models: what the library, the command line and the service search. */
export class SearchableCollection implements SearchSource {
  readonly collection: Collection;
  readonly #models: ModelPool;
  readonly #ownsModels: boolean;
  readonly #encoderName: string | undefined;

  private constructor(
    collection: Collection,
    models: ModelPool,
    ownsModels: boolean,
    encoderName: string | undefined,
  ) {
    this.collection = collection;
    this.#models = models;
    this.#ownsModels = ownsModels;
    this.#encoderName = encoderName;
  }

  /**
   * Opens a collection's folder. No model is loaded before a query or document needs one.
   *
   * @throws what `openCollection` throws
   */
  static async open(directory: string, options: OpenOptions = {}): Promise<SearchableCollection> {
    const models = options.models ?? new ModelPool();
    const { mode = "read", salvage = false } = options;
    const encoders = mode === "write" ? await writersEncoders(directory, models, options) : null;
    const collection = await openCollection(directory, { mode, salvage, ...encoders });
    return new SearchableCollection(
      collection,
      models,
      options.models === undefined,
      options.encoder,
    );
  }

  /**
   * Creates an empty collection in a folder and opens it for writing.
   *
   * @throws {ModelMissingError} no such encoder
   * @throws what `createCollection` throws
   */
  static async create(
    directory: string,
    options: CreateOptions = {},
  ): Promise<SearchableCollection> {
    const models = options.models ?? new ModelPool();
    const name = options.encoder === undefined ? bundledEncoder : options.encoder;
    const encoder = name === null ? null : await models.lazyEncoder(name);
    const collection = await createCollection(directory, options.settings ?? {}, { encoder });
    return new SearchableCollection(
      collection,
      models,
      options.models === undefined,
      name ?? undefined,
    );
  }

  get name(): string {
    return path.basename(this.collection.directory);
  }

  snapshot(): Snapshot {
    return this.collection.snapshot();
  }

  encoder(): Promise<Encoder> {
    const identity = this.collection.encoderIdentity;
    if (identity === null) {
      throw new InputError(`${this.collection.directory} has no dense leg`, { name: this.name });
    }
    return this.#models.encoderOf(identity, this.#encoderName);
  }

  async reranker(name: string): Promise<Reranker> {
    if (name !== lateInteraction) return this.#models.crossEncoder(name);
    const identity = this.collection.encoderIdentity;
    if (identity === null) {
      throw new InputError(
        `${lateInteraction} reads the encoder's token vectors, and there is none`,
        {
          name: this.name,
        },
      );
    }
    return this.#models.lateInteraction(this.#encoderName ?? identity.name);
  }

  defaultFusion(): Fusion {
    return fusionOf(this.collection.searchDefaults);
  }

  defaultRerank(): RerankRequest | null {
    return rerankOf(this.collection.searchDefaults);
  }

  /**
   * The collection as it answers with the vectors of a slot that need not be the active one: to
   * evaluate an encoder before it is switched to.
   *
   * @throws {NotFoundError} there is no such slot
   */
  inSlot(slot: string): SlotView {
    return new SlotView(this, this.collection, this.#models, slot);
  }

  /**
   * Answers a query, given as text or as a request.
   *
   * @throws {InputError} a request that cannot be; and what the legs throw
   */
  async search(request: string | SearchRequestInput, signal?: AbortSignal): Promise<SearchAnswer> {
    const parsed = parseSearchRequest(typeof request === "string" ? { query: request } : request);
    return search(this, parsed, signal);
  }

  /** Adds or replaces documents; durable and visible when the promise resolves. */
  add(documents: readonly DocumentInput[], signal?: AbortSignal): Promise<UpsertResult> {
    const parsed = documents.map((value, i) => parseDocument(value, `document ${i + 1}`));
    return this.collection.upsert(parsed, { signal });
  }

  /**
   * Adds a whole source of documents, straight into segments: visible all at once at the end.
   *
   * @param documents an array, a generator, or a corpus from `openCorpus`
   */
  addAll(
    documents: Iterable<DocumentInput> | AsyncIterable<DocumentInput>,
    options: Partial<BulkBuildOptions> = {},
  ): Promise<BulkBuildResult> {
    return this.collection.bulkBuild(parsedDocuments(documents), { mode: "append", ...options });
  }

  delete(docIds: readonly string[]): Promise<DeleteResult> {
    return this.collection.delete(docIds);
  }

  /** Ends background work, releases the writer's lock and, unless they are shared, the models. */
  async close(): Promise<void> {
    await this.collection.close();
    if (this.#ownsModels) await this.#models.close();
  }
}

/** A document as a caller writes it: `_id`, and what there is of title, text and metadata. */
export type DocumentInput = { readonly _id: string } & Readonly<Record<string, unknown>>;

async function* parsedDocuments(
  documents: Iterable<DocumentInput> | AsyncIterable<DocumentInput>,
): AsyncGenerator<Document> {
  let count = 0;
  for await (const value of documents) yield parseDocument(value, `document ${++count}`);
}

/**
 * The encoders that documents are encoded with, one for each slot; without those whose model is
 * gone: searching still works.
 */
async function writersEncoders(
  directory: string,
  models: ModelPool,
  options: OpenOptions,
): Promise<{ readonly encoder: Encoder | null; readonly otherEncoders: readonly Encoder[] }> {
  const { active, others } = encoderNamesIn(directory);
  const name = options.encoder ?? active;
  const encoder =
    name === null
      ? null
      : await (options.encoder === undefined
          ? encoderIfHere(models, name)
          : models.lazyEncoder(name));
  const otherEncoders = await Promise.all(others.map((other) => encoderIfHere(models, other)));
  return { encoder, otherEncoders: otherEncoders.filter((other) => other !== null) };
}

async function encoderIfHere(models: ModelPool, name: string): Promise<Encoder | null> {
  try {
    return await models.lazyEncoder(name);
  } catch (error) {
    if (error instanceof ModelMissingError) return null;
    throw error;
  }
}

/** Names of the models of a collection's slots. */
function encoderNamesIn(directory: string): {
  readonly active: string | null;
  readonly others: readonly string[];
} {
  try {
    const { slots, activeSlot } = readCollectionManifest(path.join(directory, manifestFileName));
    const active = slots.find(({ name }) => name === activeSlot)?.encoder.name ?? null;
    const others = slots.filter(({ name }) => name !== activeSlot);
    return { active, others: others.map(({ encoder }) => encoder.name) };
  } catch (error) {
    // Opening says it better.
    if (isMissing(error)) return { active: null, others: [] };
    throw error;
  }
}
