import { assembleModule, op, type WasmFunction, type WasmMemory, wasm } from "./wasm-module.js";

/** Inner products of many rows with one vector in WebAssembly SIMD; addresses are in bytes. */
export interface VectorKernels {
  /**
   * Σ code·query of int8 rows and an int16 vector, exactly, four rows at a time.
   *
   * @param codes first row; rows of `stride` bytes, a positive multiple of 16
   * @param query `stride` i16, scaled by the caller so that no sum leaves 32 bits
   * @param groups groups of four rows, at least one
   * @param out four i32 per group
   */
  readonly scanInt8: (
    codes: number,
    query: number,
    stride: number,
    groups: number,
    out: number,
  ) => void;
  /**
   * Like `scanInt8` for rows anywhere: `rows` has four row numbers, u32, per group. Rows side by side
   * let the processor wait for several at once.
   */
  readonly gatherInt8: (
    codes: number,
    rows: number,
    groups: number,
    query: number,
    stride: number,
    out: number,
  ) => void;
  /**
   * {@link dotProduct} of float32 rows with one vector, the same bits.
   *
   * @param rows rows of `stride` bytes, a positive multiple of 16, zeros behind the last dimension
   * @param query `stride / 4` f64
   * @param count rows, at least one
   * @param out one f64 per row
   */
  readonly dotFloat32: (
    rows: number,
    query: number,
    stride: number,
    count: number,
    out: number,
  ) => void;
}

let compiled: object | null | undefined;

/** The kernels over a memory, or null where the platform has no WebAssembly SIMD. */
export function vectorKernels(memory: WasmMemory): VectorKernels | null {
  if (compiled === undefined) {
    const bytes = assembleModule([scanInt8(), gatherInt8(), dotFloat32()]);
    compiled = wasm.validate(bytes) ? new wasm.Module(bytes) : null;
  }
  if (compiled === null) return null;
  const { exports } = new wasm.Instance(compiled, { env: { memory } });
  return exports as VectorKernels; // the module assembled here exports exactly this
}

const { localGet, localSet, localTee, i32Const, i32Add } = op;

function scanInt8(): WasmFunction {
  const [codes, query, stride, groups, out] = [0, 1, 2, 3, 4] as const;
  const locals = fourRowLocals(5);
  const { rows } = locals;
  const group = [
    ...localGet(codes),
    ...rows.flatMap((row) => [...localTee(row), ...localGet(stride), ...i32Add]),
    ...localSet(codes),
    ...fourRowSums(locals, query, stride, out),
    ...add(out, 16),
  ];
  return {
    name: "scanInt8",
    parameterCount: 5,
    locals: locals.types,
    body: op.doWhile(group, countDown(groups)),
  };
}

function gatherInt8(): WasmFunction {
  const [codes, rowNumbers, groups, query, stride, out] = [0, 1, 2, 3, 4, 5] as const;
  const locals = fourRowLocals(6);
  const group = [
    ...locals.rows.flatMap((row, r) => [
      ...[...localGet(rowNumbers), ...op.i32Load(r * 4), ...localGet(stride), ...op.i32Mul],
      ...[...localGet(codes), ...i32Add, ...localSet(row)],
    ]),
    ...fourRowSums(locals, query, stride, out),
    ...[...add(rowNumbers, 16), ...add(out, 16)],
  ];
  return {
    name: "gatherInt8",
    parameterCount: 6,
    locals: locals.types,
    body: op.doWhile(group, countDown(groups)),
  };
}

interface FourRowLocals {
  /** Address of each row. */
  readonly rows: readonly [number, number, number, number];
  readonly at: number;
  readonly end: number;
  readonly sums: readonly [number, number, number, number];
  readonly values: number;
  readonly types: WasmFunction["locals"];
}

/** Locals of {@link fourRowSums}, the first of them `first`. */
function fourRowLocals(first: number): FourRowLocals {
  const local = (i: number): number => first + i;
  return {
    rows: [local(0), local(1), local(2), local(3)],
    at: local(4),
    end: local(5),
    sums: [local(6), local(7), local(8), local(9)],
    values: local(10),
    types: [
      { count: 6, type: "i32" },
      { count: 5, type: "v128" },
    ],
  };
}

/** Σ code·query of the four rows whose addresses are in `rows`, stored as four i32 at `out`. */
function fourRowSums(locals: FourRowLocals, query: number, stride: number, out: number): number[] {
  const { rows, at, end, sums, values } = locals;
  const sixteenDimensions = [0, 8].flatMap((dimension) => [
    ...[...localGet(at), ...op.v128Load(dimension * 2), ...localSet(values)],
    ...rows.flatMap((row, r) => [
      ...[...localGet(row), ...op.v128Load8x8S(dimension)],
      ...[...localGet(values), ...op.i32x4DotI16x8S],
      ...[...localGet(sums[r] ?? 0), ...op.i32x4Add, ...localSet(sums[r] ?? 0)],
    ]),
  ]);
  const advance = [...rows.flatMap((row) => add(row, 16)), ...add(at, 32)];
  return [
    ...sums.flatMap((sum) => [...op.v128Zero, ...localSet(sum)]),
    ...[...localGet(query), ...localSet(at)],
    ...[...localGet(rows[0]), ...localGet(stride), ...i32Add, ...localSet(end)],
    ...op.doWhile(
      [...sixteenDimensions, ...advance],
      [...localGet(rows[0]), ...localGet(end), ...op.i32LtU],
    ),
    ...sums.flatMap((sum, r) => [
      ...localGet(out),
      ...[0, 1, 2, 3].flatMap((lane) => [...localGet(sum), ...op.i32x4ExtractLane(lane)]),
      ...[...i32Add, ...i32Add, ...i32Add],
      ...op.i32Store(r * 4),
    ]),
  ];
}

function dotFloat32(): WasmFunction {
  const [row, query, stride, count, out] = [0, 1, 2, 3, 4] as const;
  const [at, end] = [5, 6] as const;
  const lanes01 = 7;
  const lanes23 = 8;
  const pair = (lanes: number, dimension: number) => [
    ...[...localGet(row), ...op.v128Load64Zero(dimension * 4), ...op.f64x2PromoteLowF32x4],
    ...[...localGet(at), ...op.v128Load(dimension * 8), ...op.f64x2Mul],
    ...[...localGet(lanes), ...op.f64x2Add, ...localSet(lanes)],
  ];
  const body = [
    ...[...op.v128Zero, ...localSet(lanes01), ...op.v128Zero, ...localSet(lanes23)],
    ...[...localGet(query), ...localSet(at)],
    ...[...localGet(row), ...localGet(stride), ...i32Add, ...localSet(end)],
    ...op.doWhile(
      [...pair(lanes01, 0), ...pair(lanes23, 2), ...add(row, 16), ...add(at, 32)],
      [...localGet(row), ...localGet(end), ...op.i32LtU],
    ),
    ...localGet(out),
    // (lane 0 + lane 1) + (lane 2 + lane 3), the order of the plain loop.
    ...[lanes01, lanes23].flatMap((lanes) => [
      ...[...localGet(lanes), ...op.f64x2ExtractLane(0)],
      ...[...localGet(lanes), ...op.f64x2ExtractLane(1), ...op.f64Add],
    ]),
    ...[...op.f64Add, ...op.f64Store(0)],
    ...add(out, 8),
  ];
  return {
    name: "dotFloat32",
    parameterCount: 5,
    locals: [
      { count: 2, type: "i32" },
      { count: 2, type: "v128" },
    ],
    body: op.doWhile(body, countDown(count)),
  };
}

/** local += value */
function add(local: number, value: number): number[] {
  return [...localGet(local), ...i32Const(value), ...i32Add, ...localSet(local)];
}

/** Leaves the local after taking one from it. */
function countDown(local: number): number[] {
  return [...localGet(local), ...i32Const(1), ...op.i32Sub, ...localTee(local)];
}
