/**
 * Where a passage around some matches begins and ends: at the beginning and end of sentences where
 * the length allows, else between words, else (scripts without spaces) between characters.
 */

/**
 * @param from start of the first match
 * @param to end of the last match
 * @param lowest offset that the passage must not pass
 * @returns start of the sentence of the first match, if the matches then still fit into `length`;
 *   else a word about half of the spare length before it
 */
export function passageStart(
  text: string,
  from: number,
  to: number,
  length: number,
  lowest: number,
): number {
  const spare = Math.max(0, length - (to - from));
  const earliest = Math.max(lowest, from - spare);
  for (let i = from; i >= earliest; i--) {
    if (isSentenceStart(text, i)) return skipSpaces(text, i, from);
  }
  const wanted = Math.max(lowest, from - (spare >>> 1));
  for (let i = wanted; i < from; i++) {
    if (isSpace(text, i - 1) && !isSpace(text, i)) return i;
  }
  let i = wanted;
  while (i < from && !isBetweenCharacters(text, i)) i++;
  return i;
}

/**
 * @param start beginning of the passage
 * @param to end of the last match
 * @param highest offset that the passage must not pass
 * @returns end of the last sentence that fits, if the passage is then at least half as long as
 *   allowed; else of the last word that fits; never before `to`
 */
export function passageEnd(
  text: string,
  start: number,
  to: number,
  length: number,
  highest: number,
): number {
  const latest = Math.max(to, Math.min(highest, start + length));
  if (latest === text.length) return text.length;
  const shortest = Math.max(to, start + length / 2);
  for (let i = latest; i >= shortest; i--) {
    if (isSentenceStart(text, i)) return dropSpaces(text, i, to);
  }
  for (let i = latest; i > to; i--) {
    if (isSpace(text, i)) return dropSpaces(text, i, to);
  }
  let i = latest;
  while (i > to && !isBetweenCharacters(text, i)) i--;
  return i;
}

/** After a line end, after `.` `!` `?` and a space, or after a full stop of East Asia. */
function isSentenceStart(text: string, index: number): boolean {
  if (index === 0) return true;
  const before = text.charCodeAt(index - 1);
  if (before === 0x0a || before === 0x3002 || before === 0xff01 || before === 0xff1f) return true;
  if (before !== 0x20 || index < 2) return false;
  const mark = text.charCodeAt(index - 2);
  return mark === 0x2e || mark === 0x21 || mark === 0x3f;
}

function isSpace(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || unit === 0xa0 || unit === 0x3000;
}

function skipSpaces(text: string, index: number, end: number): number {
  let i = index;
  while (i < end && isSpace(text, i)) i++;
  return i;
}

function dropSpaces(text: string, index: number, start: number): number {
  let i = index;
  while (i > start && isSpace(text, i - 1)) i--;
  return i;
}

const joined = /^[\p{M}\p{Cf}\p{Emoji_Modifier}\p{Surrogate}]/u;

/** Not inside a surrogate pair, nor before a mark or joiner, nor after a joiner. */
function isBetweenCharacters(text: string, index: number): boolean {
  return !joined.test(text.slice(index, index + 2)) && text.charCodeAt(index - 1) !== 0x200d;
}
