import { addInPieces, maxWordLength, type WordSpans } from "./word-scanner.js";

const isSpace = /\s/;
const inner = /\S+/g;

/** Puts the runs between white space into `spans`: for text that something else has analysed. */
export function scanWhitespace(text: string, spans: WordSpans): void {
  spans.clear();
  if (text === "" || (text.length === 1 && isSpace.test(text))) return;
  inner.lastIndex = 0;
  for (let match = inner.exec(text); match !== null; match = inner.exec(text)) {
    const start = match.index;
    const end = start + match[0].length;
    if (end - start <= maxWordLength) spans.add(start, end);
    else addInPieces(text, start, end, spans);
  }
}
