import type { Collection } from "../collection/collection.js";
import type { Snapshot } from "../collection/snapshot.js";
import type { Encoder, EncoderIdentity } from "../dense/encoder.js";
import type { Fusion } from "../fusion/fusion.js";
import type { Reranker } from "../rerank/reranker.js";
import type { ModelPool } from "./model-pool.js";
import type { SearchSource } from "./retrieval.js";
import { search } from "./search.js";
import type { SearchAnswer } from "./search-answer.js";
import { parseSearchRequest, type SearchRequestInput } from "./search-request.js";

/** Reranker that needs no model beside the collection's encoder. */
export const lateInteraction = "late-interaction";

/** A collection that answers with the vectors of one of its slots, active or not. */
export class SlotView implements SearchSource {
  readonly name: string;
  readonly #source: SearchSource;
  readonly #collection: Collection;
  readonly #models: ModelPool;
  readonly #slot: string;
  /** The collection's snapshot that {@link #view} goes with. */
  #base: Snapshot;
  #view: Snapshot;

  /** @throws {NotFoundError} there is no such slot */
  constructor(source: SearchSource, collection: Collection, models: ModelPool, slot: string) {
    this.name = source.name;
    this.#source = source;
    this.#collection = collection;
    this.#models = models;
    this.#slot = slot;
    this.#base = collection.snapshot();
    this.#view = collection.snapshotOfSlot(slot);
  }

  snapshot(): Snapshot {
    const base = this.#collection.snapshot();
    if (this.#base !== base) {
      this.#base = base;
      this.#view = this.#collection.snapshotOfSlot(this.#slot);
    }
    return this.#view;
  }

  async encoder(): Promise<Encoder> {
    return this.#models.encoderOf(this.#identity());
  }

  async reranker(name: string): Promise<Reranker> {
    return name === lateInteraction
      ? this.#models.lateInteraction(this.#identity().name)
      : this.#models.crossEncoder(name);
  }

  defaultFusion(snapshot: Snapshot): Fusion {
    return this.#source.defaultFusion(snapshot);
  }

  /** None: what is saved was measured with the active slot. */
  defaultRerank(): null {
    return null;
  }

  /** @throws {InputError} a request that cannot be; and what the legs throw */
  search(request: SearchRequestInput, signal?: AbortSignal): Promise<SearchAnswer> {
    return search(this, parseSearchRequest(request), signal);
  }

  #identity(): EncoderIdentity {
    const { encoder } = this.#view.settings;
    if (encoder === null) throw new Error(`slot ${this.#slot} has no encoder`);
    return encoder;
  }
}
