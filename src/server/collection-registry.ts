import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
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

interface Entry {
  readonly mode: "read" | "write";
  readonly opening: Promise<SearchableCollection>;
  /** Readers: what the files looked like when they were last taken in, and when that was. */
  files: string;
  lookedMs: number;
}

/** Readers look for what another process has written at most so often. */
const lookEveryMs = 1000;
/** A reader that a writer has replaced is closed when the queries on it must be done. */
const retireMs = 60_000;

/**
 * The collections of a home folder as one process serves them; all share their models. A collection
 * is opened for reading when it is first asked for, so that other processes can write it meanwhile
 * and the service follows them; it is opened for writing when this process first writes it, and
 * keeps the writer's lock from then on.
 */
export class CollectionRegistry {
  readonly home: string;
  readonly models: ModelPool;
  readonly #entries = new Map<string, Entry>();
  /** Names that are being opened for writing. */
  readonly #upgrading = new Map<string, Promise<SearchableCollection>>();
  readonly #retired = new Map<SearchableCollection, NodeJS.Timeout>();
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
   * The collection, to be searched.
   *
   * @throws {NotFoundError} no collection of that name
   * @throws what opening throws
   */
  async get(name: string): Promise<SearchableCollection> {
    const known = this.#entries.get(name);
    if (known === undefined) {
      const directory = this.#directoryOf(name);
      return this.#remember(name, "read", filesOf(directory), () =>
        SearchableCollection.open(directory, { models: this.models }),
      );
    }
    const collection = await known.opening;
    if (known.mode === "read") this.#follow(name, known, collection);
    return collection;
  }

  /**
   * The collection, to be written.
   *
   * @throws {NotFoundError} no collection of that name
   * @throws {LockedError} another process writes it
   * @throws what opening throws
   */
  async writable(name: string): Promise<SearchableCollection> {
    const known = this.#entries.get(name);
    if (known?.mode === "write") return known.opening;
    const upgrading = this.#upgrading.get(name);
    if (upgrading !== undefined) return upgrading;
    const directory = this.#directoryOf(name);
    const opening = SearchableCollection.open(directory, { mode: "write", models: this.models });
    this.#upgrading.set(name, opening);
    try {
      const collection = await opening;
      const reader = this.#entries.get(name);
      this.#entries.set(name, { mode: "write", opening, files: "", lookedMs: 0 });
      if (reader !== undefined) this.#retire(await reader.opening.catch(() => null));
      return collection;
    } finally {
      this.#upgrading.delete(name);
    }
  }

  /** @throws {AlreadyExistsError} there is one of that name */
  async create(
    name: string,
    options: Omit<CreateOptions, "models">,
  ): Promise<SearchableCollection> {
    const directory = collectionDirectory(this.home, name);
    return this.#remember(name, "write", "", () =>
      SearchableCollection.create(directory, { ...options, models: this.models }),
    );
  }

  /**
   * @throws {NotFoundError} no collection of that name
   * @throws {LockedError} another process writes it
   */
  async drop(name: string): Promise<void> {
    const directory = this.#directoryOf(name);
    const known = this.#entries.get(name);
    this.#entries.delete(name);
    await (await known?.opening.catch(() => null))?.close();
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
    const opening = [...this.#entries.values()].map((entry) => entry.opening);
    const settled = await Promise.allSettled(opening);
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
    const opened = await this.opened();
    this.#entries.clear();
    for (const timer of this.#retired.values()) clearTimeout(timer);
    for (const collection of [...opened, ...this.#retired.keys()]) await collection.close();
    this.#retired.clear();
    await this.models.close();
  }

  /** @throws {NotFoundError} no collection of that name */
  #directoryOf(name: string): string {
    if (!this.has(name)) {
      throw new NotFoundError(`there is no collection ${name}`, { collection: name });
    }
    return collectionDirectory(this.home, name);
  }

  /** Takes in what another process has written since the last look. */
  #follow(name: string, entry: Entry, { collection }: SearchableCollection): void {
    const now = performance.now();
    if (now - entry.lookedMs < lookEveryMs) return;
    entry.lookedMs = now;
    try {
      const files = filesOf(this.#directoryOf(name));
      if (files === entry.files) return;
      collection.refresh();
      entry.files = files;
    } catch (error) {
      // Gone or damaged: the next request opens it anew, and says what is wrong.
      if (this.#entries.get(name) === entry) this.#entries.delete(name);
      void entry.opening.then((source) => this.#retire(source));
      throw error;
    }
  }

  #remember(
    name: string,
    mode: Entry["mode"],
    files: string,
    open: () => Promise<SearchableCollection>,
  ): Promise<SearchableCollection> {
    const before = this.#entries.get(name);
    const entry: Entry = { mode, opening: open(), files, lookedMs: performance.now() };
    this.#entries.set(name, entry);
    // What could not be opened is tried again by the next request.
    entry.opening.catch(() => {
      if (this.#entries.get(name) !== entry) return;
      if (before === undefined) this.#entries.delete(name);
      else this.#entries.set(name, before);
    });
    return entry.opening;
  }

  #retire(collection: SearchableCollection | null): void {
    if (collection === null) return;
    const timer = setTimeout(() => {
      this.#retired.delete(collection);
      void collection.close();
    }, retireMs).unref();
    this.#retired.set(collection, timer);
  }
}

/** Changes when a writer has changed the collection: names, sizes and dates of manifest and logs. */
function filesOf(directory: string): string {
  return readdirSync(directory)
    .filter((name) => name === manifestFileName || name.endsWith(".wal"))
    .map((name) => {
      const stats = statSync(path.join(directory, name), { throwIfNoEntry: false });
      return `${name} ${stats?.size} ${stats?.mtimeMs} ${stats?.ino}`;
    })
    .join("\n");
}
