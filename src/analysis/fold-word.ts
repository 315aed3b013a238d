const plainWord = /^[0-9a-z_.,:;']*$/;
const dotAboveAfterI = /i\u0307/g;
const ignorable = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;

/**
 * One spelling for words that a reader takes for the same: lower case, Unicode compatibility
 * composition (NFKC: `ﬁ` = `fi`, full width = plain, `é` in one code point or two), without
 * soft hyphens, joiners and other characters that are not seen.
 *
 * Lower-casing looks at the whole word, so a final sigma stays one; `İ` becomes `i`, as Java and
 * therefore Lucene have it, not `i` with a combining dot. `ß` stays. Accents stay.
 * Lucene's filter does nothing but lower-casing, letter by letter.
 * Works on one word, never on a text, so that offsets into the text cannot shift.
 */
export function foldWord(word: string): string {
  const lower = word.toLowerCase();
  if (plainWord.test(lower)) return lower;
  return lower
    .replace(ignorable, "")
    .normalize("NFKC")
    .toLowerCase()
    .replace(dotAboveAfterI, "i")
    .replace(/[\u2018\u2019]/g, "'");
}
