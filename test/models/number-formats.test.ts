import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  bytesOf,
  decodeWeights,
  encodeHalf,
  floatToHalfBits,
} from "../../src/models/number-formats.js";

describe("number formats", () => {
  it("reads binary16 by hand", () => {
    // 0x3c00 = 1, 0xc000 = -2, 0x7bff = 65504, 0x0001 = 2^-24, 0x3555 = 0.333251953125
    const bytes = bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x3555));
    assert.deepEqual([...decodeWeights(bytes, "F16")], [1, -2, 65504, 2 ** -24, 0.333251953125]);
  });

  it("reads bfloat16 as the upper half of float32", () => {
    const bytes = bytesOf(Uint16Array.of(0x3f80, 0xc040, 0x0000));
    assert.deepEqual([...decodeWeights(bytes, "BF16")], [1, -3, 0]);
  });

  it("reads float32 at any alignment", () => {
    const bytes = new Uint8Array(9);
    new DataView(bytes.buffer).setFloat32(1, 1.5, true);
    new DataView(bytes.buffer).setFloat32(5, -7, true);
    assert.deepEqual([...decodeWeights(bytes.subarray(1), "F32")], [1.5, -7]);
  });

  it("every binary16 number survives the way to float32 and back", () => {
    const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
    const values = decodeWeights(bytesOf(all), "F16");
    for (let bits = 0; bits < 65_536; bits++) {
      const value = values[bits] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      assert.equal(floatToHalfBits(value), bits);
    }
  });

  it("rounds to the nearest binary16, ties to even", () => {
    assert.equal(floatToHalfBits(65_519.99), 0x7bff);
    assert.equal(floatToHalfBits(65_520), 0x7c00);
    // Between 1 (0x3c00) and its neighbour 1 + 2^-10 (0x3c01), and between that and 0x3c02.
    assert.equal(floatToHalfBits(1 + 2 ** -11), 0x3c00);
    assert.equal(floatToHalfBits(1 + 3 * 2 ** -11), 0x3c02);
    assert.equal(floatToHalfBits(2 ** -25), 0);
    assert.equal(floatToHalfBits(1.5 * 2 ** -24), 2);
    const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -65_504, max: 65_504 });
    fc.assert(
      fc.property(finite, (value) => {
        const bits = floatToHalfBits(value);
        const [here = 0, up = 0, down = 0] = decodeWeights(
          bytesOf(Uint16Array.of(bits, bits + 1, bits - 1)),
          "F16",
        );
        const error = Math.abs(here - value);
        for (const other of [up, down]) {
          if (Number.isFinite(other)) assert.ok(error <= Math.abs(other - value));
        }
      }),
    );
  });

  it("encodes little-endian", () => {
    assert.deepEqual([...encodeHalf(Float32Array.of(1, -2))], [0x00, 0x3c, 0x00, 0xc0]);
  });
});
