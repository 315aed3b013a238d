import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { GrowableUint32 } from "../../src/numeric/growable-uint32.js";
import {
  blockSize,
  decodeBlockDocs,
  decodeBlockTfs,
  encodeBlock,
  maxTermFrequency,
} from "../../src/sparse/block-codec.js";
import { searchMemory } from "../../src/sparse/search-memory.js";

/** Gaps and tfs of one block with widths all over the range; few long ones make exceptions. */
const gap = fc.oneof(fc.nat(3), fc.nat(200), fc.nat(2 ** 20));
const tf = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: maxTermFrequency }) },
);
const block = fc.record({
  previousDoc: fc.integer({ min: -1, max: 1000 }),
  gaps: fc.array(gap, { minLength: blockSize, maxLength: blockSize }),
  tfs: fc.oneof(
    fc.array(tf, { minLength: blockSize, maxLength: blockSize }),
    fc.constant(new Array<number>(blockSize).fill(1)),
    fc.constant(new Array<number>(blockSize).fill(maxTermFrequency)),
  ),
});

function encode(previousDoc: number, gaps: readonly number[], tfs: readonly number[]) {
  let doc = previousDoc;
  const docs = Uint32Array.from(gaps, (value) => {
    doc += value + 1;
    return doc;
  });
  const words = new GrowableUint32(1);
  words.push(12345); // blocks rarely start at word 0
  encodeBlock(docs, Uint32Array.from(tfs), 0, previousDoc, words);
  const values = words.values();
  return { docs, words: new Int32Array(values.buffer, values.byteOffset, values.length) };
}

describe("block codec", () => {
  it("gives back documents and frequencies", () => {
    fc.assert(
      fc.property(block, ({ previousDoc, gaps, tfs }) => {
        const { docs, words } = encode(previousDoc, gaps, tfs);
        const decodedDocs = new Int32Array(blockSize);
        const decodedTfs = new Int32Array(blockSize);
        decodeBlockDocs(words, 1, previousDoc, decodedDocs, 0);
        decodeBlockTfs(words, 1, decodedTfs, 0);
        assert.deepEqual([...decodedDocs], [...docs]);
        assert.deepEqual([...decodedTfs], tfs);
      }),
    );
  });

  it("is unpacked by the WebAssembly kernels to the same values", () => {
    const memory = searchMemory();
    const slot = memory.takeSlot();
    assert.ok(memory.kernels !== null && slot !== null, "no kernels: nothing was compared");
    const { kernels } = memory;
    fc.assert(
      fc.property(block, ({ previousDoc, gaps, tfs }) => {
        const { docs, words } = encode(previousDoc, gaps, tfs);
        memory.stage.set(words.subarray(1));
        kernels.decodeDocs(memory.stageAddress, previousDoc, slot.address);
        kernels.decodeTfs(memory.stageAddress, slot.address + 4 * blockSize);
        assert.deepEqual([...slot.docs], [...docs]);
        assert.deepEqual([...slot.tfs], tfs);
      }),
    );
  });

  it("takes no bits for consecutive documents that hold the term once", () => {
    const ones = new Array<number>(blockSize).fill(1);
    const { words } = encode(-1, new Array<number>(blockSize).fill(0), ones);
    assert.equal(words.length, 2); // the word before, and the header
  });

  it("pays one word for one long document among short ones", () => {
    const tfs = new Array<number>(blockSize).fill(2);
    const zeros = new Array<number>(blockSize).fill(0);
    const plain = encode(-1, zeros, tfs).words.length;
    tfs[77] = 1_000_000;
    assert.equal(encode(-1, zeros, tfs).words.length, plain + 1);
  });
});
