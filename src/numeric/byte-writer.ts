/** Growing byte buffer with variable-length integers; `bytes()` is a view of what was written. */
export class ByteWriter {
  buffer: Uint8Array;
  length = 0;

  constructor(capacity = 64) {
    this.buffer = new Uint8Array(capacity);
  }

  /** Makes room for `count` more bytes, so that hot loops may write into `buffer` directly. */
  reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.length + count));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  /** LEB128: 7 bits a byte, lowest first. `value` is an integer in 0 .. 2^32 - 1. */
  varint(value: number): void {
    if (this.length + 5 > this.buffer.length) this.reserve(5);
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.length++] = rest;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}

/** Reads what `ByteWriter` wrote, from `position` on. Reading past the end gives zeros. */
export class ByteReader {
  readonly buffer: Uint8Array;
  position: number;

  constructor(buffer: Uint8Array, position = 0) {
    this.buffer = buffer;
    this.position = position;
  }

  varint(): number {
    const buffer = this.buffer;
    let byte = buffer[this.position++] ?? 0;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = buffer[this.position++] ?? 0;
      value |= (byte & 0x7f) << shift;
    }
    return value >>> 0;
  }
}
