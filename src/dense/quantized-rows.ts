import { crc32 } from "node:zlib";
import { CorruptIndexError } from "../errors.js";
import type { SectionSink, SectionSource } from "../store/sections.js";
import { type VectorKernels, vectorKernels } from "./vector-kernels.js";
import { wasm, wasmPageBytes } from "./wasm-module.js";

/*
 * Sections beside `vectors.<slot>`, little-endian:
 *
 *   vectors.<slot>.int8         codes: rows of `stride` bytes (dimension rounded up to 16, zeros behind),
 *                               rows rounded up to a multiple of four
 *   vectors.<slot>.int8.scales  header of 64 bytes: "BVQ8", version, dimension, stride, rowCount, CRC-32
 *                               of the codes (u32 each), largest row norm, largest error norm (f64
 *                               each), zeros; then f32 scale per row, f32 error norm per row
 */
const magic = 0x38515642; // "BVQ8"
const formatVersion = 1;
const headerBytes = 64;
/** Rows scanned between two looks at the results, so that these stay in the first-level cache. */
export const rowsPerBlock = 2048;
/** Float rows scored at once by {@link QuantizedRows.exactScores}. */
export const rowsPerRescoring = 64;
/** Row numbers taken at once by {@link QuantizedRows.gatherSums}. */
export const rowsPerGather = 512;
/** A WebAssembly memory ends at 4 GiB; codes of larger segments are not written. */
const largestMemoryBytes = 2 ** 32 - 2 ** 24;
/** Below this many rows the plain loop is done sooner than the codes are read. */
export const fewestQuantizedRows = 512;

/** One row in int8: value i is about `scale * code[i]`, and the error's length is at most `error`. */
export interface QuantizedRow {
  readonly scale: number;
  readonly error: number;
  readonly norm: number;
}

/**
 * Quantises a row symmetrically: scale = max|x| / 127, code = round(x / scale).
 *
 * @param codes receives the codes at `codesStart`
 * @returns scale (float32), Euclidean norm of x - scale·code (float32, rounded up: a bound may be
 *   loose, never low) and the norm of x
 */
export function quantizeRow(
  values: Float32Array,
  start: number,
  dimension: number,
  codes: Int8Array,
  codesStart: number,
): QuantizedRow {
  let largest = 0;
  for (let i = 0; i < dimension; i++) {
    const magnitude = Math.abs(values[start + i]!); // whole rows only
    if (magnitude > largest) largest = magnitude;
  }
  // Rounded to float32 first, so that reader and writer mean the same number. Rows too small for
  // that to be precise have code 0 and all of themselves as error.
  const scale = largest < 1e-30 ? 0 : Math.fround(largest / 127);
  const inverse = scale === 0 ? 0 : 1 / scale;
  let squaredError = 0;
  let squaredNorm = 0;
  for (let i = 0; i < dimension; i++) {
    const value = values[start + i]!;
    const code = Math.round(value * inverse); // at most 127.5 before rounding, exclusive
    codes[codesStart + i] = code;
    const error = value - scale * code;
    squaredError += error * error;
    squaredNorm += value * value;
  }
  return {
    scale,
    // The second term outweighs the rounding of numbers too small for a relative bound.
    error: Math.fround(Math.sqrt(squaredError) * (1 + 1e-6) + 2e-45),
    norm: Math.sqrt(squaredNorm),
  };
}

/** Whether a segment of this shape gets quantised rows. */
export function isQuantized(rowCount: number, dimension: number): boolean {
  return rowCount >= fewestQuantizedRows && memoryBytes(rowCount, dimension) <= largestMemoryBytes;
}

/** Writes the quantised form of `rowCount` rows, given in pieces of whole rows. */
export function writeQuantizedRows(
  sink: SectionSink,
  section: string,
  dimension: number,
  rowCount: number,
  pieces: Iterable<Float32Array>,
): void {
  const stride = strideOf(dimension);
  const scales = new Float32Array(rowCount);
  const errors = new Float32Array(rowCount);
  let largestNorm = 0;
  let largestError = 0;
  let crc = 0;
  let row = 0;
  function* codesOf(): Generator<Int8Array> {
    const block = new Int8Array(rowsPerBlock * stride);
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; ) {
        const count = Math.min(rowsPerBlock, (piece.length - at) / dimension);
        for (let i = 0; i < count; i++, at += dimension, row++) {
          const { scale, error, norm } = quantizeRow(piece, at, dimension, block, i * stride);
          scales[row] = scale;
          errors[row] = error;
          largestNorm = Math.max(largestNorm, norm);
          largestError = Math.max(largestError, error);
        }
        const codes = block.subarray(0, count * stride);
        crc = crc32(codes, crc);
        yield codes;
      }
    }
    const rest = new Int8Array((paddedRows(rowCount) - rowCount) * stride);
    crc = crc32(rest, crc);
    yield rest;
  }
  sink.stream(section, codesOf());
  const header = Buffer.alloc(headerBytes);
  for (const [i, word] of [magic, formatVersion, dimension, stride, rowCount, crc].entries()) {
    header.writeUInt32LE(word, i * 4);
  }
  header.writeDoubleLE(largestNorm * (1 + 1e-9), 24);
  header.writeDoubleLE(largestError, 32);
  sink.stream(`${section}.scales`, [header, scales, errors]);
}

/**
 * Quantised rows of one segment in a WebAssembly memory, ready to be scanned. The codes are copied there
 * piece by piece and checked against their checksum.
 */
export class QuantizedRows {
  readonly dimension: number;
  readonly rowCount: number;
  readonly scales: Float32Array;
  /** Upper bound of each row's error norm. */
  readonly errors: Float32Array;
  readonly largestNorm: number;
  readonly largestError: number;
  readonly #kernels: VectorKernels;
  readonly #stride: number;
  readonly #codes: Uint8Array;
  readonly #query16: Int16Array;
  readonly #query64: Float64Array;
  readonly #sums: Int32Array;
  /** Row numbers for {@link gatherSums}, to be filled by the caller. */
  readonly gatherRows: Uint32Array;
  readonly #floatRows: Float32Array;
  readonly #scores: Float64Array;
  #loaded = 0;
  #crc = 0;

  private constructor(scalesBytes: Uint8Array, kernelsOf: typeof vectorKernels, fail: Fail) {
    const header = new DataView(scalesBytes.buffer, scalesBytes.byteOffset, headerBytes);
    const word = (i: number): number => header.getUint32(i * 4, true);
    if (word(0) !== magic || word(1) !== formatVersion) throw fail("is of an unknown format");
    this.dimension = word(2);
    this.#stride = word(3);
    this.rowCount = word(4);
    if (
      this.#stride !== strideOf(this.dimension) ||
      scalesBytes.byteLength !== headerBytes + this.rowCount * 8
    ) {
      throw fail("contradicts its header");
    }
    const start = scalesBytes.byteOffset + headerBytes;
    this.scales = new Float32Array(scalesBytes.buffer, start, this.rowCount);
    const errorsStart = start + this.rowCount * 4;
    this.errors = new Float32Array(scalesBytes.buffer, errorsStart, this.rowCount);
    this.largestNorm = header.getFloat64(24, true);
    this.largestError = header.getFloat64(32, true);

    const bytes = memoryBytes(this.rowCount, this.dimension);
    const memory = new wasm.Memory({ initial: Math.ceil(bytes / wasmPageBytes) });
    const kernels = kernelsOf(memory);
    if (kernels === null) throw new NoSimd();
    this.#kernels = kernels;
    const { buffer } = memory;
    let at = 0;
    const take = (byteLength: number): number => {
      const offset = at;
      at += Math.ceil(byteLength / 64) * 64;
      return offset;
    };
    const codesBytes = paddedRows(this.rowCount) * this.#stride;
    this.#codes = new Uint8Array(buffer, take(codesBytes), codesBytes);
    this.#query16 = new Int16Array(buffer, take(this.#stride * 2), this.#stride);
    this.#query64 = new Float64Array(buffer, take(this.#stride * 8), this.#stride);
    this.#sums = new Int32Array(buffer, take(rowsPerBlock * 4), rowsPerBlock);
    this.gatherRows = new Uint32Array(buffer, take(rowsPerGather * 4), rowsPerGather);
    const floats = rowsPerRescoring * this.#stride;
    this.#floatRows = new Float32Array(buffer, take(floats * 4), floats);
    this.#scores = new Float64Array(buffer, take(rowsPerRescoring * 8), rowsPerRescoring);
  }

  /**
   * Opens the quantised rows of a section; the codes still have to be loaded.
   *
   * @returns null where there are none or the platform has no WebAssembly SIMD
   * @throws {CorruptIndexError} header and lengths contradict each other
   */
  static open(
    source: SectionSource,
    section: string,
    kernelsOf: typeof vectorKernels = vectorKernels,
  ): QuantizedRows | null {
    if (!source.has(section) || !source.has(`${section}.scales`)) return null;
    const fail: Fail = (what) =>
      new CorruptIndexError(`${source.label}, section ${section}.scales ${what}`, {
        file: source.label,
        section,
      });
    const scales = source.load(`${section}.scales`);
    if (scales.byteLength < headerBytes) throw fail("is shorter than its header");
    try {
      const rows = new QuantizedRows(scales, kernelsOf, fail);
      if (source.byteLength(section) !== rows.#codes.byteLength) {
        throw fail(`does not fit the ${source.byteLength(section)} bytes of its codes`);
      }
      return rows;
    } catch (error) {
      if (error instanceof NoSimd) return null;
      throw error;
    }
  }

  /**
   * Copies the next piece of the codes.
   *
   * @returns whether more is to come
   * @throws {CorruptIndexError} all read and the checksum is wrong
   */
  loadPiece(source: SectionSource, section: string, pieceBytes: number = 4 << 20): boolean {
    const total = this.#codes.byteLength;
    if (this.#loaded >= total) return false;
    const length = Math.min(pieceBytes, total - this.#loaded);
    const piece = source.read(section, this.#loaded, length);
    this.#crc = crc32(piece, this.#crc);
    this.#codes.set(piece, this.#loaded);
    this.#loaded += length;
    if (this.#loaded < total) return true;
    const scales = source.load(`${section}.scales`);
    const expected = new DataView(scales.buffer, scales.byteOffset).getUint32(20, true);
    if (this.#crc !== expected) {
      this.#loaded = 0;
      this.#crc = 0;
      throw new CorruptIndexError(
        `${source.label}, section ${section}: checksum ${this.#crc.toString(16)}, expected ${expected.toString(16)}: run braid verify`,
        { file: source.label, section },
      );
    }
    return false;
  }

  /**
   * Takes a query for the following scans: y ≈ step · p with p of 16 bits, as fine as the sums allow.
   *
   * @returns `step`, and `margin(error)`: how far `scale · step · sum` may be from the inner product
   *   of a row with that error norm. x = s·q + e and y = t·p + f give
   *   |x·y - s·t·(q·p)| = |s·q·f + e·y| <= (‖x‖ + ‖e‖)·‖f‖ + ‖e‖·‖y‖; the last term covers rounding
   *   in float64.
   */
  prepare(query: Float32Array): { step: number; errorFactor: number; margin: number } {
    let largest = 0;
    let sum = 0;
    let squaredNorm = 0;
    for (let i = 0; i < query.length; i++) {
      const value = query[i]!;
      const magnitude = Math.abs(value);
      if (magnitude > largest) largest = magnitude;
      sum += magnitude;
      squaredNorm += value * value;
    }
    const norm = Math.sqrt(squaredNorm);
    // Σ|code·p| <= 127·Σ|p| < 2^31, with half a unit of rounding per dimension to spare.
    const largestSum = 2 ** 31 / 127 - this.#stride;
    // Half a unit below the largest code, so that rounding cannot pass it.
    const step = largest === 0 ? 1 : Math.max(largest / 32_766.5, sum / largestSum);
    let squaredRest = 0;
    const inverse = 1 / step;
    for (let i = 0; i < query.length; i++) {
      const value = query[i]!;
      const code = Math.round(value * inverse);
      this.#query16[i] = code;
      this.#query64[i] = value;
      const error = value - step * code;
      squaredRest += error * error;
    }
    const rest = Math.sqrt(squaredRest);
    const slack = 1e-11 * (this.largestNorm + this.largestError) * norm;
    return {
      step,
      errorFactor: norm * (1 + 1e-9),
      margin: (this.largestNorm + this.largestError) * rest * (1 + 1e-9) + slack,
    };
  }

  /** Σ code·p of rows `first …`, at most {@link rowsPerBlock}; the result is overwritten next time. */
  scanBlock(first: number, count: number): Int32Array {
    this.#kernels.scanInt8(
      this.#codes.byteOffset + first * this.#stride,
      this.#query16.byteOffset,
      this.#stride,
      Math.ceil(count / 4),
      this.#sums.byteOffset,
    );
    return this.#sums;
  }

  /**
   * Σ code·p of the first `count` rows named in {@link gatherRows}, 1 to {@link rowsPerGather}; the
   * result is overwritten next time.
   */
  gatherSums(count: number): Int32Array {
    // The last group is filled up with a row that is being read anyway.
    for (let i = count; i % 4 !== 0; i++) this.gatherRows[i] = this.gatherRows[count - 1]!;
    this.#kernels.gatherInt8(
      this.#codes.byteOffset,
      this.gatherRows.byteOffset,
      (count + 3) >>> 2,
      this.#query16.byteOffset,
      this.#stride,
      this.#sums.byteOffset,
    );
    return this.#sums;
  }

  /**
   * Exact inner products of float rows with the prepared query, the bits of `dotProduct`.
   *
   * @param rows row numbers from `from`, `count` of them, at most {@link rowsPerRescoring}
   * @returns one score per row; overwritten next time
   */
  exactScores(values: Float32Array, rows: Uint32Array, from: number, count: number): Float64Array {
    const { dimension } = this;
    for (let i = 0; i < count; i++) {
      const row = rows[from + i]! * dimension; // from + i < rows.length
      this.#floatRows.set(values.subarray(row, row + dimension), i * this.#stride);
    }
    this.#kernels.dotFloat32(
      this.#floatRows.byteOffset,
      this.#query64.byteOffset,
      this.#stride * 4,
      count,
      this.#scores.byteOffset,
    );
    return this.#scores;
  }
}

type Fail = (what: string) => CorruptIndexError;

/** The platform has no WebAssembly SIMD; stays inside this file. */
class NoSimd extends Error {}

function strideOf(dimension: number): number {
  return Math.ceil(dimension / 16) * 16;
}

function paddedRows(rowCount: number): number {
  return Math.ceil(rowCount / 4) * 4;
}

/** Memory for the codes and everything scanned beside them. */
function memoryBytes(rowCount: number, dimension: number): number {
  const stride = strideOf(dimension);
  const scratch =
    stride * 10 + (rowsPerBlock + rowsPerGather) * 4 + rowsPerRescoring * (stride * 4 + 8);
  return paddedRows(rowCount) * stride + scratch + 64 * 8;
}
