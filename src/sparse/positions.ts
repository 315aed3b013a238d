import type { ByteWriter } from "../numeric/byte-writer.js";
import { blockSize } from "./block-codec.js";
import type { PostingList, PostingsReader } from "./postings.js";

/*
 * Word positions, stored on request (`SparseSettings.positions`):
 *
 *   sparse.positions        bytes; per posting of the combined lists, one after another, tf numbers:
 *                           gaps between its positions in the text, and if the title has some, a 0
 *                           and the gaps between those
 *   sparse.position-starts  Uint32[blocks]: where the positions of the block's first posting stand;
 *                           0 for blocks of title lists, which have none
 *
 * A gap counts from the previous position, the first from -1, so none is 0 and a posting ends where
 * tf gaps were read. The bytes of a posting mean the same in any segment: merging copies them.
 */

/** Positions of one posting while it is written: fields apart, ascending. */
export function writePositions(
  text: ArrayLike<number>,
  textFrom: number,
  textTo: number,
  title: ArrayLike<number>,
  titleFrom: number,
  titleTo: number,
  out: ByteWriter,
): void {
  let previous = -1;
  for (let i = textFrom; i < textTo; i++) {
    out.varint(text[i]! - previous);
    previous = text[i]!;
  }
  if (titleTo === titleFrom) return;
  out.varint(0);
  previous = -1;
  for (let i = titleFrom; i < titleTo; i++) {
    out.varint(title[i]! - previous);
    previous = title[i]!;
  }
}

/** End of the posting's positions that start at `offset`. */
export function skipPositions(bytes: Uint8Array, offset: number, tf: number): number {
  let at = offset;
  for (let left = tf; left > 0; ) {
    // Only the number 0 has a byte of 0: others end with a byte of 1 to 127.
    const byte = bytes[at++]!;
    if (byte !== 0 && byte < 0x80) left--;
  }
  return at;
}

/** Positions of one term in one document. */
export interface WordPositions {
  readonly title: number[];
  readonly text: number[];
}

/** Positions of one term in documents that ascend. */
export class PositionsCursor {
  readonly #postings: PostingsReader;
  readonly #list: PostingList;
  readonly #docs = new Uint32Array(blockSize);
  readonly #tfs = new Uint32Array(blockSize);
  #block = -1;
  #count = 0;
  /** Posting of the block whose positions start at `#offset`. */
  #at = 0;
  #offset = 0;

  constructor(list: PostingList, postings: PostingsReader) {
    this.#list = list;
    this.#postings = postings;
  }

  /** Where the term stands in the document, or null where the document lacks it. */
  seek(docOrd: number): WordPositions | null {
    const postings = this.#postings;
    const blockCount = Math.ceil(this.#list.df / blockSize);
    while (this.#block < 0 || this.#docs[this.#count - 1]! < docOrd) {
      if (this.#block + 1 >= blockCount) return null;
      const { count, positions } = postings.decodeBlock(
        this.#list,
        ++this.#block,
        this.#docs,
        this.#tfs,
      );
      this.#count = count;
      this.#at = 0;
      this.#offset = positions;
    }
    while (this.#docs[this.#at]! < docOrd) {
      this.#offset = skipPositions(postings.positions, this.#offset, this.#tfs[this.#at++]!);
    }
    return this.#docs[this.#at] === docOrd ? this.#read(this.#tfs[this.#at]!) : null;
  }

  #read(tf: number): WordPositions {
    const reader = this.#postings.positionsReader(this.#offset);
    const text: number[] = [];
    const title: number[] = [];
    let field = text;
    let position = -1;
    while (text.length + title.length < tf) {
      const gap = reader.varint();
      if (gap === 0) {
        field = title;
        position = -1;
        continue;
      }
      position += gap;
      field.push(position);
    }
    return { title, text };
  }
}
