import { createHash } from "node:crypto";
import path from "node:path";
import { CorruptIndexError, EncoderMismatchError, InputError, LockedError } from "../errors.js";
import {
  type FileSystem,
  nodeFileSystem,
  readWholeFile,
  replaceFile,
} from "../store/file-system.js";
import { livingHolder, WriterLock } from "../store/writer-lock.js";
import { EmbeddingCache } from "./embedding-cache.js";
import type { Encoder, EncoderIdentity } from "./encoder.js";

/*
 * A job directory, on a disk that all processes share:
 *
 *   job.json            {"format","version","fingerprint","dimension","similarity","name","textCount",
 *                       "shards":[{"textCount","sha256"}, …]}; written last: without it there is no job
 *   shard-00000.json    the texts of a shard, a JSON array
 *   shard-00000.claim   lease of the process that encodes it (a dead one's is taken over)
 *   shard-00000.done    its vectors are in the cache
 *   cache/              an EmbeddingCache that every process writes its own file of
 *
 * Batches are formed inside a shard and vectors are found by their text, so it does not matter who
 * encoded what, in which order, or whether a shard was encoded twice.
 */
const format = "braid-encoding-job";
const formatVersion = 1;

interface JobDescription {
  readonly format: typeof format;
  readonly version: typeof formatVersion;
  readonly identity: EncoderIdentity;
  readonly textCount: number;
  readonly shards: readonly { readonly textCount: number; readonly sha256: string }[];
}

export interface EncodingJobProgress {
  readonly shardsDone: number;
  readonly shardCount: number;
  readonly textsDone: number;
  readonly textCount: number;
}

export interface WorkOptions {
  readonly signal?: AbortSignal | undefined;
  /** After each shard that this process has done. */
  readonly onProgress?: (progress: EncodingJobProgress) => void;
  /** How often to look whether a shard claimed by another is done or given up. Default 1000. */
  readonly pollMs?: number;
}

/** Encoding of many texts by several processes, which may come, go and be killed at any time. */
export class EncodingJob {
  readonly directory: string;
  readonly #description: JobDescription;
  readonly #fileSystem: FileSystem;

  private constructor(directory: string, description: JobDescription, fileSystem: FileSystem) {
    this.directory = directory;
    this.#description = description;
    this.#fileSystem = fileSystem;
  }

  /**
   * Lays out a job: texts in shards of fixed size, in the order they come.
   *
   * @throws {InputError} there is a job in the directory already
   * @throws {StorageError} the disk refuses
   */
  static async create(
    directory: string,
    identity: EncoderIdentity,
    texts: Iterable<string> | AsyncIterable<string>,
    options: { readonly textsPerShard?: number; readonly fileSystem?: FileSystem } = {},
  ): Promise<EncodingJob> {
    const { textsPerShard = 2000, fileSystem = nodeFileSystem } = options;
    const file = path.join(directory, "job.json");
    if (fileSystem.list(directory)?.includes("job.json")) {
      throw new InputError(`${file} is there already: work on it, or name another directory`, {
        file,
      });
    }
    fileSystem.makeDirectory(directory);
    const shards: { textCount: number; sha256: string }[] = [];
    let shard: string[] = [];
    let textCount = 0;
    const writeShard = (): void => {
      const bytes = Buffer.from(JSON.stringify(shard));
      replaceFile(fileSystem, shardFile(directory, shards.length, "json"), bytes);
      shards.push({ textCount: shard.length, sha256: sha256Of(bytes) });
      textCount += shard.length;
      shard = [];
    };
    for await (const text of texts) {
      if (shard.push(text) === textsPerShard) writeShard();
    }
    if (shard.length > 0) writeShard();
    const description: JobDescription = {
      format,
      version: formatVersion,
      identity,
      textCount,
      shards,
    };
    replaceFile(fileSystem, file, Buffer.from(JSON.stringify(description)));
    return new EncodingJob(directory, description, fileSystem);
  }

  /**
   * Opens the job in a directory.
   *
   * @throws {StorageError} there is none
   * @throws {CorruptIndexError} job.json is not a job's
   */
  static open(directory: string, fileSystem: FileSystem = nodeFileSystem): EncodingJob {
    const file = path.join(directory, "job.json");
    const bytes = readWholeFile(fileSystem, file);
    let description: JobDescription;
    try {
      description = JSON.parse(Buffer.from(bytes).toString("utf8")) as JobDescription;
    } catch (cause) {
      throw new CorruptIndexError(`${file} is not JSON: create the job again`, { file }, { cause });
    }
    if (description.format !== format || description.version !== formatVersion) {
      throw new CorruptIndexError(
        `${file}: expected ${format} version ${formatVersion}, got ${description.format} ${description.version}: create the job again`,
        { file },
      );
    }
    return new EncodingJob(directory, description, fileSystem);
  }

  /** The encoder whose vectors are wanted. */
  get identity(): EncoderIdentity {
    return this.#description.identity;
  }

  progress(): EncodingJobProgress {
    const names = new Set(this.#fileSystem.list(this.directory) ?? []);
    const { shards, textCount } = this.#description;
    let shardsDone = 0;
    let textsDone = 0;
    for (const [i, shard] of shards.entries()) {
      if (!names.has(path.basename(shardFile(this.directory, i, "done")))) continue;
      shardsDone++;
      textsDone += shard.textCount;
    }
    return { shardsDone, shardCount: shards.length, textsDone, textCount };
  }

  /** The vectors found so far, by text; everybody's. The caller closes it. */
  openCache(): EmbeddingCache {
    const directory = path.join(this.directory, "cache");
    return EmbeddingCache.open(directory, this.identity, this.#fileSystem);
  }

  /**
   * Encodes shards that nobody has claimed until all are done, waiting for those that others work on
   * and taking over those of processes that died.
   *
   * @throws {EncoderMismatchError} not the encoder of the job
   * @throws {CorruptIndexError} a shard's texts have changed
   */
  async work(encoder: Encoder, options: WorkOptions = {}): Promise<void> {
    const { fingerprint } = this.identity;
    if (encoder.identity.fingerprint !== fingerprint) {
      throw new EncoderMismatchError(
        `the job wants vectors of ${fingerprint}, ${encoder.identity.name} is ${encoder.identity.fingerprint}: name the job's encoder`,
        { expected: fingerprint, got: encoder.identity.fingerprint },
      );
    }
    const cache = this.openCache();
    try {
      for (;;) {
        const waiting = await this.#workOnce(encoder, cache, options);
        if (waiting === 0) return;
        await sleep(options.pollMs ?? 1000, options.signal);
      }
    } finally {
      cache.close();
    }
  }

  /** Goes over all shards once. @returns how many are still claimed by others */
  async #workOnce(
    encoder: Encoder,
    cache: EmbeddingCache,
    { signal, onProgress }: WorkOptions,
  ): Promise<number> {
    let waiting = 0;
    for (const shard of this.#description.shards.keys()) {
      signal?.throwIfAborted();
      if (this.#isDone(shard)) continue;
      const claim = this.#claim(shard);
      if (claim === null) {
        waiting++;
        continue;
      }
      try {
        // Somebody may have finished it between the two looks.
        if (this.#isDone(shard)) continue;
        const texts = this.#texts(shard);
        cache.refresh();
        const scratch = new Float32Array(this.identity.dimension);
        const missing = [...new Set(texts)].filter((text) => !cache.get(text, scratch));
        cache.put(missing, await encoder.encodeDocuments(missing, signal));
        cache.flush();
        claim.check();
        const done = shardFile(this.directory, shard, "done");
        replaceFile(this.#fileSystem, done, new Uint8Array(0));
        onProgress?.(this.progress());
      } finally {
        claim.release();
      }
    }
    return waiting;
  }

  #claim(shard: number): WriterLock | null {
    const file = shardFile(this.directory, shard, "claim");
    if (livingHolder(file, this.#fileSystem) !== null) return null;
    try {
      return WriterLock.acquire(file, this.#fileSystem);
    } catch (error) {
      if (error instanceof LockedError) return null;
      throw error;
    }
  }

  #isDone(shard: number): boolean {
    const name = path.basename(shardFile(this.directory, shard, "done"));
    return this.#fileSystem.list(this.directory)?.includes(name) ?? false;
  }

  #texts(shard: number): string[] {
    const file = shardFile(this.directory, shard, "json");
    const bytes = readWholeFile(this.#fileSystem, file);
    const got = sha256Of(bytes);
    const expected = this.#description.shards[shard]?.sha256 ?? "";
    if (got !== expected) {
      throw new CorruptIndexError(
        `${file} is not what the job was created with (SHA-256 ${got}, expected ${expected}): create the job again`,
        { file, expected, got },
      );
    }
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as string[]; // just written by create
  }
}

function shardFile(directory: string, shard: number, ending: "json" | "claim" | "done"): string {
  return path.join(directory, `shard-${String(shard).padStart(5, "0")}.${ending}`);
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
