/**
 * Assembles small WebAssembly modules from instruction bytes: one imported memory (`env.memory`), some
 * exported functions over i32 parameters. The engine's SIMD kernels are written in it, so that no
 * compiler is needed to build or install the package.
 *
 * @see WebAssembly Core Specification 2.0, chapter 5 (binary format)
 */
export interface WasmFunction {
  readonly name: string;
  /** Number of i32 parameters; they are locals 0, 1, …. */
  readonly parameterCount: number;
  /** Local variables after the parameters, in groups of one type. */
  readonly locals: readonly { readonly count: number; readonly type: "i32" | "v128" }[];
  readonly body: readonly number[];
}

const valueType = { i32: 0x7f, v128: 0x7b } as const;

/** What this room uses of the WebAssembly API, which Node's type package leaves to the browser's. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
interface WasmApi {
  readonly Memory: new (descriptor: { readonly initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: WasmMemory } },
  ) => { readonly exports: unknown };
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
}
/** The platform's WebAssembly. */
export const wasm: WasmApi = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;

export const wasmPageBytes = 65_536;

export function assembleModule(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameterCount }) => [
    0x60,
    ...vector(new Array<number[]>(parameterCount).fill([valueType.i32])),
    ...vector([]),
  ]);
  const memoryImport = [...name("env"), ...name("memory"), 0x02, 0x00, ...unsigned(1)];
  const exports = functions.map((fn, i) => [...name(fn.name), 0x00, ...unsigned(i)]);
  const code = functions.map(({ locals, body }) => {
    const content = [
      ...vector(locals.map(({ count, type }) => [...unsigned(count), valueType[type]])),
      ...body,
      0x0b,
    ];
    return [...unsigned(content.length), ...content];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([memoryImport])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(exports)),
    ...section(10, vector(code)),
  ]);
}

type Code = readonly number[];

const simd = (opcode: number, ...immediate: Code): Code => [
  0xfd,
  ...unsigned(opcode),
  ...immediate,
];

/** Instructions used by the kernels, each as its bytes. */
export const op: {
  readonly localGet: (local: number) => Code;
  readonly localSet: (local: number) => Code;
  readonly localTee: (local: number) => Code;
  readonly i32Const: (value: number) => Code;
  readonly i32Add: Code;
  readonly i32Sub: Code;
  readonly i32Mul: Code;
  readonly i32LtU: Code;
  readonly i32Load: (offset: number) => Code;
  readonly i32Store: (offset: number) => Code;
  readonly f64Add: Code;
  readonly f64Store: (offset: number) => Code;
  /** do { body } while (the i32 that `condition` leaves is not 0) */
  readonly doWhile: (body: Code, condition: Code) => Code;
  readonly v128Load: (offset: number) => Code;
  /** Eight signed bytes -> eight i16. */
  readonly v128Load8x8S: (offset: number) => Code;
  /** Eight bytes -> the low half, zeros above. */
  readonly v128Load64Zero: (offset: number) => Code;
  readonly v128Zero: Code;
  readonly i32x4ExtractLane: (lane: number) => Code;
  readonly f64x2ExtractLane: (lane: number) => Code;
  readonly i32x4Add: Code;
  /** Products of eight i16 pairs, neighbours added: four i32. */
  readonly i32x4DotI16x8S: Code;
  readonly f64x2Add: Code;
  readonly f64x2Mul: Code;
  /** The two low f32 -> two f64. */
  readonly f64x2PromoteLowF32x4: Code;
} = {
  localGet: (local) => [0x20, ...unsigned(local)],
  localSet: (local) => [0x21, ...unsigned(local)],
  localTee: (local) => [0x22, ...unsigned(local)],
  i32Const: (value) => [0x41, ...signed(value)],
  i32Add: [0x6a],
  i32Sub: [0x6b],
  i32Mul: [0x6c],
  i32LtU: [0x49],
  i32Load: (offset) => [0x28, 2, ...unsigned(offset)],
  i32Store: (offset) => [0x36, 2, ...unsigned(offset)],
  f64Add: [0xa0],
  f64Store: (offset) => [0x39, 3, ...unsigned(offset)],
  doWhile: (body, condition) => [0x03, 0x40, ...body, ...condition, 0x0d, 0x00, 0x0b],
  v128Load: (offset) => simd(0x00, 4, ...unsigned(offset)),
  v128Load8x8S: (offset) => simd(0x01, 3, ...unsigned(offset)),
  v128Load64Zero: (offset) => simd(0x5d, 3, ...unsigned(offset)),
  v128Zero: [0xfd, 0x0c, ...new Array<number>(16).fill(0)],
  i32x4ExtractLane: (lane) => simd(0x1b, lane),
  f64x2ExtractLane: (lane) => simd(0x21, lane),
  i32x4Add: simd(0xae),
  i32x4DotI16x8S: simd(0xba),
  f64x2Add: simd(0xf0),
  f64x2Mul: simd(0xf2),
  f64x2PromoteLowF32x4: simd(0x5f),
};

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function name(text: string): number[] {
  return vector([...Buffer.from(text, "utf8")].map((byte) => [byte]));
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    if (rest >= -64 && rest < 64) return [...bytes, rest & 0x7f];
    bytes.push((rest & 0x7f) | 0x80);
  }
}
