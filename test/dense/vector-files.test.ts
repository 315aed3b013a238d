import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it, type TestContext } from "node:test";
import { embeddingsOf, type ReadyVector, readVectors } from "../../src/dense/vector-files.js";
import { InputError } from "../../src/errors.js";

const dot = { dimension: 3, similarity: "dot" } as const;
const cosine = { dimension: 3, similarity: "cosine" } as const;

function fileOf(t: TestContext, name: string, content: string | Uint8Array): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "braid-vectors-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(path.join(directory, name), content);
  return path.join(directory, name);
}

/** A .npy file of version 1: magic, version, header length, header padded to 64, data. */
function npy(type: string, shape: string, data: ArrayBufferView, order = "False"): Buffer {
  const dict = `{'descr': '${type}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const header = `${dict.padEnd(64 * Math.ceil((dict.length + 11) / 64) - 11)}\n`;
  const start = Buffer.from("\x93NUMPY\x01\x00\x00\x00", "latin1");
  start.writeUInt16LE(header.length, 8);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([start, Buffer.from(header), bytes]);
}

async function all(vectors: AsyncGenerator<ReadyVector>): Promise<[string | null, number[]][]> {
  const list: [string | null, number[]][] = [];
  for await (const { docId, vector } of vectors) list.push([docId, [...vector]]);
  return list;
}

describe("readVectors", () => {
  it("reads NumPy arrays of every float width by position", async (t) => {
    const rows: [null, number[]][] = [
      [null, [1, -0.5, 2]],
      [null, [0.25, 0, 65504]],
    ];
    const values = rows.flatMap(([, row]) => row);
    const wide = fileOf(t, "a.npy", npy("<f8", "(2, 3)", Float64Array.from(values)));
    assert.deepEqual(await all(readVectors(wide, dot)), rows);
    const single = fileOf(t, "b.npy", npy("<f4", "(2, 3)", Float32Array.from(values)));
    assert.deepEqual(await all(readVectors(single, dot)), rows);
    // Half precision: 1 = 0x3c00, -.5 = 0xb800, 2 = 0x4000, .25 = 0x3400, 65504 = 0x7bff.
    const half = Uint16Array.of(0x3c00, 0xb800, 0x4000, 0x3400, 0, 0x7bff);
    assert.deepEqual(
      await all(readVectors(fileOf(t, "c.npy", npy("<f2", "(2, 3)", half)), dot)),
      rows,
    );
  });

  it("reads JSON Lines by id and normalises for cosine", async (t) => {
    const file = fileOf(
      t,
      "a.jsonl",
      '{"_id":"a","vector":[3,0,4]}\n\n{"id":7,"embedding":[0,1,0]}\r\n',
    );
    const [first, second] = await all(readVectors(file, cosine));
    assert.equal(first?.[0], "a");
    assert.ok(Math.abs((first?.[1][0] ?? 0) - 0.6) < 1e-7 && first?.[1][1] === 0);
    assert.deepEqual(second, ["7", [0, 1, 0]]);
    const { count, values } = embeddingsOf([Float32Array.of(1, 2), Float32Array.of(3, 4)], 2);
    assert.deepEqual([count, ...values], [2, 1, 2, 3, 4]);
  });

  it("names file and place of what it cannot take", async (t) => {
    const rejects = (name: string, content: string | Uint8Array, message: RegExp, shape = dot) =>
      assert.rejects(
        all(readVectors(fileOf(t, name, content), shape as typeof dot)),
        (error: unknown) => error instanceof InputError && message.test(error.message),
      );
    const six = new Float32Array(6);
    await rejects("a.npy", "not numpy at all", /NumPy file/);
    await rejects("a.npy", npy("<f4", "(3, 2)", six), /dimension 2/);
    await rejects("a.npy", npy("<f4", "(3, 3)", six), /expected 3 x 3/);
    await rejects("a.npy", npy("<i4", "(2, 3)", six), /float array/);
    await rejects("a.npy", npy("<f4", "(2, 3)", six, "True"), /C order/);
    await rejects("a.npy", npy("<f4", "(2, 3)", six.fill(Number.NaN)), /row 0.*finite/);
    await rejects("a.jsonl", '{"_id":"a","vector":[1,2,3]}\n{"_id":', /line 2/);
    await rejects("a.jsonl", '{"vector":[1,2,3]}', /line 1.*_id/);
    await rejects("a.jsonl", '{"_id":"a","vector":[1,2]}', /line 1.*dimension 2/);
    await rejects("a.jsonl", '{"_id":"a","vector":["1",2,3]}', /line 1/);
    await rejects("a.bin", "", /\.npy/);
    const zeros = '{"_id":"a","vector":[0,0,0]}';
    await rejects("a.jsonl", zeros, /zeros/, cosine as unknown as typeof dot);
  });
});
