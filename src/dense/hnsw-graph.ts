import { CorruptIndexError, IndexVersionError } from "../errors.js";
import type { SectionSink, SectionSource } from "../store/sections.js";
import { type QuantizedRows, rowsPerGather } from "./quantized-rows.js";

/*
 * Section `vectors.<slot>.hnsw`, u32 little-endian throughout:
 *
 *   header of 16: "BHNS", version, rowCount, layerCount, entry row, m, efConstruction, seed, zeros
 *   per layer, from 0:  nodeCount, linkCount,
 *                       rows[nodeCount] ascending (left out in layer 0, which has all rows),
 *                       starts[nodeCount + 1], links[linkCount] (row numbers)
 */
const magic = 0x534e4842; // "BHNS"
const formatVersion = 1;
const headerWords = 16;

/** How a graph was built; the same vectors and settings give the same graph. */
export interface HnswSettings {
  readonly m: number;
  readonly efConstruction: number;
  readonly seed: number;
}

/** Links of one layer: those of the layer's node i are `links.subarray(starts[i], starts[i + 1])`. */
export interface HnswLayer {
  /** Row of each node, ascending; null in layer 0, where node i is row i. */
  readonly rows: Uint32Array | null;
  readonly starts: Uint32Array;
  readonly links: Uint32Array;
}

/** A navigable small-world graph over the rows of a segment, without the vectors. */
export interface HnswGraph {
  readonly rowCount: number;
  readonly entryRow: number;
  readonly settings: HnswSettings;
  readonly layers: readonly HnswLayer[];
}

export function writeGraph(sink: SectionSink, slot: string, graph: HnswGraph): void {
  const { rowCount, entryRow, settings, layers } = graph;
  const header = new Uint32Array(headerWords);
  const { m, efConstruction, seed } = settings;
  header.set([magic, formatVersion, rowCount, layers.length, entryRow, m, efConstruction, seed]);
  const pieces = layers.flatMap(({ rows, starts, links }) => [
    Uint32Array.of(starts.length - 1, links.length),
    ...(rows === null ? [] : [rows]),
    starts,
    links,
  ]);
  sink.stream(sectionName(slot), [header, ...pieces]);
}

/**
 * Graph of a slot, viewed where the store holds it; null where it has none. Every number in it is
 * checked, so that a search never leaves its arrays.
 *
 * @throws {CorruptIndexError} rows, starts or links out of range, or another number of rows
 * @throws {IndexVersionError} another version of the format
 */
export function openGraph(source: SectionSource, slot: string, rowCount: number): HnswGraph | null {
  const name = sectionName(slot);
  if (!source.has(name)) return null;
  const bytes = source.load(name);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  const corrupt = (what: string): CorruptIndexError =>
    new CorruptIndexError(`${source.label}, section ${name}: ${what}: run braid compact`, {
      file: source.label,
      section: name,
    });
  const [found, version = 0, rows = 0, layerCount = 0, entryRow = 0, m = 0, ef = 0, seed = 0] =
    words;
  if (words.length < headerWords || found !== magic) throw corrupt("does not hold a graph");
  if (version !== formatVersion) {
    throw new IndexVersionError(
      `${source.label}, section ${name}: graph of version ${version}, this program reads ${formatVersion}: run braid compact`,
      { file: source.label, section: name, version },
    );
  }
  if (rows !== rowCount) throw corrupt(`has ${rows} rows beside ${rowCount} vectors`);
  if (layerCount < 1 || entryRow >= rowCount) throw corrupt("has an impossible header");
  const layers: HnswLayer[] = [];
  let at = headerWords;
  const take = (count: number): Uint32Array => {
    if (at + count > words.length) throw corrupt("ends too early");
    at += count;
    return words.subarray(at - count, at);
  };
  for (let layer = 0; layer < layerCount; layer++) {
    const [nodeCount = 0, linkCount = 0] = take(2);
    const layerRows = layer === 0 ? null : take(nodeCount);
    if (layer === 0 && nodeCount !== rowCount) throw corrupt("misses rows");
    const starts = take(nodeCount + 1);
    const links = take(linkCount);
    if (!isAscending(starts, true) || starts[0] !== 0 || starts[nodeCount] !== linkCount) {
      throw corrupt(`has wrong starts in layer ${layer}`);
    }
    if (layerRows !== null && !isAscending(layerRows, false)) {
      throw corrupt(`has wrong rows in layer ${layer}`);
    }
    for (const column of layerRows === null ? [links] : [links, layerRows]) {
      for (let i = 0; i < column.length; i++) {
        if (column[i]! >= rowCount) throw corrupt(`links to a row past the end in layer ${layer}`);
      }
    }
    layers.push({ rows: layerRows, starts, links });
  }
  return { rowCount, entryRow, settings: { m, efConstruction: ef, seed }, layers };
}

/**
 * Searches graphs over quantised rows: from the entry down the layers to the nearest node each, then
 * best first through layer 0 with a list of `ef`.
 *
 * 1. Scores are int8 inner products, so the order is nearly that of the exact ones; whoever asks
 *    rescores what is found.
 * 2. For inner product the graph was built over vectors lengthened to equal norm, where nearer and
 *    larger product are the same.
 *
 * @see Malkov, Yashunin, TPAMI 2020, arXiv:1603.09320, algorithms 2 and 5
 */
export class HnswSearch {
  readonly #graph: HnswGraph;
  readonly #rows: QuantizedRows;
  /** `#visited[row] === #round` in this search. */
  readonly #visited: Uint16Array;
  #round = 0;

  constructor(graph: HnswGraph, rows: QuantizedRows) {
    this.#graph = graph;
    this.#rows = rows;
    this.#visited = new Uint16Array(graph.rowCount);
  }

  /**
   * About the `ef` rows with the largest inner products, in no order, with scores as
   * {@link QuantizedRows.prepare} explains them, but for its `step`.
   *
   * @param query `[dimension]`, finite
   * @param ef >= 1; more is slower and nearer to all
   */
  search(query: Float32Array, ef: number): FoundRows {
    const { layers, entryRow } = this.#graph;
    this.#rows.prepare(query);
    let nearest = entryRow;
    let score = this.#score(entryRow);
    for (let layer = layers.length - 1; layer >= 1; layer--) {
      for (let moved = true; moved; ) {
        moved = false;
        const links = linksOf(layers[layer]!, nearest); // layer < layers.length
        const sums = this.#scoreAll(links);
        for (let i = 0; i < links.length; i++) {
          const row = links[i]!;
          const other = sums[i]! * this.#rows.scales[row]!;
          if (other > score) {
            score = other;
            nearest = row;
            moved = true;
          }
        }
      }
    }
    return this.#searchBottom(nearest, score, Math.min(ef, this.#graph.rowCount));
  }

  #searchBottom(entry: number, entryScore: number, ef: number): FoundRows {
    const { starts, links } = this.#graph.layers[0]!; // every graph has layer 0
    const { scales, gatherRows } = this.#rows;
    const visited = this.#visited;
    if (++this.#round === 65_536) {
      visited.fill(0);
      this.#round = 1;
    }
    const round = this.#round;
    const open = new ScoredHeap(ef * 2, 1);
    const found = new ScoredHeap(ef + 1, -1);
    visited[entry] = round;
    open.push(entry, entryScore);
    found.push(entry, entryScore);
    while (open.size > 0) {
      if (found.size === ef && open.topScore < found.topScore) break;
      const row = open.pop();
      let count = 0;
      const end = starts[row + 1]!;
      for (let at = starts[row]!; at < end; at++) {
        const neighbour = links[at]!;
        if (visited[neighbour] === round) continue;
        visited[neighbour] = round;
        gatherRows[count++] = neighbour;
        if (count === rowsPerGather) break;
      }
      if (count === 0) continue;
      const sums = this.#rows.gatherSums(count);
      for (let i = 0; i < count; i++) {
        const neighbour = gatherRows[i]!;
        const score = sums[i]! * scales[neighbour]!;
        if (found.size === ef) {
          if (score <= found.topScore) continue;
          found.replaceTop(neighbour, score);
        } else {
          found.push(neighbour, score);
        }
        open.push(neighbour, score);
      }
    }
    return found.entries();
  }

  #score(row: number): number {
    this.#rows.gatherRows[0] = row;
    return (this.#rows.gatherSums(1)[0] ?? 0) * (this.#rows.scales[row] ?? 0);
  }

  #scoreAll(rows: Uint32Array): Int32Array {
    const count = Math.min(rows.length, rowsPerGather);
    if (count === 0) return new Int32Array(0);
    this.#rows.gatherRows.set(count === rows.length ? rows : rows.subarray(0, count));
    return this.#rows.gatherSums(count);
  }
}

/** Rows and their scores, side by side. */
export interface FoundRows {
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
}

/** Binary heap of (row, score); `direction` 1 has the largest score on top, -1 the smallest. */
class ScoredHeap {
  size = 0;
  readonly #direction: number;
  #rows: Uint32Array;
  /** Scores times direction: the largest is on top. */
  #keys: Float64Array;

  constructor(capacity: number, direction: 1 | -1) {
    this.#direction = direction;
    this.#rows = new Uint32Array(capacity);
    this.#keys = new Float64Array(capacity);
  }

  get topScore(): number {
    return this.#keys[0]! * this.#direction; // callers ask while size > 0
  }

  push(row: number, score: number): void {
    if (this.size === this.#rows.length) this.#grow();
    const rows = this.#rows;
    const keys = this.#keys;
    const key = score * this.#direction;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (keys[parent]! >= key) break; // parent < at < size
      keys[at] = keys[parent]!;
      rows[at] = rows[parent]!;
      at = parent;
    }
    keys[at] = key;
    rows[at] = row;
  }

  /** Removes the top and returns its row. */
  pop(): number {
    const row = this.#rows[0]!; // callers pop while size > 0
    this.size--;
    if (this.size > 0) this.#sink(this.#rows[this.size]!, this.#keys[this.size]!);
    return row;
  }

  replaceTop(row: number, score: number): void {
    this.#sink(row, score * this.#direction);
  }

  /** What is held; of no use as a heap afterwards where `direction` is -1. */
  entries(): FoundRows {
    const scores = this.#keys.subarray(0, this.size);
    for (let i = 0; i < scores.length; i++) scores[i]! *= this.#direction;
    return { rows: this.#rows.subarray(0, this.size), scores };
  }

  #sink(row: number, key: number): void {
    const rows = this.#rows;
    const keys = this.#keys;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && keys[child + 1]! > keys[child]!) child++;
      if (keys[child]! <= key) break;
      keys[at] = keys[child]!;
      rows[at] = rows[child]!;
      at = child;
    }
    keys[at] = key;
    rows[at] = row;
  }

  #grow(): void {
    const rows = new Uint32Array(this.size * 2);
    rows.set(this.#rows);
    this.#rows = rows;
    const keys = new Float64Array(this.size * 2);
    keys.set(this.#keys);
    this.#keys = keys;
  }
}

function linksOf({ rows, starts, links }: HnswLayer, row: number): Uint32Array {
  if (rows === null) return links.subarray(starts[row], starts[row + 1]);
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] ?? 0) < row) low = middle + 1;
    else high = middle;
  }
  return rows[low] === row ? links.subarray(starts[low], starts[low + 1]) : links.subarray(0, 0);
}

function isAscending(values: Uint32Array, equalAllowed: boolean): boolean {
  for (let i = 1; i < values.length; i++) {
    const step = values[i]! - values[i - 1]!; // 1 <= i < length
    if (step < 0 || (step === 0 && !equalAllowed)) return false;
  }
  return true;
}

function sectionName(slot: string): string {
  return `vectors.${slot}.hnsw`;
}
