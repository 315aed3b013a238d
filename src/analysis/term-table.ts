/**
 * Memo from words as written to term numbers: an open-addressing hash table over UTF-16 units, so
 * that a word already seen costs no string and no stemmer, only one walk over its units.
 * Different words may have the same term (`Cell`, `cells`), and stop words have none.
 *
 * ```text
 * slot, 4 words of 32 bits, linear probing, at most two thirds full:
 *   [ number + 2, 0 for an empty slot | tag | key | key ]
 *   up to 8 units below 256   tag = length    keys = the units themselves, 8 bits each
 *   any other word            tag = -length   keys = hash, where its units start in `units`
 * ```
 * So a short word, seen before, is one visit to one cache line.
 */
export class TermTable {
  readonly #termOf: (word: string) => string;
  readonly #entryLimit: number;
  #epoch = 0;
  #entryCount = 0;
  #slots = new Int32Array(0);
  #units = new Uint16Array(0);
  #unitCount = 0;
  #terms: string[] = [];
  #numberOfTerm = new Map<string, number>();

  /**
   * @param termOf analyses one word; "" means that the word has no term
   * @param entryLimit words kept before `trim` starts afresh
   */
  constructor(termOf: (word: string) => string, entryLimit: number) {
    this.#termOf = termOf;
    this.#entryLimit = entryLimit;
    this.#clear();
  }

  /** Grows by one whenever all numbers given before lose their meaning. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Terms by number, numbers from 0 without gaps. */
  get terms(): readonly string[] {
    return this.#terms;
  }

  /** Forgets everything if there is more than the limit; numbers then start from 0 again. */
  trim(): void {
    if (this.#entryCount <= this.#entryLimit) return;
    this.#epoch++;
    this.#clear();
  }

  /** Number of the term of `text.slice(start, end)`, or -1 if that word has none. */
  numberOf(text: string, start: number, end: number): number {
    const length = end - start;
    if (length > 8) return this.#numberOfLong(text, start, end);
    let low = 0;
    let high = 0;
    let seen = 0;
    const middle = length > 4 ? start + 4 : end;
    for (let i = start, shift = 0; i < middle; i++, shift += 8) {
      const unit = text.charCodeAt(i);
      seen |= unit;
      low |= unit << shift;
    }
    for (let i = middle, shift = 0; i < end; i++, shift += 8) {
      const unit = text.charCodeAt(i);
      seen |= unit;
      high |= unit << shift;
    }
    if (seen > 0xff) return this.#numberOfLong(text, start, end);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = (hashOfShort(low, high, length) << 2) & mask;
    for (;;) {
      const number = slots[at] as number;
      if (number === 0) return this.#insert(text, start, end, at, length, low, high);
      if (slots[at + 2] === low && slots[at + 3] === high && slots[at + 1] === length) {
        return number - 2;
      }
      at = (at + 4) & mask;
    }
  }

  #numberOfLong(text: string, start: number, end: number): number {
    let hash = end - start;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
    const tag = start - end;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = (hash << 2) & mask;
    for (;;) {
      const number = slots[at] as number;
      if (number === 0) {
        const units = this.#addUnits(text, start, end);
        return this.#insert(text, start, end, at, tag, hash, units);
      }
      if (
        slots[at + 2] === hash &&
        slots[at + 1] === tag &&
        this.#hasUnits(slots[at + 3] as number, text, start, end)
      ) {
        return number - 2;
      }
      at = (at + 4) & mask;
    }
  }

  #hasUnits(from: number, text: string, start: number, end: number): boolean {
    const units = this.#units;
    const shift = from - start;
    for (let i = start; i < end; i++) {
      if (text.charCodeAt(i) !== units[i + shift]) return false;
    }
    return true;
  }

  #addUnits(text: string, start: number, end: number): number {
    const from = this.#unitCount;
    this.#unitCount = from + end - start;
    if (this.#unitCount > this.#units.length) {
      const units = new Uint16Array(Math.max(this.#unitCount, this.#units.length * 2));
      units.set(this.#units);
      this.#units = units;
    }
    for (let i = start; i < end; i++) this.#units[from + i - start] = text.charCodeAt(i);
    return from;
  }

  #insert(
    text: string,
    start: number,
    end: number,
    at: number,
    tag: number,
    key: number,
    otherKey: number,
  ): number {
    const number = this.#numberTerm(this.#termOf(text.slice(start, end)));
    const slots = this.#slots;
    slots[at] = number + 2;
    slots[at + 1] = tag;
    slots[at + 2] = key;
    slots[at + 3] = otherKey;
    this.#entryCount++;
    if (this.#entryCount * 6 > slots.length) this.#grow();
    return number;
  }

  #numberTerm(term: string): number {
    if (term === "") return -1;
    const known = this.#numberOfTerm.get(term);
    if (known !== undefined) return known;
    const number = this.#terms.length;
    this.#terms.push(term);
    this.#numberOfTerm.set(term, number);
    return number;
  }

  #clear(): void {
    this.#entryCount = 0;
    this.#slots = new Int32Array(4 * 4096);
    this.#units = new Uint16Array(16384);
    this.#unitCount = 0;
    this.#terms = [];
    this.#numberOfTerm = new Map();
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 2);
    const mask = slots.length - 1;
    for (let from = 0; from < old.length; from += 4) {
      if (old[from] === 0) continue;
      const [tag, key, otherKey] = [old[from + 1], old[from + 2], old[from + 3]] as [
        number,
        number,
        number,
      ];
      let at = ((tag > 0 ? hashOfShort(key, otherKey, tag) : key) << 2) & mask;
      while (slots[at] !== 0) at = (at + 4) & mask;
      slots.set(old.subarray(from, from + 4), at);
    }
    this.#slots = slots;
  }
}

function hashOfShort(low: number, high: number, length: number): number {
  let hash = Math.imul(low, 0x9e3779b1) ^ Math.imul(high + length, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  return hash ^ (hash >>> 13);
}
