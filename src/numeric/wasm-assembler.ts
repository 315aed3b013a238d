/*
 * A small assembler for WebAssembly modules, so that hot loops can use 128-bit registers without a
 * compiler in the build: instructions are arrays of bytes, and expressions nest as function calls.
 * Only what the kernels use is here. Numbers in comments are sections of the core specification 2.0.
 */

/** Instructions in binary form. */
export type Code = readonly number[];

export const i32 = 0x7f;
export const i64 = 0x7e;
export const f64 = 0x7c;
export const v128 = 0x7b;
export type ValueType = typeof i32 | typeof i64 | typeof f64 | typeof v128;

export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** Types of the locals after the parameters. */
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const more = rest > 0x7f ? 0x80 : 0;
    bytes.push((rest & 0x7f) | more);
    rest >>>= 7;
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0);
    bytes.push(done ? byte : byte | 0x80);
    if (done) return bytes;
  }
}

const code = (...parts: readonly (Code | number)[]): Code =>
  parts.flatMap((part) => (typeof part === "number" ? [part] : [...part]));
const unary =
  (opcode: number) =>
  (a: Code): Code =>
    code(a, opcode);
const binary =
  (opcode: number) =>
  (a: Code, b: Code): Code =>
    code(a, b, opcode);
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const simdUnary =
  (opcode: number) =>
  (a: Code): Code =>
    code(a, simd(opcode));
const simdBinary =
  (opcode: number) =>
  (a: Code, b: Code): Code =>
    code(a, b, simd(opcode));
/** Alignment is a hint; offsets are bytes. */
const load =
  (opcode: number) =>
  (address: Code, offset = 0): Code =>
    code(address, opcode, 0, unsigned(offset));
const store =
  (opcode: number) =>
  (address: Code, value: Code, offset = 0): Code =>
    code(address, value, opcode, 0, unsigned(offset));

export const get = (local: number): Code => code(0x20, unsigned(local));
export const set = (local: number, value: Code): Code => code(value, 0x21, unsigned(local));
export const i32Const = (value: number): Code => code(0x41, signed(value));
/** A constant that fits 32 bits with sign. */
export const i64Const = (value: number): Code => code(0x42, signed(value));
export const f64Const = (value: number): Code =>
  code(0x44, [...new Uint8Array(Float64Array.of(value).buffer)]);

export const i32Load: ReturnType<typeof load> = load(0x28);
export const i32Load16u: ReturnType<typeof load> = load(0x2f);
export const i64Load: ReturnType<typeof load> = load(0x29);
export const f64Load: ReturnType<typeof load> = load(0x2b);
export const i32Store: ReturnType<typeof store> = store(0x36);
export const i64Store: ReturnType<typeof store> = store(0x37);
export const f64Store: ReturnType<typeof store> = store(0x39);

export const i32Eqz: ReturnType<typeof unary> = unary(0x45);
export const i32LtU: ReturnType<typeof binary> = binary(0x49);
export const i32GtU: ReturnType<typeof binary> = binary(0x4b);
export const i32GeU: ReturnType<typeof binary> = binary(0x4f);
export const f64Ge: ReturnType<typeof binary> = binary(0x66);
export const i32Add: ReturnType<typeof binary> = binary(0x6a);
export const i32Sub: ReturnType<typeof binary> = binary(0x6b);
export const i32Mul: ReturnType<typeof binary> = binary(0x6c);
export const i32And: ReturnType<typeof binary> = binary(0x71);
export const i32Or: ReturnType<typeof binary> = binary(0x72);
export const i32Shl: ReturnType<typeof binary> = binary(0x74);
export const i32ShrU: ReturnType<typeof binary> = binary(0x76);
export const i64Eqz: ReturnType<typeof unary> = unary(0x50);
export const i64Ctz: ReturnType<typeof unary> = unary(0x7a);
export const i64Sub: ReturnType<typeof binary> = binary(0x7d);
export const i64And: ReturnType<typeof binary> = binary(0x83);
export const i32WrapI64: ReturnType<typeof unary> = unary(0xa7);
export const f64Add: ReturnType<typeof binary> = binary(0xa0);
export const f64Sub: ReturnType<typeof binary> = binary(0xa1);
export const f64Mul: ReturnType<typeof binary> = binary(0xa2);
export const f64Div: ReturnType<typeof binary> = binary(0xa3);
export const f64ConvertI32: ReturnType<typeof unary> = unary(0xb7);

export const v128Load = (address: Code, offset = 0): Code =>
  code(address, simd(0), 0, unsigned(offset));
export const v128Store = (address: Code, value: Code, offset = 0): Code =>
  code(address, value, simd(11), 0, unsigned(offset));
/** Four lanes of the same 32-bit constant. */
export const v128Const = (value: number): Code =>
  code(simd(12), [...new Uint8Array(Int32Array.of(value, value, value, value).buffer)]);
export const f64x2Splat: ReturnType<typeof simdUnary> = simdUnary(20);
export const f64x2Ge: ReturnType<typeof simdBinary> = simdBinary(76);
export const v128AnyTrue: ReturnType<typeof simdUnary> = simdUnary(83);
export const i32x4Splat: ReturnType<typeof simdUnary> = simdUnary(17);
export const v128And: ReturnType<typeof simdBinary> = simdBinary(78);
export const v128Or: ReturnType<typeof simdBinary> = simdBinary(80);
export const i32x4Shl: ReturnType<typeof simdBinary> = simdBinary(171);
export const i32x4ShrU: ReturnType<typeof simdBinary> = simdBinary(173);
export const i32x4Add: ReturnType<typeof simdBinary> = simdBinary(174);
/** Lanes of the result by index: 0-3 from `a`, 4-7 from `b`. */
export const i32x4Shuffle = (a: Code, b: Code, lanes: readonly number[]): Code =>
  code(
    a,
    b,
    simd(13),
    lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
  );

export const many = (...parts: readonly Code[]): Code => code(...parts);
/** `body` runs; `leave(n)` inside leaves the n-th enclosing block, counted from 0. */
export const block = (...body: readonly Code[]): Code => code(0x02, 0x40, ...body, 0x0b);
/** `leave(n)` of a loop starts it again. */
export const loop = (...body: readonly Code[]): Code => code(0x03, 0x40, ...body, 0x0b);
export const when = (condition: Code, then: Code, otherwise: Code = []): Code =>
  code(condition, 0x04, 0x40, then, otherwise.length > 0 ? code(0x05, otherwise) : [], 0x0b);
/** One of two values. */
export const choose = (type: ValueType, condition: Code, a: Code, b: Code): Code =>
  code(condition, 0x04, type, a, 0x05, b, 0x0b);
export const leave = (depth: number): Code => code(0x0c, unsigned(depth));
export const leaveIf = (depth: number, condition: Code): Code =>
  code(condition, 0x0d, unsigned(depth));

/** Bytes of a module that imports `env.memory` and exports the functions by name (5.5). */
export function assemble(functions: readonly WasmFunction[]): Uint8Array {
  const section = (id: number, content: Code): Code => code(id, unsigned(content.length), content);
  const vector = (items: readonly Code[]): Code => code(unsigned(items.length), ...items);
  const name = (text: string): Code => {
    const bytes = [...new TextEncoder().encode(text)];
    return code(unsigned(bytes.length), bytes);
  };
  const types = functions.map(({ parameters, results }) =>
    code(0x60, unsigned(parameters.length), parameters, unsigned(results.length), results),
  );
  const bodies = functions.map(({ locals, body }) => {
    const content = code(vector(locals.map((type) => [1, type])), body, 0x0b);
    return code(unsigned(content.length), content);
  });
  return Uint8Array.from(
    code(
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, vector(types)),
      section(2, vector([code(name("env"), name("memory"), 0x02, 0x00, unsigned(1))])),
      section(3, vector(functions.map((_, i) => unsigned(i)))),
      section(7, vector(functions.map((f, i) => code(name(f.name), 0x00, unsigned(i))))),
      section(10, vector(bodies)),
    ),
  );
}
