import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { FeatureUnavailableError, InputError, ModelFailedError } from "../errors.js";
import { startThread } from "../inference/start-thread.js";
import type { Similarity } from "./encoder.js";
import type { HnswGraph, HnswLayer, HnswSettings } from "./hnsw-graph.js";
import type { VectorSegment } from "./vectors.js";

/*
 * Guard around hnswlib-node, the only file that names it. The library aborts or crashes the process on
 * what it does not expect, so little reaches it: it builds a graph from checked vectors in a thread of
 * its own, with row numbers for labels; the graph is taken out of the file it saves, and searched by
 * this package (hnsw-graph.ts). The library never reads a file, is never given a filter, and is not
 * needed to search.
 */

export interface HnswBuildOptions {
  /** Links per node and layer (twice that in layer 0), 2 to 200. Default 16. */
  readonly m?: number;
  /**
   * Candidates kept while a node is inserted. Default 100: of 23,105 real texts recall@10 is then .993
   * at the default `ef`, for six tenths of the building time of 200.
   */
  readonly efConstruction?: number;
  /** Seed of the random layer heights. Default 100. */
  readonly seed?: number;
  /** Rows inserted so far, about once a second. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the build. */
  readonly signal?: AbortSignal;
}

/** What the building thread is started with. */
export interface HnswBuildSetup {
  readonly values: Float32Array;
  readonly dimension: number;
  readonly similarity: Similarity;
  readonly settings: HnswSettings;
  /** Directory of its own, removed afterwards. */
  readonly scratch: string;
}

export type HnswBuildReply =
  | { readonly type: "progress"; readonly done: number }
  | { readonly type: "unavailable"; readonly message: string }
  | { readonly type: "done"; readonly graph: HnswGraph };

/** The part of hnswlib-node that is used. */
interface NativeLibrary {
  readonly HierarchicalNSW: new (
    space: "ip" | "l2",
    dimension: number,
  ) => {
    initIndex(maxElements: number, m: number, efConstruction: number, randomSeed: number): void;
    addPoint(point: number[], label: number): void;
    writeIndexSync(file: string): void;
  };
}

/** Whether this installation can build graphs, and if not, why. */
export type HnswAvailability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string };

/** Tries to load hnswlib-node; for `braid doctor`. */
export async function hnswAvailability(): Promise<HnswAvailability> {
  try {
    await loadLibrary();
    return { available: true };
  } catch (error) {
    return { available: false, reason: firstLine(error) };
  }
}

/**
 * Builds a graph over the rows of a segment in a thread. Dot product is built as Euclidean distance
 * with one more dimension that makes all vectors equally long.
 *
 * @throws {FeatureUnavailableError} hnswlib-node is not installed or does not run here
 * @throws {InputError} no vectors, or settings out of range
 * @throws {ModelFailedError} the thread was lost
 * @see Malkov, Yashunin, TPAMI 2020, arXiv:1603.09320; Bachrach et al., RecSys 2014 (inner product
 *   as distance)
 */
export async function buildHnswGraph(
  vectors: VectorSegment,
  options: HnswBuildOptions = {},
): Promise<HnswGraph> {
  const { m = 16, efConstruction = 100, seed = 100, onProgress, signal } = options;
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
  signal?.throwIfAborted();
  const { dimension, similarity, rowCount, values } = vectors;
  const settings = { m, efConstruction, seed };
  const scratch = mkdtempSync(path.join(os.tmpdir(), "braid-hnsw-"));
  const setup: HnswBuildSetup = { values, dimension, similarity, settings, scratch };
  const thread = startThread("./hnsw-thread", import.meta.url, {
    workerData: setup,
    name: "braid hnsw",
  });
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<HnswGraph>((resolve, reject) => {
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      thread.on("error", reject);
      thread.on("exit", (code) =>
        reject(new ModelFailedError(`the thread building a graph ended with status ${code}`)),
      );
      thread.on("message", (reply: HnswBuildReply) => {
        if (reply.type === "progress") onProgress?.(reply.done, rowCount);
        else if (reply.type === "done") resolve(reply.graph);
        else {
          reject(
            new FeatureUnavailableError(
              `hnswlib-node cannot be used here (${reply.message}): exact search serves instead; npm rebuild hnswlib-node builds it where there is a C++ compiler`,
              { package: "hnswlib-node" },
            ),
          );
        }
      });
    });
  } finally {
    if (onAbort) signal?.removeEventListener("abort", onAbort);
    await thread.terminate();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The thread's side of {@link buildHnswGraph}. */
export async function runHnswBuild(
  setup: HnswBuildSetup,
  report: (reply: HnswBuildReply) => void,
): Promise<void> {
  let library: NativeLibrary;
  try {
    library = await loadLibrary();
  } catch (error) {
    report({ type: "unavailable", message: firstLine(error) });
    return;
  }
  const { values, dimension, similarity, settings, scratch } = setup;
  const rowCount = values.length / dimension;
  const lengthened = similarity === "dot";
  const native = new library.HierarchicalNSW(
    lengthened ? "l2" : "ip",
    dimension + (lengthened ? 1 : 0),
  );
  native.initIndex(rowCount, settings.m, settings.efConstruction, settings.seed);
  const longest = lengthened ? longestSquared(values, dimension) : 0;
  let reported = performance.now();
  for (let row = 0; row < rowCount; row++) {
    const point = Array.from(values.subarray(row * dimension, (row + 1) * dimension));
    if (lengthened) point.push(Math.sqrt(Math.max(0, longest - squaredLength(point))));
    native.addPoint(point, row);
    if (performance.now() - reported > 1000) {
      reported = performance.now();
      report({ type: "progress", done: row + 1 });
    }
  }
  const file = path.join(scratch, "graph.bin");
  native.writeIndexSync(file);
  report({ type: "done", graph: readSavedGraph(file, rowCount, settings) });
}

/**
 * Takes the links out of a file that hnswlib saved (its vectors are ours already). Little-endian:
 * u64 offset of layer 0, u64 capacity, u64 count, u64 bytes per element, u64 offset of the label, u64
 * offset of the vector, i32 highest layer, u32 entry, u64 links per layer, u64 links in layer 0, u64
 * m, f64 multiplier, u64 efConstruction; then per element its record: u32 link count, links of layer
 * 0, vector, u64 label; then per element u32 byte length and so many bytes of higher layers, each a
 * u32 link count and links per layer.
 */
function readSavedGraph(file: string, rowCount: number, settings: HnswSettings): HnswGraph {
  const reader = new FileReader(file);
  try {
    const header = reader.take(96);
    const word = (at: number): number => Number(header.readBigUInt64LE(at));
    const [count, recordBytes, labelOffset] = [word(16), word(24), word(32)];
    const highestLayer = header.readInt32LE(48);
    const entry = header.readUInt32LE(52);
    const linksAbove = word(56);
    const nodes = Array.from({ length: highestLayer + 1 }, () => new Map<number, Uint32Array>());
    const rowOfElement = new Uint32Array(count);
    if (count !== rowCount) throw new Error(`graph of ${count} nodes for ${rowCount} rows`);
    const bottom: Uint32Array[] = [];
    for (let element = 0; element < count; element++) {
      const record = reader.take(recordBytes);
      bottom.push(linksAt(record, 0));
      rowOfElement[element] = Number(record.readBigUInt64LE(labelOffset));
    }
    for (let element = 0; element < count; element++) {
      const byteLength = reader.take(4).readUInt32LE(0);
      const above = reader.take(byteLength);
      for (let layer = 1; (layer - 1) * (linksAbove + 1) * 4 < byteLength; layer++) {
        const links = linksAt(above, (layer - 1) * (linksAbove + 1) * 4);
        nodes[layer]?.set(element, links);
      }
    }
    // Elements are in the order they were added, which is row order; the labels prove it.
    if (rowOfElement.some((row, element) => row !== element))
      throw new Error("labels out of order");
    for (const [row, links] of bottom.entries()) nodes[0]?.set(row, links);
    const layers = nodes.map((layer, i) => layerOf(layer, i === 0));
    return { rowCount, entryRow: entry, settings, layers };
  } finally {
    reader.close();
  }
}

function layerOf(nodes: Map<number, Uint32Array>, isBottom: boolean): HnswLayer {
  const rows = Uint32Array.from(nodes.keys()).sort();
  const starts = new Uint32Array(rows.length + 1);
  for (const [i, row] of rows.entries()) starts[i + 1] = starts[i]! + (nodes.get(row)?.length ?? 0);
  const links = new Uint32Array(starts[rows.length] ?? 0);
  for (const [i, row] of rows.entries()) links.set(nodes.get(row) ?? [], starts[i]);
  return { rows: isBottom ? null : rows, starts, links };
}

/** A link list: its length in the low 16 bits of a u32, then the links. */
function linksAt(bytes: Buffer, offset: number): Uint32Array {
  const count = bytes.readUInt16LE(offset);
  return Uint32Array.from({ length: count }, (_, i) => bytes.readUInt32LE(offset + 4 + i * 4));
}

/** Reads a file front to back in large steps. */
class FileReader {
  readonly #descriptor: number;
  readonly #byteLength: number;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #position = 0;

  constructor(file: string) {
    this.#descriptor = openSync(file, "r");
    this.#byteLength = fstatSync(this.#descriptor).size;
  }

  /** The next bytes; valid until the next call. */
  take(length: number): Buffer {
    if (this.#at + length > this.#buffer.length) {
      const rest = this.#buffer.subarray(this.#at);
      const wanted = Math.max(length - rest.length, 1 << 22);
      const more = Buffer.alloc(Math.min(wanted, this.#byteLength - this.#position));
      this.#position += readSync(this.#descriptor, more, 0, more.length, this.#position);
      this.#buffer = Buffer.concat([rest, more]);
      this.#at = 0;
      if (this.#buffer.length < length) throw new Error("the saved graph ends too early");
    }
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

async function loadLibrary(): Promise<NativeLibrary> {
  // A CommonJS module whose exports only exist at run time: they are all on the default export.
  const { default: library } = (await import("hnswlib-node")) as unknown as {
    readonly default: NativeLibrary;
  };
  return library;
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

function firstLine(error: unknown): string {
  return String(error).split("\n", 1)[0] ?? "";
}
