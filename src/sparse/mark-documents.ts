import type { Bitset } from "../numeric/bitset.js";
import { blockSize, decodeBlockDocs } from "./block-codec.js";
import type { PostingList, PostingsReader } from "./postings.js";
import type { SearchMemory } from "./search-memory.js";

const tfsOfTail = new Int32Array(blockSize);

/** Adds the documents of a list to `documents`: the quick way, without frequencies. */
export function markDocuments(
  list: PostingList,
  postings: PostingsReader,
  documents: Bitset,
  memory: SearchMemory,
): void {
  // Cursors of a search must not be open: they use the same buffers.
  memory.begin();
  const { kernels, stage, stageAddress } = memory;
  const slot = memory.takeSlot();
  const docs = slot?.docs ?? new Int32Array(blockSize);
  const { blocks, blockEnds } = postings;
  const blockEnd = list.firstBlock + Math.floor(list.df / blockSize);
  let previousDoc = -1;
  for (let block = list.firstBlock; block < blockEnd; block++) {
    const word = blockEnds[2 * block + 1]!;
    if (kernels === null || slot === null) decodeBlockDocs(blocks, word, previousDoc, docs, 0);
    else {
      const wordCount = 1 + 4 * (blocks[word]! & 0xff);
      for (let i = 0; i < wordCount; i++) stage[i] = blocks[word + i]!;
      kernels.decodeDocs(stageAddress, previousDoc, slot.address);
    }
    mark(docs, blockSize, documents.words);
    previousDoc = blockEnds[2 * block]!;
  }
  mark(docs, postings.decodeTail(list, previousDoc, docs, tfsOfTail, 0), documents.words);
}

function mark(docs: Int32Array, count: number, words: Uint32Array): void {
  for (let i = 0; i < count; i++) {
    const doc = docs[i]!;
    words[doc >>> 5]! |= 1 << (doc & 31);
  }
}
