import { crc32 } from "node:zlib";
import { type FileSystem, nodeFileSystem } from "./file-system.js";
import type { SectionSink } from "./sections.js";
import {
  alignUp,
  footerBytes,
  footerMagic,
  headerBytes,
  headerMagic,
  type SectionPlace,
  segmentFormatVersion,
} from "./segment-format.js";

const bufferBytes = 1 << 18;

/**
 * Writes one segment file from front to back. The file counts only once {@link finish} has returned
 * and a manifest names it; {@link abort} removes it.
 *
 * @throws {StorageError} the file exists already, or the disk refuses
 */
export class SegmentFileWriter implements SectionSink {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  readonly #descriptor: number;
  readonly #sections: SectionPlace[] = [];
  readonly #names = new Set<string>();
  readonly #buffer = new Uint8Array(bufferBytes);
  #buffered = 0;
  /** Position in the file where the buffer will land. */
  #flushed = 0;
  #open = true;

  constructor(path: string, fileSystem: FileSystem = nodeFileSystem) {
    this.#fileSystem = fileSystem;
    this.#path = path;
    this.#descriptor = fileSystem.open(path, "create");
    const header = new Uint8Array(headerBytes);
    header.set(Buffer.from(headerMagic, "latin1"));
    new DataView(header.buffer).setUint32(8, segmentFormatVersion, true);
    this.#write(header);
  }

  /** Bytes written so far, buffered ones included. */
  get byteLength(): number {
    return this.#flushed + this.#buffered;
  }

  add(name: string, bytes: ArrayBufferView): void {
    this.stream(name, [bytes]);
  }

  stream(name: string, pieces: Iterable<ArrayBufferView>): void {
    if (this.#names.has(name)) throw new Error(`section ${name} was written twice`);
    this.#names.add(name);
    this.#pad();
    const offset = this.byteLength;
    let checksum = 0;
    for (const piece of pieces) {
      // Node's crc32 forgets the sum so far when it meets an array without memory.
      if (piece.byteLength === 0) continue;
      const bytes = new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
      checksum = crc32(bytes, checksum);
      this.#write(bytes);
    }
    const byteLength = this.byteLength - offset;
    this.#sections.push({ name, offset, byteLength, crc32: checksum });
  }

  /**
   * Writes contents and footer, syncs and closes.
   *
   * @param meta JSON value that {@link SegmentFile.meta} gives back
   * @returns length of the whole file
   */
  finish(meta: unknown): number {
    this.#pad();
    const contentsOffset = this.byteLength;
    const contents = Buffer.from(JSON.stringify({ meta, sections: this.#sections }), "utf8");
    this.#write(contents);
    const fileLength = this.byteLength + footerBytes;
    const footer = new Uint8Array(footerBytes);
    const view = new DataView(footer.buffer);
    view.setFloat64(0, contentsOffset, true);
    view.setFloat64(8, contents.byteLength, true);
    view.setFloat64(16, fileLength, true);
    view.setUint32(24, crc32(contents), true);
    view.setUint32(28, crc32(footer.subarray(0, 28)), true);
    footer.set(Buffer.from(footerMagic, "latin1"), 40);
    this.#write(footer);
    this.#flush();
    this.#fileSystem.sync(this.#descriptor);
    this.#open = false;
    this.#fileSystem.close(this.#descriptor);
    return fileLength;
  }

  /** Closes and removes the unfinished file; after {@link finish} it does nothing. */
  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#fileSystem.close(this.#descriptor);
    this.#fileSystem.remove(this.#path);
  }

  #pad(): void {
    const gap = alignUp(this.byteLength) - this.byteLength;
    if (gap > 0) this.#write(new Uint8Array(gap));
  }

  #write(bytes: Uint8Array): void {
    if (bytes.byteLength > bufferBytes - this.#buffered) {
      this.#flush();
      if (bytes.byteLength >= bufferBytes) {
        this.#fileSystem.write(this.#descriptor, bytes, this.#flushed);
        this.#flushed += bytes.byteLength;
        return;
      }
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.byteLength;
  }

  #flush(): void {
    if (this.#buffered === 0) return;
    const bytes = this.#buffer.subarray(0, this.#buffered);
    this.#fileSystem.write(this.#descriptor, bytes, this.#flushed);
    this.#flushed += this.#buffered;
    this.#buffered = 0;
  }
}
