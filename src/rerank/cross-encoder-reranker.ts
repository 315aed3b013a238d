import { InputError } from "../errors.js";
import { ModelSession, type ModelSessionOptions } from "../inference/model-session.js";
import { readModelDescription } from "../models/model-folder.js";
import type { Reranker, RerankerIdentity } from "./reranker.js";

/**
 * Opens a cross-encoder: query and text are read as one pair, longest cut first, and the score is
 * the model's logit (sentence-transformers' `CrossEncoder.predict` shows its sigmoid, which has the
 * same order).
 *
 * @param modelDir folder of an imported model, with its model.json
 * @throws {ModelMissingError} no model there
 * @throws {InputError} the model is a dual encoder
 * @throws {InvalidModelError} the folder's files do not fit each other
 * @throws {FeatureUnavailableError} onnxruntime does not run on this machine
 * @see Nogueira, Cho, "Passage Re-ranking with BERT", arXiv:1901.04085
 */
export async function openCrossEncoder(
  modelDir: string,
  options: ModelSessionOptions = {},
): Promise<Reranker> {
  const description = await readModelDescription(modelDir);
  if (description.kind !== "cross-encoder") {
    throw new InputError(
      `expected a cross-encoder to rerank with, ${description.name} is a ${description.kind}: ` +
        "name a cross-encoder, or late-interaction",
      { model: description.name, kind: description.kind },
    );
  }
  return new CrossEncoderReranker(await ModelSession.open(modelDir, description, options));
}

class CrossEncoderReranker implements Reranker {
  readonly identity: RerankerIdentity;
  readonly #session: ModelSession;

  constructor(session: ModelSession) {
    this.#session = session;
    const { name, fingerprint } = session.description;
    this.identity = { name, fingerprint };
  }

  score(query: string, texts: readonly string[], signal?: AbortSignal): Promise<Float32Array> {
    return this.#session.scorePairs(
      texts.map((text) => [query, text] as const),
      { signal },
    );
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}
