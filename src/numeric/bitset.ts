/**
 * Fixed-size set of ordinals 0..size-1, one bit each in little-endian 32-bit words.
 * Bits past `size` are always zero, so `count` needs no mask.
 */
export class Bitset {
  readonly size: number;
  readonly words: Uint32Array;

  constructor(size: number, words: Uint32Array = new Uint32Array((size + 31) >>> 5)) {
    this.size = size;
    this.words = words;
  }

  /** Every ordinal below `size`. */
  static full(size: number): Bitset {
    const set = new Bitset(size);
    set.words.fill(0xffffffff);
    const rest = size & 31;
    if (rest !== 0) set.words[set.words.length - 1] = (1 << rest) - 1;
    return set;
  }

  has(ordinal: number): boolean {
    return ((this.words[ordinal >>> 5] ?? 0) & (1 << (ordinal & 31))) !== 0;
  }

  add(ordinal: number): void {
    const word = ordinal >>> 5;
    this.words[word] = (this.words[word] ?? 0) | (1 << (ordinal & 31));
  }

  remove(ordinal: number): void {
    const word = ordinal >>> 5;
    this.words[word] = (this.words[word] ?? 0) & ~(1 << (ordinal & 31));
  }

  clone(): Bitset {
    return new Bitset(this.size, this.words.slice());
  }

  /** This set becomes its intersection with `other`, which must have the same size. */
  intersectWith(other: Bitset): void {
    for (let i = 0; i < this.words.length; i++) {
      this.words[i] = (this.words[i] ?? 0) & (other.words[i] ?? 0);
    }
  }

  /** This set becomes its union with `other`, which must have the same size. */
  unionWith(other: Bitset): void {
    for (let i = 0; i < this.words.length; i++) {
      this.words[i] = (this.words[i] ?? 0) | (other.words[i] ?? 0);
    }
  }

  /** This set loses every member of `other`, which must have the same size. */
  subtract(other: Bitset): void {
    for (let i = 0; i < this.words.length; i++) {
      this.words[i] = (this.words[i] ?? 0) & ~(other.words[i] ?? 0);
    }
  }

  /** Number of members. */
  count(): number {
    let total = 0;
    for (let i = 0; i < this.words.length; i++) {
      let x = this.words[i] ?? 0;
      x -= (x >>> 1) & 0x55555555;
      x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
      total += Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
    }
    return total;
  }

  /** Smallest member >= `from`, or -1. */
  next(from: number): number {
    let word = from >>> 5;
    if (word >= this.words.length) return -1;
    let bits = (this.words[word] ?? 0) & (0xffffffff << (from & 31));
    while (bits === 0) {
      word++;
      if (word >= this.words.length) return -1;
      bits = this.words[word] ?? 0;
    }
    return (word << 5) + (31 - Math.clz32(bits & -bits));
  }

  /** Members in ascending order. */
  *[Symbol.iterator](): Generator<number> {
    for (let i = this.next(0); i >= 0; i = this.next(i + 1)) yield i;
  }
}
