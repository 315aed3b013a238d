import { CorruptIndexError } from "../errors.js";
import { ByteWriter } from "../numeric/byte-writer.js";
import { GrowableUint32 } from "../numeric/growable-uint32.js";
import type { SectionSink, SectionSource } from "../store/sections.js";

/*
 * Terms in ascending order of their UTF-8 bytes; a term's position is its `termOrd`.
 *
 *   sparse.terms         the terms' bytes, one after another
 *   sparse.term-offsets  Uint32[2 (count + 1)]: where the term's bytes and where its postings start
 *   sparse.term-hash     Uint32[power of two >= 1.5 count]: termOrd + 1, or 0 for an empty slot;
 *                        linear probing from the FNV-1a hash of the bytes
 *
 * Sorted bytes serve prefixes, fuzzy terms and merging; the hash serves look-ups: a JavaScript Map of
 * the same terms would take many times the memory and would have to be built on opening.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** UTF-8 bytes of a term; lone surrogates become U+FFFD, as they would in a file. */
export function termBytes(term: string): Uint8Array {
  return encoder.encode(term);
}

/** FNV-1a over the bytes, 32 bits. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  // The low bits pick the slot; mix the high ones in.
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Takes terms in ascending byte order, each with the offset of its postings. */
export class TermDictionaryWriter {
  readonly #bytes = new ByteWriter(256);
  readonly #offsets = new GrowableUint32(64);
  count = 0;

  add(term: string | Uint8Array, postingsOffset: number): void {
    this.#offsets.push(this.#bytes.length);
    this.#offsets.push(postingsOffset);
    this.count++;
    if (typeof term !== "string") this.#bytes.append(term);
    else if (!this.#addAscii(term)) this.#bytes.append(termBytes(term));
  }

  /** Most terms are ASCII: copying them is several times faster than calling the encoder. */
  #addAscii(term: string): boolean {
    const bytes = this.#bytes;
    bytes.reserve(term.length);
    const { buffer, length } = bytes;
    for (let i = 0; i < term.length; i++) {
      const unit = term.charCodeAt(i);
      if (unit > 0x7f) return false;
      buffer[length + i] = unit;
    }
    bytes.length = length + term.length;
    return true;
  }

  write(sink: SectionSink, postingsEnd: number): void {
    const count = this.count;
    this.#offsets.push(this.#bytes.length);
    this.#offsets.push(postingsEnd);
    const bytes = this.#bytes.bytes();
    const offsets = this.#offsets.values();
    sink.add("sparse.terms", bytes);
    sink.add("sparse.term-offsets", offsets);
    let slotCount = 4;
    while (slotCount < count * 1.5) slotCount *= 2;
    const mask = slotCount - 1;
    const slots = new Uint32Array(slotCount);
    for (let ord = 0; ord < count; ord++) {
      let slot = hashOf(bytes, offsets[2 * ord]!, offsets[2 * ord + 2]!) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = ord + 1;
    }
    sink.add("sparse.term-hash", slots);
  }
}

/** Read side: term -> termOrd, termOrd -> term and postings offset, ranges by prefix. */
export class TermDictionary {
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #offsets: Uint32Array;
  readonly #slots: Uint32Array;

  constructor(bytes: Uint8Array, offsets: Uint32Array, slots: Uint32Array) {
    this.count = offsets.length / 2 - 1;
    this.#bytes = bytes;
    this.#offsets = offsets;
    this.#slots = slots;
  }

  static open(source: SectionSource): TermDictionary {
    const bytes = source.load("sparse.terms");
    const offsets = uint32View(source, "sparse.term-offsets");
    const slots = uint32View(source, "sparse.term-hash");
    const end = offsets[offsets.length - 2];
    if (offsets.length < 2 || offsets.length % 2 !== 0 || end !== bytes.length) {
      throw new CorruptIndexError(
        `term dictionary of ${source.label}: offsets end at ${end}, expected ${bytes.length}`,
        { file: source.label, section: "sparse.term-offsets" },
      );
    }
    return new TermDictionary(bytes, offsets, slots);
  }

  /** The term's position in byte order, or -1 where the segment has no such term. */
  find(term: Uint8Array): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashOf(term, 0, term.length) & mask;
    for (;;) {
      const entry = slots[slot]!;
      if (entry === 0) return -1;
      if (this.#equals(entry - 1, term)) return entry - 1;
      slot = (slot + 1) & mask;
    }
  }

  term(termOrd: number): string {
    return decoder.decode(copyIfShared(this.termBytes(termOrd)));
  }

  termBytes(termOrd: number): Uint8Array {
    return this.#bytes.subarray(this.#offsets[2 * termOrd]!, this.#offsets[2 * termOrd + 2]!);
  }

  postingsOffset(termOrd: number): number {
    return this.#offsets[2 * termOrd + 1]!;
  }

  /** termOrds `from` (inclusive) to `to` (exclusive) of the terms that start with these bytes. */
  prefixRange(prefix: Uint8Array): { from: number; to: number } {
    const from = this.#firstNotBelow(prefix);
    let low = from;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#startsWith(middle, prefix)) low = middle + 1;
      else high = middle;
    }
    return { from, to: low };
  }

  #firstNotBelow(key: Uint8Array): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.termBytes(middle), key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #startsWith(termOrd: number, prefix: Uint8Array): boolean {
    const bytes = this.termBytes(termOrd);
    if (bytes.length < prefix.length) return false;
    for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
    return true;
  }

  #equals(termOrd: number, term: Uint8Array): boolean {
    const from = this.#offsets[2 * termOrd]!;
    if (this.#offsets[2 * termOrd + 2]! - from !== term.length) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < term.length; i++) if (bytes[from + i] !== term[i]) return false;
    return true;
  }
}

/** Negative, zero or positive as `a` sorts before, with or after `b`, byte by byte. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** A section as 32-bit words; empty where it is absent or was written empty. */
export function uint32View(source: SectionSource, name: string): Uint32Array {
  if (!source.has(name)) return new Uint32Array(0);
  const bytes = source.load(name);
  if (bytes.byteLength % 4 !== 0) {
    throw new CorruptIndexError(
      `section ${name} of ${source.label} has ${bytes.byteLength} bytes, expected a multiple of 4`,
      { file: source.label, section: name, byteLength: bytes.byteLength },
    );
  }
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** A section as signed 32-bit words. */
export function int32View(source: SectionSource, name: string): Int32Array {
  const words = uint32View(source, name);
  return new Int32Array(words.buffer, words.byteOffset, words.length);
}

/** TextDecoder refuses views of shared memory. */
function copyIfShared(bytes: Uint8Array): Uint8Array {
  return bytes.buffer instanceof SharedArrayBuffer ? bytes.slice() : bytes;
}
