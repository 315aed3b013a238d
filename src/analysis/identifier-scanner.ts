import { Digit, Extend, Letter } from "./character-classes.js";
import { classAt, scanWords, unitsAt, WordSpans } from "./word-scanner.js";

/**
 * Unicode words, and inside them the parts that programmers join: `app.use`, `snake_case`,
 * `camelCase`, `HTTPServer`, `node:fs`. A word of several parts gives the whole at the position of
 * its first part, then each part at a position of its own, so that `express.Router` is found by
 * `express`, by `router`, by the phrase "express router", and best by itself. Numbers stay whole.
 */
export function scanIdentifiers(text: string, spans: WordSpans): void {
  scanWords(text, whole);
  spans.clear();
  let position = 0;
  for (let i = 0; i < whole.count; i++) {
    const start = whole.starts[i] as number;
    const end = whole.ends[i] as number;
    spans.addAt(position, start, end);
    const partEnd = endOfPart(text, start, end);
    if (partEnd < end) position = addParts(text, start, end, position, spans);
    else position++;
  }
}

const whole = new WordSpans();

/** Adds the parts of one word unless it has only one; returns the next free position. */
function addParts(
  text: string,
  start: number,
  end: number,
  position: number,
  spans: WordSpans,
): number {
  let next = position;
  let from = start;
  while (from < end) {
    from = startOfPart(text, from, end);
    if (from >= end) break;
    const to = endOfPart(text, from, end);
    // `word_` and `_word` have one part, which differs from the whole; the whole alone would hide it.
    if ((from > start || to < end) && hasWord(text, from, to)) {
      spans.addAt(next++, from, to);
    }
    from = to;
  }
  return Math.max(next, position + 1);
}

/** Past separators and past marks that lost their letter to the part before. */
function startOfPart(text: string, from: number, end: number): number {
  let i = from;
  while (i < end && (isSeparator(text.charCodeAt(i)) || classAt(text, i) === Extend)) {
    i += unitsAt(text, i);
  }
  return i;
}

/** Other than connectors and marks, a word holds letters and digits. */
function hasWord(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const kind = classAt(text, i);
    if (kind === Letter || kind === Digit) return true;
  }
  return false;
}

/** First boundary after `start`: a separator, `aB`, or the `S` of `HTTPServer`. */
function endOfPart(text: string, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i);
    if (isSeparator(unit) && !isBetweenDigits(text, i, start, end)) return i;
    if (i > start && isUpper(unit)) {
      const before = text.charCodeAt(i - 1);
      if (isLower(before) || (isUpper(before) && i + 1 < end && isLower(text.charCodeAt(i + 1)))) {
        return i;
      }
    }
  }
  return end;
}

/** `.` `:` `_`: apostrophes and commas do not join names. */
function isSeparator(unit: number): boolean {
  return unit === 0x2e || unit === 0x3a || unit === 0x5f;
}

function isBetweenDigits(text: string, at: number, start: number, end: number): boolean {
  return (
    at > start &&
    at + 1 < end &&
    isDigit(text.charCodeAt(at - 1)) &&
    isDigit(text.charCodeAt(at + 1))
  );
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

function isUpper(unit: number): boolean {
  return unit >= 0x41 && unit <= 0x5a;
}

function isLower(unit: number): boolean {
  return unit >= 0x61 && unit <= 0x7a;
}
