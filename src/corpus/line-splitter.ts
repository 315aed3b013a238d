import { type Buffer, Buffer as Bytes, isUtf8 } from "node:buffer";
import { maxRecordBytes } from "./record.js";

/** One line without its end (`\n` or `\r\n`). */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Why the text is not to be used, or "": invalid UTF-8, too long. */
  readonly fault: string;
}

const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Cuts a stream of bytes into lines of text. A byte order mark at the start falls away. A line that
 * is not valid UTF-8 names its first bad byte; one longer than `maxRecordBytes` is passed over
 * without being held. Each line is a string of its own, so that keeping an id does not keep a chunk.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #isTooLong = false;
  #lineNumber = 1;
  /** Offset in the stream of the first byte not yet given out as a line. */
  #offset = 0;

  constructor(maxBytes: number = maxRecordBytes) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that end in this chunk. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    const last = chunk.lastIndexOf(newline);
    if (last < 0) {
      this.#hold(chunk);
      return lines;
    }
    let from = 0;
    if (this.#restBytes > 0) {
      const end = chunk.indexOf(newline);
      this.#hold(chunk.subarray(0, end));
      lines.push(this.#takeRest(1));
      from = end + 1;
    }
    const isValid = isUtf8(chunk.subarray(from, last + 1));
    while (from <= last) {
      const end = chunk.indexOf(newline, from);
      lines.push(this.#line(chunk, from, end, 1, isValid));
      from = end + 1;
    }
    this.#hold(chunk.subarray(last + 1));
    return lines;
  }

  /** The last line, if the stream does not end with a line end. */
  end(): Line[] {
    return this.#restBytes > 0 ? [this.#takeRest(0)] : [];
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#restBytes += bytes.length;
    if (this.#restBytes > this.#maxBytes) {
      this.#isTooLong = true;
      this.#rest = [];
    }
    // Copied: the chunk belongs to the stream.
    if (!this.#isTooLong) this.#rest.push(Bytes.from(bytes));
  }

  #takeRest(endLength: number): Line {
    const byteLength = this.#restBytes;
    const whole = this.#rest.length === 1 ? (this.#rest[0] as Buffer) : Bytes.concat(this.#rest);
    this.#rest = [];
    this.#restBytes = 0;
    if (!this.#isTooLong) return this.#line(whole, 0, whole.length, endLength, false);
    this.#isTooLong = false;
    this.#offset += byteLength + endLength;
    const fault = `expected a line of at most ${this.#maxBytes} bytes, got ${byteLength}`;
    return { number: this.#lineNumber++, text: "", fault };
  }

  #line(bytes: Buffer, start: number, end: number, endLength: number, isValid: boolean): Line {
    let from = start;
    const number = this.#lineNumber++;
    const lineOffset = this.#offset;
    this.#offset += end - start + endLength;
    if (number === 1 && hasByteOrderMark(bytes, from, end)) from += 3;
    const to = end > from && bytes[end - 1] === carriageReturn ? end - 1 : end;
    const slice = bytes.subarray(from, to);
    if (!isValid && !isUtf8(slice)) {
      const at = lineOffset + from - start + firstInvalidByte(slice);
      const fault = `expected UTF-8, got an invalid byte at offset ${at} of the file`;
      return { number, text: "", fault };
    }
    return { number, text: bytes.toString("utf8", from, to), fault: "" };
  }
}

function hasByteOrderMark(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start >= 3 &&
    bytes[start] === 0xef &&
    bytes[start + 1] === 0xbb &&
    bytes[start + 2] === 0xbf
  );
}

/** Index of the first byte that cannot stand where it stands in UTF-8; -1 if all is well. */
export function firstInvalidByte(bytes: Uint8Array): number {
  if (isUtf8(bytes)) return -1;
  // Halve until the valid prefix ends: prefixes are cut at the start of a character.
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = characterStart(bytes, (low + high + 1) >>> 1, low);
    if (middle <= low) break;
    if (isUtf8(bytes.subarray(low, middle))) low = middle;
    else high = middle - 1;
  }
  while (low < bytes.length) {
    const width = widthOfCharacter(bytes[low] as number);
    if (!isUtf8(bytes.subarray(low, Math.min(low + width, bytes.length)))) return low;
    low += width;
  }
  return low;
}

/** Largest index <= `at` (and >= `least`) that does not point at a continuation byte. */
function characterStart(bytes: Uint8Array, at: number, least: number): number {
  let i = at;
  while (i > least && i < bytes.length && ((bytes[i] as number) & 0xc0) === 0x80) i--;
  return i;
}

function widthOfCharacter(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
