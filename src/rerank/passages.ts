import { InputError } from "../errors.js";

/** How long documents are cut, so that a model reads all of them and not only their beginning. */
export interface PassageSettings {
  /** Longest passage in UTF-16 units, the title not counted. */
  readonly chars: number;
  /** Units that neighbours share, about: at most chars / 5. */
  readonly overlap: number;
  /** Passages per document at most; the rest of a longer document is not read. */
  readonly limit: number;
}

/** About 300 English tokens a passage, so that with title and query it fits into 512. */
export const defaultPassages: PassageSettings = { chars: 1400, overlap: 200, limit: 8 };

/**
 * Passages of a text, cut at white space where there is any in the second half of a passage, never
 * inside a surrogate pair. A text that fits is one passage; the union of all passages is the text,
 * up to the limit.
 *
 * @throws {InputError} settings that are not positive integers, or overlap above chars / 5
 */
export function splitPassages(text: string, settings: PassageSettings = defaultPassages): string[] {
  const { chars, overlap, limit } = settings;
  const valid =
    Number.isInteger(chars) &&
    Number.isInteger(overlap) &&
    Number.isInteger(limit) &&
    chars >= 8 &&
    overlap >= 0 &&
    overlap <= chars / 5 &&
    limit >= 1;
  if (!valid) {
    throw new InputError(
      "expected passages of chars >= 8, overlap from 0 to chars / 5 and limit >= 1, " +
        `got chars ${chars}, overlap ${overlap}, limit ${limit}`,
      { field: "passages", chars, overlap, limit },
    );
  }
  const passages: string[] = [];
  let start = 0;
  while (passages.length < limit) {
    if (text.length - start <= chars) {
      passages.push(text.slice(start));
      break;
    }
    const end = cutAt(text, start + (chars >> 1), start + chars);
    passages.push(text.slice(start, end));
    start = cutAt(text, end - 2 * overlap, end - overlap);
  }
  return passages;
}

/** Behind the last white space in (from, to], else `to`, moved off the middle of a surrogate pair. */
function cutAt(text: string, from: number, to: number): number {
  for (let at = to; at > from; at--) {
    const unit = text.charCodeAt(at - 1);
    if (unit === 0x20 || (unit >= 0x09 && unit <= 0x0d)) return at;
  }
  const unit = text.charCodeAt(to);
  return unit >= 0xdc00 && unit <= 0xdfff ? to - 1 : to;
}
