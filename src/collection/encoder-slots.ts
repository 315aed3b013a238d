import type { Document } from "../corpus/document.js";
import type { Encoder } from "../dense/encoder.js";
import { AlreadyExistsError, EncoderMismatchError, InputError } from "../errors.js";
import type { EncoderSlot } from "./collection-manifest.js";
import type { CollectionSettings } from "./collection-settings.js";
import type { DocumentVectors } from "./document-vectors.js";
import { type PassageSettings, passagesOf } from "./passages.js";
import { graphKey, type Segment } from "./segment.js";

/** Name of the slot that a collection is created with. */
export const firstSlot = "main";

/**
 * Why the dense leg of a slot may not be searched with this encoder, or null if it may: weights,
 * tokenizer, pooling and projection must be those the vectors were made with, which is one
 * fingerprint.
 */
function encoderRefusal(
  directory: string,
  slot: EncoderSlot,
  encoder: Encoder,
): EncoderMismatchError | null {
  const { name, fingerprint } = slot.encoder;
  const given = encoder.identity;
  if (given.fingerprint === fingerprint) return null;
  return new EncoderMismatchError(
    `the vectors of ${directory} were made with encoder ${name} (${shorten(fingerprint)}), the ` +
      `encoder given is ${given.name} (${shorten(given.fingerprint)}): name ${name}, or index the ` +
      `documents again with --encoder ${given.name}; sparse search works meanwhile`,
    {
      path: directory,
      expected: fingerprint,
      got: given.fingerprint,
      expectedName: name,
      gotName: given.name,
    },
  );
}

/** @throws {AlreadyExistsError} there is a slot of that name */
export function refuseSlotName(
  directory: string,
  slots: readonly EncoderSlot[],
  slot: string,
): void {
  const taken = slots.find(({ name }) => name === slot);
  if (taken === undefined) return;
  throw new AlreadyExistsError(
    `${directory} has a slot ${slot} already, by encoder ${taken.encoder.name}: choose another name, ` +
      "or drop that slot",
    { path: directory, slot },
  );
}

/** A scan that reads so many int8 codes takes about 10 ms (100,000 x 768: 6.3 ms); then a graph pays. */
const autoGraphValues = 128 << 20;
/** Asked for by name, a graph is built from so many rows on. */
const fewestGraphRows = 2000;

/** Whether a segment should have a graph over the vectors of a slot, and has none. */
export function wantsGraph(
  segment: Segment,
  slot: string,
  denseIndex: CollectionSettings["denseIndex"],
): boolean {
  if (denseIndex === "exact" || segment.docCount < fewestGraphRows) return false;
  if (segment.sideFiles.has(graphKey(slot))) return false;
  if (denseIndex === "hnsw") return true;
  const { rowCount, dimension } = segment.vectors(slot);
  return rowCount * dimension >= autoGraphValues;
}

/** Refuses vectors that do not fit the documents or the slot. */
export function checkEmbeddings(
  slot: EncoderSlot,
  embeddings: DocumentVectors,
  documentCount: number,
): DocumentVectors {
  const { dimension } = slot.encoder;
  if (embeddings.dimension !== dimension) {
    throw new EncoderMismatchError(
      `vectors of slot ${slot.name} have dimension ${dimension} (encoder ${slot.encoder.name}), ` +
        `got ${embeddings.dimension}: encode with that encoder`,
      { expected: dimension, got: embeddings.dimension, slot: slot.name },
    );
  }
  const { rowEnds = null } = embeddings;
  const rowCount = rowEnds === null ? documentCount : (rowEnds.at(-1) ?? 0);
  const isRight =
    embeddings.count === rowCount &&
    embeddings.values.length === rowCount * dimension &&
    (rowEnds === null || isAscending(rowEnds, documentCount));
  if (!isRight) {
    throw new InputError(
      `expected ${rowCount} vectors for ${documentCount} documents, got ${embeddings.count} ` +
        `(${embeddings.values.length} values of dimension ${dimension})`,
      { expected: rowCount, got: embeddings.count },
    );
  }
  const { values } = embeddings;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new InputError(
      `vectors must be finite, got ${values[i]} in vector ${Math.floor(i / dimension)}`,
      { vector: Math.floor(i / dimension) },
    );
  }
  return embeddings;
}

/** Whether each of the documents has at least one row. */
function isAscending(rowEnds: Uint32Array, documentCount: number): boolean {
  return rowEnds.length === documentCount && rowEnds.every((end, i) => end > (rowEnds[i - 1] ?? 0));
}

/**
 * Vectors of documents by an encoder, one for each passage where there are passages.
 *
 * @throws {InputError} the encoder returned something else
 */
export async function encodeDocuments(
  slot: EncoderSlot,
  encoder: Encoder,
  documents: readonly Document[],
  passages: PassageSettings | null,
  signal: AbortSignal | undefined,
): Promise<DocumentVectors> {
  const texts: string[] = [];
  const rowEnds = new Uint32Array(documents.length);
  for (const [i, document] of documents.entries()) {
    for (const text of passagesOf(document, passages)) texts.push(text);
    rowEnds[i] = texts.length;
  }
  if (texts.length === 0) {
    return { count: 0, dimension: slot.encoder.dimension, values: new Float32Array(0) };
  }
  const { count, dimension, values } = await encoder.encodeDocuments(texts, signal);
  if (count !== texts.length) {
    throw new InputError(`expected ${texts.length} vectors for as many texts, got ${count}`, {
      expected: texts.length,
      got: count,
    });
  }
  const hasPassages = texts.length > documents.length;
  const vectors = { count, dimension, values, rowEnds: hasPassages ? rowEnds : null };
  return checkEmbeddings(slot, vectors, documents.length);
}

/** The encoders at hand, and which slots they belong to. */
export class EncoderSet {
  readonly #directory: string;
  readonly #encoders: Encoder[];

  /** @param encoders the one for the dense leg first */
  constructor(directory: string, encoders: readonly Encoder[]) {
    this.#directory = directory;
    this.#encoders = [...encoders];
  }

  add(encoder: Encoder): void {
    this.#encoders.push(encoder);
  }

  /** The encoder that made the slot's vectors; null if it is not here. */
  for(slot: EncoderSlot): Encoder | null {
    const { fingerprint } = slot.encoder;
    return this.#encoders.find(({ identity }) => identity.fingerprint === fingerprint) ?? null;
  }

  /** Why the slot may not be searched: an encoder was given, and it is another one. */
  refusal(slot: EncoderSlot): EncoderMismatchError | null {
    const given = this.#encoders[0];
    if (given === undefined || this.for(slot) !== null) return null;
    return encoderRefusal(this.#directory, slot, given);
  }

  /**
   * Vectors of the documents for every slot: the ones given, the rest encoded.
   *
   * @param passages how long documents are cut; null: never
   * @param given vectors by slot that the caller has already
   * @throws {EncoderMismatchError} no right encoder for a slot whose vectors are not given
   * @throws {InputError} vectors given do not fit the documents
   */
  async vectorsOf(
    documents: readonly Document[],
    slots: readonly EncoderSlot[],
    passages: PassageSettings | null,
    given: ReadonlyMap<string, DocumentVectors>,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, DocumentVectors>> {
    const encoded = await Promise.all(
      slots.map(async (slot) => {
        const known = given.get(slot.name);
        const vectors =
          known === undefined
            ? await encodeDocuments(slot, this.#required(slot), documents, passages, signal)
            : checkEmbeddings(slot, known, documents.length);
        return [slot.name, vectors] as const;
      }),
    );
    return new Map(encoded);
  }

  #required(slot: EncoderSlot): Encoder {
    const encoder = this.for(slot);
    if (encoder !== null) return encoder;
    const { name, fingerprint } = slot.encoder;
    throw (
      this.refusal(slot) ??
      new EncoderMismatchError(
        `${this.#directory} has a dense leg by encoder ${name}, and none was given: open it with ` +
          "that encoder, or give the vectors with the documents",
        { path: this.#directory, expected: fingerprint, slot: slot.name },
      )
    );
  }
}

function shorten(fingerprint: string): string {
  return fingerprint.length > 24 ? `${fingerprint.slice(0, 24)}…` : fingerprint;
}
