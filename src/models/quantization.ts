/** Symmetric int8: value ≈ scale * code. */
export interface QuantizedMatrix {
  readonly codes: Int8Array;
  /** One per row (`quantizeRows`) or per column (`quantizeColumns`). */
  readonly scales: Float32Array;
}

/**
 * Each row on its own scale: scale = max |value| / 127, code = round(value / scale).
 * A row of zeros gets scale 0 and codes 0.
 * @param values row-major `[rows, width]`
 */
export function quantizeRows(values: Float32Array, width: number): QuantizedMatrix {
  const rows = width === 0 ? 0 : values.length / width;
  const codes = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let largest = 0;
    const start = row * width;
    for (let i = start; i < start + width; i++) largest = Math.max(largest, Math.abs(values[i]!));
    const scale = Math.fround(largest / 127);
    scales[row] = scale;
    if (scale === 0) continue;
    for (let i = start; i < start + width; i++) codes[i] = toCode(values[i]! / scale, 127);
  }
  return { codes, scales };
}

/**
 * Largest code of weights that meet uint8 activations in a product. x86 processors without VNNI add
 * two products in 16 bits and cut off what exceeds them: 2 · 255 · 64 = 32,640 still fits, so that
 * every processor gives the same sums.
 */
export const largestWeightCode = 64;

/**
 * Each column on its own scale, as {@link quantizeRows} does for rows, with codes of at most
 * {@link largestWeightCode}: scale = max |value| / 64.
 * @param values row-major `[rows, columns]`
 */
export function quantizeColumns(values: Float32Array, columns: number): QuantizedMatrix {
  const scales = new Float32Array(columns);
  for (let i = 0, column = 0; i < values.length; i++) {
    scales[column] = Math.max(scales[column]!, Math.abs(values[i]!));
    if (++column === columns) column = 0;
  }
  for (let column = 0; column < columns; column++) {
    scales[column] = scales[column]! / largestWeightCode;
  }
  const codes = new Int8Array(values.length);
  for (let i = 0, column = 0; i < values.length; i++) {
    const scale = scales[column]!;
    if (scale !== 0) codes[i] = toCode(values[i]! / scale, largestWeightCode);
    if (++column === columns) column = 0;
  }
  return { codes, scales };
}

/** Rounding of a subnormal scale could push a quotient past the largest code. */
function toCode(quotient: number, largest: number): number {
  return Math.max(-largest, Math.min(largest, Math.round(quotient)));
}

/** Row-major `[rows, columns]` -> `[columns, rows]`, in blocks that stay in the cache. */
export function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  const block = 32;
  for (let rowStart = 0; rowStart < rows; rowStart += block) {
    const rowEnd = Math.min(rowStart + block, rows);
    for (let columnStart = 0; columnStart < columns; columnStart += block) {
      const columnEnd = Math.min(columnStart + block, columns);
      for (let row = rowStart; row < rowEnd; row++) {
        for (let column = columnStart; column < columnEnd; column++) {
          result[column * rows + row] = values[row * columns + column]!;
        }
      }
    }
  }
  return result;
}
