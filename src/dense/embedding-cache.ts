import { createHash } from "node:crypto";
import path from "node:path";
import { crc32 } from "node:zlib";
import { InputError, LockedError } from "../errors.js";
import { type FileSystem, nodeFileSystem } from "../store/file-system.js";
import { WriterLock } from "../store/writer-lock.js";
import type { Embeddings, Encoder, EncoderIdentity } from "./encoder.js";

/*
 * On disk: <directory>/<first 32 hex digits of the fingerprint>/<n>.keys, <n>.vectors, <n>.lock
 *
 *   n.keys     header of 64 bytes: "BRAIDEMB", version u32, dimension u32, SHA-256 of the fingerprint,
 *              zeros; then records of 40 bytes: SHA-256 of the text, CRC-32 of its vector, CRC-32 of
 *              the 36 bytes before
 *   n.vectors  the vectors, float32, in the order of the records
 *
 * A vector is written before its key. A file pair grows at its end only and has one writer at a time
 * (n.lock); a second process takes the next free n, and everybody reads all pairs. A torn record
 * ends what is read of its file and is overwritten by the next writer.
 */
const magic = "BRAIDEMB";
const formatVersion = 1;
const headerBytes = 64;
const recordBytes = 40;
const keyBytes = 32;
const recordsPerRead = 16_384;

export interface EmbeddingCacheStats {
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  /** Vectors whose checksum was wrong when they were read; they are encoded again. */
  readonly damaged: number;
}

/**
 * Vectors by (model fingerprint, text) on disk, so that no text is encoded twice by one model: not
 * after an interrupted build, nor for a second collection. Losing it loses time only, never data.
 *
 * Keeps about 20 bytes per entry in memory; keys and vectors stay on disk.
 */
export class EmbeddingCache {
  readonly #directory: string;
  readonly #identity: EncoderIdentity;
  readonly #fileSystem: FileSystem;
  readonly #files: CacheFile[] = [];
  readonly #index = new KeyIndex();
  #writing: { readonly file: CacheFile; readonly lock: WriterLock } | null = null;
  #hits = 0;
  #misses = 0;
  #damaged = 0;

  private constructor(directory: string, identity: EncoderIdentity, fileSystem: FileSystem) {
    const folder = createHash("sha256").update(identity.fingerprint).digest("hex").slice(0, 32);
    this.#directory = path.join(directory, folder);
    this.#identity = identity;
    this.#fileSystem = fileSystem;
  }

  /**
   * Opens the vectors of one encoder below `directory`; nothing is created before the first `put`.
   *
   * @throws {StorageError} the disk refuses
   */
  static open(
    directory: string,
    identity: EncoderIdentity,
    fileSystem: FileSystem = nodeFileSystem,
  ): EmbeddingCache {
    const cache = new EmbeddingCache(directory, identity, fileSystem);
    cache.refresh();
    return cache;
  }

  /** Takes in what other processes have added since. */
  refresh(): void {
    for (const name of this.#fileSystem.list(this.#directory) ?? []) {
      const ordinal = /^(\d+)\.keys$/.exec(name)?.[1];
      if (ordinal === undefined || this.#files.some((file) => file.ordinal === Number(ordinal))) {
        continue;
      }
      const file = CacheFile.open(
        this.#directory,
        Number(ordinal),
        this.#identity,
        this.#fileSystem,
        "read",
      );
      if (file !== null) this.#files.push(file);
    }
    for (const [at, file] of this.#files.entries()) {
      file.readNewRecords((key, record) => this.#index.set(key, at, record));
    }
  }

  /**
   * Puts the vector of `text` at `target[start …]`.
   *
   * @returns false where it is not known (or damaged)
   */
  get(text: string, target: Float32Array, start = 0): boolean {
    const key = keyOf(text);
    const found = this.#index.get(key);
    const file = found === null ? undefined : this.#files[found.file];
    if (found === null || file === undefined || !file.holdsKey(found.record, key)) {
      this.#misses++;
      return false;
    }
    const row = target.subarray(start, start + this.#identity.dimension);
    if (!file.readVector(found.record, row)) {
      this.#damaged++;
      this.#misses++;
      return false;
    }
    this.#hits++;
    return true;
  }

  /**
   * Adds vectors of texts. They survive the end of this process when the call returns, and a loss of
   * power after `flush`.
   *
   * @throws {InputError} counts or dimension differ
   * @throws {StorageError} the disk refuses
   */
  put(texts: readonly string[], embeddings: Embeddings): void {
    const { dimension } = this.#identity;
    if (embeddings.count !== texts.length || embeddings.dimension !== dimension) {
      throw new InputError(
        `expected ${texts.length} vectors of dimension ${dimension}, got ${embeddings.count} of ${embeddings.dimension}`,
        { expected: dimension, got: embeddings.dimension },
      );
    }
    if (texts.length === 0) return;
    this.#writing ??= this.#startWriting();
    const { file } = this.#writing;
    const keys = texts.map(keyOf);
    const first = file.append(keys, embeddings.values);
    const at = this.#files.indexOf(file);
    for (const [i, key] of keys.entries()) this.#index.set(key, at, first + i);
  }

  /** Returns when everything put is on the disk. */
  flush(): void {
    this.#writing?.file.sync();
  }

  close(): void {
    this.flush();
    for (const file of this.#files.splice(0)) file.close();
    this.#writing?.lock.release();
    this.#writing = null;
  }

  stats(): EmbeddingCacheStats {
    return {
      entries: this.#index.size,
      hits: this.#hits,
      misses: this.#misses,
      damaged: this.#damaged,
    };
  }

  /** Takes the first file pair that nobody writes; a new one where all are taken or unreadable. */
  #startWriting(): { file: CacheFile; lock: WriterLock } {
    this.#fileSystem.makeDirectory(this.#directory);
    for (let ordinal = 0; ; ordinal++) {
      let lock: WriterLock;
      try {
        lock = WriterLock.acquire(path.join(this.#directory, `${ordinal}.lock`), this.#fileSystem);
      } catch (error) {
        if (error instanceof LockedError) continue;
        throw error;
      }
      const file = CacheFile.open(
        this.#directory,
        ordinal,
        this.#identity,
        this.#fileSystem,
        "write",
      );
      if (file === null) {
        lock.release();
        continue;
      }
      const at = this.#files.findIndex((known) => known.ordinal === ordinal);
      if (at >= 0) {
        this.#files[at]?.close();
        this.#files[at] = file;
      } else {
        this.#files.push(file);
      }
      const place = at >= 0 ? at : this.#files.length - 1;
      file.readNewRecords((key, record) => this.#index.set(key, place, record));
      return { file, lock };
    }
  }
}

/**
 * `encoder` with its documents' vectors kept in `cache`: only texts not found there are encoded, each
 * once, and every piece that is done is in the cache before the next begins. Queries pass through.
 * Closing it closes both.
 */
export function cachedEncoder(encoder: Encoder, cache: EmbeddingCache, pieceTexts = 512): Encoder {
  const { dimension } = encoder.identity;
  return {
    identity: encoder.identity,
    encodeQueries: (texts, signal) => encoder.encodeQueries(texts, signal),
    async encodeDocuments(texts, signal) {
      const values = new Float32Array(texts.length * dimension);
      const placesOfMissing = new Map<string, number[]>();
      for (const [i, text] of texts.entries()) {
        const known = placesOfMissing.get(text);
        if (known !== undefined) known.push(i);
        else if (!cache.get(text, values, i * dimension)) placesOfMissing.set(text, [i]);
        // Reading is a few microseconds a text; a long list must not hold up the event loop.
        if (i % 512 === 511) await new Promise<void>((resolve) => setImmediate(resolve));
      }
      // Sorted before it is cut, so that each piece holds texts of like length.
      const missing = [...placesOfMissing.keys()].sort((a, b) => b.length - a.length);
      for (let at = 0; at < missing.length; at += pieceTexts) {
        const piece = missing.slice(at, at + pieceTexts);
        const embeddings = await encoder.encodeDocuments(piece, signal);
        cache.put(piece, embeddings);
        for (const [i, text] of piece.entries()) {
          const row = embeddings.values.subarray(i * dimension, (i + 1) * dimension);
          for (const place of placesOfMissing.get(text) ?? []) values.set(row, place * dimension);
        }
      }
      return { count: texts.length, dimension, values };
    },
    async close() {
      cache.close();
      await encoder.close();
    },
  };
}

/** One pair of files. */
class CacheFile {
  readonly ordinal: number;
  readonly #fileSystem: FileSystem;
  readonly #keys: number;
  readonly #vectors: number;
  readonly #vectorBytes: number;
  #recordCount = 0;

  private constructor(
    ordinal: number,
    fileSystem: FileSystem,
    keys: number,
    vectors: number,
    vectorBytes: number,
  ) {
    this.ordinal = ordinal;
    this.#fileSystem = fileSystem;
    this.#keys = keys;
    this.#vectors = vectors;
    this.#vectorBytes = vectorBytes;
  }

  /** @returns null where the pair is missing a file or does not belong to this encoder */
  static open(
    directory: string,
    ordinal: number,
    identity: EncoderIdentity,
    fileSystem: FileSystem,
    purpose: "read" | "write",
  ): CacheFile | null {
    const keysFile = path.join(directory, `${ordinal}.keys`);
    const vectorsFile = path.join(directory, `${ordinal}.vectors`);
    const names = new Set(fileSystem.list(directory) ?? []);
    const header = headerOf(identity);
    if (purpose === "write" && !names.has(`${ordinal}.keys`)) {
      const vectors = fileSystem.open(
        vectorsFile,
        names.has(`${ordinal}.vectors`) ? "update" : "create",
      );
      fileSystem.truncate(vectors, 0);
      const keys = fileSystem.open(keysFile, "create");
      fileSystem.write(keys, header, 0);
      return new CacheFile(ordinal, fileSystem, keys, vectors, identity.dimension * 4);
    }
    if (!names.has(`${ordinal}.vectors`) || !names.has(`${ordinal}.keys`)) return null;
    const mode = purpose === "write" ? "update" : "read";
    const keys = fileSystem.open(keysFile, mode);
    const found = new Uint8Array(headerBytes);
    const length = fileSystem.read(keys, found, 0);
    if (length < headerBytes && purpose === "write") {
      // Only a writer that died at once leaves less than a header; nothing is lost with it.
      fileSystem.truncate(keys, 0);
      fileSystem.write(keys, header, 0);
    } else if (Buffer.compare(found, header) !== 0) {
      fileSystem.close(keys);
      return null;
    }
    const vectors = fileSystem.open(vectorsFile, mode);
    return new CacheFile(ordinal, fileSystem, keys, vectors, identity.dimension * 4);
  }

  /** Visits the records added since the last call, up to the first that is not whole. */
  readNewRecords(visit: (key: Uint8Array, record: number) => void): void {
    const vectorLimit = Math.floor(this.#fileSystem.byteLength(this.#vectors) / this.#vectorBytes);
    const buffer = Buffer.alloc(recordsPerRead * recordBytes);
    for (;;) {
      const position = headerBytes + this.#recordCount * recordBytes;
      const length = this.#fileSystem.read(this.#keys, buffer, position);
      const count = Math.floor(length / recordBytes);
      for (let i = 0; i < count; i++) {
        const record = buffer.subarray(i * recordBytes, (i + 1) * recordBytes);
        const whole = crc32(record.subarray(0, keyBytes + 4)) === record.readUInt32LE(keyBytes + 4);
        if (!whole || this.#recordCount >= vectorLimit) return;
        visit(record.subarray(0, keyBytes), this.#recordCount++);
      }
      if (count < recordsPerRead) return;
    }
  }

  /** @returns number of the first record added */
  append(keys: readonly Uint8Array[], values: Float32Array): number {
    const first = this.#recordCount;
    const vectors = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    const records = Buffer.alloc(keys.length * recordBytes);
    for (const [i, key] of keys.entries()) {
      const at = i * recordBytes;
      records.set(key, at);
      const row = vectors.subarray(i * this.#vectorBytes, (i + 1) * this.#vectorBytes);
      records.writeUInt32LE(crc32(row), at + keyBytes);
      const checked = records.subarray(at, at + keyBytes + 4);
      records.writeUInt32LE(crc32(checked), at + keyBytes + 4);
    }
    this.#fileSystem.write(this.#vectors, vectors, first * this.#vectorBytes);
    this.#fileSystem.write(this.#keys, records, headerBytes + first * recordBytes);
    this.#recordCount += keys.length;
    return first;
  }

  holdsKey(record: number, key: Uint8Array): boolean {
    const found = new Uint8Array(keyBytes);
    this.#fileSystem.read(this.#keys, found, headerBytes + record * recordBytes);
    return Buffer.compare(found, key) === 0;
  }

  /** @returns false where the vector's checksum is wrong; `target` then holds nonsense */
  readVector(record: number, target: Float32Array): boolean {
    const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
    const crc = Buffer.alloc(4);
    this.#fileSystem.read(this.#keys, crc, headerBytes + record * recordBytes + keyBytes);
    const length = this.#fileSystem.read(this.#vectors, bytes, record * this.#vectorBytes);
    return length === this.#vectorBytes && crc32(bytes) === crc.readUInt32LE(0);
  }

  sync(): void {
    this.#fileSystem.sync(this.#vectors);
    this.#fileSystem.sync(this.#keys);
  }

  close(): void {
    this.#fileSystem.close(this.#keys);
    this.#fileSystem.close(this.#vectors);
  }
}

/**
 * Key -> (file, record) by the first 8 bytes of the key, open addressing with linear probing. Two keys
 * alike in 64 bits would share an entry; the caller compares the whole key on disk.
 */
class KeyIndex {
  size = 0;
  #high = new Uint32Array(1024);
  #low = new Uint32Array(1024);
  #files = new Uint16Array(1024);
  /** Record + 1; 0 marks a free place. */
  #records = new Uint32Array(1024);

  set(key: Uint8Array, file: number, record: number): void {
    if (this.size * 2 >= this.#records.length) this.#grow();
    this.#put(wordAt(key, 0), wordAt(key, 4), file, record + 1);
  }

  get(key: Uint8Array): { readonly file: number; readonly record: number } | null {
    const at = this.#placeOf(wordAt(key, 0), wordAt(key, 4));
    const record = this.#records[at] ?? 0;
    return record === 0 ? null : { file: this.#files[at] ?? 0, record: record - 1 };
  }

  #put(high: number, low: number, file: number, recordPlusOne: number): void {
    const at = this.#placeOf(high, low);
    if (this.#records[at] === 0) this.size++;
    this.#high[at] = high;
    this.#low[at] = low;
    this.#files[at] = file;
    this.#records[at] = recordPlusOne;
  }

  #placeOf(high: number, low: number): number {
    const mask = this.#records.length - 1;
    let at = low & mask;
    while (this.#records[at] !== 0 && (this.#high[at] !== high || this.#low[at] !== low)) {
      at = (at + 1) & mask;
    }
    return at;
  }

  #grow(): void {
    const [high, low, files, records] = [this.#high, this.#low, this.#files, this.#records];
    const capacity = records.length * 2;
    this.#high = new Uint32Array(capacity);
    this.#low = new Uint32Array(capacity);
    this.#files = new Uint16Array(capacity);
    this.#records = new Uint32Array(capacity);
    this.size = 0;
    for (let i = 0; i < records.length; i++) {
      const record = records[i] ?? 0;
      if (record !== 0) this.#put(high[i] ?? 0, low[i] ?? 0, files[i] ?? 0, record);
    }
  }
}

function wordAt(key: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = key.subarray(at, at + 4);
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

function keyOf(text: string): Uint8Array {
  return createHash("sha256").update(text, "utf16le").digest();
}

function headerOf(identity: EncoderIdentity): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 0, "latin1");
  header.writeUInt32LE(formatVersion, 8);
  header.writeUInt32LE(identity.dimension, 12);
  header.set(createHash("sha256").update(identity.fingerprint).digest(), 16);
  return header;
}
