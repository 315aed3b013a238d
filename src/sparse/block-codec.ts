import type { GrowableUint32 } from "../numeric/growable-uint32.js";

/*
 * One full block: 128 postings of one term in 32-bit words.
 *
 *   word 0                header: bits 0-7 document width, 8-15 tf width, 16-23 exception count
 *   4 · document width    gaps to the previous document, minus 1
 *   4 · tf width          tf - 1, low bits only where the posting is an exception
 *   exception count       bits 0-24 the whole tf - 1, 25-31 position in the block
 *
 * Value i of a packed run stands in lane i mod 4 (lane = every fourth word), at bit
 * (i div 4) · width of the lane, so that four lanes unpack at once in 128-bit registers.
 * Exceptions keep one long document from widening the tf of 127 others (patched frame of reference:
 * Zukowski et al., ICDE 2006; lanes: Lemire & Boytsov, SPE 2015).
 */

export const blockSize = 128;

/** A term may occur this often in one document at most (2^25). */
export const maxTermFrequency: number = 2 ** 25;

function bitWidth(value: number): number {
  return 32 - Math.clz32(value);
}

/** Appends a block of `blockSize` postings starting at `from`; `previousDoc` is -1 before the first. */
export function encodeBlock(
  docs: Uint32Array,
  tfs: Uint32Array,
  from: number,
  previousDoc: number,
  out: GrowableUint32,
): void {
  let docBits = 0;
  let before = previousDoc;
  for (let i = 0; i < blockSize; i++) {
    const doc = docs[from + i]!;
    const gap = doc - before - 1;
    gaps[i] = gap;
    docBits |= gap;
    before = doc;
  }
  widthCounts.fill(0);
  for (let i = 0; i < blockSize; i++) widthCounts[bitWidth(tfs[from + i]! - 1)]!++;
  const tfWidth = cheapestWidth();
  const docWidth = bitWidth(docBits);
  let exceptionCount = 0;
  for (let width = tfWidth + 1; width <= 25; width++) exceptionCount += widthCounts[width]!;

  out.reserve(1 + 4 * (docWidth + tfWidth) + exceptionCount);
  const words = out.buffer;
  words[out.length] = docWidth | (tfWidth << 8) | (exceptionCount << 16);
  let at = out.length + 1;
  pack(gaps, docWidth, words, at);
  at += 4 * docWidth;
  const mask = 2 ** tfWidth - 1;
  let exceptionAt = at + 4 * tfWidth;
  for (let i = 0; i < blockSize; i++) {
    const value = tfs[from + i]! - 1;
    if (value > mask) words[exceptionAt++] = value | (i << 25);
    gaps[i] = value & mask;
  }
  pack(gaps, tfWidth, words, at);
  out.length = exceptionAt;
}

const gaps = new Uint32Array(blockSize);
const widthCounts = new Uint32Array(33);

/** Width of tf - 1 that needs the fewest words, exceptions included. */
function cheapestWidth(): number {
  let exceptions = 0;
  let best = 25;
  let bestWords = Number.POSITIVE_INFINITY;
  for (let width = 25; width >= 0; width--) {
    const words = 4 * width + exceptions;
    if (words <= bestWords && exceptions < blockSize) {
      best = width;
      bestWords = words;
    }
    exceptions += widthCounts[width]!;
  }
  return best;
}

/** Packs 128 values of `width` bits into 4 · width words at `at`. */
function pack(values: Uint32Array, width: number, words: Uint32Array, at: number): void {
  words.fill(0, at, at + 4 * width);
  for (let i = 0; i < blockSize; i++) {
    const bit = (i >>> 2) * width;
    const word = at + 4 * (bit >>> 5) + (i & 3);
    const shift = bit & 31;
    const value = values[i]!;
    words[word]! |= value << shift;
    if (shift + width > 32) words[word + 4]! |= value >>> (32 - shift);
  }
}

/** Unpacks 128 values of `width` bits from 4 · width words at `at`. */
function unpack(
  words: Int32Array,
  at: number,
  width: number,
  out: Int32Array | Uint32Array,
  outAt: number,
): void {
  if (width === 0) {
    out.fill(0, outAt, outAt + blockSize);
    return;
  }
  const mask = width === 32 ? 0xffffffff : 2 ** width - 1;
  for (let i = 0; i < blockSize; i++) {
    const bit = (i >>> 2) * width;
    const word = at + 4 * (bit >>> 5) + (i & 3);
    const shift = bit & 31;
    let value = words[word]! >>> shift;
    if (shift + width > 32) value |= words[word + 4]! << (32 - shift);
    out[outAt + i] = value & mask;
  }
}

/** Decodes the documents of the block at word `at` into `docs[outAt ..]`. */
export function decodeBlockDocs(
  words: Int32Array,
  at: number,
  previousDoc: number,
  docs: Int32Array | Uint32Array,
  outAt: number,
): void {
  unpack(words, at + 1, words[at]! & 0xff, docs, outAt);
  let doc = previousDoc;
  for (let i = outAt; i < outAt + blockSize; i++) {
    doc += docs[i]! + 1;
    docs[i] = doc;
  }
}

/** Decodes the term frequencies of the block at word `at` into `tfs[outAt ..]`. */
export function decodeBlockTfs(
  words: Int32Array,
  at: number,
  tfs: Int32Array | Uint32Array,
  outAt: number,
): void {
  const header = words[at]!;
  const docWidth = header & 0xff;
  const tfWidth = (header >>> 8) & 0xff;
  const start = at + 1 + 4 * docWidth;
  unpack(words, start, tfWidth, tfs, outAt);
  for (let i = outAt; i < outAt + blockSize; i++) tfs[i]!++;
  let exceptionAt = start + 4 * tfWidth;
  for (let end = exceptionAt + ((header >>> 16) & 0xff); exceptionAt < end; exceptionAt++) {
    const exception = words[exceptionAt]!;
    tfs[outAt + (exception >>> 25)] = (exception & 0x1ffffff) + 1;
  }
}
