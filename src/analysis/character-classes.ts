/**
 * Word-break classes of UTF-16 code units and code points, after Unicode Standard Annex #29
 * (table 3), as far as the scanner needs them. JavaScript has no `\p{Word_Break=…}`, so classes are
 * derived from the properties it has, once per code point, and kept in a table.
 */
export const Other = 0;
/** ALetter and Hebrew_Letter: alphabetic scripts that put spaces between words; Hangul too. */
export const Letter = 1;
/** Numeric: decimal digits of every script. */
export const Digit = 2;
/** ExtendNumLet: `_` and its like, part of a word on either side. */
export const Connector = 3;
/** Joins letters: `:` and middle dots. */
export const MidLetter = 4;
/** Joins letters and joins digits: `.` and apostrophes. */
export const MidNumLet = 5;
/** Joins digits: `,` `;` and their like. */
export const MidNum = 6;
/** Extend, Format, ZWJ: belongs to the character before it. */
export const Extend = 7;
/** Han, Hiragana, Katakana: scripts without spaces, cut into bigrams. */
export const Cjk = 8;
/** Thai, Lao, Khmer, Myanmar and the other scripts of line-break class SA: cut by a dictionary. */
export const SoutheastAsian = 9;
export const Emoji = 10;
/** Half of a surrogate pair: ask `classOfCodePoint`. */
export const Surrogate = 11;
/** `"` joins Hebrew letters (gershayim). */
export const DoubleQuote = 12;

const unknown = 255;

const midLetters = new Set([0x3a, 0xb7, 0x387, 0x55f, 0x5f4, 0x2027, 0xfe13, 0xfe55, 0xff1a]);
const midNumLets = new Set([0x27, 0x2e, 0x2018, 0x2019, 0x2024, 0xfe52, 0xff07, 0xff0e]);
const midNums = new Set([
  0x2c, 0x3b, 0x37e, 0x589, 0x60c, 0x60d, 0x66c, 0x7f8, 0x2044, 0xfe10, 0xfe14, 0xfe50, 0xfe54,
  0xff0c, 0xff1b,
]);
const cjk =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3031-\u3035\u309b\u309c\u30a0\u30fc\uff70]/u;
const southeastAsian =
  /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tai_Le}\p{Script=New_Tai_Lue}\p{Script=Tai_Tham}\p{Script=Tai_Viet}\p{Script=Ahom}]/u;
/** Below U+231A the pictographs are signs of plain text (©, ®, ™, arrows), not emoji. */
const firstEmoji = 0x231a;

/** Word-break class of a code point (or lone surrogate, which is `Other`). */
export function classOfCodePoint(codePoint: number): number {
  if (codePoint === 0x22) return DoubleQuote;
  if (midLetters.has(codePoint)) return MidLetter;
  if (midNumLets.has(codePoint)) return MidNumLet;
  if (midNums.has(codePoint)) return MidNum;
  // Zero-width space separates words although it is a format character.
  if (codePoint === 0x200b) return Other;
  const char = String.fromCodePoint(codePoint);
  // Half-width voiced sound marks are letters to Unicode, but belong to the kana before them.
  if (codePoint === 0xff9e || codePoint === 0xff9f) return Extend;
  // The Arabic decimal separator is Numeric to Unicode: it stands in numbers only.
  if (/\p{Nd}/u.test(char) || codePoint === 0x66b) return Digit;
  if (/\p{Pc}/u.test(char) || codePoint === 0x202f) return Connector;
  // Skin tones are Extend to Unicode, and pictographs too: seen before emoji on purpose.
  if (/[\p{M}\p{Cf}\p{Emoji_Modifier}]/u.test(char)) return Extend;
  if (southeastAsian.test(char) && /[\p{L}\p{N}]/u.test(char)) return SoutheastAsian;
  if (cjk.test(char) && /[\p{L}\p{N}\u309b\u309c\u30a0]/u.test(char)) return Cjk;
  if (/\p{Alphabetic}/u.test(char)) return Letter;
  if (codePoint >= firstEmoji && /[\p{Extended_Pictographic}\p{Regional_Indicator}]/u.test(char)) {
    return Emoji;
  }
  return Other;
}

/**
 * Class of every UTF-16 code unit; `unknown` entries are filled when first met, so that loading
 * costs nothing. Read it through `classOfUnit`, or directly in a hot loop as it does.
 */
export const unitClasses: Uint8Array = new Uint8Array(0x10000).fill(unknown);
unitClasses.fill(Surrogate, 0xd800, 0xe000);
for (let unit = 0; unit < 0x80; unit++) unitClasses[unit] = classOfCodePoint(unit);

/** First table value that means "not classified yet". */
export const unclassified: number = unknown;

/** Classifies a unit that the table does not know yet, and remembers it. */
export function classifyUnit(unit: number): number {
  const value = classOfCodePoint(unit);
  unitClasses[unit] = value;
  return value;
}

const astralClasses = new Map<number, number>();

/** Class of the code point that starts at `index`, where a surrogate stands. */
export function classOfAstral(codePoint: number): number {
  if (codePoint < 0x10000) return Other;
  let value = astralClasses.get(codePoint);
  if (value === undefined) {
    value = classOfCodePoint(codePoint);
    astralClasses.set(codePoint, value);
  }
  return value;
}
