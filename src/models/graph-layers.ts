import { InvalidModelError } from "../errors.js";
import { type GraphBuilder, onnxType } from "./onnx-graph.js";

/** Activation functions by the names that config files use. */
export type Activation = "identity" | "relu" | "gelu" | "gelu-tanh" | "tanh" | "sigmoid" | "silu";

const activationNames: Readonly<Record<string, Activation>> = {
  identity: "identity",
  linear: "identity",
  relu: "relu",
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  tanh: "tanh",
  sigmoid: "sigmoid",
  silu: "silu",
  swish: "silu",
};

/** @param place file and field for the message. @throws {InvalidModelError} no such activation */
export function activationNamed(name: string, place: string): Activation {
  // torch.nn.modules.activation.Tanh -> tanh
  const short = name.toLowerCase().split(".").at(-1) ?? "";
  const activation = activationNames[short];
  if (activation !== undefined) return activation;
  throw new InvalidModelError(
    `${place}: activation "${name}" is not supported (${Object.keys(activationNames).join(", ")})`,
    { activation: name },
  );
}

/** Layers without weights, over any graph. Values are names of graph values. */
export class GraphLayers {
  readonly graph: GraphBuilder;

  constructor(graph: GraphBuilder) {
    this.graph = graph;
  }

  toFloat(value: string): string {
    return this.graph.node("Cast", [value], { to: { int: onnxType.float } });
  }

  activation(x: string, activation: Activation): string {
    const { graph } = this;
    switch (activation) {
      case "identity":
        return x;
      case "relu":
        return graph.node("Relu", [x]);
      case "tanh":
        return graph.node("Tanh", [x]);
      case "sigmoid":
        return graph.node("Sigmoid", [x]);
      case "silu":
        return graph.node("Mul", [x, graph.node("Sigmoid", [x])]);
      case "gelu": {
        // x/2 (1 + erf(x / √2)), in the order that onnxruntime fuses into one kernel
        const erf = graph.node("Erf", [graph.node("Div", [x, graph.float(Math.SQRT2)])]);
        const product = graph.node("Mul", [x, graph.node("Add", [erf, graph.float(1)])]);
        return graph.node("Mul", [product, graph.float(0.5)]);
      }
      case "gelu-tanh": {
        // x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
        const cube = graph.node("Pow", [x, graph.float(3)]);
        const inner = graph.node("Add", [x, graph.node("Mul", [cube, graph.float(0.044715)])]);
        const scaled = graph.node("Mul", [inner, graph.float(Math.sqrt(2 / Math.PI))]);
        const sum = graph.node("Add", [graph.node("Tanh", [scaled]), graph.float(1)]);
        return graph.node("Mul", [graph.node("Mul", [x, sum]), graph.float(0.5)]);
      }
      default:
        return activation satisfies never;
    }
  }
}
