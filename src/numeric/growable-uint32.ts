/** Growing column of unsigned 32-bit integers; `values()` is a view of what was pushed. */
export class GrowableUint32 {
  buffer: Uint32Array;
  length = 0;

  constructor(capacity = 16) {
    this.buffer = new Uint32Array(capacity);
  }

  /** Makes room for `count` more values, so that hot loops may write into `buffer` directly. */
  reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = new Uint32Array(Math.max(this.buffer.length * 2, this.length + count));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  push(value: number): void {
    if (this.length === this.buffer.length) this.reserve(1);
    this.buffer[this.length++] = value;
  }

  values(): Uint32Array {
    return this.buffer.subarray(0, this.length);
  }
}
