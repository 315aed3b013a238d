import type { Document } from "../corpus/document.js";
import { type Embeddings, type Encoder, encodedText } from "../dense/encoder.js";
import { AlreadyExistsError, EncoderMismatchError, InputError } from "../errors.js";
import type { EncoderSlot } from "./collection-manifest.js";
import type { CollectionSettings } from "./collection-settings.js";
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
  embeddings: Embeddings,
  documentCount: number,
): Embeddings {
  const { dimension } = slot.encoder;
  if (embeddings.dimension !== dimension) {
    throw new EncoderMismatchError(
      `vectors of slot ${slot.name} have dimension ${dimension} (encoder ${slot.encoder.name}), ` +
        `got ${embeddings.dimension}: encode with that encoder`,
      { expected: dimension, got: embeddings.dimension, slot: slot.name },
    );
  }
  if (
    embeddings.count !== documentCount ||
    embeddings.values.length !== documentCount * dimension
  ) {
    throw new InputError(
      `expected ${documentCount} vectors for ${documentCount} documents, got ${embeddings.count} ` +
        `(${embeddings.values.length} values of dimension ${dimension})`,
      { expected: documentCount, got: embeddings.count },
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
   * @param given vectors by slot that the caller has already
   * @throws {EncoderMismatchError} no right encoder for a slot whose vectors are not given
   * @throws {InputError} vectors given do not fit the documents
   */
  async vectorsOf(
    documents: readonly Document[],
    slots: readonly EncoderSlot[],
    given: ReadonlyMap<string, Embeddings>,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Embeddings>> {
    if (slots.length === 0) return new Map();
    const texts = documents.map(encodedText);
    const encoded = await Promise.all(
      slots.map(async (slot) => {
        const embeddings =
          given.get(slot.name) ?? (await this.#required(slot).encodeDocuments(texts, signal));
        return [slot.name, checkEmbeddings(slot, embeddings, documents.length)] as const;
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
