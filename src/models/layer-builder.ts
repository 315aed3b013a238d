import { InvalidModelError } from "../errors.js";
import { GraphLayers } from "./graph-layers.js";
import type { ModelDescription } from "./model-description.js";
import { bytesOf, encodeHalf } from "./number-formats.js";
import { GraphBuilder, type OnnxTensor, onnxType } from "./onnx-graph.js";
import { quantizeColumns, quantizeRows, transpose } from "./quantization.js";
import type { WeightSource } from "./weight-source.js";

export type NumberFormat = ModelDescription["numberFormat"];

/** Values of a graph: uint8 codes `[rows, width]` and float scales `[rows, 1]`. */
interface QuantizedValue {
  readonly codes: string;
  readonly scales: string;
}

/**
 * Layers of neural networks as ONNX nodes over the weights of one model. Values are names of
 * graph values; `[…]` in comments are their shapes. In `fp16` weights are stored as binary16 and
 * computed in float32; in `int8` the products of the encoder's layers and the token rows are int8.
 */
export class LayerBuilder extends GraphLayers {
  readonly weights: WeightSource;
  readonly format: NumberFormat;
  readonly #used = new Set<string>();
  #shape: string | null = null;
  /** int8 codes of values that several products share (q, k and v read the same rows). */
  readonly #quantized = new Map<string, QuantizedValue>();

  constructor(weights: WeightSource, format: NumberFormat) {
    super(new GraphBuilder());
    this.weights = weights;
    this.format = format;
  }

  /** Names of the source's tensors that the layers so far are made of. */
  get used(): ReadonlySet<string> {
    return this.#used;
  }

  /** Marks a tensor as used and checks its shape. */
  claim(name: string, shape: readonly number[]): string {
    this.weights.expect(name, shape);
    this.#used.add(name);
    return name;
  }

  /**
   * `x Wᵀ + b`, W stored `[width out, width in]` as PyTorch does. In int8 the weights have one scale
   * per output column and the rows of x one each, found as they come: a token's result depends on
   * that token alone, where onnxruntime's DynamicQuantizeMatMul puts a whole batch on one scale
   * (10 to 15 % faster, and further from fp32).
   *
   * @param x `[batch, tokens, width in]`
   * @param bias tensor name or null
   */
  linear(x: string, weight: string, bias: string | null, shape: readonly [number, number]): string {
    if (this.format !== "int8") return this.exactLinear(x, weight, bias, shape);
    this.claim(weight, shape);
    const [outWidth, inWidth] = shape;
    const codes = `${weight}:int8`;
    const scales = `${weight}:scales`;
    let scaleValues: Float32Array = new Float32Array(0);
    const weights = this.weights;
    this.graph.tensor({
      name: codes,
      type: onnxType.int8,
      shape: [inWidth, outWidth],
      byteLength: inWidth * outWidth,
      async *chunks() {
        const columns = transpose(await weights.read(weight), outWidth, inWidth);
        const quantized = quantizeColumns(columns, outWidth);
        scaleValues = quantized.scales;
        yield bytesOf(quantized.codes);
      },
    });
    // Written right after the codes, whose pass over the weights finds the scales.
    this.graph.tensor({
      name: scales,
      type: onnxType.float,
      shape: [outWidth],
      byteLength: 4 * outWidth,
      chunks: () => [bytesOf(scaleValues)],
    });
    const { graph } = this;
    const rows = this.#quantizeRows(x, inWidth);
    // Σ (code - 128) · weight code, on the column's scale, then on the row's: [batch * tokens, out]
    const product = graph.node(
      "MatMulIntegerToFloat",
      [rows.codes, codes, graph.float(1), scales, this.#zeroPoint()],
      {},
      "com.microsoft",
    );
    const flat = graph.node("Mul", [product, rows.scales]);
    const result = graph.node("Reshape", [flat, this.#batchShape()]);
    return bias === null ? result : graph.node("Add", [result, this.vector(bias, outWidth)]);
  }

  /** Rows as codes 1 to 255 around 128, each row on its own scale: largest |value| / 127. */
  #quantizeRows(x: string, width: number): QuantizedValue {
    const known = this.#quantized.get(x);
    if (known !== undefined) return known;
    const { graph } = this;
    const flat = graph.node("Reshape", [x, graph.ints(-1, width)]);
    const largest = graph.reduce("Max", graph.node("Abs", [flat]), -1, false);
    // A row of zeros must not be divided by zero.
    const scale = graph.node("Mul", [
      graph.node("Max", [largest, graph.float(1e-12)]),
      graph.float(1 / 127),
    ]);
    const zeroPoints = graph.node("Expand", [this.#zeroPoint(), graph.node("Shape", [scale])]);
    const codes = graph.node("QuantizeLinear", [flat, scale, zeroPoints], { axis: { int: 0 } });
    const quantized = { codes, scales: graph.unsqueeze(scale, 1) };
    this.#quantized.set(x, quantized);
    return quantized;
  }

  #zeroPoint(): string {
    return this.graph.tensor({
      name: "zero_point",
      type: onnxType.uint8,
      shape: [],
      byteLength: 1,
      chunks: () => [Uint8Array.of(128)],
    });
  }

  /** `[batch, tokens, -1]`, to give flat rows their batch back. */
  #batchShape(): string {
    const { graph } = this;
    this.#shape ??= graph.node(
      "Concat",
      [graph.node("Shape", [graph.inputNames[0] ?? ""]), graph.ints(-1)],
      { axis: { int: 0 } },
    );
    return this.#shape;
  }

  /** {@link linear} that int8 leaves exact: projections and heads. */
  exactLinear(
    x: string,
    weight: string,
    bias: string | null,
    shape: readonly [number, number],
  ): string {
    this.claim(weight, shape);
    const [outWidth, inWidth] = shape;
    const weights = this.weights;
    const product = this.graph.node("MatMul", [
      x,
      this.#stored(`${weight}:transposed`, [inWidth, outWidth], async function* () {
        yield transpose(await weights.read(weight), outWidth, inWidth);
      }),
    ]);
    return bias === null ? product : this.graph.node("Add", [product, this.vector(bias, outWidth)]);
  }

  /** Rows of a table by int64 ids: `[…]` -> `[…, width]`. */
  tokenRows(ids: string, table: string, shape: readonly [number, number]): string {
    this.claim(table, shape);
    const [rows, width] = shape;
    const weights = this.weights;
    if (this.format !== "int8") {
      if (this.format === "fp16") return this.#halfRows(ids, table, shape);
      const whole = this.#stored(table, shape, () => weights.pieces(table));
      return this.graph.node("Gather", [whole, ids]);
    }
    const scaleValues = new Float32Array(rows);
    const codes = this.graph.tensor({
      name: `${table}:int8`,
      type: onnxType.int8,
      shape,
      byteLength: rows * width,
      async *chunks() {
        let row = 0;
        for await (const piece of weights.pieces(table)) {
          const quantized = quantizeRows(piece, width);
          scaleValues.set(quantized.scales, row);
          row += quantized.scales.length;
          yield bytesOf(quantized.codes);
        }
      },
    });
    const scales = this.graph.tensor({
      name: `${table}:scales`,
      type: onnxType.float,
      shape: [rows, 1],
      byteLength: 4 * rows,
      chunks: () => [bytesOf(scaleValues)],
    });
    const gathered = this.graph.node("Gather", [codes, ids]);
    const values = this.toFloat(gathered);
    return this.graph.node("Mul", [values, this.graph.node("Gather", [scales, ids])]);
  }

  /** Gathered before the cast, so that only the rows at hand become float32. */
  #halfRows(ids: string, table: string, shape: readonly [number, number]): string {
    const weights = this.weights;
    const half = this.graph.tensor(halfTensor(table, shape, () => weights.pieces(table)));
    return this.toFloat(this.graph.node("Gather", [half, ids]));
  }

  /** A tensor of one dimension, kept in float32. */
  vector(name: string, length: number): string {
    this.claim(name, [length]);
    const weights = this.weights;
    return this.graph.tensor(floatTensor(name, [length], () => weights.pieces(name)));
  }

  /** (x - mean) / sqrt(variance + epsilon) * weight + bias over the last axis. */
  layerNorm(x: string, prefix: string, width: number, epsilon: number): string {
    // Checkpoints of 2018 call them gamma and beta.
    const old = this.weights.has(`${prefix}.gamma`);
    return this.graph.node(
      "LayerNormalization",
      [
        x,
        this.vector(`${prefix}.${old ? "gamma" : "weight"}`, width),
        this.vector(`${prefix}.${old ? "beta" : "bias"}`, width),
      ],
      { axis: { int: -1 }, epsilon: { float: epsilon } },
    );
  }

  /** x / sqrt(mean(x²) + epsilon) * weight over the last axis; no mean is taken off, no bias. */
  rmsNorm(x: string, weight: string, width: number, epsilon: number): string {
    const { graph } = this;
    const square = graph.node("Pow", [x, graph.float(2)]);
    const mean = graph.reduce("Mean", square, -1, true);
    const root = graph.node("Sqrt", [graph.node("Add", [mean, graph.float(epsilon)])]);
    return graph.node("Mul", [graph.node("Div", [x, root]), this.vector(weight, width)]);
  }

  /**
   * Attention of `heads` heads: softmax(q kᵀ · scale + bias) v, joined again.
   * @param q,k,v `[batch, tokens, heads * headWidth]`
   * @param bias added to the scores, broadcast to `[batch, heads, tokens, tokens]`
   * @param scale null for none (T5)
   */
  attention(
    q: string,
    k: string,
    v: string,
    bias: string,
    heads: number,
    headWidth: number,
    scale: number | null,
  ): string {
    const { graph } = this;
    const split = (x: string, order: number[]): string =>
      graph.node("Transpose", [graph.node("Reshape", [x, graph.ints(0, 0, heads, headWidth)])], {
        perm: { ints: order },
      });
    let scores = graph.node("MatMul", [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])]);
    if (scale !== null) scores = graph.node("Mul", [scores, graph.float(scale)]);
    const shares = graph.node("Softmax", [graph.node("Add", [scores, bias])], {
      axis: { int: -1 },
    });
    const mixed = graph.node("MatMul", [shares, split(v, [0, 2, 1, 3])]);
    return graph.node("Reshape", [
      graph.node("Transpose", [mixed], { perm: { ints: [0, 2, 1, 3] } }),
      graph.ints(0, 0, heads * headWidth),
    ]);
  }

  /** int64 mask `[batch, tokens]` of 1 and 0 -> `[batch, 1, 1, tokens]`, 0 where seen, -1e9 where not. */
  maskBias(mask: string): string {
    const { graph } = this;
    const wide = graph.unsqueeze(this.toFloat(mask), 1, 2);
    const hidden = graph.node("Sub", [graph.float(1), wide]);
    return graph.node("Mul", [hidden, graph.float(-1e9)]);
  }

  /**
   * Learned bias by distance, as T5 and MPNet add to their scores: `[1, heads, tokens, tokens]`.
   * The buckets saturate at `maxDistance`, so a table of 2 maxDistance + 1 distances serves texts
   * of every length.
   * @param weight `[buckets, heads]`
   * @see Raffel et al., JMLR 2020, section 2.1; transformers, T5Attention._relative_position_bucket
   */
  async relativeBias(
    ids: string,
    weight: string,
    heads: number,
    buckets: number,
    maxDistance: number,
  ): Promise<string> {
    const { graph } = this;
    this.claim(weight, [buckets, heads]);
    const learned = await this.weights.read(weight);
    const table = new Float32Array((2 * maxDistance + 1) * heads);
    for (let distance = -maxDistance; distance <= maxDistance; distance++) {
      const bucket = relativeBucket(distance, buckets, maxDistance);
      const row = learned.subarray(bucket * heads, (bucket + 1) * heads);
      table.set(row, (distance + maxDistance) * heads);
    }
    const name = graph.floats(`${weight}:distances`, [2 * maxDistance + 1, heads], table);
    const length = graph.node("Gather", [graph.node("Shape", [ids]), graph.int(1)], {
      axis: { int: 0 },
    });
    const positions = graph.node("Range", [graph.int(0), length, graph.int(1)]);
    const distance = graph.node("Sub", [
      graph.unsqueeze(positions, 0), // of the key
      graph.unsqueeze(positions, 1), // of the query
    ]);
    const clipped = graph.node("Clip", [distance, graph.int(-maxDistance), graph.int(maxDistance)]);
    const row = graph.node("Add", [clipped, graph.int(maxDistance)]);
    const bias = graph.node("Transpose", [graph.node("Gather", [name, row])], {
      perm: { ints: [2, 0, 1] },
    });
    return graph.unsqueeze(bias, 0);
  }

  /** A weight as a float32 value of the graph, stored in the model's number format. */
  #stored(
    name: string,
    shape: readonly number[],
    pieces: () => AsyncIterable<Float32Array>,
  ): string {
    if (this.format !== "fp16") return this.graph.tensor(floatTensor(name, shape, pieces));
    return this.toFloat(this.graph.tensor(halfTensor(name, shape, pieces)));
  }
}

/**
 * Bucket of a distance (key position - query position): half of the buckets for keys after the
 * query; in each half one bucket per distance up to a quarter of all, then logarithmic ones.
 * The logarithm is rounded to float32 step by step, as the models were trained.
 */
export function relativeBucket(distance: number, buckets: number, maxDistance: number): number {
  const half = buckets / 2;
  const exact = half / 2;
  const side = distance > 0 ? half : 0;
  const length = Math.abs(distance);
  if (length < exact) return side + length;
  const logarithm = Math.fround(Math.log(Math.fround(length / exact)));
  const share = Math.fround(logarithm / Math.fround(Math.log(maxDistance / exact)));
  const step = Math.floor(Math.fround(share * (half - exact)));
  return side + Math.min(exact + step, half - 1);
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function floatTensor(
  name: string,
  shape: readonly number[],
  pieces: () => AsyncIterable<Float32Array>,
): OnnxTensor {
  return {
    name,
    type: onnxType.float,
    shape,
    byteLength: 4 * elementCount(shape),
    async *chunks() {
      for await (const piece of pieces()) yield bytesOf(piece);
    },
  };
}

function halfTensor(
  name: string,
  shape: readonly number[],
  pieces: () => AsyncIterable<Float32Array>,
): OnnxTensor {
  return {
    name: `${name}:fp16`,
    type: onnxType.float16,
    shape,
    byteLength: 2 * elementCount(shape),
    async *chunks() {
      for await (const piece of pieces()) {
        for (const value of piece) {
          // 65,504 is binary16's largest number; 65,520 is where rounding reaches infinity.
          if (Math.abs(value) < 65_520) continue;
          throw new InvalidModelError(
            `tensor "${name}" holds ${value}, too large for fp16: store the model as fp32 or int8`,
            { tensor: name },
          );
        }
        yield encodeHalf(piece);
      }
    },
  };
}
