import { setImmediate } from "node:timers/promises";
import { FeatureUnavailableError } from "../errors.js";
import { ModelSession, type ModelSessionOptions } from "../inference/model-session.js";
import type { ModelOutput } from "../inference/worker-protocol.js";
import { readModelDescription } from "../models/model-folder.js";
import type { Reranker, RerankerIdentity } from "./reranker.js";

/** Queries whose token vectors are kept, since one query is scored in several batches. */
const keptQueries = 16;

/**
 * Opens late interaction over a dual encoder's token vectors: no further model is needed.
 *
 * @param modelDir folder of a dual encoder with a token output
 * @throws {ModelMissingError} no model there
 * @throws {FeatureUnavailableError} the model has no token output, or onnxruntime does not run here
 * @throws {InvalidModelError} the folder's files do not fit each other
 */
export async function openLateInteraction(
  modelDir: string,
  options: ModelSessionOptions = {},
): Promise<Reranker> {
  const description = await readModelDescription(modelDir);
  if (description.tokenOutput === null) {
    throw new FeatureUnavailableError(
      `model ${description.name} has no token vectors, so late interaction cannot use it: ` +
        "import a dual encoder again, or name a cross-encoder",
      { feature: "late-interaction", model: description.name },
    );
  }
  return new LateInteractionReranker(await ModelSession.open(modelDir, description, options));
}

class LateInteractionReranker implements Reranker {
  readonly identity: RerankerIdentity;
  readonly #session: ModelSession;
  readonly #queries = new Map<string, Float32Array>();

  constructor(session: ModelSession) {
    this.#session = session;
    const { name, fingerprint } = session.description;
    this.identity = { name: `late-interaction(${name})`, fingerprint: `maxsim@1 ${fingerprint}` };
  }

  async score(
    query: string,
    texts: readonly string[],
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    const { dimension, prompts } = this.#session.description;
    const queryVectors = await this.#queryVectors(query, signal);
    const output = await this.#session.tokenVectors(
      texts.map((text) => prompts.document + text),
      { signal },
    );
    return scoreTexts(queryVectors, output, dimension, signal);
  }

  async #queryVectors(query: string, signal: AbortSignal | undefined): Promise<Float32Array> {
    const known = this.#queries.get(query);
    if (known !== undefined) return known;
    const { prompts } = this.#session.description;
    const { values } = await this.#session.tokenVectors([prompts.query + query], { signal });
    for (const oldest of this.#queries.keys()) {
      if (this.#queries.size < keptQueries) break;
      this.#queries.delete(oldest);
    }
    this.#queries.set(query, values);
    return values;
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** Gives the event loop a turn between two texts: one of 500 tokens takes milliseconds. */
async function scoreTexts(
  queryVectors: Float32Array,
  { values, tokenCounts }: ModelOutput,
  dimension: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const scores = new Float32Array(tokenCounts.length);
  let start = 0;
  for (let i = 0; i < tokenCounts.length; i++) {
    const end = start + tokenCounts[i]! * dimension;
    scores[i] = maxSim(queryVectors, values.subarray(start, end), dimension);
    start = end;
    await setImmediate();
    signal?.throwIfAborted();
  }
  return scores;
}

/**
 * MaxSim(q, d) = (1 / |q|) · Σ over query tokens of max over text tokens of q_i · d_j: the paper's
 * sum, divided by the number of query tokens, so that with unit vectors it lies in [-1, 1] and can be
 * compared between queries. 0 where either side has no token.
 *
 * @param query row-major `[query tokens, dimension]`
 * @param text row-major `[text tokens, dimension]`
 * @see Khattab, Zaharia, SIGIR 2020, doi:10.1145/3397271.3401075, section 3.3
 */
export function maxSim(query: Float32Array, text: Float32Array, dimension: number): number {
  if (query.length === 0 || text.length === 0) return 0;
  let sum = 0;
  for (let q = 0; q < query.length; q += dimension) {
    let best = Number.NEGATIVE_INFINITY;
    for (let t = 0; t < text.length; t += dimension) {
      // Four sums, so that additions need not wait for each other.
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      let i = 0;
      for (; i + 4 <= dimension; i += 4) {
        a += query[q + i]! * text[t + i]!;
        b += query[q + i + 1]! * text[t + i + 1]!;
        c += query[q + i + 2]! * text[t + i + 2]!;
        d += query[q + i + 3]! * text[t + i + 3]!;
      }
      for (; i < dimension; i++) a += query[q + i]! * text[t + i]!;
      const product = a + b + (c + d);
      if (product > best) best = product;
    }
    sum += best;
  }
  return sum / (query.length / dimension);
}
