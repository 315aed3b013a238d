import {
  createReadStream,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { Worker } from "node:worker_threads";
import { crc32 } from "node:zlib";
import {
  CorruptIndexError,
  FeatureUnavailableError,
  IndexVersionError,
  InputError,
  ModelFailedError,
  StorageError,
} from "../errors.js";
import { startThread } from "../inference/start-thread.js";
import type { Similarity } from "./encoder.js";
import type { VectorSegment } from "./vectors.js";

/*
 * Guard around hnswlib-node, the only file that names it. The library aborts or crashes the process on
 * what it does not expect, so nothing unchecked reaches it: an index file is compared with a header
 * beside it (<file>.json: shape, parameters, what it was built from, length, checksum) before it is
 * read; vectors are finite and of the right dimension; labels are row numbers; no filter callbacks are
 * used. Building and searching run in a thread of their own, since every call of the library blocks.
 */

/** Shape of the graph. The same vectors, parameters and seed give the same graph. */
export interface HnswParameters {
  /** Links per node and layer (twice that at the bottom). Default 16. */
  readonly m?: number;
  /** Candidates kept while a node is inserted. Default 200. */
  readonly efConstruction?: number;
  /** Seed of the random layer heights. Default 100. */
  readonly seed?: number;
}

export interface HnswBuildOptions extends HnswParameters {
  /** What the vectors are (encoder and segment); an index opened for another one is refused. */
  readonly fingerprint: string;
  /** Rows inserted so far, about once a second. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the build; the file is not written. */
  readonly signal?: AbortSignal;
}

/** `<file>.json` beside an index file. */
export interface HnswHeader {
  readonly format: "braid-hnsw";
  readonly version: 1;
  readonly fingerprint: string;
  readonly dimension: number;
  readonly rowCount: number;
  readonly similarity: Similarity;
  readonly m: number;
  readonly efConstruction: number;
  readonly seed: number;
  readonly byteLength: number;
  readonly crc32: number;
}

/** What the thread is started with. */
export type HnswThreadSetup =
  | {
      readonly action: "build";
      readonly file: string;
      readonly values: Float32Array;
      readonly dimension: number;
      readonly similarity: Similarity;
      readonly m: number;
      readonly efConstruction: number;
      readonly seed: number;
    }
  | { readonly action: "open"; readonly file: string; readonly header: HnswHeader };

export interface HnswRequest {
  readonly requestId: number;
  readonly query: Float32Array;
  readonly count: number;
  readonly ef: number;
}

export type HnswReply =
  | { readonly type: "progress"; readonly done: number }
  | { readonly type: "ready" }
  | { readonly type: "unavailable" | "fault"; readonly message: string }
  | { readonly type: "rows"; readonly requestId: number; readonly rows: Uint32Array }
  | { readonly type: "failed"; readonly requestId: number; readonly message: string };

/** The part of hnswlib-node that is used. */
interface NativeGraph {
  initIndex(maxElements: number, m: number, efConstruction: number, randomSeed: number): void;
  readIndexSync(file: string): void;
  writeIndexSync(file: string): void;
  addPoint(point: number[], label: number): void;
  setEf(ef: number): void;
  searchKnn(query: number[], count: number): { readonly neighbors: number[] };
  getCurrentCount(): number;
}

interface NativeLibrary {
  readonly HierarchicalNSW: new (space: "ip" | "l2", dimension: number) => NativeGraph;
}

async function loadLibrary(): Promise<NativeLibrary> {
  // A CommonJS module whose exports only exist at run time: they are all on the default export.
  const { default: library } = (await import("hnswlib-node")) as unknown as {
    readonly default: NativeLibrary;
  };
  return library;
}

/** Whether this installation can build and use graphs, and if not, why. */
export type HnswAvailability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string };

/** Tries to load hnswlib-node; for `braid doctor`. */
export async function hnswAvailability(): Promise<HnswAvailability> {
  try {
    await loadLibrary();
    return { available: true };
  } catch (error) {
    const [reason = "unknown"] = String(error).split("\n", 1);
    return { available: false, reason };
  }
}

/**
 * A graph over the rows of one segment, in a thread that holds a copy of the vectors.
 *
 * @see Malkov, Yashunin, TPAMI 2020, arXiv:1603.09320
 */
export class HnswIndex {
  readonly header: HnswHeader;
  readonly #thread: Worker;
  readonly #waiting = new Map<
    number,
    { resolve: (rows: Uint32Array) => void; reject: (error: Error) => void }
  >();
  #nextRequestId = 1;
  #lost: Error | null = null;

  private constructor(header: HnswHeader, thread: Worker) {
    this.header = header;
    this.#thread = thread;
    thread.on("message", (reply: HnswReply) => this.#receive(reply));
    thread.on("error", (cause) => this.#lose(String(cause)));
    thread.on("exit", (code) => this.#lose(`exit status ${code}`));
    thread.unref();
  }

  /**
   * Builds a graph in a thread, writes it to `file` with its header and keeps it open. Dot product is
   * searched as Euclidean distance with one more dimension that makes all vectors equally long.
   *
   * @throws {FeatureUnavailableError} hnswlib-node is not installed or does not run here
   * @throws {InputError} no vectors, or parameters out of range
   * @throws {StorageError} the file cannot be written
   * @see Bachrach et al., RecSys 2014 (inner product as distance)
   */
  static async build(
    vectors: VectorSegment,
    file: string,
    options: HnswBuildOptions,
  ): Promise<HnswIndex> {
    const { m = 16, efConstruction = 200, seed = 100 } = options;
    for (const [field, value, low, high] of [
      ["m", m, 2, 200],
      ["efConstruction", efConstruction, 1, 100_000],
      ["seed", seed, 0, 2 ** 31 - 1],
      ["rowCount", vectors.rowCount, 1, 2 ** 31 - 1],
    ] as const) {
      if (Number.isInteger(value) && value >= low && value <= high) continue;
      throw new InputError(`${field} must be an integer from ${low} to ${high}, got ${value}`, {
        field,
        value,
      });
    }
    const { dimension, similarity, rowCount, values } = vectors;
    const partial = `${file}.partial`;
    const setup: HnswThreadSetup = {
      action: "build",
      file: partial,
      values,
      dimension,
      similarity,
      m,
      efConstruction,
      seed,
    };
    const thread = await startHnswThread(setup, options.signal, (done) =>
      options.onProgress?.(done, rowCount),
    ).catch((error: unknown) => {
      rmSync(partial, { force: true });
      throw error;
    });
    try {
      const { byteLength, crc } = await checksumOf(partial);
      const header: HnswHeader = {
        format: "braid-hnsw",
        version: 1,
        fingerprint: options.fingerprint,
        dimension,
        rowCount,
        similarity,
        m,
        efConstruction,
        seed,
        byteLength,
        crc32: crc,
      };
      // Without its header the file is not read, so a stop between these steps leaves no index.
      rmSync(headerFile(file), { force: true });
      renameSync(partial, file);
      writeFileSync(`${headerFile(file)}.partial`, JSON.stringify(header));
      renameSync(`${headerFile(file)}.partial`, headerFile(file));
      return new HnswIndex(header, thread);
    } catch (cause) {
      await thread.terminate();
      rmSync(partial, { force: true });
      throw new StorageError(`could not write ${file}: ${String(cause)}`, { file }, { cause });
    }
  }

  /**
   * Opens a graph that {@link build} wrote, after checking that it is whole and of these vectors.
   *
   * @returns null where there is no such file
   * @throws {CorruptIndexError} file and header do not fit each other: build it again
   * @throws {IndexVersionError} built from other vectors or in another format: build it again
   * @throws {FeatureUnavailableError} hnswlib-node is not installed or does not run here
   */
  static async open(
    vectors: VectorSegment,
    file: string,
    fingerprint: string,
  ): Promise<HnswIndex | null> {
    if (!existsSync(file) || !existsSync(headerFile(file))) return null;
    const header = parseHeader(file);
    const { dimension, rowCount, similarity } = vectors;
    if (
      header.fingerprint !== fingerprint ||
      header.dimension !== dimension ||
      header.rowCount !== rowCount ||
      header.similarity !== similarity
    ) {
      throw new IndexVersionError(
        `${file} is a graph of ${header.rowCount} x ${header.dimension} vectors of ${header.fingerprint}, wanted ${rowCount} x ${dimension} of ${fingerprint}: build it again`,
        { file, expected: fingerprint, got: header.fingerprint },
      );
    }
    const { byteLength, crc } = await checksumOf(file);
    if (byteLength !== header.byteLength || crc !== header.crc32) {
      throw new CorruptIndexError(
        `${file} is damaged (${byteLength} bytes, checksum ${crc.toString(16)}; expected ${header.byteLength}, ${header.crc32.toString(16)}): delete it, exact search serves meanwhile`,
        { file, expectedBytes: header.byteLength, gotBytes: byteLength },
      );
    }
    const thread = await startHnswThread({ action: "open", file, header });
    return new HnswIndex(header, thread);
  }

  /**
   * Rows near a query, about the nearest `count`, nearest first as the graph sees it.
   *
   * @param query `[dimension]`, finite
   * @param ef candidates kept during the search; more is slower and nearer to exact
   * @throws {InputError} the query does not fit
   * @throws {ModelFailedError} the thread was lost
   */
  search(query: Float32Array, count: number, ef: number): Promise<Uint32Array> {
    const { dimension, rowCount } = this.header;
    if (query.length !== dimension || !query.every(Number.isFinite)) {
      throw new InputError(
        `expected a finite query of dimension ${dimension}, got ${query.length}`,
        {
          expected: dimension,
          got: query.length,
        },
      );
    }
    if (this.#lost !== null) throw this.#lost;
    const wanted = Math.min(Math.max(1, Math.floor(count)), rowCount);
    const requestId = this.#nextRequestId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(requestId, { resolve, reject });
      this.#thread.ref();
      const request: HnswRequest = {
        requestId,
        query,
        count: wanted,
        ef: Math.min(Math.max(wanted, Math.floor(ef)), rowCount),
      };
      this.#thread.postMessage(request);
    });
  }

  async close(): Promise<void> {
    this.#lost ??= new ModelFailedError("the graph was closed");
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#waiting.clear();
    await this.#thread.terminate();
  }

  #receive(reply: HnswReply): void {
    if (reply.type !== "rows" && reply.type !== "failed") return;
    const waiting = this.#waiting.get(reply.requestId);
    this.#waiting.delete(reply.requestId);
    if (this.#waiting.size === 0) this.#thread.unref();
    if (reply.type === "rows") waiting?.resolve(reply.rows);
    else waiting?.reject(new ModelFailedError(`graph search failed: ${reply.message}`));
  }

  #lose(what: string): void {
    this.#lost ??= new ModelFailedError(`the graph's thread ended unexpectedly (${what})`);
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#waiting.clear();
  }
}

/** Removes a graph and its header; missing files are no error. */
export function removeHnswFiles(file: string): void {
  rmSync(headerFile(file), { force: true });
  rmSync(file, { force: true });
}

/**
 * The thread's side: builds or reads the graph, then answers searches.
 *
 * @param report called with what the main thread should know
 * @returns answers one search
 */
export async function runHnsw(
  setup: HnswThreadSetup,
  report: (reply: HnswReply) => void,
): Promise<((request: HnswRequest) => Uint32Array) | null> {
  let library: NativeLibrary;
  try {
    library = await loadLibrary();
  } catch (error) {
    report({ type: "unavailable", message: String(error).split("\n", 1)[0] ?? "" });
    return null;
  }
  const { dimension, similarity } = setup.action === "build" ? setup : setup.header;
  const extra = similarity === "dot" ? 1 : 0;
  const graph = new library.HierarchicalNSW(similarity === "dot" ? "l2" : "ip", dimension + extra);
  if (setup.action === "build") {
    const { values, m, efConstruction, seed, file } = setup;
    const rowCount = values.length / dimension;
    graph.initIndex(rowCount, m, efConstruction, seed);
    const longest = extra === 0 ? 0 : longestSquared(values, dimension);
    let reported = performance.now();
    for (let row = 0; row < rowCount; row++) {
      const point = Array.from(values.subarray(row * dimension, (row + 1) * dimension));
      if (extra === 1) point.push(Math.sqrt(Math.max(0, longest - squaredLength(point))));
      graph.addPoint(point, row);
      if (performance.now() - reported > 1000) {
        reported = performance.now();
        report({ type: "progress", done: row + 1 });
      }
    }
    graph.writeIndexSync(file);
    report({ type: "progress", done: rowCount });
  } else {
    graph.readIndexSync(setup.file);
    const count = graph.getCurrentCount();
    if (count !== setup.header.rowCount) {
      report({ type: "fault", message: `${count} nodes instead of ${setup.header.rowCount}` });
      return null;
    }
  }
  report({ type: "ready" });
  return ({ query, count, ef }) => {
    const point = Array.from(query);
    if (extra === 1) point.push(0);
    graph.setEf(ef);
    return Uint32Array.from(graph.searchKnn(point, count).neighbors);
  };
}

function startHnswThread(
  setup: HnswThreadSetup,
  signal?: AbortSignal,
  onProgress?: (done: number) => void,
): Promise<Worker> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw signal.reason;
    const thread = startThread("./hnsw-thread", import.meta.url, {
      workerData: setup,
      name: "braid hnsw",
    });
    const fail = (error: unknown): void => {
      signal?.removeEventListener("abort", onAbort);
      // What the thread has begun to write must not appear after the caller has cleaned up.
      void thread.terminate().then(() => reject(error));
    };
    const onAbort = (): void => fail(signal?.reason);
    const onExit = (code: number): void =>
      fail(
        new ModelFailedError(`the graph's thread ended with status ${code} before it was ready`),
      );
    signal?.addEventListener("abort", onAbort, { once: true });
    thread.once("error", fail);
    thread.once("exit", onExit);
    thread.on("message", function onMessage(reply: HnswReply) {
      if (reply.type === "progress") onProgress?.(reply.done);
      if (reply.type === "unavailable") {
        fail(
          new FeatureUnavailableError(
            `hnswlib-node cannot be used here (${reply.message}): exact search serves instead; npm rebuild hnswlib-node builds it where there is a C++ compiler`,
            { package: "hnswlib-node" },
          ),
        );
      }
      if (reply.type === "fault") fail(new CorruptIndexError(`graph file: ${reply.message}`));
      if (reply.type !== "ready") return;
      signal?.removeEventListener("abort", onAbort);
      thread.off("message", onMessage);
      thread.off("error", fail);
      thread.off("exit", onExit);
      resolve(thread);
    });
  });
}

function parseHeader(file: string): HnswHeader {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(headerFile(file), "utf8"));
  } catch (cause) {
    throw new CorruptIndexError(
      `${headerFile(file)} is not JSON: build the graph again`,
      { file },
      { cause },
    );
  }
  const header = value as Partial<HnswHeader> | null;
  if (header?.format !== "braid-hnsw" || header.version !== 1) {
    throw new IndexVersionError(
      `${headerFile(file)}: expected version 1 of the graph's header, got ${header?.format} ${header?.version}: build the graph again`,
      { file },
    );
  }
  // Every field used is compared with what is expected of it before the file is read.
  return header as HnswHeader;
}

async function checksumOf(file: string): Promise<{ byteLength: number; crc: number }> {
  let crc = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    crc = crc32(chunk as Buffer, crc);
  }
  return { byteLength: statSync(file).size, crc };
}

function headerFile(file: string): string {
  return `${file}.json`;
}

function squaredLength(point: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < point.length; i++) sum += (point[i] ?? 0) ** 2;
  return sum;
}

function longestSquared(values: Float32Array, dimension: number): number {
  let longest = 0;
  for (let start = 0; start < values.length; start += dimension) {
    longest = Math.max(longest, squaredLength(values.subarray(start, start + dimension)));
  }
  return longest;
}
