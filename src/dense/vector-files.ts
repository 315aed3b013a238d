import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import readline from "node:readline";
import { InputError } from "../errors.js";
import type { Embeddings, Similarity } from "./encoder.js";

/** One vector of a file, made with the encoder that a collection names. */
export interface ReadyVector {
  /** Document id; null where the file has none and goes by position. */
  readonly docId: string | null;
  readonly vector: Float32Array;
}

/** Shape of the vectors that are wanted. */
export interface VectorShape {
  readonly dimension: number;
  readonly similarity: Similarity;
}

/**
 * Reads vectors that were made elsewhere: `.npy` (two-dimensional, float16, float32 or float64, C
 * order; row i belongs to document i) or JSON Lines (`{"_id":"…","vector":[…]}`, `id` and `embedding`
 * are understood too). Vectors of a cosine model are normalised.
 *
 * @throws {InputError} another format, dimension, or a value that is not finite, with file and line
 *   or row
 */
export async function* readVectors(file: string, shape: VectorShape): AsyncGenerator<ReadyVector> {
  if (file.endsWith(".npy")) yield* readNpy(file, shape);
  else if (/\.(jsonl|ndjson)$/.test(file)) yield* readVectorLines(file, shape);
  else throw new InputError(`expected vectors as .npy, .jsonl or .ndjson, got ${file}`, { file });
}

/** Rows of several ready vectors in one block. */
export function embeddingsOf(vectors: readonly Float32Array[], dimension: number): Embeddings {
  const values = new Float32Array(vectors.length * dimension);
  for (const [i, vector] of vectors.entries()) values.set(vector, i * dimension);
  return { count: vectors.length, dimension, values };
}

const rowsPerRead = 1024;

/** @see NEP 1, "A Simple File Format for NumPy Arrays" */
async function* readNpy(file: string, shape: VectorShape): AsyncGenerator<ReadyVector> {
  const handle = await open(file, "r");
  try {
    const { width, rowCount, dataStart } = await npyHeader(handle, file, shape);
    const { size } = await handle.stat();
    const rowBytes = shape.dimension * width;
    if (size !== dataStart + rowCount * rowBytes) {
      throw new InputError(
        `${file}: expected ${rowCount} x ${shape.dimension} values (${dataStart + rowCount * rowBytes} bytes), got ${size} bytes`,
        { file, expectedBytes: dataStart + rowCount * rowBytes, gotBytes: size },
      );
    }
    for (let row = 0; row < rowCount; row += rowsPerRead) {
      const count = Math.min(rowsPerRead, rowCount - row);
      const bytes = Buffer.alloc(count * rowBytes);
      await handle.read(bytes, 0, bytes.length, dataStart + row * rowBytes);
      for (let i = 0; i < count; i++) {
        const vector = new Float32Array(shape.dimension);
        for (let at = 0; at < vector.length; at++) {
          vector[at] = numberAt(bytes, i * rowBytes + at * width, width);
        }
        yield { docId: null, vector: checked(vector, shape, `${file}, row ${row + i}`) };
      }
    }
  } finally {
    await handle.close();
  }
}

async function npyHeader(
  handle: FileHandle,
  file: string,
  shape: VectorShape,
): Promise<{ width: number; rowCount: number; dataStart: number }> {
  const start = Buffer.alloc(12);
  await handle.read(start, 0, 12, 0);
  const version = start[6] ?? 0;
  if (start.toString("latin1", 0, 6) !== "\x93NUMPY" || version < 1 || version > 3) {
    throw new InputError(`${file}: expected a NumPy file of version 1 to 3`, { file });
  }
  const [headerStart, length] =
    version === 1 ? [10, start.readUInt16LE(8)] : [12, start.readUInt32LE(8)];
  const text = Buffer.alloc(Math.min(length, 65_536));
  await handle.read(text, 0, text.length, headerStart);
  const header = text.toString("latin1");
  const type = /'descr':\s*'<f([248])'/.exec(header)?.[1];
  const dims = /'shape':\s*\((\d+),\s*(\d+)\s*,?\)/.exec(header);
  if (type === undefined || dims === null || !/'fortran_order':\s*False/.test(header)) {
    throw new InputError(
      `${file}: expected a two-dimensional little-endian float array in C order, got ${header.trim()}`,
      { file },
    );
  }
  const rowCount = Number(dims[1]);
  if (Number(dims[2]) !== shape.dimension) {
    throw new InputError(
      `${file}: vectors of dimension ${dims[2]}, the encoder's have ${shape.dimension}`,
      { file, expected: shape.dimension, got: Number(dims[2]) },
    );
  }
  return { width: Number(type), rowCount, dataStart: headerStart + length };
}

function numberAt(bytes: Buffer, at: number, width: number): number {
  if (width === 4) return bytes.readFloatLE(at);
  if (width === 8) return bytes.readDoubleLE(at);
  const bits = bytes.readUInt16LE(at);
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

async function* readVectorLines(file: string, shape: VectorShape): AsyncGenerator<ReadyVector> {
  const input = createReadStream(file, { encoding: "utf8" });
  const lines = readline.createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  let lineNumber = 0;
  for await (const line of lines) {
    lineNumber++;
    if (line.trim() === "") continue;
    const place = `${file}, line ${lineNumber}`;
    let value: Record<string, unknown>;
    try {
      value = JSON.parse(line) as Record<string, unknown>;
    } catch (cause) {
      throw new InputError(`${place}: expected JSON`, { file, line: lineNumber }, { cause });
    }
    const id = value?.["_id"] ?? value?.["id"];
    const list = value?.["vector"] ?? value?.["embedding"];
    const isList = Array.isArray(list) && list.every((x) => typeof x === "number");
    if ((typeof id !== "string" && typeof id !== "number") || !isList) {
      throw new InputError(`${place}: expected {"_id":"…","vector":[numbers]}`, {
        file,
        line: lineNumber,
      });
    }
    yield { docId: String(id), vector: checked(Float32Array.from(list), shape, place) };
  }
}

function checked(vector: Float32Array, shape: VectorShape, place: string): Float32Array {
  if (vector.length !== shape.dimension) {
    throw new InputError(
      `${place}: a vector of dimension ${vector.length}, the encoder's have ${shape.dimension}`,
      { expected: shape.dimension, got: vector.length },
    );
  }
  let squared = 0;
  for (const value of vector) squared += value * value;
  if (!Number.isFinite(squared)) {
    throw new InputError(`${place}: vectors must be finite, got NaN or infinity`, {});
  }
  if (shape.similarity === "dot") return vector;
  const norm = Math.sqrt(squared);
  if (norm === 0) {
    throw new InputError(`${place}: a vector of zeros has no direction to compare by cosine`, {});
  }
  // Left alone where it has length 1 already, so that its bits survive.
  return Math.abs(norm - 1) < 1e-6 ? vector : vector.map((value) => value / norm);
}
