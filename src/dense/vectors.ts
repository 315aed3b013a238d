import { CorruptIndexError, IndexVersionError, InputError } from "../errors.js";
import type { Bitset } from "../numeric/bitset.js";
import type { SectionSink, SectionSource } from "../store/sections.js";
import type { Embeddings, Similarity } from "./encoder.js";
import { isQuantized, QuantizedRows, writeQuantizedRows } from "./quantized-rows.js";

/**
 * Vectors of one segment under one encoder (slot).
 *
 * Section `vectors.<slot>`, little-endian:
 *
 *     ┌────────┬─────────┬───────────┬──────────┬──────────┬────────────┬───────┬──────────────────┐
 *     │ u32    │ u32     │ u32       │ u32      │ u32      │ u32        │ zeros │ float32 rows     │
 *     │ "BVEC" │ version │ dimension │ rowCount │ docCount │ similarity │ to 64 │ rowCount x dim   │
 *     └────────┴─────────┴───────────┴──────────┴──────────┴────────────┴───────┴──────────────────┘
 *
 * Segments of many rows also have them quantised (`quantized-rows.ts`). Where documents have several vectors (passages), section `vectors.<slot>.owners` holds the docOrd
 * of each row, u32, ascending. Without it row i belongs to document i.
 */
export interface VectorSegment {
  readonly dimension: number;
  readonly similarity: Similarity;
  readonly docCount: number;
  readonly rowCount: number;
  /**
   * Row-major: row r is `values.subarray(r * dimension, (r + 1) * dimension)`. Read and checked when
   * first asked for.
   *
   * @throws {CorruptIndexError} wrong checksum
   */
  readonly values: Float32Array;
  /** docOrd of each row, ascending; null where row r belongs to document r. */
  readonly owners: Uint32Array | null;
  /** The rows in int8, where the segment has them and the platform can scan them; read when first asked for. */
  readonly quantized: QuantizedRows | null;
  /** Reads now what searches need, giving way to the event loop between pieces. */
  prepare(): Promise<void>;
}

/** `[first, end)` of a document's rows in a segment. */
export function rowsOf(vectors: VectorSegment, docOrd: number): [number, number] {
  const { owners } = vectors;
  if (owners === null) return [docOrd, docOrd + 1];
  return [lowerBound(owners, docOrd), lowerBound(owners, docOrd + 1)];
}

const magic = 0x43455642; // "BVEC"
const formatVersion = 1;
const headerBytes = 64;
const pieceRows = 4096;

/** What a set of vectors is, besides its rows. */
export interface VectorsLayout {
  readonly dimension: number;
  readonly similarity: Similarity;
}

/**
 * Collects the vectors of a segment under construction, document by document, and writes them once.
 * Blocks are kept as they come (not copied), so the caller gives them away.
 */
export class VectorsBuilder {
  readonly #layout: VectorsLayout;
  readonly #blocks: Float32Array[] = [];
  readonly #owners: number[] = [];
  #rowCount = 0;
  #docCount = 0;
  #hasPassages = false;

  /** @throws {InputError} dimension is not an integer >= 1 */
  constructor(layout: VectorsLayout) {
    if (!Number.isInteger(layout.dimension) || layout.dimension < 1) {
      throw new InputError(`dimension must be an integer >= 1, got ${layout.dimension}`, {
        field: "dimension",
        value: layout.dimension,
      });
    }
    this.#layout = layout;
  }

  get docCount(): number {
    return this.#docCount;
  }

  /** Bytes of vectors held. */
  get byteLength(): number {
    return this.#rowCount * this.#layout.dimension * 4;
  }

  /**
   * Appends the next documents, one vector each.
   *
   * @throws {InputError} another dimension, or a value that is not finite
   */
  add(embeddings: Embeddings): void {
    this.#check(embeddings);
    for (let i = 0; i < embeddings.count; i++) this.#owners.push(this.#docCount++);
  }

  /**
   * Appends the next document with its vectors, one per passage; at least one.
   *
   * @throws {InputError} no vector, another dimension, or a value that is not finite
   */
  addPassages(embeddings: Embeddings): void {
    if (embeddings.count < 1)
      throw new InputError("a document needs at least one vector, got none");
    this.#check(embeddings);
    for (let i = 0; i < embeddings.count; i++) this.#owners.push(this.#docCount);
    this.#docCount++;
    if (embeddings.count > 1) this.#hasPassages = true;
  }

  /** Writes the sections of `slot`. */
  finish(sink: SectionSink, slot: string): void {
    const owners = this.#hasPassages ? Uint32Array.from(this.#owners) : null;
    writeSections(
      sink,
      slot,
      this.#layout,
      this.#rowCount,
      this.#docCount,
      () => this.#blocks,
      owners,
    );
  }

  #check({ count, dimension, values }: Embeddings): void {
    if (dimension !== this.#layout.dimension || values.length !== count * dimension) {
      throw new InputError(
        `expected ${count} vectors of dimension ${this.#layout.dimension}, got ${values.length} values of dimension ${dimension}`,
        { expected: this.#layout.dimension, got: dimension },
      );
    }
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) {
        const document = this.#docCount + Math.floor(i / dimension);
        throw new InputError(
          `vectors must be finite, got ${values[i]} in vector ${document} of the segment`,
          { document },
        );
      }
    }
    this.#blocks.push(values);
    this.#rowCount += count;
  }
}

/** Writes one vector per document: {@link VectorsBuilder} for what is in memory already. */
export function writeVectors(
  sink: SectionSink,
  slot: string,
  embeddings: Embeddings,
  similarity: Similarity,
): void {
  const builder = new VectorsBuilder({ dimension: embeddings.dimension, similarity });
  builder.add(embeddings);
  builder.finish(sink, slot);
}

export function hasVectors(source: SectionSource, slot: string): boolean {
  return source.has(sectionName(slot));
}

/**
 * Vectors of a slot, viewed where the store holds them (not copied).
 *
 * @throws {CorruptIndexError} header, length or owners contradict each other
 * @throws {IndexVersionError} written by another version of the format
 */
export function openVectors(source: SectionSource, slot: string): VectorSegment {
  const name = sectionName(slot);
  const corrupt = (what: string): CorruptIndexError =>
    new CorruptIndexError(`${source.label}, section ${name}: ${what}`, {
      file: source.label,
      section: name,
    });
  const byteLength = source.byteLength(name);
  if (byteLength < headerBytes) throw corrupt(`shorter than its header of ${headerBytes}`);
  const header = source.read(name, 0, headerBytes);
  const view = new DataView(header.buffer, header.byteOffset, headerBytes);
  const word = (i: number): number => view.getUint32(i * 4, true);
  if (word(0) !== magic) throw corrupt("does not hold vectors");
  if (word(1) !== formatVersion) {
    throw new IndexVersionError(
      `${source.label}, section ${name}: written in version ${word(1)} of the vector format, this program reads ${formatVersion}: update braid or build the collection again`,
      { file: source.label, section: name, version: word(1) },
    );
  }
  const [dimension, rowCount, docCount, similarity] = [word(2), word(3), word(4), word(5)];
  if (dimension < 1 || similarity > 1 || rowCount < docCount) throw corrupt("impossible header");
  if (byteLength !== headerBytes + rowCount * dimension * 4) {
    throw corrupt(`expected ${rowCount} x ${dimension} float32, got ${byteLength} bytes`);
  }
  const owners = openOwners(source, slot, corrupt, rowCount, docCount);
  if (owners === null && rowCount !== docCount) throw corrupt("rows without their documents");
  const layout: VectorsLayout = { dimension, similarity: similarity === 0 ? "cosine" : "dot" };
  return new StoredVectors(source, slot, layout, docCount, rowCount, owners);
}

class StoredVectors implements VectorSegment {
  readonly dimension: number;
  readonly similarity: Similarity;
  readonly docCount: number;
  readonly rowCount: number;
  readonly owners: Uint32Array | null;
  readonly #source: SectionSource;
  readonly #section: string;
  #values: Float32Array | null = null;
  /** Not looked for yet (undefined), none (null), or being read. */
  #opened: QuantizedRows | null | undefined;
  #loaded = false;

  constructor(
    source: SectionSource,
    slot: string,
    layout: VectorsLayout,
    docCount: number,
    rowCount: number,
    owners: Uint32Array | null,
  ) {
    this.#source = source;
    this.#section = sectionName(slot);
    this.dimension = layout.dimension;
    this.similarity = layout.similarity;
    this.docCount = docCount;
    this.rowCount = rowCount;
    this.owners = owners;
  }

  get values(): Float32Array {
    if (this.#values === null) {
      const bytes = this.#source.load(this.#section);
      const start = bytes.byteOffset + headerBytes;
      this.#values = new Float32Array(bytes.buffer, start, this.rowCount * this.dimension);
    }
    return this.#values;
  }

  get quantized(): QuantizedRows | null {
    while (this.#loadQuantizedPiece()) {
      // Piece after piece until all is there.
    }
    return this.#opened ?? null;
  }

  async prepare(): Promise<void> {
    while (this.#loadQuantizedPiece()) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** @returns whether more is to come */
  #loadQuantizedPiece(): boolean {
    if (this.#loaded) return false;
    const section = quantizedSectionName(this.#section);
    if (this.#opened === undefined) {
      const rows = QuantizedRows.open(this.#source, section);
      if (rows !== null && (rows.rowCount !== this.rowCount || rows.dimension !== this.dimension)) {
        throw new CorruptIndexError(
          `${this.#source.label}, section ${section}: ${rows.rowCount} x ${rows.dimension} quantised rows for ${this.rowCount} x ${this.dimension} vectors`,
          { file: this.#source.label, section },
        );
      }
      this.#opened = rows;
    }
    const more = this.#opened?.loadPiece(this.#source, section) ?? false;
    this.#loaded = !more;
    return more;
  }
}

/**
 * Writes the vectors of several segments as one: the kept documents of each input in order,
 * inputs in the order given, as every part of a merged segment is.
 *
 * @throws {InputError} no inputs, or inputs that differ in dimension or similarity
 */
export function mergeVectors(
  inputs: readonly { readonly vectors: VectorSegment; readonly keep: Bitset }[],
  sink: SectionSink,
  slot: string,
): void {
  const first = inputs[0]?.vectors;
  if (first === undefined) throw new InputError("a merge needs at least one input, got none");
  const { dimension, similarity } = first;
  let docCount = 0;
  let rowCount = 0;
  const ownerParts: number[] = [];
  const hasPassages = inputs.some(({ vectors }) => vectors.owners !== null);
  for (const { vectors, keep } of inputs) {
    if (vectors.dimension !== dimension || vectors.similarity !== similarity) {
      throw new InputError(
        `vectors to merge must agree, got ${vectors.similarity} ${vectors.dimension} beside ${similarity} ${dimension}`,
        { expected: dimension, got: vectors.dimension },
      );
    }
    if (keep.size !== vectors.docCount) {
      throw new InputError(`keep must cover ${vectors.docCount} documents, got ${keep.size}`, {
        expected: vectors.docCount,
        got: keep.size,
      });
    }
    for (const docOrd of keep) {
      const [begin, end] = rowsOf(vectors, docOrd);
      if (hasPassages) for (let row = begin; row < end; row++) ownerParts.push(docCount);
      rowCount += end - begin;
      docCount++;
    }
  }
  const owners = rowCount === docCount ? null : Uint32Array.from(ownerParts);
  const layout = { dimension, similarity };
  writeSections(sink, slot, layout, rowCount, docCount, () => keptRows(inputs), owners);
}

/** Pieces of kept rows: runs of neighbours are passed on as views, not copied. */
function* keptRows(
  inputs: readonly { readonly vectors: VectorSegment; readonly keep: Bitset }[],
): Generator<Float32Array> {
  for (const { vectors, keep } of inputs) {
    const { values, dimension } = vectors;
    for (let docOrd = keep.next(0); docOrd >= 0; ) {
      let last = docOrd;
      while (last + 1 < vectors.docCount && last - docOrd < pieceRows && keep.has(last + 1)) last++;
      const begin = rowsOf(vectors, docOrd)[0];
      const end = rowsOf(vectors, last)[1];
      yield values.subarray(begin * dimension, end * dimension);
      docOrd = last + 1 < vectors.docCount ? keep.next(last + 1) : -1;
    }
  }
}

function writeSections(
  sink: SectionSink,
  slot: string,
  { dimension, similarity }: VectorsLayout,
  rowCount: number,
  docCount: number,
  rows: () => Iterable<Float32Array>,
  owners: Uint32Array | null,
): void {
  const header = new Uint32Array(headerBytes / 4);
  header.set([
    magic,
    formatVersion,
    dimension,
    rowCount,
    docCount,
    similarity === "cosine" ? 0 : 1,
  ]);
  const section = sectionName(slot);
  sink.stream(section, chain(header, rows()));
  if (isQuantized(rowCount, dimension)) {
    writeQuantizedRows(sink, quantizedSectionName(section), dimension, rowCount, rows());
  }
  if (owners !== null) sink.add(`${section}.owners`, owners);
}

function* chain(
  header: Uint32Array,
  rows: Iterable<Float32Array>,
): Generator<Uint32Array | Float32Array> {
  yield header;
  yield* rows;
}

function openOwners(
  source: SectionSource,
  slot: string,
  corrupt: (what: string) => CorruptIndexError,
  rowCount: number,
  docCount: number,
): Uint32Array | null {
  const name = `${sectionName(slot)}.owners`;
  if (!source.has(name)) return null;
  const bytes = source.load(name);
  if (bytes.byteLength !== rowCount * 4) throw corrupt(`${name} does not fit ${rowCount} rows`);
  const owners = new Uint32Array(bytes.buffer, bytes.byteOffset, rowCount);
  // Ascending from 0 to docCount - 1 without a gap: every document has a vector.
  for (let row = 0, last = -1; row < rowCount; row++) {
    const owner = owners[row] ?? 0;
    if (owner !== last && owner !== last + 1) throw corrupt(`${name} is not ascending at ${row}`);
    last = owner;
    if (row === rowCount - 1 && last !== docCount - 1) throw corrupt(`${name} ends too early`);
  }
  return owners;
}

function sectionName(slot: string): string {
  return `vectors.${slot}`;
}

function quantizedSectionName(section: string): string {
  return `${section}.int8`;
}

/** Position of the first owner >= `docOrd`. */
function lowerBound(owners: Uint32Array, docOrd: number): number {
  let low = 0;
  let high = owners.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((owners[middle] ?? 0) < docOrd) low = middle + 1;
    else high = middle;
  }
  return low;
}
