import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  largestWeightCode,
  quantizeColumns,
  quantizeRows,
  transpose,
} from "../../src/models/quantization.js";

const matrix = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }))
  .chain(([rows, columns]) =>
    fc
      .array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
        minLength: rows * columns,
        maxLength: rows * columns,
      })
      .map((values) => ({ rows, columns, values: Float32Array.from(values) })),
  );

describe("int8 quantisation", () => {
  it("gives each row its own scale", () => {
    // Row 1: largest 2.54, scale .02: 1.27 -> 63.5 -> 64, -2.54 -> -127. Row 2: zeros.
    const { codes, scales } = quantizeRows(Float32Array.of(1.27, -2.54, 0, 0), 2);
    assert.deepEqual([...codes], [64, -127, 0, 0]);
    assert.deepEqual([...scales], [Math.fround(2.54 / 127), 0]);
  });

  it("gives each column its own scale", () => {
    const { codes, scales } = quantizeColumns(Float32Array.of(64, 0, -1, 0), 2);
    assert.deepEqual([...codes], [64, 0, -1, 0]);
    assert.deepEqual([...scales], [1, 0]);
  });

  it("is never further off than half a step, by rows and by columns", () => {
    fc.assert(
      fc.property(matrix, ({ columns, values }) => {
        for (const [quantize, scaleOf, largest] of [
          [quantizeRows, (i: number) => Math.floor(i / columns), 127],
          [quantizeColumns, (i: number) => i % columns, largestWeightCode],
        ] as const) {
          const { codes, scales } = quantize(values, columns);
          for (let i = 0; i < values.length; i++) {
            const scale = scales[scaleOf(i)] ?? 0;
            const error = Math.abs((codes[i] ?? 0) * scale - (values[i] ?? 0));
            assert.ok(error <= scale * 0.5001 + 1e-40);
            assert.ok(Math.abs(codes[i] ?? 0) <= largest);
          }
        }
      }),
    );
  });

  it("keeps sums of two products with uint8 within 16 bits", () => {
    assert.ok(2 * 255 * largestWeightCode <= 32_767);
  });

  it("transposing twice changes nothing, above the block size too", () => {
    for (const [rows, columns] of [
      [1, 5],
      [33, 65],
      [70, 3],
    ] as const) {
      const values = Float32Array.from({ length: rows * columns }, (_, i) => i);
      const once = transpose(values, rows, columns);
      assert.equal(once[rows], values[1]);
      assert.deepEqual(transpose(once, columns, rows), values);
    }
  });
});
