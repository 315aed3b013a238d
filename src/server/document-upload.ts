import type { Readable } from "node:stream";
import type { Document } from "../corpus/document.js";
import { readJsonLines } from "../corpus/jsonl-reader.js";
import { parseDocument } from "../corpus/parse-document.js";
import { InputError } from "../errors.js";
import type { SearchableCollection } from "../pipeline/searchable-collection.js";
import { brokenBody } from "./request-body.js";

/** A document that could not be taken. */
export interface LineError {
  /** Line of a stream or position in an array, from 1. */
  readonly line: number;
  readonly code: string;
  readonly detail: string;
}

export interface UploadReport {
  /** Documents that came, good and bad. */
  readonly received: number;
  readonly added: number;
  readonly replaced: number;
  readonly failed: number;
  /** The first `shownErrors` of them. */
  readonly errors: readonly LineError[];
}

/** Most errors that an answer lists; `failed` counts all. */
export const shownErrors = 1000;
/** Documents that become durable together. */
const batchDocuments = 256;
/** UTF-16 units of title and text after which a batch is complete. */
const batchLength = 1 << 20;
/** Batches under way: one is encoded while the one before it is written. */
const batchesUnderWay = 2;

/**
 * Takes documents of one request in, batch by batch, and counts. Reading waits for writing: no more
 * than two batches are held, however long the stream is.
 */
class Upload {
  readonly #target: SearchableCollection;
  readonly #signal: AbortSignal;
  readonly #underWay: Promise<void>[] = [];
  #batch: Document[] = [];
  #batchLength = 0;
  #received = 0;
  #added = 0;
  #replaced = 0;
  #failed = 0;
  readonly #errors: LineError[] = [];

  constructor(target: SearchableCollection, signal: AbortSignal) {
    this.#target = target;
    this.#signal = signal;
  }

  refuse(line: number, { code, message }: InputError): void {
    this.#received++;
    this.#failed++;
    if (this.#errors.length < shownErrors) this.#errors.push({ line, code, detail: message });
  }

  /** Holds a document; true if the batch is complete. */
  hold(document: Document): boolean {
    this.#received++;
    this.#batch.push(document);
    this.#batchLength += document.title.length + document.text.length;
    return this.#batch.length >= batchDocuments || this.#batchLength >= batchLength;
  }

  /** Starts to write what is held; waits while too much is under way. */
  async write(): Promise<void> {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchLength = 0;
    const writing = this.#target.collection
      .upsert(batch, { signal: this.#signal })
      .then(({ added, replaced }) => {
        this.#added += added;
        this.#replaced += replaced;
      });
    // The failure is met when its turn comes.
    writing.catch(() => undefined);
    this.#underWay.push(writing);
    if (this.#underWay.length >= batchesUnderWay) await this.#underWay.shift();
  }

  /** Waits for everything that was begun. */
  async finish(): Promise<UploadReport> {
    await this.write();
    await Promise.all(this.#underWay);
    return this.report();
  }

  /** Waits for what is under way, whether it succeeds or not. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  report(): UploadReport {
    return {
      received: this.#received,
      added: this.#added,
      replaced: this.#replaced,
      failed: this.#failed,
      errors: this.#errors,
    };
  }
}

/**
 * Upserts a stream of JSON lines. Bad lines are listed and passed over; good ones are durable when
 * the promise resolves.
 *
 * @throws {InputError} the stream breaks off; its facts count what is durable nevertheless
 * @throws what `Collection.upsert` throws
 */
export async function uploadLines(
  target: SearchableCollection,
  stream: Readable,
  lineBytes: number,
  signal: AbortSignal,
): Promise<UploadReport> {
  const upload = new Upload(target, signal);
  try {
    for await (const records of readJsonLines(stream, "line", lineBytes)) {
      for (const record of records) {
        if ("error" in record) upload.refuse(record.line, record.error);
        else if (upload.hold(record.document)) await upload.write();
      }
    }
    return await upload.finish();
  } catch (error) {
    await upload.settle();
    if (!isStreamFailure(error)) throw error;
    const { added, replaced } = upload.report();
    const { message } = brokenBody(error);
    throw new InputError(
      `${message}: ${added} documents were added and ${replaced} replaced before that`,
      { added, replaced },
      { cause: error },
    );
  }
}

/**
 * Upserts a JSON array: all its good documents become visible at once.
 *
 * @throws {InputError} not an array
 * @throws what `Collection.upsert` throws
 */
export async function uploadArray(
  target: SearchableCollection,
  body: unknown,
  signal: AbortSignal,
): Promise<UploadReport> {
  if (!Array.isArray(body)) {
    throw new InputError(
      "expected a JSON array of documents, or JSON lines as application/x-ndjson",
      {},
    );
  }
  const upload = new Upload(target, signal);
  for (const [i, value] of body.entries()) {
    try {
      upload.hold(parseDocument(value, `document ${i + 1}`));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      upload.refuse(i + 1, error);
    }
  }
  return upload.finish();
}

/** Errors of the connection or of decompression, told from ours by their codes. */
function isStreamFailure(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^(Z_|ERR_|ECONN|EPIPE|ABORT)/.test(code);
}
