import path from "node:path";
import * as ort from "onnxruntime-node";
import type { ModelDescription } from "../../src/models/model-description.js";

/** A model's graph on given token ids: what the importer alone is answerable for. */
export interface ImportedModel {
  /** One row per text, each `[dimension]`; texts are padded on the right to the longest. */
  run(ids: readonly number[][], options?: RunOptions): Promise<Float32Array[]>;
}

export interface RunOptions {
  readonly types?: readonly number[][];
  /** Padding beyond the longest text. */
  readonly extraPadding?: number;
  /** Id that fills the padding. */
  readonly padId?: number;
  /** Left instead of right. */
  readonly padLeft?: boolean;
}

export async function openImported(
  folder: string,
  description: ModelDescription,
  which: "embedding" | "tokens" = "embedding",
): Promise<ImportedModel> {
  const file = which === "tokens" ? description.tokenOnnxFile : description.onnxFile;
  const output = which === "tokens" ? description.tokenOutput : description.output;
  if (file === null || output === null) throw new Error(`${description.name} has no such graph`);
  const session = await ort.InferenceSession.create(path.join(folder, file), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  return {
    async run(ids, options = {}) {
      const width = Math.max(...ids.map((row) => row.length)) + (options.extraPadding ?? 0);
      const fill = (cell: (row: readonly number[], text: number, at: number) => number) => {
        const values = ids.flatMap((row, text) => {
          const start = options.padLeft ? width - row.length : 0;
          return Array.from({ length: width }, (_, at) => BigInt(cell(row, text, at - start)));
        });
        return new ort.Tensor("int64", BigInt64Array.from(values), [ids.length, width]);
      };
      const all = [
        fill((row, _, at) => row[at] ?? options.padId ?? 0),
        fill((row, _, at) => (row[at] === undefined ? 0 : 1)),
        fill((_, text, at) => options.types?.[text]?.[at] ?? 0),
      ];
      const feeds = Object.fromEntries(
        description.inputs.map((name, index) => {
          const tensor = all[index];
          if (tensor === undefined) throw new Error(`unexpected input ${name}`);
          return [name, tensor];
        }),
      );
      const tensor = (await session.run(feeds))[output];
      const values = tensor?.data;
      if (!(values instanceof Float32Array)) throw new Error(`no float output ${output}`);
      const step = values.length / ids.length;
      return ids.map((_, text) => values.slice(text * step, (text + 1) * step));
    },
  };
}

/** Largest absolute difference; fails on different lengths and on NaN. */
export function largestDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) {
    throw new Error(`${got.length} values instead of ${expected.length}`);
  }
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((got[i] ?? Number.NaN) - (expected[i] ?? Number.NaN));
    if (Number.isNaN(difference)) throw new Error(`value ${i} is ${got[i]}`);
    largest = Math.max(largest, difference);
  }
  return largest;
}

export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / Math.sqrt(aa * bb);
}
