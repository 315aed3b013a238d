/**
 * An index is written into named byte sections and read back from them; who holds the bytes (a
 * segment file, memory) is not its business. Both sides are synchronous: Node's positioned reads
 * from the page cache cost about a microsecond, an asynchronous hop costs more.
 */

/** Where an index under construction puts its bytes. Section names are unique within one sink. */
export interface SectionSink {
  /** Writes one whole section; the bytes are copied or written before the call returns. */
  add(name: string, bytes: ArrayBufferView): void;
  /** Writes one section piece by piece, for those that do not fit in memory. */
  stream(name: string, pieces: Iterable<ArrayBufferView>): void;
}

/** Where an index finds its bytes again. */
export interface SectionSource {
  /** For error messages: file path or "memory". */
  readonly label: string;
  has(name: string): boolean;
  byteLength(name: string): number;
  /**
   * The whole section, checked against its checksum on first load and kept; 64-byte aligned at the
   * start of a SharedArrayBuffer, so that typed arrays of any kind may view it and threads share it.
   *
   * @throws {CorruptIndexError} missing section, wrong length or checksum
   */
  load(name: string): Uint8Array;
  /**
   * `length` bytes at `offset` inside the section, by a positioned read, without loading or
   * checking the rest of it: for large sections read sparsely (stored documents).
   *
   * @throws {CorruptIndexError} the range leaves the section
   */
  read(name: string, offset: number, length: number): Uint8Array;
}
