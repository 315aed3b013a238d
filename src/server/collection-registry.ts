import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import {
  collectionDirectory,
  dropCollection,
  listCollections,
} from "../collection/collection-home.js";
import { manifestFileName } from "../collection/collection-manifest.js";
import { NotFoundError, StorageError } from "../errors.js";
import { ModelPool } from "../pipeline/model-pool.js";
import { type CreateOptions, SearchableCollection } from "../pipeline/searchable-collection.js";

/**
 * The collections of a home folder as one process serves them: each is opened for writing when it is
 * first asked for and stays open; all share their models.
 */
export class CollectionRegistry {
  readonly home: string;
  readonly models: ModelPool;
  readonly #open = new Map<string, Promise<SearchableCollection>>();
  /** Tells apart collections of one name that came one after the other. */
  readonly #numbers = new WeakMap<SearchableCollection, number>();
  readonly #instance = randomBytes(6).toString("base64url");
  #nextNumber = 1;

  constructor(home: string, models: ModelPool = new ModelPool()) {
    this.home = home;
    this.models = models;
  }

  names(): string[] {
    return listCollections(this.home).map(({ name }) => name);
  }

  /** Whether there is a collection of that name, whatever its state. */
  has(name: string): boolean {
    return existsSync(path.join(collectionDirectory(this.home, name), manifestFileName));
  }

  /**
   * @throws {NotFoundError} no collection of that name
   * @throws what opening throws
   */
  get(name: string): Promise<SearchableCollection> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const directory = collectionDirectory(this.home, name);
    if (!this.has(name)) {
      return Promise.reject(
        new NotFoundError(`there is no collection ${name}`, { collection: name }),
      );
    }
    return this.#remember(
      name,
      SearchableCollection.open(directory, { mode: "write", models: this.models }),
    );
  }

  /** @throws {AlreadyExistsError} there is one of that name */
  async create(
    name: string,
    options: Omit<CreateOptions, "models">,
  ): Promise<SearchableCollection> {
    const directory = collectionDirectory(this.home, name);
    const opened = this.#open.get(name);
    if (opened !== undefined) await opened.catch(() => undefined);
    return this.#remember(
      name,
      SearchableCollection.create(directory, { ...options, models: this.models }),
    );
  }

  /** @throws {NotFoundError} no collection of that name */
  async drop(name: string): Promise<void> {
    const directory = collectionDirectory(this.home, name);
    const opened = this.#open.get(name);
    this.#open.delete(name);
    if (opened !== undefined) {
      const collection = await opened.catch(() => null);
      await collection?.close();
    }
    dropCollection(directory);
  }

  /**
   * Name of the state that a collection is in: the same name means the same answers. Names of one
   * process never come again in another.
   */
  stateOf(name: string, collection: SearchableCollection): string {
    let number = this.#numbers.get(collection);
    if (number === undefined) {
      number = this.#nextNumber++;
      this.#numbers.set(collection, number);
    }
    return `${this.#instance}-${name}-${number}-${collection.snapshot().generation}`;
  }

  /** The collections that are open now. */
  async opened(): Promise<SearchableCollection[]> {
    const settled = await Promise.allSettled(this.#open.values());
    return settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  }

  /**
   * Whether a collection can be served whole: null, or what is wrong with it.
   *
   * @throws what opening throws
   */
  async health(name: string): Promise<Error | null> {
    const source = await this.get(name);
    const { collection } = source;
    if (collection.denseRefusal !== null) return collection.denseRefusal;
    if (collection.encoderIdentity !== null) {
      try {
        await source.encoder();
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    }
    const { maintenanceProblem } = collection.stats();
    return maintenanceProblem === null ? null : new StorageError(maintenanceProblem);
  }

  /** Closes every collection, then the models. */
  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    for (const result of opened) if (result.status === "fulfilled") await result.value.close();
    await this.models.close();
  }

  #remember(name: string, opening: Promise<SearchableCollection>): Promise<SearchableCollection> {
    const before = this.#open.get(name);
    this.#open.set(name, opening);
    // What could not be opened is tried again by the next request.
    opening.catch(() => {
      if (this.#open.get(name) !== opening) return;
      if (before === undefined) this.#open.delete(name);
      else this.#open.set(name, before);
    });
    return opening;
  }
}
