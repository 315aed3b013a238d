/** Element types of safetensors files that hold weights. */
export type WeightType = "F32" | "F16" | "BF16";

let halfTable: Float32Array | null = null;

/** All 65,536 IEEE 754 binary16 values as float32; built on first use (256 KiB). */
function halfValues(): Float32Array {
  if (halfTable !== null) return halfTable;
  const table = new Float32Array(65_536);
  for (let bits = 0; bits < 65_536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) table[bits] = fraction === 0 ? sign * Infinity : Number.NaN;
    else table[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  halfTable = table;
  return table;
}

/**
 * Little-endian bytes of weights -> float32, exactly (every binary16 and bfloat16 value is a float32).
 * @param bytes length a multiple of the element size
 */
export function decodeWeights(bytes: Uint8Array, type: WeightType): Float32Array {
  if (type === "F32") {
    const copy = bytes.slice();
    return new Float32Array(copy.buffer, copy.byteOffset, copy.byteLength / 4);
  }
  const count = bytes.byteLength / 2;
  if (type === "BF16") {
    const words = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      words[i] = ((bytes[2 * i + 1]! << 24) | (bytes[2 * i]! << 16)) >>> 0;
    }
    return new Float32Array(words.buffer);
  }
  const table = halfValues();
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = table[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!;
  return values;
}

const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/**
 * float32 -> binary16 bits, rounded to nearest, ties to even.
 * Magnitudes above 65,504 become infinity: callers refuse those before storing.
 * @see IEEE 754-2019, section 4.3.1
 */
export function floatToHalfBits(value: number): number {
  floatView[0] = value;
  const bits = bitsView[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // from 65,520 up rounds to infinity
  if (magnitude < 0x38800000) {
    // Below 2^-14 the result is subnormal: units of 2^-24, and Math.abs(value) / 2^-24 is exact.
    const units = Math.abs(value) * 2 ** 24;
    const floor = Math.floor(units);
    const rest = units - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
  }
  const shifted = magnitude - 0x38000000; // exponent bias 127 -> 15
  const rounded = shifted + 0xfff + ((shifted >>> 13) & 1);
  return sign | (rounded >>> 13);
}

/** float32 -> little-endian binary16 bytes. */
export function encodeHalf(values: Float32Array): Uint8Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = floatToHalfBits(values[i]!);
  return new Uint8Array(halves.buffer);
}

/** The bytes of a typed array, without copying. */
export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
