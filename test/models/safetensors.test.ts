import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { InvalidModelError, ModelMissingError, SearchError } from "../../src/errors.js";
import { decodeWeights } from "../../src/models/number-formats.js";
import { openSafetensors } from "../../src/models/safetensors.js";
import { safetensorsBytes, withHeader } from "./tiny-folder.js";

describe("safetensors", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "braid-safetensors-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const open = async (bytes: Uint8Array) => {
    const file = path.join(folder, "x.safetensors");
    await writeFile(file, bytes);
    return openSafetensors(file);
  };
  const refused = async (header: unknown, dataBytes: number, message: RegExp) => {
    const text = typeof header === "string" ? header : JSON.stringify(header);
    await assert.rejects(open(withHeader(text, new Uint8Array(dataBytes))), (error: Error) => {
      assert.ok(error instanceof InvalidModelError, String(error));
      assert.match(error.message, message);
      return true;
    });
  };
  const f32 = (shape: unknown, data_offsets: unknown) => ({ dtype: "F32", shape, data_offsets });

  it("gives back what was written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.float({ noNaN: true }), { maxLength: 5 }), { maxLength: 5 }),
        async (lists) => {
          const tensors = lists.map((values, i) => [`t${i}`, { shape: [values.length], values }]);
          const file = await open(safetensorsBytes(Object.fromEntries(tensors)));
          try {
            for (const [i, values] of lists.entries()) {
              const tensor = file.tensors.get(`t${i}`);
              assert.ok(tensor);
              const bytes = await file.read(tensor, 0, tensor.end - tensor.begin);
              assert.deepEqual([...decodeWeights(bytes, "F32")], values);
            }
            assert.equal(file.tensors.size, lists.length);
          } finally {
            await file.close();
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("takes scalars, empty tensors and tensors in any order", async () => {
    const header = { b: f32([], [4, 8]), a: f32([1], [0, 4]), none: f32([0, 3], [8, 8]) };
    const file = await open(withHeader(JSON.stringify(header), new Uint8Array(8)));
    assert.deepEqual([...file.tensors.keys()], ["b", "a", "none"]);
    await file.close();
  });

  it("says which file cannot be opened", async () => {
    await assert.rejects(openSafetensors(path.join(folder, "none")), ModelMissingError);
  });

  it("refuses lengths that lie", async () => {
    for (const length of [0n, 1n, 100n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      const bytes = Buffer.alloc(40, "{}");
      bytes.writeBigUInt64LE(length);
      await assert.rejects(open(bytes), InvalidModelError, String(length));
    }
    for (const short of [0, 3, 8])
      await assert.rejects(open(Buffer.alloc(short)), InvalidModelError);
  });

  it("refuses headers that lie, naming the tensor", async () => {
    await refused("no json", 0, /header is not JSON/);
    await refused("[1]", 0, /not a JSON object/);
    await refused({ a: 1 }, 4, /"a" has no description/);
    await refused({ a: { ...f32([1], [0, 4]), dtype: "F8" } }, 4, /"a" has the unknown element/);
    await refused({ a: f32([-1], [0, 4]) }, 4, /"a" has the shape/);
    await refused({ a: f32("1", [0, 4]) }, 4, /"a" has the shape/);
    await refused({ a: f32([1], [0]) }, 4, /"a" has the offsets/);
    await refused({ a: f32([1], [0, 2 ** 53]) }, 4, /"a" has the offsets/);
    await refused({ a: f32([2], [0, 4]) }, 4, /"a" takes 8 bytes by type and shape, but 4/);
    await refused({ a: f32([1], [4, 0]) }, 4, /"a" takes 4 bytes/);
    await refused({ a: f32([2 ** 30, 2 ** 30], [0, 4]) }, 4, /"a" takes/);
    await refused({ a: f32([2], [0, 8]) }, 4, /"a" ends at byte .*cut short/);
    await refused({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12, /"b" overlaps/);
    await refused({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12, /"b" leaves a gap/);
    await refused({ a: f32([1], [4, 8]) }, 8, /"a" leaves a gap/);
    await refused({ a: f32([1], [0, 4]) }, 9, /5 bytes after the last tensor/);
  });

  it("answers any bytes with tensors or with an error of ours", async () => {
    const good = safetensorsBytes({
      a: { shape: [2], values: [1, 2] },
      b: { shape: [1], values: [3] },
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(good.length),
        async (changes, cut) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            await (await open(bytes.subarray(0, cut))).close();
          } catch (error) {
            assert.ok(error instanceof SearchError, String(error));
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
