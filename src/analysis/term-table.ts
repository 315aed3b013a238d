/**
 * Memo from words as written to term numbers: an open-addressing hash table over UTF-16 units, so
 * that a word already seen costs no string and no stemmer, only one walk over its units.
 * Different words may have the same term (`Cell`, `cells`), and stop words have none.
 *
 * ```text
 * slots  [ 0 | 3 | 0 | 1 | … ]   entry + 1, linear probing, at most half full
 * entry e: hashes[e], units[unitStarts[e] .. unitStarts[e + 1]), numbers[e]
 * ```
 */
export class TermTable {
  readonly #termOf: (word: string) => string;
  readonly #entryLimit: number;
  #epoch = 0;
  #entryCount = 0;
  #slots = new Int32Array(0);
  #hashes = new Int32Array(0);
  #numbers = new Int32Array(0);
  #unitStarts = new Uint32Array(0);
  #units = new Uint16Array(0);
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
    let hash = end - start;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const entry = (slots[slot] as number) - 1;
      if (entry < 0) return this.#insert(text, start, end, hash, slot);
      if (this.#hashes[entry] === hash && this.#isEntry(entry, text, start, end)) {
        return this.#numbers[entry] as number;
      }
      slot = (slot + 1) & mask;
    }
  }

  #isEntry(entry: number, text: string, start: number, end: number): boolean {
    const units = this.#units;
    const from = this.#unitStarts[entry] as number;
    if ((this.#unitStarts[entry + 1] as number) - from !== end - start) return false;
    const shift = from - start;
    for (let i = start; i < end; i++) {
      if (text.charCodeAt(i) !== units[i + shift]) return false;
    }
    return true;
  }

  #insert(text: string, start: number, end: number, hash: number, slot: number): number {
    const number = this.#numberTerm(this.#termOf(text.slice(start, end)));
    const entry = this.#entryCount;
    const unitStart = this.#unitStarts[entry] as number;
    if (unitStart + end - start > this.#units.length) this.#growUnits(unitStart + end - start);
    for (let i = start; i < end; i++) this.#units[unitStart + i - start] = text.charCodeAt(i);
    this.#hashes[entry] = hash;
    this.#numbers[entry] = number;
    this.#unitStarts[entry + 1] = unitStart + end - start;
    this.#slots[slot] = entry + 1;
    this.#entryCount = entry + 1;
    if (this.#entryCount * 2 > this.#slots.length) this.#growEntries();
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
    this.#slots = new Int32Array(4096);
    this.#hashes = new Int32Array(2049);
    this.#numbers = new Int32Array(2049);
    this.#unitStarts = new Uint32Array(2050);
    this.#units = new Uint16Array(16384);
    this.#terms = [];
    this.#numberOfTerm = new Map();
  }

  #growUnits(needed: number): void {
    const units = new Uint16Array(Math.max(needed, this.#units.length * 2));
    units.set(this.#units);
    this.#units = units;
  }

  #growEntries(): void {
    const slotCount = this.#slots.length * 2;
    const hashes = new Int32Array(slotCount / 2 + 1);
    const numbers = new Int32Array(slotCount / 2 + 1);
    const unitStarts = new Uint32Array(slotCount / 2 + 2);
    hashes.set(this.#hashes);
    numbers.set(this.#numbers);
    unitStarts.set(this.#unitStarts);
    this.#hashes = hashes;
    this.#numbers = numbers;
    this.#unitStarts = unitStarts;
    this.#slots = new Int32Array(slotCount);
    for (let entry = 0; entry < this.#entryCount; entry++) {
      let slot = (hashes[entry] as number) & (slotCount - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (slotCount - 1);
      this.#slots[slot] = entry + 1;
    }
  }
}
