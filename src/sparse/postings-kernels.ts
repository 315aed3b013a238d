import * as wasm from "../numeric/wasm-assembler.js";

const { get, set, i32Const } = wasm;

/*
 * The inner loops of pruned search in WebAssembly with 128-bit registers, and what they read and
 * write. `block-codec.ts` and `postings-cursor.ts` are their plain twins and give the same bits.
 */

/** Lengths whose K = k1 (1 - b + b length / average) is tabulated for the kernels. */
export const kernelTableLengths = 2048;

export interface PostingsKernels {
  /** Unpacks the 128 documents of the block at `block` to `out`. Addresses are bytes. */
  decodeDocs(block: number, previousDoc: number, out: number): void;
  /** Unpacks its 128 term frequencies. */
  decodeTfs(block: number, out: number): void;
  /**
   * For postings `at` .. `count` - 1 with document below `hi`: scores[doc - lo] += weight · factor,
   * and bit doc - lo of `touched` is set, where `touched` is not 0. Returns the first posting not
   * read. factor = tf / (tf + K[length]), K = k1 (1 - b + b length / average). `parameters`: float64
   * k1, b, average, scale, floor, then the table of K; lengths beyond it are computed. `lengths` are
   * uint16.
   */
  accumulate: Accumulate;
  /** The same with factor = scale tf / (tf + K) + floor. */
  accumulateScaled: Accumulate;
  /**
   * Goes over candidates `from` .. `candidateCount` - 1 up to document `lastDoc`: drops those with
   * score < needed, adds to the others the score of the posting with their document, if there is
   * one from `at` on, and moves them to `left` and on. Returns the first candidate not read; the
   * new `left` and `at` stand at `state` as two int32.
   */
  probe: Probe;
  probeScaled: Probe;
  /**
   * Empties the window: lists offsets and scores of touched documents with score >= needed, zeroes
   * all touched scores and bits. Returns how many were listed.
   */
  select: Select;
  /**
   * The same for windows where most documents have a score: goes over all of them, so `touched` need
   * not have been kept; both are zero afterwards. `needed` must be > 0.
   */
  selectDense: Select;
}

type Accumulate = (
  docs: number,
  tfs: number,
  at: number,
  count: number,
  lo: number,
  hi: number,
  weight: number,
  lengths: number,
  parameters: number,
  scores: number,
  touched: number,
) => number;

type Probe = (
  docs: number,
  tfs: number,
  at: number,
  count: number,
  lo: number,
  lastDoc: number,
  weight: number,
  lengths: number,
  parameters: number,
  candidates: number,
  candidateScores: number,
  from: number,
  candidateCount: number,
  left: number,
  needed: number,
  state: number,
) => number;

type Select = (
  scores: number,
  touched: number,
  touchedEnd: number,
  needed: number,
  offsetsOut: number,
  scoresOut: number,
) => number;

const i32s = (count: number): wasm.ValueType[] => new Array(count).fill(wasm.i32);

/** Unpacks 32 vectors of `width` bits from `source`; `use` consumes the one in `value`. */
function unpackLoop(
  local: {
    readonly source: number;
    readonly width: number;
    readonly mask: number;
    readonly bit: number;
    readonly end: number;
    readonly address: number;
    readonly shift: number;
    readonly value: number;
  },
  use: wasm.Code,
): wasm.Code {
  return wasm.many(
    set(local.bit, i32Const(0)),
    set(local.end, wasm.i32Mul(get(local.width), i32Const(32))),
    // width 0 still means 32 vectors of zeros; count them by a step of 1 with an all-zero mask.
    wasm.when(wasm.i32Eqz(get(local.width)), set(local.end, i32Const(32))),
    set(
      local.mask,
      wasm.i32x4Splat(wasm.i32Sub(wasm.i32Shl(i32Const(1), get(local.width)), i32Const(1))),
    ),
    wasm.loop(
      set(
        local.address,
        wasm.i32Add(
          get(local.source),
          wasm.i32Shl(wasm.i32ShrU(get(local.bit), i32Const(5)), i32Const(4)),
        ),
      ),
      set(local.shift, wasm.i32And(get(local.bit), i32Const(31))),
      set(local.value, wasm.i32x4ShrU(wasm.v128Load(get(local.address)), get(local.shift))),
      wasm.when(
        wasm.i32GtU(wasm.i32Add(get(local.shift), get(local.width)), i32Const(32)),
        set(
          local.value,
          wasm.v128Or(
            get(local.value),
            wasm.i32x4Shl(
              wasm.v128Load(get(local.address), 16),
              wasm.i32Sub(i32Const(32), get(local.shift)),
            ),
          ),
        ),
      ),
      set(local.value, wasm.v128And(get(local.value), get(local.mask))),
      use,
      set(
        local.bit,
        wasm.i32Add(
          get(local.bit),
          wasm.choose(wasm.i32, wasm.i32Eqz(get(local.width)), i32Const(1), get(local.width)),
        ),
      ),
      wasm.leaveIf(0, wasm.i32LtU(get(local.bit), get(local.end))),
    ),
  );
}

function decodeDocs(): wasm.WasmFunction {
  const [block, previous, out] = [0, 1, 2];
  const [source, width, bit, end, address, shift] = [3, 4, 5, 6, 7, 8];
  const [mask, value, carried] = [9, 10, 11];
  const zero = wasm.v128Const(0);
  const use = wasm.many(
    // Gaps to documents: add 1 to each, sum up inside the vector, add the document before it.
    set(value, wasm.i32x4Add(get(value), wasm.v128Const(1))),
    set(value, wasm.i32x4Add(get(value), wasm.i32x4Shuffle(zero, get(value), [0, 4, 5, 6]))),
    set(value, wasm.i32x4Add(get(value), wasm.i32x4Shuffle(zero, get(value), [0, 1, 4, 5]))),
    set(value, wasm.i32x4Add(get(value), get(carried))),
    set(carried, wasm.i32x4Shuffle(get(value), get(value), [3, 3, 3, 3])),
    wasm.v128Store(get(out), get(value)),
    set(out, wasm.i32Add(get(out), i32Const(16))),
  );
  return {
    name: "decodeDocs",
    parameters: [wasm.i32, wasm.i32, wasm.i32],
    results: [],
    locals: [
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.v128,
      wasm.v128,
      wasm.v128,
    ],
    body: wasm.many(
      set(width, wasm.i32And(wasm.i32Load(get(block)), i32Const(0xff))),
      set(source, wasm.i32Add(get(block), i32Const(4))),
      set(carried, wasm.i32x4Splat(get(previous))),
      unpackLoop({ source, width, mask, bit, end, address, shift, value }, use),
    ),
  };
}

function decodeTfs(): wasm.WasmFunction {
  const [block, out] = [0, 1];
  const [source, width, bit, end, address, shift, header, at] = [2, 3, 4, 5, 6, 7, 8, 9];
  const [mask, value] = [10, 11];
  const use = wasm.many(
    wasm.v128Store(get(at), wasm.i32x4Add(get(value), wasm.v128Const(1))),
    set(at, wasm.i32Add(get(at), i32Const(16))),
  );
  return {
    name: "decodeTfs",
    parameters: [wasm.i32, wasm.i32],
    results: [],
    locals: [
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.i32,
      wasm.v128,
      wasm.v128,
    ],
    body: wasm.many(
      set(header, wasm.i32Load(get(block))),
      set(width, wasm.i32And(wasm.i32ShrU(get(header), i32Const(8)), i32Const(0xff))),
      set(
        source,
        wasm.i32Add(
          wasm.i32Add(get(block), i32Const(4)),
          wasm.i32Shl(wasm.i32And(get(header), i32Const(0xff)), i32Const(4)),
        ),
      ),
      set(at, get(out)),
      unpackLoop({ source, width, mask, bit, end, address, shift, value }, use),
      // Exceptions: position in the high 7 bits, tf - 1 in the low 25.
      set(source, wasm.i32Add(get(source), wasm.i32Shl(get(width), i32Const(4)))),
      set(
        end,
        wasm.i32Add(
          get(source),
          wasm.i32Shl(
            wasm.i32And(wasm.i32ShrU(get(header), i32Const(16)), i32Const(0xff)),
            i32Const(2),
          ),
        ),
      ),
      wasm.block(
        wasm.loop(
          wasm.leaveIf(1, wasm.i32GeU(get(source), get(end))),
          set(bit, wasm.i32Load(get(source))),
          wasm.i32Store(
            wasm.i32Add(get(out), wasm.i32Shl(wasm.i32ShrU(get(bit), i32Const(25)), i32Const(2))),
            wasm.i32Add(wasm.i32And(get(bit), i32Const(0x1ffffff)), i32Const(1)),
          ),
          set(source, wasm.i32Add(get(source), i32Const(4))),
          wasm.leave(0),
        ),
      ),
    ),
  };
}

/** Element `index` of the column of 4-byte values at `column`. */
const wordAddress = (column: number, index: number): wasm.Code =>
  wasm.i32Add(get(column), wasm.i32Shl(get(index), i32Const(2)));
/** The same for 8-byte values. */
const doubleAddress = (column: number, index: number): wasm.Code =>
  wasm.i32Add(get(column), wasm.i32Shl(get(index), i32Const(3)));
const parameterAt = (parameters: number, index: number): wasm.Code =>
  wasm.f64Load(get(parameters), 8 * index);

/** norm = K of the document's length. */
function setNorm(local: {
  readonly norm: number;
  readonly length: number;
  readonly doc: number;
  readonly lengths: number;
  readonly parameters: number;
}): wasm.Code {
  const { norm, length, doc, lengths, parameters } = local;
  return wasm.many(
    set(length, wasm.i32Load16u(wasm.i32Add(get(lengths), wasm.i32Shl(get(doc), i32Const(1))))),
    set(
      norm,
      wasm.choose(
        wasm.f64,
        wasm.i32LtU(get(length), i32Const(kernelTableLengths)),
        wasm.f64Load(doubleAddress(parameters, length), 40),
        // k1 ((1 - b) + b length / average), rounded as `TermFrequencyFactor.factor` rounds.
        wasm.f64Mul(
          parameterAt(parameters, 0),
          wasm.f64Add(
            wasm.f64Sub(wasm.f64Const(1), parameterAt(parameters, 1)),
            wasm.f64Div(
              wasm.f64Mul(parameterAt(parameters, 1), wasm.f64ConvertI32(get(length))),
              parameterAt(parameters, 2),
            ),
          ),
        ),
      ),
    ),
  );
}

/** weight · factor. */
function termScore(local: {
  readonly isScaled: boolean;
  readonly weight: number;
  readonly tf: number;
  readonly norm: number;
  readonly parameters: number;
}): wasm.Code {
  const { isScaled, weight, tf, norm, parameters } = local;
  const saturated = wasm.f64Div(get(tf), wasm.f64Add(get(tf), get(norm)));
  if (!isScaled) return wasm.f64Mul(get(weight), saturated);
  const scaled = wasm.f64Mul(parameterAt(parameters, 3), saturated);
  return wasm.f64Mul(get(weight), wasm.f64Add(scaled, parameterAt(parameters, 4)));
}

function accumulate(isScaled: boolean): wasm.WasmFunction {
  const [docs, tfs, at, count, lo, hi, weight] = [0, 1, 2, 3, 4, 5, 6];
  const [lengths, parameters, scores, touched] = [7, 8, 9, 10];
  const [doc, offset, address, length] = [11, 12, 13, 14];
  const [tf, norm] = [15, 16];
  return {
    name: isScaled ? "accumulateScaled" : "accumulate",
    parameters: [...i32s(6), wasm.f64, ...i32s(4)],
    results: [wasm.i32],
    locals: [...i32s(4), wasm.f64, wasm.f64],
    body: wasm.many(
      wasm.block(
        wasm.loop(
          wasm.leaveIf(1, wasm.i32GeU(get(at), get(count))),
          set(doc, wasm.i32Load(wordAddress(docs, at))),
          wasm.leaveIf(1, wasm.i32GeU(get(doc), get(hi))),
          set(tf, wasm.f64ConvertI32(wasm.i32Load(wordAddress(tfs, at)))),
          setNorm({ norm, length, doc, lengths, parameters }),
          set(offset, wasm.i32Sub(get(doc), get(lo))),
          set(address, doubleAddress(scores, offset)),
          wasm.f64Store(
            get(address),
            wasm.f64Add(
              wasm.f64Load(get(address)),
              termScore({ isScaled, weight, tf, norm, parameters }),
            ),
          ),
          wasm.when(
            get(touched),
            wasm.many(
              set(
                address,
                wasm.i32Add(
                  get(touched),
                  wasm.i32Shl(wasm.i32ShrU(get(offset), i32Const(5)), i32Const(2)),
                ),
              ),
              wasm.i32Store(
                get(address),
                wasm.i32Or(wasm.i32Load(get(address)), wasm.i32Shl(i32Const(1), get(offset))),
              ),
            ),
          ),
          set(at, wasm.i32Add(get(at), i32Const(1))),
          wasm.leave(0),
        ),
      ),
      get(at),
    ),
  };
}

function probe(isScaled: boolean): wasm.WasmFunction {
  const [docs, tfs, at, count, lo, lastDoc, weight] = [0, 1, 2, 3, 4, 5, 6];
  const [lengths, parameters, candidates, candidateScores] = [7, 8, 9, 10];
  const [from, candidateCount, left, needed, state] = [11, 12, 13, 14, 15];
  const [doc, offset, length] = [16, 17, 18];
  const [tf, norm, score] = [19, 20, 21];
  const docAt = wasm.i32Load(wordAddress(docs, at));
  const skipToDoc = wasm.block(
    wasm.loop(
      wasm.leaveIf(1, wasm.i32GeU(get(at), get(count))),
      wasm.leaveIf(1, wasm.i32GeU(docAt, get(doc))),
      set(at, wasm.i32Add(get(at), i32Const(1))),
      wasm.leave(0),
    ),
  );
  const addPosting = wasm.many(
    set(tf, wasm.f64ConvertI32(wasm.i32Load(wordAddress(tfs, at)))),
    setNorm({ norm, length, doc, lengths, parameters }),
    set(score, wasm.f64Add(get(score), termScore({ isScaled, weight, tf, norm, parameters }))),
  );
  return {
    name: isScaled ? "probeScaled" : "probe",
    parameters: [...i32s(6), wasm.f64, ...i32s(7), wasm.f64, wasm.i32],
    results: [wasm.i32],
    locals: [...i32s(3), wasm.f64, wasm.f64, wasm.f64],
    body: wasm.many(
      wasm.block(
        wasm.loop(
          wasm.leaveIf(1, wasm.i32GeU(get(from), get(candidateCount))),
          set(offset, wasm.i32Load(wordAddress(candidates, from))),
          set(doc, wasm.i32Add(get(lo), get(offset))),
          wasm.leaveIf(1, wasm.i32GtU(get(doc), get(lastDoc))),
          set(score, wasm.f64Load(doubleAddress(candidateScores, from))),
          set(from, wasm.i32Add(get(from), i32Const(1))),
          wasm.when(
            wasm.f64Ge(get(score), get(needed)),
            wasm.many(
              skipToDoc,
              wasm.when(
                wasm.i32LtU(get(at), get(count)),
                wasm.when(wasm.i32Eqz(wasm.i32Sub(docAt, get(doc))), addPosting),
              ),
              wasm.i32Store(wordAddress(candidates, left), get(offset)),
              wasm.f64Store(doubleAddress(candidateScores, left), get(score)),
              set(left, wasm.i32Add(get(left), i32Const(1))),
            ),
          ),
          wasm.leave(0),
        ),
      ),
      wasm.i32Store(get(state), get(left)),
      wasm.i32Store(get(state), get(at), 4),
      get(from),
    ),
  };
}

function select(): wasm.WasmFunction {
  const [scores, touched, touchedEnd, needed, offsetsOut, scoresOut] = [0, 1, 2, 3, 4, 5];
  const [base, offset, address, count] = [6, 7, 8, 9];
  const bits = 10;
  const score = 11;
  return {
    name: "select",
    parameters: [...i32s(3), wasm.f64, ...i32s(2)],
    results: [wasm.i32],
    locals: [...i32s(4), wasm.i64, wasm.f64],
    body: wasm.many(
      wasm.block(
        wasm.loop(
          wasm.leaveIf(1, wasm.i32GeU(get(touched), get(touchedEnd))),
          set(bits, wasm.i64Load(get(touched))),
          wasm.when(
            wasm.i32Eqz(wasm.i64Eqz(get(bits))),
            wasm.many(
              wasm.i64Store(get(touched), wasm.i64Const(0)),
              wasm.loop(
                set(offset, wasm.i32Add(get(base), wasm.i32WrapI64(wasm.i64Ctz(get(bits))))),
                set(bits, wasm.i64And(get(bits), wasm.i64Sub(get(bits), wasm.i64Const(1)))),
                set(address, doubleAddress(scores, offset)),
                set(score, wasm.f64Load(get(address))),
                wasm.f64Store(get(address), wasm.f64Const(0)),
                // Written in any case and counted if it stays: nobody can guess which ones do.
                wasm.i32Store(wordAddress(offsetsOut, count), get(offset)),
                wasm.f64Store(doubleAddress(scoresOut, count), get(score)),
                set(count, wasm.i32Add(get(count), wasm.f64Ge(get(score), get(needed)))),
                wasm.leaveIf(0, wasm.i32Eqz(wasm.i64Eqz(get(bits)))),
              ),
            ),
          ),
          set(touched, wasm.i32Add(get(touched), i32Const(8))),
          set(base, wasm.i32Add(get(base), i32Const(64))),
          wasm.leave(0),
        ),
      ),
      get(count),
    ),
  };
}

function selectDense(): wasm.WasmFunction {
  const [scores, touched, touchedEnd, needed, offsetsOut, scoresOut] = [0, 1, 2, 3, 4, 5];
  const [at, count, lane] = [6, 7, 8];
  const threshold = 9;
  const score = 10;
  const zero = wasm.v128Const(0);
  const isAbove = (offset: number): wasm.Code =>
    wasm.f64x2Ge(wasm.v128Load(get(scores), offset), get(threshold));
  const listLane = wasm.many(
    set(score, wasm.f64Load(wasm.i32Add(get(scores), wasm.i32Shl(get(lane), i32Const(3))))),
    wasm.when(
      wasm.f64Ge(get(score), get(needed)),
      wasm.many(
        wasm.i32Store(wordAddress(offsetsOut, count), wasm.i32Add(get(at), get(lane))),
        wasm.f64Store(doubleAddress(scoresOut, count), get(score)),
        set(count, wasm.i32Add(get(count), i32Const(1))),
      ),
    ),
  );
  return {
    name: "selectDense",
    parameters: [...i32s(3), wasm.f64, ...i32s(2)],
    results: [wasm.i32],
    locals: [...i32s(3), wasm.v128, wasm.f64],
    body: wasm.many(
      set(threshold, wasm.f64x2Splat(get(needed))),
      wasm.block(
        // One word of `touched` stands for 32 documents: eight rounds of four.
        wasm.loop(
          wasm.leaveIf(1, wasm.i32GeU(get(touched), get(touchedEnd))),
          wasm.i32Store(get(touched), i32Const(0)),
          set(touched, wasm.i32Add(get(touched), i32Const(4))),
          ...Array.from({ length: 8 }, () =>
            wasm.many(
              wasm.when(
                wasm.v128AnyTrue(wasm.v128Or(isAbove(0), isAbove(16))),
                wasm.many(
                  set(lane, i32Const(0)),
                  wasm.loop(
                    listLane,
                    set(lane, wasm.i32Add(get(lane), i32Const(1))),
                    wasm.leaveIf(0, wasm.i32LtU(get(lane), i32Const(4))),
                  ),
                ),
              ),
              wasm.v128Store(get(scores), zero),
              wasm.v128Store(get(scores), zero, 16),
              set(scores, wasm.i32Add(get(scores), i32Const(32))),
              set(at, wasm.i32Add(get(at), i32Const(4))),
            ),
          ),
          wasm.leave(0),
        ),
      ),
      get(count),
    ),
  };
}

/** Compiles the kernels over `memory`. */
export function compileKernels(memory: WebAssembly.Memory): PostingsKernels {
  const bytes = wasm.assemble([
    decodeDocs(),
    decodeTfs(),
    ...[false, true].flatMap((isScaled) => [accumulate(isScaled), probe(isScaled)]),
    select(),
    selectDense(),
  ]);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory },
  });
  return instance.exports as unknown as PostingsKernels;
}
