import { addInPieces, maxWordLength, type WordSpans } from "./word-scanner.js";

const space = /\s/;

/** Puts the runs between white space into `spans`: for text that something else has analysed. */
export function scanWhitespace(text: string, spans: WordSpans): void {
  spans.clear();
  const { length } = text;
  for (let at = 0; at < length; ) {
    if (isSpace(text.charCodeAt(at))) {
      at++;
      continue;
    }
    const start = at;
    do at++;
    while (at < length && !isSpace(text.charCodeAt(at)));
    if (at - start <= maxWordLength) spans.add(start, at);
    else addInPieces(text, start, at, spans);
  }
}

/** What `\s` matches. */
function isSpace(unit: number): boolean {
  if (unit <= 0x20) return unit === 0x20 || (unit >= 9 && unit <= 13);
  return unit >= 0xa0 && space.test(String.fromCharCode(unit));
}
