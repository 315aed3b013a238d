import { bytesOf } from "./number-formats.js";

/** Element types of ONNX's `TensorProto.DataType`. */
export const onnxType = { float: 1, uint8: 2, int8: 3, int64: 7, float16: 10 } as const;
export type OnnxType = (typeof onnxType)[keyof typeof onnxType];

/** A weight of a graph. Its bytes are made when they are written, once, and never kept. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  readonly byteLength: number;
  chunks(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export type AttributeValue =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] };

export interface OnnxNode {
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** A graph's input or output; a string in `shape` is a length known only when it runs. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** Opset of graphs that are written whole: the first with LayerNormalization. */
export const ownOpset = 17;

/**
 * Collects the nodes and weights of a graph in order of computation. Operators whose form changed
 * between opsets 11 and 21 have methods of their own, so that layers can be appended to the graphs
 * of others.
 */
export class GraphBuilder {
  readonly #opset: number;
  readonly #prefix: string;
  readonly #nodes: OnnxNode[] = [];
  readonly #tensors = new Map<string, OnnxTensor>();
  readonly #inputs: OnnxValue[] = [];

  /** @param prefix before every name that the builder makes up */
  constructor(opset: number = ownOpset, prefix = "") {
    this.#opset = opset;
    this.#prefix = prefix;
  }

  /** @returns the input's name */
  input(name: string, shape: readonly (number | string)[]): string {
    this.#inputs.push({ name, type: onnxType.int64, shape });
    return name;
  }

  /** Names of the inputs so far. */
  get inputNames(): readonly string[] {
    return this.#inputs.map((input) => input.name);
  }

  /**
   * Appends a node with one output.
   * @param inputs names; "" leaves an optional input out
   * @returns the name of its output
   */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): string {
    const output = `${this.#prefix}${operator}_${this.#nodes.length}`;
    this.#nodes.push({ operator, domain, inputs, output, attributes });
    return output;
  }

  /** Another element type, under a name of the caller's. */
  cast(x: string, type: number, output: string): string {
    const attributes = { to: { int: type } };
    this.#nodes.push({ operator: "Cast", domain: "", inputs: [x], output, attributes });
    return output;
  }

  /** Inserts axes of length 1. */
  unsqueeze(x: string, ...axes: number[]): string {
    return this.#withAxes("Unsqueeze", x, axes, {}, this.#opset >= 13);
  }

  /** Removes axes of length 1. */
  squeeze(x: string, ...axes: number[]): string {
    return this.#withAxes("Squeeze", x, axes, {}, this.#opset >= 13);
  }

  /** One axis made 1 long, or dropped. */
  reduce(kind: "Sum" | "Mean" | "Max" | "L2", x: string, axis: number, keep: boolean): string {
    const asInput = this.#opset >= (kind === "Sum" ? 13 : 18);
    const keepdims = { keepdims: { int: keep ? 1 : 0 } };
    return this.#withAxes(`Reduce${kind}`, x, [axis], keepdims, asInput);
  }

  #withAxes(
    operator: string,
    x: string,
    axes: readonly number[],
    attributes: Readonly<Record<string, AttributeValue>>,
    asInput: boolean,
  ): string {
    return asInput
      ? this.node(operator, [x, this.ints(...axes)], attributes)
      : this.node(operator, [x], { ...attributes, axes: { ints: axes } });
  }

  /** Gives a value its public name. */
  rename(value: string, name: string): string {
    this.#nodes.push({
      operator: "Identity",
      domain: "",
      inputs: [value],
      output: name,
      attributes: {},
    });
    return name;
  }

  tensor(tensor: OnnxTensor): string {
    this.#tensors.set(tensor.name, tensor);
    return tensor.name;
  }

  floats(name: string, shape: readonly number[], values: Float32Array): string {
    return this.#constant(name, onnxType.float, shape, bytesOf(values));
  }

  /** Scalar float; equal values share one constant. */
  float(value: number): string {
    return this.floats(`${this.#prefix}float:${value}`, [], Float32Array.of(value));
  }

  /** List of int64; equal lists share one constant. */
  ints(...values: number[]): string {
    const bytes = bytesOf(BigInt64Array.from(values.map(BigInt)));
    return this.#constant(`${this.#prefix}ints:${values}`, onnxType.int64, [values.length], bytes);
  }

  /** Scalar int64. */
  int(value: number): string {
    const bytes = bytesOf(BigInt64Array.of(BigInt(value)));
    return this.#constant(`${this.#prefix}int:${value}`, onnxType.int64, [], bytes);
  }

  #constant(name: string, type: OnnxType, shape: readonly number[], bytes: Uint8Array): string {
    if (this.#tensors.has(name)) return name;
    return this.tensor({ name, type, shape, byteLength: bytes.byteLength, chunks: () => [bytes] });
  }

  /**
   * The graph that computes `outputs`: only the nodes, weights and inputs that they need.
   * @param also further values that must be computed
   */
  build(outputs: readonly OnnxValue[], also: Iterable<string> = []): OnnxGraph {
    const needed = new Set([...outputs.map((output) => output.name), ...also]);
    const nodes: OnnxNode[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!needed.has(node.output)) continue;
      nodes.push(node);
      for (const input of node.inputs) needed.add(input);
    }
    return {
      nodes: nodes.reverse(),
      tensors: [...this.#tensors.values()].filter((tensor) => needed.has(tensor.name)),
      inputs: this.#inputs.filter((input) => needed.has(input.name)),
      outputs,
    };
  }
}
