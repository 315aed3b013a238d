/**
 * Finds words the way Lucene's StandardTokenizer does: Unicode Standard Annex #29 word boundaries,
 * keeping the pieces that hold a letter, a digit, an ideograph or an emoji. So `don't`, `3.14`,
 * `1,000`, `example.com`, `snake_case` and `a:b` are one word each, `il-2` and `and/or` are two.
 *
 * Tokens, positions and offsets are tested against Lucene 9.12.1's (test/golden/analysis); of the
 * 838,128 tokens of SciFact fewer than 200 differ. Departures, each on purpose:
 * 1. Runs of Han, Hiragana and Katakana give overlapping bigrams (Lucene's CJKAnalyzer does so,
 *    its StandardTokenizer gives single characters and Katakana runs); a run of one gives itself.
 *    Hangul stays as written, in words.
 * 2. Thai, Lao, Khmer, Myanmar and kin are cut by the ICU dictionary (`Intl.Segmenter`), as
 *    Lucene's ICUTokenizer does; its StandardTokenizer leaves whole phrases. These cuts are as
 *    stable as the dictionary of the Node release.
 * 3. Word-break classes are derived from general categories and scripts: rare letters may differ
 *    from the table of UAX #29, and follow the Unicode version of the Node release.
 * 4. Emoji are words (as in Lucene >= 7), but signs of plain text such as © and ™ are not.
 */
import {
  Cjk,
  Connector,
  classifyUnit,
  classOfAstral,
  Digit,
  DoubleQuote,
  Emoji,
  Extend,
  Letter,
  MidLetter,
  MidNum,
  MidNumLet,
  Other,
  SoutheastAsian,
  Surrogate,
  unclassified,
  unitClasses,
} from "./character-classes.js";

/** Longest word in UTF-16 units; longer ones are cut into pieces of this size, as Lucene does. */
export const maxWordLength = 255;

/** Where the words of one text are: word i is `text.slice(starts[i], ends[i])`. Reused. */
export class WordSpans {
  count = 0;
  starts: Uint32Array = new Uint32Array(1024);
  ends: Uint32Array = new Uint32Array(1024);
  /** Position of each word, ascending; words at one position are spellings of one place. */
  positions: Uint32Array = new Uint32Array(1024);
  #nextPosition = 0;

  clear(): void {
    this.count = 0;
    this.#nextPosition = 0;
  }

  /** Adds a word at the next position. */
  add(start: number, end: number): void {
    this.addAt(this.#nextPosition, start, end);
  }

  /** Adds a word at a position not below the last one. */
  addAt(position: number, start: number, end: number): void {
    if (this.count === this.starts.length) this.#grow();
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.positions[this.count++] = position;
    this.#nextPosition = position + 1;
  }

  #grow(): void {
    this.starts = doubled(this.starts);
    this.ends = doubled(this.ends);
    this.positions = doubled(this.positions);
  }
}

function doubled(column: Uint32Array): Uint32Array {
  const larger = new Uint32Array(column.length * 2);
  larger.set(column);
  return larger;
}

/** Puts the spans of all words of `text` into `spans`, in text order, replacing what was there. */
export function scanWords(text: string, spans: WordSpans): void {
  spans.clear();
  const length = text.length;
  let i = 0;
  while (i < length) {
    const first = classAt(text, i);
    if (first === Other) {
      i++;
    } else if (first <= Connector) {
      i = scanWord(text, i, first, spans);
    } else if (first === Cjk) {
      i = scanCjk(text, i, spans);
    } else if (first === SoutheastAsian) {
      i = scanSoutheastAsian(text, i, spans);
    } else if (first === Emoji) {
      i = scanEmoji(text, i, spans);
    } else {
      i += unitsAt(text, i);
    }
  }
}

/** Class of the character at `index`, which must be below the length. */
export function classAt(text: string, index: number): number {
  const unit = text.charCodeAt(index);
  const value = unitClasses[unit] as number;
  if (value < Surrogate) return value;
  if (value === unclassified) return classifyUnit(unit);
  return value === Surrogate ? classOfAstral(text.codePointAt(index) as number) : value;
}

/** 2 where a surrogate pair stands, else 1. */
export function unitsAt(text: string, index: number): number {
  return (text.codePointAt(index) as number) > 0xffff ? 2 : 1;
}

function scanWord(text: string, start: number, first: number, spans: WordSpans): number {
  const length = text.length;
  let last = first;
  let hasWord = first !== Connector;
  let i = start + unitsAt(text, start);
  while (i < length) {
    const kind = classAt(text, i);
    if (kind <= Connector && kind !== Other) {
      last = kind;
      if (kind !== Connector) hasWord = true;
      i += text.charCodeAt(i) >= 0xd800 ? unitsAt(text, i) : 1;
    } else if (kind === Extend) {
      i += unitsAt(text, i);
    } else if (
      kind === MidLetter ||
      kind === MidNumLet ||
      kind === MidNum ||
      kind === DoubleQuote
    ) {
      const next = skipExtends(text, i + 1);
      if (next >= length || !joins(text, last, kind, next, i)) break;
      i = next;
    } else {
      break;
    }
  }
  if (!hasWord) return i;
  if (i - start <= maxWordLength) spans.add(start, i);
  else addInPieces(text, start, i, spans);
  return i;
}

function skipExtends(text: string, from: number): number {
  let i = from;
  while (i < text.length && classAt(text, i) === Extend) i += unitsAt(text, i);
  return i;
}

/** UAX #29 rules WB6, WB7, WB7b, WB7c, WB11, WB12: does `kind` at `at` join `last` with `next`? */
function joins(text: string, last: number, kind: number, next: number, at: number): boolean {
  const following = classAt(text, next);
  if (kind === DoubleQuote) return isHebrew(text, at - 1) && isHebrew(text, next);
  if (following === Letter) return last === Letter && kind !== MidNum;
  return following === Digit && last === Digit && kind !== MidLetter;
}

function isHebrew(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0x5d0 && unit <= 0x5f2;
}

/** Adds `text[start..end)` in pieces of `maxWordLength` at most. */
export function addInPieces(text: string, start: number, end: number, spans: WordSpans): void {
  let from = start;
  while (from < end) {
    let to = Math.min(from + maxWordLength, end);
    // Not between the halves of a pair.
    if (to < end && (text.codePointAt(to - 1) as number) > 0xffff) to--;
    spans.add(from, to);
    from = to;
  }
}

/** Overlapping bigrams of a run of Han and kana; marks stay with the character they follow. */
function scanCjk(text: string, start: number, spans: WordSpans): number {
  let before = start;
  let i = endOfCharacter(text, start);
  let pairCount = 0;
  while (i < text.length && classAt(text, i) === Cjk) {
    const end = endOfCharacter(text, i);
    spans.add(before, end);
    pairCount++;
    before = i;
    i = end;
  }
  if (pairCount === 0) spans.add(start, i);
  return i;
}

/** A character with the marks on it; an endless pile of marks is cut. */
function endOfCharacter(text: string, start: number): number {
  const limit = Math.min(text.length, start + 100);
  let i = start + unitsAt(text, start);
  while (i < limit && classAt(text, i) === Extend) i += unitsAt(text, i);
  return i;
}

/** `Intl.Segmenter` is super-linear in its input, so it is given short pieces only. */
const segmentLength = 200;
let segmenter: Intl.Segmenter | undefined;

function scanSoutheastAsian(text: string, start: number, spans: WordSpans): number {
  let end = start;
  while (end < text.length) {
    const kind = classAt(text, end);
    if (kind !== SoutheastAsian && kind !== Extend) break;
    end += unitsAt(text, end);
  }
  segmenter ??= new Intl.Segmenter("th", { granularity: "word" });
  let from = start;
  while (from < end) {
    const to = Math.min(from + segmentLength, end);
    const segments = [...segmenter.segment(text.slice(from, to))];
    // The piece may have cut its last word in two: that one is tried again from its start.
    const kept = to < end && segments.length > 1 ? segments.length - 1 : segments.length;
    let next = to;
    for (let s = 0; s < segments.length; s++) {
      const { index, segment, isWordLike } = segments[s] as Intl.SegmentData;
      if (s === kept) {
        next = from + index;
        break;
      }
      if (isWordLike) spans.add(from + index, from + index + segment.length);
    }
    from = next;
  }
  return end;
}

/** One emoji: pictographs joined by ZWJ, with modifiers and selectors; a flag is two indicators. */
function scanEmoji(text: string, start: number, spans: WordSpans): number {
  const isFlag = /\p{Regional_Indicator}/u.test(text.slice(start, start + 2));
  let i = endOfCharacter(text, start);
  if (isFlag) {
    if (/^\p{Regional_Indicator}/u.test(text.slice(i, i + 2))) i = endOfCharacter(text, i);
  } else {
    while (
      i < text.length &&
      i - start < maxWordLength &&
      text.charCodeAt(i - 1) === 0x200d &&
      classAt(text, i) === Emoji
    ) {
      i = endOfCharacter(text, i);
    }
  }
  spans.add(start, i);
  return i;
}
