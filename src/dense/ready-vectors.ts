import { InputError } from "../errors.js";
import type { Embeddings } from "./encoder.js";
import { embeddingsOf, type ReadyVector, readVectors, type VectorShape } from "./vector-files.js";

/**
 * Hands the vectors of a file to the documents of a build, in the build's order: by position where
 * the file has no ids, else by id. Streams as long as file and documents are in the same order;
 * vectors that come before their document are kept in memory until it does.
 */
export class ReadyVectors {
  readonly #file: string;
  readonly #shape: VectorShape;
  readonly #vectors: AsyncGenerator<ReadyVector>;
  /** Read already, their documents not yet seen. */
  readonly #early = new Map<string, Float32Array>();
  #turn: Promise<unknown> = Promise.resolve();
  #position = 0;
  #leftCount = 0;

  /** @param file `.npy`, `.jsonl` or `.ndjson` */
  constructor(file: string, shape: VectorShape) {
    this.#file = file;
    this.#shape = shape;
    this.#vectors = readVectors(file, shape);
  }

  /**
   * Vectors of the next documents. Calls are answered in their order.
   *
   * @throws {InputError} the file cannot be read, or has no vector for a document
   */
  take(docIds: readonly string[]): Promise<Embeddings> {
    const taken = this.#turn.then(async () => {
      const vectors: Float32Array[] = [];
      for (const docId of docIds) vectors.push(await this.#vectorOf(docId));
      return embeddingsOf(vectors, this.#shape.dimension);
    });
    this.#turn = taken.catch(() => {});
    return taken;
  }

  /**
   * To be called behind the last document.
   *
   * @throws {InputError} vectors without ids are left over: file and documents do not go together
   */
  async end(): Promise<void> {
    await this.#turn;
    this.#leftCount = this.#early.size;
    for await (const { docId } of this.#vectors) {
      if (docId === null) {
        throw new InputError(
          `${this.#file} has more vectors than the ${this.#position} documents: row i must be the ` +
            "vector of document i",
          { file: this.#file, documents: this.#position },
        );
      }
      this.#leftCount++;
    }
  }

  /** After {@link end}: vectors with ids that no document had. */
  get leftCount(): number {
    return this.#leftCount;
  }

  /** Closes the file where not all of it was read. */
  async close(): Promise<void> {
    await this.#turn;
    await this.#vectors.return(undefined);
  }

  async #vectorOf(docId: string): Promise<Float32Array> {
    const position = this.#position++;
    const early = this.#early.get(docId);
    if (early !== undefined) {
      this.#early.delete(docId);
      return early;
    }
    for (;;) {
      const { done, value } = await this.#vectors.next();
      if (done === true) {
        throw new InputError(
          `${this.#file} has no vector for document ${JSON.stringify(docId)} (number ${position + 1}): ` +
            "every document needs one, by id or by position",
          { file: this.#file, docId },
        );
      }
      if (value.docId === null || value.docId === docId) return value.vector;
      if (this.#early.has(value.docId)) {
        throw new InputError(
          `${this.#file} has two vectors for document ${JSON.stringify(value.docId)}`,
          { file: this.#file, docId: value.docId },
        );
      }
      this.#early.set(value.docId, value.vector);
    }
  }
}
