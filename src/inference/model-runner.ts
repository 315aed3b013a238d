import path from "node:path";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import {
  FeatureUnavailableError,
  InputError,
  InvalidModelError,
  ModelFailedError,
} from "../errors.js";
import type { ModelDescription } from "../models/model-description.js";
import { SubwordTokenizer, type SubwordTokens } from "./subword-tokenizer.js";
import { planTokenBatches } from "./token-batches.js";
import type { ModelInput, ModelOutput, WorkerSetup } from "./worker-protocol.js";

type Ort = typeof import("onnxruntime-node");

/** A loaded ONNX file and the output that is read from it. */
interface Graph {
  readonly session: InferenceSession;
  readonly output: string;
}

/**
 * One model loaded into this thread: tokenizer, onnxruntime session, batches. A run blocks the
 * thread it is called on, so it lives in a worker; `run` gives way between batches.
 */
export class ModelRunner {
  readonly #setup: WorkerSetup;
  readonly #ort: Ort;
  readonly #session: InferenceSession;
  readonly #tokenizer: SubwordTokenizer;
  #tokenSession: Promise<InferenceSession> | null = null;

  private constructor(setup: WorkerSetup, ort: Ort, session: InferenceSession) {
    this.#setup = setup;
    this.#ort = ort;
    this.#session = session;
    this.#tokenizer = SubwordTokenizer.open(setup.modelDir, setup.description.maxTokens);
  }

  /**
   * @throws {FeatureUnavailableError} onnxruntime cannot be loaded on this machine
   * @throws {InvalidModelError} the ONNX file or the tokenizer cannot be loaded, or an input or
   *   output that the description names is not in the graph
   */
  static async open(setup: WorkerSetup): Promise<ModelRunner> {
    let ort: Ort;
    try {
      ort = await import("onnxruntime-node");
    } catch (cause) {
      throw new FeatureUnavailableError(
        `expected onnxruntime-node to load, got: ${String(cause)}: reinstall with npm install, or search with mode sparse`,
        { package: "onnxruntime-node" },
        { cause },
      );
    }
    const { description } = setup;
    const session = await openGraph(ort, setup, description.onnxFile, description.output);
    return new ModelRunner(setup, ort, session);
  }

  /**
   * Runs one task. Between batches it awaits `giveWay`, and stops when that says so.
   *
   * @param giveWay called before each batch; false ends the task
   * @returns null when stopped
   */
  async run(input: ModelInput, giveWay: () => Promise<boolean>): Promise<ModelOutput | null> {
    const tokens: SubwordTokens[] = [];
    const texts = input.kind === "pairs" ? input.pairs : input.texts;
    for (const [i, text] of texts.entries()) {
      // Tokenising long texts takes milliseconds each; a queue of queries should not wait for all.
      if (i > 0 && i % 64 === 0 && !(await giveWay())) return null;
      tokens.push(
        typeof text === "string"
          ? this.#tokenizer.encode(text)
          : this.#tokenizer.encodePair(text[0], text[1]),
      );
    }
    const lengths = tokens.map(({ ids }) => ids.length);
    const tokenCounts = Int32Array.from(lengths);
    if (input.kind === "tokens") {
      const tokenIds = Int32Array.from(tokens.flatMap(({ ids }) => ids));
      return { values: new Float32Array(0), tokenIds, tokenCounts };
    }
    const perToken = input.kind === "token-vectors";
    const graph = perToken
      ? await this.#tokenGraph()
      : { session: this.#session, output: this.#setup.description.output };
    const { dimension } = this.#setup.description;
    const rowStarts = startsOf(lengths);
    const rowCount = perToken ? (rowStarts.at(-1) ?? 0) : texts.length;
    const values = new Float32Array(rowCount * dimension);
    for (const batch of planTokenBatches(lengths, this.#setup.batchLimits)) {
      if (!(await giveWay())) return null;
      const longest = Math.max(...batch.map((index) => lengths[index] ?? 0));
      const output = await this.#runBatch(
        batch.map((index) => tokens[index]!), // a plan holds only indices of its input
        longest,
        graph,
      );
      const rowsPerText = perToken ? longest : 1;
      if (output.length !== batch.length * rowsPerText * dimension) {
        throw new ModelFailedError(
          `expected ${batch.length} x ${rowsPerText} x ${dimension} values in output ${graph.output}, got ${output.length}: the model does not fit its model.json`,
          {
            output: graph.output,
            expected: batch.length * rowsPerText * dimension,
            got: output.length,
          },
        );
      }
      for (const [place, index] of batch.entries()) {
        const rows = perToken ? (lengths[index] ?? 0) : 1;
        const from = place * rowsPerText * dimension;
        const to = (perToken ? (rowStarts[index] ?? 0) : index) * dimension;
        values.set(output.subarray(from, from + rows * dimension), to);
      }
    }
    if (!allFinite(values)) {
      throw new ModelFailedError(
        `expected finite values from ${this.#setup.description.name}, got NaN or infinity: verify the model with braid models verify`,
        { model: this.#setup.description.name },
      );
    }
    const tokenIds = perToken
      ? Int32Array.from(tokens.flatMap(({ ids }) => ids))
      : new Int32Array(0);
    return { values, tokenIds, tokenCounts };
  }

  async release(): Promise<void> {
    await this.#session.release();
    await (await this.#tokenSession)?.release();
  }

  /** The graph of token vectors, loaded when first asked for. */
  async #tokenGraph(): Promise<Graph> {
    const { tokenOnnxFile, tokenOutput, name } = this.#setup.description;
    if (tokenOnnxFile === null || tokenOutput === null) {
      throw new InputError(
        `token vectors need a model that has them, ${name} has none: import it again with token vectors`,
        { model: name },
      );
    }
    this.#tokenSession ??= openGraph(this.#ort, this.#setup, tokenOnnxFile, tokenOutput);
    return { session: await this.#tokenSession, output: tokenOutput };
  }

  async #runBatch(
    texts: readonly SubwordTokens[],
    longest: number,
    { session, output }: Graph,
  ): Promise<Float32Array> {
    const { inputs } = this.#setup.description;
    const { padId } = this.#tokenizer;
    const columns = [
      (text: SubwordTokens, i: number) => text.ids[i] ?? padId,
      (text: SubwordTokens, i: number) => (i < text.ids.length ? 1 : 0),
      (text: SubwordTokens, i: number) => text.typeIds[i] ?? 0,
    ];
    const feeds: Record<string, Tensor> = {};
    for (const [at, name] of inputs.entries()) {
      const idAt = columns[at];
      if (idAt === undefined) throw new InvalidModelError(`unknown fourth input ${name}`);
      feeds[name] = this.#inputTensor(session, name, texts, longest, idAt);
    }
    let result: InferenceSession.OnnxValueMapType;
    try {
      result = await session.run(feeds, [output]);
    } catch (cause) {
      throw new ModelFailedError(
        `${this.#setup.description.name} failed on a batch of ${texts.length} x ${longest} tokens: ${firstLine(cause)}`,
        { model: this.#setup.description.name, texts: texts.length, tokens: longest },
        { cause },
      );
    }
    const data = result[output]?.data;
    if (!(data instanceof Float32Array)) {
      throw new ModelFailedError(`expected float32 values in output ${output}`, { output });
    }
    return data;
  }

  #inputTensor(
    session: InferenceSession,
    name: string,
    texts: readonly SubwordTokens[],
    longest: number,
    idAt: (text: SubwordTokens, i: number) => number,
  ): Tensor {
    const size = texts.length * longest;
    const dims = [texts.length, longest];
    const metadata = session.inputMetadata[session.inputNames.indexOf(name)];
    const wide = metadata?.isTensor !== true || metadata.type === "int64";
    const ints = new Int32Array(wide ? size * 2 : size);
    // A non-negative int64 is its low word followed by zero (every platform served is little-endian).
    const step = wide ? 2 : 1;
    let at = 0;
    for (const text of texts) {
      for (let i = 0; i < longest; i++, at += step) ints[at] = idAt(text, i);
    }
    return wide
      ? new this.#ort.Tensor("int64", new BigInt64Array(ints.buffer), dims)
      : new this.#ort.Tensor("int32", ints, dims);
  }
}

/** Descriptions come from outside: what the runner relies on and a file could get wrong. */
export function checkDescription(description: ModelDescription): void {
  const { inputs, dimension, maxTokens, name } = description;
  if (inputs.length < 1 || inputs.length > 3 || dimension < 1 || maxTokens < 2) {
    throw new InvalidModelError(
      `expected 1 to 3 inputs, a dimension and a token limit in model.json of ${name}, got ${inputs.length}, ${dimension}, ${maxTokens}`,
      { model: name },
    );
  }
}

async function openGraph(
  ort: Ort,
  { modelDir, description, intraOpThreads }: WorkerSetup,
  onnxFile: string,
  output: string,
): Promise<InferenceSession> {
  const file = path.join(modelDir, onnxFile);
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(file, {
      intraOpNumThreads: intraOpThreads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      // Shapes change with every batch: memory patterns would be planned anew each time.
      enableMemPattern: false,
      // Threads that spin while they wait would take the cores from the rest of the engine.
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    });
  } catch (cause) {
    throw new InvalidModelError(
      `expected an ONNX model that onnxruntime can load in ${file}, got: ${firstLine(cause)}`,
      { file },
      { cause },
    );
  }
  const { inputs } = description;
  const wrong = [
    ...inputs.filter((name) => !session.inputNames.includes(name)),
    ...session.inputNames.filter((name) => !inputs.includes(name)),
    ...(session.outputNames.includes(output) ? [] : [output]),
  ];
  if (wrong.length > 0) {
    throw new InvalidModelError(
      `model.json and ${file} disagree about inputs or outputs: ${wrong.join(", ")}`,
      { file, names: wrong.join(",") },
    );
  }
  return session;
}

function startsOf(lengths: readonly number[]): number[] {
  const starts = [0];
  for (const length of lengths) starts.push((starts.at(-1) ?? 0) + length);
  return starts;
}

function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) return false;
  }
  return true;
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n", 1)[0] ?? "";
}
