import type { Document } from "../corpus/document.js";
import { encodedText } from "../dense/encoder.js";

/** How long documents are cut before they are encoded; `overlap` <= `words` / 2. */
export interface PassageSettings {
  /** Words of a passage at most. */
  readonly words: number;
  /** Words that a passage shares with the one before. */
  readonly overlap: number;
}

/** Characters of scripts that are written without spaces count as words. */
const unspaced =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}" +
  "\\p{Script=Khmer}\\p{Script=Myanmar}";
const wordPattern: RegExp = new RegExp(`[${unspaced}]|[^\\s${unspaced}]+`, "gu");

/**
 * The texts that a document is encoded as: its text in windows of `words` words, each beginning
 * `words - overlap` words after the one before, the last one ending with the text. The title stands
 * in front of every window. A document of at most `words` words is encoded as it is.
 *
 * Words, not tokens: the passages of a document are the same for every encoder.
 *
 * @param settings null: documents are never cut
 */
export function passagesOf(document: Document, settings: PassageSettings | null): string[] {
  if (settings === null) return [encodedText(document)];
  const { title, text } = document;
  const { words, overlap } = settings;
  const starts: number[] = [];
  const ends: number[] = [];
  for (const match of text.matchAll(wordPattern)) {
    starts.push(match.index);
    ends.push(match.index + match[0].length);
  }
  if (starts.length <= words) return [encodedText(document)];
  const passages: string[] = [];
  for (let first = 0; ; first += words - overlap) {
    const last = Math.min(first + words, starts.length) - 1;
    passages.push(encodedText({ title, text: text.slice(starts[first], ends[last]) }));
    if (last === starts.length - 1) return passages;
  }
}
