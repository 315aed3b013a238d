import type { GraphLayers } from "./graph-layers.js";
import { transpose } from "./quantization.js";
import type { DenseModule, Pooling } from "./sentence-transformers-folder.js";
import type { Trunk } from "./trunk.js";
import { WeightSource } from "./weight-source.js";

/** A dense module with its weights as constants of the graph. */
export interface LoadedDense {
  readonly module: DenseModule;
  /** `[in, out]` and `[out]`; names of graph values. */
  readonly weight: string;
  readonly bias: string | null;
}

/** Lengths below this do not scale a vector up: torch's epsilon. */
const smallestNorm = 1e-12;

/** @returns each module's weights with the hashes of its tensors. @throws {InvalidModelError} wrong shapes */
export async function loadDense(
  module: DenseModule,
  name: string,
  layers: GraphLayers,
): Promise<{ loaded: LoadedDense; hashes: WeightSource["hashes"] }> {
  const source = await WeightSource.open(module.folder);
  try {
    const { inWidth, outWidth } = module;
    source.expect("linear.weight", [outWidth, inWidth]);
    const values = await source.read("linear.weight");
    const columns = transpose(values, outWidth, inWidth);
    const weight = layers.graph.floats(`${name}.linear.weight`, [inWidth, outWidth], columns);
    let bias: string | null = null;
    if (module.bias) {
      source.expect("linear.bias", [outWidth]);
      const biasValues = await source.read("linear.bias");
      bias = layers.graph.floats(`${name}.linear.bias`, [outWidth], biasValues);
    }
    const hashes = source.hashes();
    return { loaded: { module, weight, bias }, hashes: () => hashes };
  } finally {
    await source.close();
  }
}

/** Token vectors and the mask that says which of them count. */
export type TokenVectors = Pick<Trunk, "hidden" | "mask">;

/**
 * Token vectors -> one vector: `[batch, tokens, width]` -> `[batch, width]`. Masked tokens count for
 * nothing; a text without any token gives zeros (mean, last) and never NaN.
 */
export function pool(trunk: TokenVectors, pooling: Pooling, layers: GraphLayers): string {
  const { graph } = layers;
  switch (pooling) {
    case "cls":
      return graph.node("Gather", [trunk.hidden, graph.int(0)], { axis: { int: 1 } });
    case "mean": {
      // Σ mask · x / max(Σ mask, 1e-9), the sum as a product [1, tokens] x [tokens, width]. Three
      // empty tokens more: the product's kernel takes four rows at once and the last one to three
      // in another order, so that otherwise padding would move the last bit of a vector.
      const mask = layers.toFloat(trunk.mask);
      const rows = graph.node("Pad", [trunk.hidden, graph.ints(0, 0, 0, 0, 3, 0)]);
      const shares = graph.node("Pad", [mask, graph.ints(0, 0, 0, 3)]);
      const sum = graph.squeeze(graph.node("MatMul", [graph.unsqueeze(shares, 1), rows]), 1);
      const count = graph.reduce("Sum", mask, 1, true);
      return graph.node("Div", [sum, graph.node("Max", [count, graph.float(1e-9)])]);
    }
    case "max": {
      const column = graph.unsqueeze(trunk.mask, 2);
      const seen = graph.node("Equal", [column, graph.int(1)]);
      const visible = graph.node("Where", [seen, trunk.hidden, graph.float(-1e9)]);
      return graph.reduce("Max", visible, 1, false);
    }
    case "last": {
      // The last 1 of the mask, whichever side is padded: the largest mask * (position + 1).
      const length = graph.node("Gather", [graph.node("Shape", [trunk.mask]), graph.int(1)], {
        axis: { int: 0 },
      });
      const end = graph.node("Add", [length, graph.int(1)]);
      const ordinal = graph.node("Range", [graph.int(1), end, graph.int(1)]);
      const places = graph.node("Mul", [trunk.mask, ordinal]);
      const last = graph.reduce("Max", places, 1, true);
      const isLast = graph.node("Equal", [ordinal, last]);
      const row = graph.unsqueeze(layers.toFloat(isLast), 1);
      return graph.squeeze(graph.node("MatMul", [row, trunk.hidden]), 1);
    }
    default:
      return pooling satisfies never;
  }
}

/** The dense modules after one another: `[…, in]` -> `[…, out]`. */
export function project(x: string, dense: readonly LoadedDense[], layers: GraphLayers): string {
  return dense.reduce((value, { module, weight, bias }) => {
    const product = layers.graph.node("MatMul", [value, weight]);
    const sum = bias === null ? product : layers.graph.node("Add", [product, bias]);
    return layers.activation(sum, module.activation);
  }, x);
}

/** x / max(‖x‖₂, 1e-12) over the last axis. */
export function normalize(x: string, layers: GraphLayers): string {
  const { graph } = layers;
  const norm = graph.reduce("L2", x, -1, true);
  return graph.node("Div", [x, graph.node("Max", [norm, graph.float(smallestNorm)])]);
}

/** Projected, normalised vectors of all tokens, zero where masked: `[batch, tokens, dimension]`. */
export function tokenVectors(
  trunk: TokenVectors,
  dense: readonly LoadedDense[],
  layers: GraphLayers,
): string {
  const { graph } = layers;
  const vectors = normalize(project(trunk.hidden, dense, layers), layers);
  const column = graph.unsqueeze(layers.toFloat(trunk.mask), 2);
  return graph.node("Mul", [vectors, column]);
}
