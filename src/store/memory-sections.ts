import { CorruptIndexError } from "../errors.js";
import type { SectionSink, SectionSource } from "./sections.js";

/** Sections held in memory, written once and read back: the small segments of live updates. */
export class MemorySections implements SectionSink, SectionSource {
  readonly label = "memory";
  readonly #sections = new Map<string, Uint8Array>();

  /** Takes sections that another thread made; the bytes are shared, not copied. */
  static of(sections: Iterable<readonly [string, Uint8Array]>): MemorySections {
    const memory = new MemorySections();
    for (const [name, bytes] of sections) memory.#sections.set(name, bytes);
    return memory;
  }

  add(name: string, bytes: ArrayBufferView): void {
    this.stream(name, [bytes]);
  }

  stream(name: string, pieces: Iterable<ArrayBufferView>): void {
    if (this.#sections.has(name)) throw new Error(`section ${name} was written twice`);
    const parts: Uint8Array[] = [];
    let byteLength = 0;
    for (const piece of pieces) {
      // A generator may reuse one buffer for all its pieces, so each is copied as it comes.
      const bytes = new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength).slice();
      parts.push(bytes);
      byteLength += bytes.byteLength;
    }
    const whole = new Uint8Array(new SharedArrayBuffer(byteLength));
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.byteLength;
    }
    this.#sections.set(name, whole);
  }

  get names(): readonly string[] {
    return [...this.#sections.keys()];
  }

  /** Bytes of all sections together. */
  get totalBytes(): number {
    let total = 0;
    for (const bytes of this.#sections.values()) total += bytes.byteLength;
    return total;
  }

  has(name: string): boolean {
    return this.#sections.has(name);
  }

  byteLength(name: string): number {
    return this.load(name).byteLength;
  }

  load(name: string): Uint8Array {
    const bytes = this.#sections.get(name);
    if (bytes === undefined) {
      throw new CorruptIndexError(`section ${name} is missing from a segment in memory`, {
        section: name,
      });
    }
    return bytes;
  }

  read(name: string, offset: number, length: number): Uint8Array {
    const bytes = this.load(name);
    if (offset < 0 || length < 0 || offset + length > bytes.byteLength) {
      throw new CorruptIndexError(
        `section ${name} in memory has ${bytes.byteLength} bytes, asked for ${offset}..${offset + length}`,
        { section: name, byteLength: bytes.byteLength, offset, length },
      );
    }
    // A copy outside the shared buffer: TextDecoder does not take shared memory everywhere.
    return bytes.slice(offset, offset + length);
  }
}
