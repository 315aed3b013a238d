import { CorruptIndexError } from "../errors.js";
import type { Bitset } from "../numeric/bitset.js";
import type { DocNames } from "../run/doc-names.js";
import type { DocId } from "../run/ranking.js";
import type { SectionSink, SectionSource } from "../store/sections.js";

/*
 * The ids of a segment's documents, by docOrd:
 *
 *   ids.bytes    UTF-8 of all ids, one after another
 *   ids.offsets  u32 [docCount + 1]: where each id starts in ids.bytes
 *   ids.rank     u32 [docCount]: position of the id among all, ascending by bytes
 *   ids.slots    u32 [power of two >= 1.5 docCount]: docOrd + 1 or 0, open addressing with linear
 *                probing from the FNV-1a hash of the id
 *
 * The table is stored and not built on opening: a look-up touches three places, and a million ids
 * cost no JavaScript object.
 */

const encoder = new TextEncoder();
const noPlace = -1;

/** Ids of a segment: ordinal -> id, id -> ordinal, and their order. Each section loads when needed. */
export class DocumentIds implements DocNames {
  readonly docCount: number;
  readonly #source: SectionSource;
  #rank: Uint32Array | null = null;
  #text: IdText | null = null;
  #slots: Uint32Array | null = null;

  private constructor(source: SectionSource) {
    this.docCount = source.byteLength("ids.rank") >>> 2;
    this.#source = source;
  }

  /** Loads nothing yet. */
  static open(source: SectionSource): DocumentIds {
    return new DocumentIds(source);
  }

  /** @throws {CorruptIndexError} the section is damaged */
  get idRank(): Uint32Array {
    this.#rank ??= uint32View(this.#source.load("ids.rank"));
    return this.#rank;
  }

  docId(docOrd: number): DocId {
    const { buffer, offsets } = this.#loadText();
    const from = offsets[docOrd];
    const to = offsets[docOrd + 1];
    if (from === undefined || to === undefined) {
      throw new Error(`docOrd ${docOrd} is outside 0..${this.docCount - 1}`);
    }
    // The ids were strings when they came in, so these bytes are UTF-8.
    return buffer.toString("utf8", from, to) as DocId;
  }

  /** UTF-8 bytes of an id, as a view. */
  idBytes(docOrd: number): Uint8Array {
    const { bytes, offsets } = this.#loadText();
    return bytes.subarray(offsets[docOrd] ?? 0, offsets[docOrd + 1] ?? 0);
  }

  /** The document's ordinal, deleted or not, or -1 if the segment never held it. */
  locate(docId: string): number {
    return this.locateBytes(encoder.encode(docId));
  }

  /** {@link locate} for an id that is bytes already. */
  locateBytes(id: Uint8Array): number {
    this.#slots ??= uint32View(this.#source.load("ids.slots"));
    const slots = this.#slots;
    const text = this.#loadText();
    const mask = slots.length - 1;
    for (let slot = hashOf(id) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]!; // masked
      if (entry === 0) return noPlace;
      if (equals(text, entry - 1, id)) return entry - 1;
    }
  }

  /** Ordinals by ascending id. */
  order(): Uint32Array {
    const rank = this.idRank;
    const order = new Uint32Array(this.docCount);
    for (let docOrd = 0; docOrd < order.length; docOrd++) order[rank[docOrd]!] = docOrd;
    return order;
  }

  #loadText(): IdText {
    if (this.#text !== null) return this.#text;
    const source = this.#source;
    const bytes = source.load("ids.bytes");
    const offsets = uint32View(source.load("ids.offsets"));
    if (offsets.length !== this.docCount + 1 || offsets[this.docCount] !== bytes.byteLength) {
      throw new CorruptIndexError(
        `${source.label}: ids.offsets ends at ${offsets.at(-1)} after ${offsets.length - 1} ids, ` +
          `expected ${bytes.byteLength} after ${this.docCount}`,
        { path: source.label, section: "ids.offsets" },
      );
    }
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#text = { bytes, buffer, offsets };
    return this.#text;
  }
}

interface IdText {
  readonly bytes: Uint8Array;
  /** The same bytes, for decoding. */
  readonly buffer: Buffer;
  readonly offsets: Uint32Array;
}

function equals({ bytes, offsets }: IdText, docOrd: number, id: Uint8Array): boolean {
  const from = offsets[docOrd]!; // a stored ordinal
  if (offsets[docOrd + 1]! - from !== id.length) return false;
  for (let i = 0; i < id.length; i++) if (bytes[from + i] !== id[i]) return false;
  return true;
}

/** Collects the ids of a segment in docOrd order. */
export class DocumentIdsBuilder {
  #bytes = new Uint8Array(1024);
  #byteLength = 0;
  #offsets = new Uint32Array(64);
  #count = 0;

  get docCount(): number {
    return this.#count;
  }

  get memoryBytes(): number {
    // Rank, order and slots are made at the end: about 20 bytes an id.
    return this.#bytes.byteLength + this.#offsets.byteLength + 20 * this.#count;
  }

  add(id: Uint8Array): void {
    if (this.#byteLength + id.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#byteLength + id.length));
      grown.set(this.#bytes.subarray(0, this.#byteLength));
      this.#bytes = grown;
    }
    this.#bytes.set(id, this.#byteLength);
    this.#byteLength += id.length;
    this.#count++;
    if (this.#count >= this.#offsets.length) {
      const grown = new Uint32Array(2 * this.#offsets.length);
      grown.set(this.#offsets);
      this.#offsets = grown;
    }
    this.#offsets[this.#count] = this.#byteLength;
  }

  /**
   * Writes the sections. The ids may hold duplicates (the earlier one deleted): look-ups then find
   * the last one.
   *
   * @param order ordinals by ascending id, if a merge knows them already
   */
  finish(sink: SectionSink, order: Uint32Array = this.#sortedOrder()): void {
    const bytes = this.#bytes.subarray(0, this.#byteLength);
    const offsets = this.#offsets.subarray(0, this.#count + 1);
    const rank = new Uint32Array(this.#count);
    for (let position = 0; position < order.length; position++) rank[order[position]!] = position;
    sink.add("ids.bytes", bytes);
    sink.add("ids.offsets", offsets);
    sink.add("ids.rank", rank);
    sink.add("ids.slots", buildSlots(bytes, offsets, this.#count));
  }

  #sortedOrder(): Uint32Array {
    const length = this.#count;
    const buffer = Buffer.from(this.#bytes.buffer, 0, this.#byteLength);
    const offsets = this.#offsets;
    // UTF-8 sorts by code points; comparing Latin-1 strings of the bytes compares the bytes.
    const keys = Array.from({ length }, (_, i) =>
      buffer.toString("latin1", offsets[i] ?? 0, offsets[i + 1] ?? 0),
    );
    const order = Array.from({ length }, (_, i) => i);
    order.sort((a, b) => {
      const x = keys[a]!; // positions 0..count-1
      const y = keys[b]!;
      return x < y ? -1 : x > y ? 1 : a - b;
    });
    return Uint32Array.from(order);
  }
}

/**
 * Writes the ids of the kept documents of several segments, inputs in the order given.
 * The kept ids are all different: of one id, one document lives.
 */
export function mergeDocumentIds(
  inputs: readonly { readonly ids: DocumentIds; readonly keep: Bitset }[],
  sink: SectionSink,
): void {
  const builder = new DocumentIdsBuilder();
  const newOrds = inputs.map(({ ids, keep }) => {
    const ords = new Uint32Array(ids.docCount);
    for (const docOrd of keep) {
      ords[docOrd] = builder.docCount;
      builder.add(ids.idBytes(docOrd));
    }
    return ords;
  });
  const cursors = inputs.map(({ ids, keep }, i) => keptInOrder(ids, keep, newOrds[i]!));
  const order = new Uint32Array(builder.docCount);
  for (let position = 0; position < order.length; position++) {
    let best: SortedCursor | null = null;
    for (const cursor of cursors) {
      if (cursor.at >= cursor.sorted.length) continue;
      if (best === null || compareBytes(cursor.id(), best.id()) < 0) best = cursor;
    }
    if (best === null) throw new Error("ids ran out in a merge");
    order[position] = best.newOrd();
    best.at++;
  }
  builder.finish(sink, order);
}

interface SortedCursor {
  at: number;
  readonly sorted: Uint32Array;
  id(): Uint8Array;
  newOrd(): number;
}

function keptInOrder(ids: DocumentIds, keep: Bitset, newOrds: Uint32Array): SortedCursor {
  const sorted = ids.order().filter((docOrd) => keep.has(docOrd));
  return {
    at: 0,
    sorted,
    id(): Uint8Array {
      return ids.idBytes(sorted[this.at]!);
    },
    newOrd(): number {
      return newOrds[sorted[this.at]!]!;
    },
  };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function buildSlots(bytes: Uint8Array, offsets: Uint32Array, count: number): Uint32Array {
  let size = 4;
  while (size < 1.5 * count) size *= 2;
  const mask = size - 1;
  const slots = new Uint32Array(size);
  // From the last to the first, so that of equal ids the later one is met first.
  for (let docOrd = count - 1; docOrd >= 0; docOrd--) {
    let slot = hashOf(bytes.subarray(offsets[docOrd]!, offsets[docOrd + 1]!)) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = docOrd + 1;
  }
  return slots;
}

/** FNV-1a with a final mix, because the low bits choose the slot. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function uint32View(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
}
