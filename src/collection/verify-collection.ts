import path from "node:path";
import type { Analyzer } from "../analysis/analyzer.js";
import { analyzerNamed } from "../analysis/analyzers.js";
import { SearchError } from "../errors.js";
import { ColumnsBuilder } from "../filter/columns-builder.js";
import { termCorrectionsFor } from "../sparse/term-corrections.js";
import type { FileSystem } from "../store/file-system.js";
import { MemorySections } from "../store/memory-sections.js";
import { SegmentFile } from "../store/segment-file.js";
import { readLog } from "../store/write-ahead-log.js";
import { livingHolder } from "../store/writer-lock.js";
import { lockFileName } from "./collection-home.js";
import {
  type CollectionManifest,
  manifestFileName,
  readCollectionManifest,
} from "./collection-manifest.js";
import type { SavedDeletions } from "./recovery.js";
import type { Segment } from "./segment.js";
import { liveCount, type SegmentState } from "./segment-state.js";
import { verifyPostings } from "./verify-postings.js";

/** One thing that is wrong, and where. */
export interface VerifyProblem {
  readonly file: string;
  readonly message: string;
}

export interface VerifyReport {
  /** Whether everything is as it should be. */
  readonly ok: boolean;
  readonly problems: readonly VerifyProblem[];
  readonly checkedFiles: number;
  readonly checkedBytes: number;
  /** Documents whose two legs were compared with their stored text. */
  readonly checkedDocuments: number;
  readonly liveDocuments: number;
}

export interface VerifyContext {
  readonly directory: string;
  readonly manifest: CollectionManifest;
  readonly states: readonly SegmentState[];
  readonly savedDeletions: ReadonlyMap<string, SavedDeletions>;
  readonly fileSystem: FileSystem;
}

/** Documents checked between two turns of the event loop. */
const docsPerStep = 256;

/**
 * Every byte of every file against its checksum; ids, documents, postings, vectors and statistics of
 * every segment against each other; each id alive once.
 */
export async function verifyCollection(context: VerifyContext): Promise<VerifyReport> {
  const verifier = new Verifier(context);
  verifier.checkManifest();
  verifier.checkLogs();
  for (const state of context.states) await verifier.checkState(state);
  verifier.checkIdsLiveOnce();
  return verifier.report();
}

class Verifier {
  readonly #context: VerifyContext;
  readonly #analyzer: Analyzer;
  readonly #problems: VerifyProblem[] = [];
  #files = 0;
  #bytes = 0;
  #documents = 0;

  constructor(context: VerifyContext) {
    this.#context = context;
    this.#analyzer = analyzerNamed(context.manifest.settings.analyzer);
  }

  report(): VerifyReport {
    return {
      ok: this.#problems.length === 0,
      problems: this.#problems,
      checkedFiles: this.#files,
      checkedBytes: this.#bytes,
      checkedDocuments: this.#documents,
      liveDocuments: this.#context.states.reduce((sum, state) => sum + liveCount(state), 0),
    };
  }

  checkManifest(): void {
    const file = this.#path(manifestFileName);
    this.#attempt(file, () => {
      readCollectionManifest(file, this.#context.fileSystem);
      this.#countFile(file);
    });
  }

  checkLogs(): void {
    const { manifest, fileSystem } = this.#context;
    // The end of a log that is being written may be a commit on its way.
    const isWritten = livingHolder(this.#path(lockFileName), fileSystem) !== null;
    for (const [i, name] of manifest.logs.entries()) {
      const file = this.#path(name);
      this.#attempt(file, () => {
        const { validBytes, tornBytes } = readLog(file, fileSystem);
        this.#countFile(file);
        if (tornBytes === 0 || (isWritten && i === manifest.logs.length - 1)) return;
        this.#problem(
          file,
          `${tornBytes} bytes from byte ${validBytes} on are no whole commit: a write that a crash ` +
            "interrupted (never acknowledged; the next writer cuts it), or damage at the log's end",
        );
      });
    }
  }

  async checkState(state: SegmentState): Promise<void> {
    const { segment } = state;
    const { label } = segment.source;
    const before = this.#problems.length;
    this.#checkFiles(segment);
    // What is damaged is not compared: everything in it would be reported once more.
    if (this.#problems.length > before) return;
    try {
      this.#checkIds(segment);
      await this.#checkDocuments(segment);
      for (const problem of await verifyPostings(segment, this.#analyzer)) {
        this.#problem(label, problem);
      }
      this.#checkVectors(segment);
      this.#checkDeletions(state);
    } catch (error) {
      if (!(error instanceof SearchError)) throw error;
      this.#problem(label, error.message);
    }
  }

  /** Of all segments together at most one living document has an id. */
  checkIdsLiveOnce(): void {
    const { states } = this.#context;
    for (const [i, { segment, deleted }] of states.entries()) {
      this.#attempt(segment.source.label, () => {
        for (let docOrd = 0; docOrd < segment.docCount; docOrd++) {
          if (deleted?.has(docOrd)) continue;
          const id = segment.ids.idBytes(docOrd);
          for (const other of states.slice(i + 1)) {
            const otherOrd = other.segment.ids.locateBytes(id);
            if (otherOrd < 0 || other.deleted?.has(otherOrd)) continue;
            const docId = JSON.stringify(segment.ids.docId(docOrd));
            this.#problem(
              segment.source.label,
              `document ${docId} lives here and in ${other.segment.source.label}`,
            );
          }
        }
      });
    }
  }

  #checkFiles({ source, sideFiles }: Segment): void {
    for (const file of [source, ...sideFiles.values()]) {
      if (!(file instanceof SegmentFile)) continue;
      this.#attempt(file.label, () => {
        // Opened anew: what this process has in memory says nothing about the disk.
        const fresh = SegmentFile.open(file.label, this.#context.fileSystem);
        try {
          for (const damage of fresh.verify()) this.#problem(file.label, damage.message);
          this.#files++;
          this.#bytes += fresh.byteLengthOfFile;
        } finally {
          fresh.close();
        }
      });
    }
  }

  #checkIds({ ids, source }: Segment): void {
    const order = ids.order();
    const seen = new Uint8Array(ids.docCount);
    for (let position = 0; position < order.length; position++) {
      const docOrd = order[position] ?? 0;
      seen[docOrd] = 1;
      if (ids.idRank[docOrd] !== position) {
        this.#problem(source.label, `two documents have rank ${position} in id order`);
        return;
      }
      if (position === 0) continue;
      const compared = Buffer.compare(ids.idBytes(order[position - 1] ?? 0), ids.idBytes(docOrd));
      if (compared > 0) {
        this.#problem(source.label, `ids are not in order at rank ${position}`);
        return;
      }
    }
    for (let docOrd = 0; docOrd < ids.docCount; docOrd++) {
      const found = ids.locateBytes(ids.idBytes(docOrd));
      const isSame = found >= 0 && ids.docId(found) === ids.docId(docOrd);
      if (!isSame || found < docOrd) {
        this.#problem(source.label, `id ${JSON.stringify(ids.docId(docOrd))} is not found`);
        return;
      }
    }
  }

  /** Stored documents against ids, and against the columns, which have one form for given documents. */
  async #checkDocuments({ ids, documents, docCount, source }: Segment): Promise<void> {
    const columns = new ColumnsBuilder();
    for (let docOrd = 0; docOrd < docCount; docOrd++) {
      if (docOrd % docsPerStep === 0) await new Promise((resolve) => setImmediate(resolve));
      const document = documents.document(docOrd);
      const { _id } = document;
      columns.add(document);
      this.#documents++;
      if (_id === ids.docId(docOrd)) continue;
      this.#problem(
        source.label,
        `document ${docOrd} is stored as ${JSON.stringify(_id)}, the ids say ` +
          JSON.stringify(ids.docId(docOrd)),
      );
    }
    const expected = new MemorySections();
    columns.write(expected);
    const names = new Set([
      ...expected.names,
      ...source.names.filter((name) => /^columns\b/.test(name)),
    ]);
    for (const name of names) {
      const isSame =
        expected.has(name) &&
        source.has(name) &&
        Buffer.compare(expected.load(name), source.load(name)) === 0;
      if (!isSame) this.#problem(source.label, `section ${name} is not that of the documents`);
    }
  }

  #checkVectors(segment: Segment): void {
    for (const { name, encoder } of this.#context.manifest.slots) {
      const { dimension, similarity, values } = segment.vectors(name);
      if (dimension !== encoder.dimension || similarity !== encoder.similarity) {
        this.#problem(
          segment.source.label,
          `vectors of slot ${name} are ${similarity} ${dimension}, encoder ${encoder.name} makes ` +
            `${encoder.similarity} ${encoder.dimension}`,
        );
        continue;
      }
      const odd = values.findIndex((value) => !Number.isFinite(value));
      if (odd >= 0) {
        const row = Math.floor(odd / dimension);
        this.#problem(segment.source.label, `vector ${row} of slot ${name} is not finite`);
      }
    }
  }

  #checkDeletions(state: SegmentState): void {
    const { segment, deleted, deletedCount, corrections } = state;
    const { label } = segment.source;
    const saved = this.#context.savedDeletions.get(segment.file ?? "");
    if (saved !== undefined) {
      const file = this.#path(saved.file);
      this.#attempt(file, () => {
        const source = SegmentFile.open(file, this.#context.fileSystem);
        for (const damage of source.verify()) this.#problem(file, damage.message);
        this.#files++;
        this.#bytes += source.byteLengthOfFile;
        source.close();
      });
    }
    if (deleted === null || corrections === null) return;
    if (deleted.count() !== deletedCount) {
      this.#problem(label, `${deleted.count()} documents are deleted, ${deletedCount} are counted`);
    }
    const { documents } = segment;
    const expected = termCorrectionsFor(
      this.#analyzer,
      (function* () {
        for (const docOrd of deleted) yield documents.document(docOrd);
      })(),
    );
    if (Buffer.compare(expected.toBytes(), corrections.toBytes()) !== 0) {
      this.#problem(label, "statistics of the deleted documents are not those of their texts");
    }
  }

  #countFile(file: string): void {
    const { fileSystem } = this.#context;
    const descriptor = fileSystem.open(file, "read");
    this.#bytes += fileSystem.byteLength(descriptor);
    fileSystem.close(descriptor);
    this.#files++;
  }

  #attempt(file: string, check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof SearchError)) throw error;
      this.#problem(file, error.message);
    }
  }

  #problem(file: string, message: string): void {
    this.#problems.push({ file, message });
  }

  #path(file: string): string {
    return path.join(this.#context.directory, file);
  }
}
