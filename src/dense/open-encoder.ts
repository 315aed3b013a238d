import { InputError } from "../errors.js";
import {
  ModelSession,
  type ModelSessionOptions,
  type ModelSessionStats,
} from "../inference/model-session.js";
import type { ModelDescription } from "../models/model-description.js";
import { readModelDescription } from "../models/model-folder.js";
import type { Embeddings, Encoder, EncoderIdentity } from "./encoder.js";

/** Called after each finished piece of a bulk encoding. */
export type EncodeProgress = (done: number, total: number) => void;

export interface OpenEncoderOptions extends ModelSessionOptions {
  readonly onProgress?: EncodeProgress;
}

/** An {@link Encoder} on a model of this machine, with what metrics need. */
export interface LocalEncoder extends Encoder {
  readonly description: ModelDescription;
  stats(): ModelSessionStats;
}

/** Texts of one task: enough that batches are full, few enough that queries get in between. */
const textsPerTask = 128;
/** Tasks of one bulk call under way at once, per worker. */
const tasksAhead = 2;

/**
 * Opens the dual encoder in a model folder and starts its first worker.
 *
 * - Texts get the model's prompts in front, and are cut to its token limit.
 * - Queries are encoded one by one, so that the same query has the same bits whoever asks beside it.
 * - Documents are sorted by length, cut into tasks, batched by tokens in the workers and put back
 *   into input order. Interactive work overtakes them between two batches.
 *
 * @param modelDir folder of an imported model, with its model.json
 * @throws {ModelMissingError} no model there
 * @throws {InputError} the model is a cross-encoder
 * @throws {InvalidModelError} the folder's files do not fit each other
 * @throws {FeatureUnavailableError} onnxruntime does not run on this machine
 */
export async function openEncoder(
  modelDir: string,
  options: OpenEncoderOptions = {},
): Promise<LocalEncoder> {
  const description = await readModelDescription(modelDir);
  if (description.kind !== "dual-encoder") {
    throw new InputError(
      `an encoder must be a dual encoder, ${description.name} is a ${description.kind}: name it under rerank instead`,
      { model: description.name, kind: description.kind },
    );
  }
  const session = await ModelSession.open(modelDir, description, options);
  return new SessionEncoder(session, options.onProgress);
}

/** What a collection remembers of a model. */
export function encoderIdentity(description: ModelDescription): EncoderIdentity {
  const { name, fingerprint, dimension, similarity } = description;
  return { name, fingerprint, dimension, similarity };
}

class SessionEncoder implements LocalEncoder {
  readonly identity: EncoderIdentity;
  readonly description: ModelDescription;
  readonly #session: ModelSession;
  readonly #onProgress: EncodeProgress | undefined;

  constructor(session: ModelSession, onProgress: EncodeProgress | undefined) {
    this.description = session.description;
    this.identity = encoderIdentity(session.description);
    this.#session = session;
    this.#onProgress = onProgress;
  }

  async encodeQueries(texts: readonly string[], signal?: AbortSignal): Promise<Embeddings> {
    const { prompts, dimension } = this.description;
    const values = new Float32Array(texts.length * dimension);
    const tasks = texts.map((text, i) => ({ texts: [prompts.query + text], places: [i] }));
    await this.#runAll(tasks, values, "interactive", signal);
    return { count: texts.length, dimension, values };
  }

  async encodeDocuments(texts: readonly string[], signal?: AbortSignal): Promise<Embeddings> {
    const { prompts, dimension } = this.description;
    const values = new Float32Array(texts.length * dimension);
    // Longest first: memory peaks at the start, and the last tasks are short ones.
    const order = texts.map((_, i) => i);
    order.sort((a, b) => (texts[b]?.length ?? 0) - (texts[a]?.length ?? 0));
    const tasks: EncodeTask[] = [];
    for (let at = 0; at < order.length; at += textsPerTask) {
      const places = order.slice(at, at + textsPerTask);
      tasks.push({ texts: places.map((i) => prompts.document + (texts[i] ?? "")), places });
    }
    await this.#runAll(tasks, values, "bulk", signal);
    return { count: texts.length, dimension, values };
  }

  stats(): ModelSessionStats {
    return this.#session.stats();
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** Runs tasks a few at a time, so that one large call never fills the session's queue. */
  async #runAll(
    tasks: readonly EncodeTask[],
    values: Float32Array,
    priority: "interactive" | "bulk",
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { dimension } = this.description;
    const total = values.length / dimension;
    let next = 0;
    let done = 0;
    const lane = async (): Promise<void> => {
      for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) {
        const vectors = await this.#session.embed(task.texts, { signal, priority });
        for (const [i, place] of task.places.entries()) {
          values.set(vectors.subarray(i * dimension, (i + 1) * dimension), place * dimension);
        }
        done += task.places.length;
        if (priority === "bulk") this.#onProgress?.(done, total);
      }
    };
    const lanes = Math.min(tasks.length, this.#session.stats().workers * tasksAhead);
    await Promise.all(Array.from({ length: lanes }, lane));
  }
}

interface EncodeTask {
  readonly texts: readonly string[];
  /** Row of each text in the result. */
  readonly places: readonly number[];
}
