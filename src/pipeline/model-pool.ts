import type { Encoder, EncoderIdentity } from "../dense/encoder.js";
import { EncoderMismatchError } from "../errors.js";
import type { ModelDescription } from "../models/model-description.js";
import type { Reranker } from "../rerank/reranker.js";

/** Where models are found. */
export interface ModelPoolOptions {
  /** Folder of models; default `BRAID_MODELS`, else `models` here. Bundled models are always found. */
  readonly modelsDir?: string;
  /**
   * Where vectors of documents are kept by model and text, so that an interrupted or repeated build
   * encodes nothing twice. Without it nothing is kept.
   */
  readonly embeddingsDir?: string;
}

/**
 * Opens each model once, when it is first needed, and shares it among the collections of a process.
 * Importing this module loads no inference runtime.
 */
export class ModelPool {
  readonly #modelsDir: string | undefined;
  readonly #embeddingsDir: string | undefined;
  /** By what they are for and by name or folder. */
  readonly #opened = new Map<string, Promise<{ close(): Promise<void> }>>();

  constructor(options: ModelPoolOptions = {}) {
    this.#modelsDir = options.modelsDir;
    this.#embeddingsDir = options.embeddingsDir;
  }

  /**
   * What a model is, without loading it.
   *
   * @param nameOrFolder name below the models folder, or a model folder
   * @throws {ModelMissingError} no such model
   * @throws {InvalidModelError} its folder is damaged
   */
  async describe(nameOrFolder: string): Promise<ModelDescription> {
    const { readModelDescription } = await import("../models/model-folder.js");
    return readModelDescription(await this.#folder(nameOrFolder));
  }

  /** The encoder of that name, whatever collection it is for. */
  encoder(nameOrFolder: string): Promise<Encoder> {
    return this.#once(`encoder ${nameOrFolder}`, async () => {
      const folder = await this.#folder(nameOrFolder);
      const { openEncoder } = await import("../dense/open-encoder.js");
      const encoder = await openEncoder(folder);
      if (this.#embeddingsDir === undefined) return encoder;
      const { cachedEncoder, EmbeddingCache } = await import("../dense/embedding-cache.js");
      return cachedEncoder(encoder, EmbeddingCache.open(this.#embeddingsDir, encoder.identity));
    });
  }

  /** The cross-encoder of that name. */
  crossEncoder(nameOrFolder: string): Promise<Reranker> {
    return this.#once(`cross-encoder ${nameOrFolder}`, async () => {
      const folder = await this.#folder(nameOrFolder);
      const { openCrossEncoder } = await import("../rerank/cross-encoder-reranker.js");
      return openCrossEncoder(folder);
    });
  }

  /** Late interaction over the token vectors of the encoder of that name. */
  lateInteraction(nameOrFolder: string): Promise<Reranker> {
    return this.#once(`late interaction ${nameOrFolder}`, async () => {
      const folder = await this.#folder(nameOrFolder);
      const { openLateInteraction } = await import("../rerank/late-interaction-reranker.js");
      return openLateInteraction(folder);
    });
  }

  /**
   * The encoder that a collection's vectors were made with.
   *
   * @throws {EncoderMismatchError} the model of that name is not the one the vectors were made with
   */
  async encoderOf(
    identity: EncoderIdentity,
    nameOrFolder: string = identity.name,
  ): Promise<Encoder> {
    const { fingerprint } = await this.describe(nameOrFolder);
    if (fingerprint !== identity.fingerprint) {
      throw new EncoderMismatchError(
        `the collection's vectors were made with ${identity.name} (${identity.fingerprint.slice(0, 19)}…), ` +
          `the model now called ${nameOrFolder} is another (${fingerprint.slice(0, 19)}…): ` +
          "put the first one back, or build the collection again with this one",
        { expected: identity.fingerprint, got: fingerprint, model: nameOrFolder },
      );
    }
    return this.encoder(nameOrFolder);
  }

  /**
   * An encoder that is opened by its first text: what a collection that may be written to holds.
   *
   * @throws {ModelMissingError} no such model
   */
  async lazyEncoder(nameOrFolder: string): Promise<Encoder> {
    const { name, fingerprint, dimension, similarity } = await this.describe(nameOrFolder);
    const open = (): Promise<Encoder> => this.encoder(nameOrFolder);
    return {
      identity: { name, fingerprint, dimension, similarity },
      encodeQueries: async (texts, signal) => (await open()).encodeQueries(texts, signal),
      encodeDocuments: async (texts, signal) => (await open()).encodeDocuments(texts, signal),
      close: async () => {},
    };
  }

  /** Ends the worker threads of every opened model. */
  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    this.#opened.clear();
    for (const result of opened) {
      if (result.status === "fulfilled") await result.value.close();
    }
  }

  #once<Model extends { close(): Promise<void> }>(
    key: string,
    open: () => Promise<Model>,
  ): Promise<Model> {
    // A key names what it is opened as, so the model found under it is of that type.
    const known = this.#opened.get(key) as Promise<Model> | undefined;
    if (known !== undefined) return known;
    const opening = open();
    this.#opened.set(key, opening);
    // A failed opening is tried again next time: the model may have been added meanwhile.
    opening.catch(() => this.#opened.delete(key));
    return opening;
  }

  async #folder(nameOrFolder: string): Promise<string> {
    const { resolveModelDir } = await import("../models/model-folder.js");
    return resolveModelDir(
      nameOrFolder,
      this.#modelsDir === undefined ? {} : { modelsDir: this.#modelsDir },
    );
  }
}
