import { InvalidModelError } from "../errors.js";
import { activationNamed } from "./graph-layers.js";
import type { JsonFile } from "./json-file.js";
import type { LayerBuilder } from "./layer-builder.js";
import { bytesOf } from "./number-formats.js";
import { onnxType } from "./onnx-graph.js";
import type { Trunk } from "./trunk.js";

type BertFamily = "bert" | "distilbert" | "roberta" | "mpnet";

/** Where one family keeps the weights of a layer, and what its config calls the sizes. */
interface Naming {
  readonly layer: (prefix: string, index: number) => string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attentionOutput: string;
  readonly attentionNorm: string;
  readonly expand: string;
  readonly contract: string;
  readonly outputNorm: string;
  readonly depth: string;
  readonly heads: string;
  readonly width: string;
  readonly inner: string;
  readonly activation: string;
}

const bertNaming: Naming = {
  layer: (prefix, index) => `${prefix}encoder.layer.${index}`,
  query: "attention.self.query",
  key: "attention.self.key",
  value: "attention.self.value",
  attentionOutput: "attention.output.dense",
  attentionNorm: "attention.output.LayerNorm",
  expand: "intermediate.dense",
  contract: "output.dense",
  outputNorm: "output.LayerNorm",
  depth: "num_hidden_layers",
  heads: "num_attention_heads",
  width: "hidden_size",
  inner: "intermediate_size",
  activation: "hidden_act",
};

const namings: Readonly<Record<BertFamily, Naming>> = {
  bert: bertNaming,
  roberta: bertNaming,
  mpnet: {
    ...bertNaming,
    query: "attention.attn.q",
    key: "attention.attn.k",
    value: "attention.attn.v",
    attentionOutput: "attention.attn.o",
    attentionNorm: "attention.LayerNorm",
  },
  distilbert: {
    layer: (prefix, index) => `${prefix}transformer.layer.${index}`,
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    attentionOutput: "attention.out_lin",
    attentionNorm: "sa_layer_norm",
    expand: "ffn.lin1",
    contract: "ffn.lin2",
    outputNorm: "output_layer_norm",
    depth: "n_layers",
    heads: "n_heads",
    width: "dim",
    inner: "hidden_dim",
    activation: "activation",
  },
};

/**
 * BERT and its kin: learned positions, post-norm layers with biases, attention scaled by
 * 1/sqrt(head width). MPNet adds T5's relative bias to the scores.
 *
 * @param pairs whether inputs may be pairs of texts: then token types are an input; otherwise the
 *   row of type 0 is added to the positions at import
 * @see Devlin et al., NAACL 2019; Sanh et al., arXiv 1910.01108; Liu et al., arXiv 1907.11692;
 *   Song et al., NeurIPS 2020
 */
export async function buildBertEncoder(
  family: BertFamily,
  config: JsonFile,
  layers: LayerBuilder,
  pairs: boolean,
): Promise<Trunk> {
  const names = namings[family];
  refuseOtherKinds(config);
  const width = config.integer(names.width);
  const heads = config.integer(names.heads);
  const inner = config.integer(names.inner);
  const depth = config.integer(names.depth);
  const vocabularySize = config.integer("vocab_size");
  const positions = config.integer("max_position_embeddings");
  const epsilon = family === "distilbert" ? 1e-12 : config.number("layer_norm_eps", 1e-12);
  const activation = activationNamed(
    config.string(names.activation, "gelu"),
    `${config.file}: ${names.activation}`,
  );
  if (heads === 0 || width % heads !== 0) {
    throw new InvalidModelError(
      `${config.file}: width ${width} is no multiple of ${heads} attention heads`,
      { file: config.file },
    );
  }
  const headWidth = width / heads;
  const { graph, weights } = layers;
  const prefix = checkpointPrefix(family, layers);
  const embeddings = `${prefix}embeddings`;

  const ids = graph.input("input_ids", ["batch", "tokens"]);
  const mask = graph.input("attention_mask", ["batch", "tokens"]);
  const inputs = [ids, mask];
  let hidden = layers.tokenRows(ids, `${embeddings}.word_embeddings.weight`, [
    vocabularySize,
    width,
  ]);
  const typeTable = `${embeddings}.token_type_embeddings.weight`;
  const typeCount =
    family === "bert" || family === "roberta" ? config.integer("type_vocab_size") : 0;
  const typesAreInput = pairs && typeCount > 1;
  if (typesAreInput) {
    const types = graph.input("token_type_ids", ["batch", "tokens"]);
    inputs.push(types);
    layers.claim(typeTable, [typeCount, width]);
    const table = graph.floats(typeTable, [typeCount, width], await weights.read(typeTable));
    hidden = graph.node("Add", [hidden, graph.node("Gather", [table, types])]);
  }
  const offset =
    family === "roberta" || family === "mpnet" ? config.integer("pad_token_id", 1) + 1 : 0;
  const fixedType = typeCount > 0 && !typesAreInput ? typeTable : null;
  if (fixedType !== null) layers.claim(fixedType, [typeCount, width]);
  const positionTable = `${embeddings}.position_embeddings.weight`;
  layers.claim(positionTable, [positions, width]);
  const positionRows = graph.tensor({
    name: positionTable,
    type: onnxType.float,
    shape: [positions, width],
    byteLength: 4 * positions * width,
    async *chunks() {
      const rows = await weights.read(positionTable);
      if (fixedType !== null) {
        const type = await weights.read(fixedType);
        for (let i = 0; i < rows.length; i++) rows[i] = rows[i]! + type[i % width]!;
      }
      yield bytesOf(rows);
    },
  });
  const position =
    offset === 0 ? countedPositions(layers, ids) : maskedPositions(layers, ids, mask, offset - 1);
  hidden = graph.node("Add", [hidden, graph.node("Gather", [positionRows, position])]);
  hidden = layers.layerNorm(hidden, `${embeddings}.LayerNorm`, width, epsilon);

  let bias = layers.maskBias(mask);
  if (family === "mpnet") {
    const relative = await layers.relativeBias(
      ids,
      `${prefix}encoder.relative_attention_bias.weight`,
      heads,
      config.integer("relative_attention_num_buckets", 32),
      128,
    );
    bias = graph.node("Add", [relative, bias]);
  }
  for (let index = 0; index < depth; index++) {
    const layer = names.layer(prefix, index);
    const linear = (x: string, name: string, shape: readonly [number, number]): string =>
      layers.linear(x, `${layer}.${name}.weight`, `${layer}.${name}.bias`, shape);
    const square = [width, width] as const;
    const mixed = layers.attention(
      linear(hidden, names.query, square),
      linear(hidden, names.key, square),
      linear(hidden, names.value, square),
      bias,
      heads,
      headWidth,
      1 / Math.sqrt(headWidth),
    );
    const attended = linear(mixed, names.attentionOutput, square);
    const middle = layers.layerNorm(
      graph.node("Add", [hidden, attended]),
      `${layer}.${names.attentionNorm}`,
      width,
      epsilon,
    );
    const expanded = layers.activation(linear(middle, names.expand, [inner, width]), activation);
    const contracted = linear(expanded, names.contract, [width, inner]);
    hidden = layers.layerNorm(
      graph.node("Add", [middle, contracted]),
      `${layer}.${names.outputNorm}`,
      width,
      epsilon,
    );
  }
  return {
    family,
    inputs,
    mask,
    hidden,
    width,
    vocabularySize,
    maxTokens: positions - offset,
    // Heads of pre-training, position counters of old checkpoints, the pooler where it is not used.
    ignored: /(^|\.)(pooler|cls|lm_head|vocab_\w+|position_ids|predictions)(\.|$)/,
  };
}

/** The one logit of a cross-encoder: `[batch, 1]`. */
export function buildClassifier(trunk: Trunk, config: JsonFile, layers: LayerBuilder): string {
  const { graph } = layers;
  const labels = labelCount(config);
  if (labels !== 1) {
    throw new InvalidModelError(
      `${config.file}: a reranker needs one output, this classifier has ${labels}`,
      { file: config.file, labels },
    );
  }
  const square = [trunk.width, trunk.width] as const;
  const first = graph.node("Gather", [trunk.hidden, graph.int(0)], { axis: { int: 1 } });
  const head = (name: string, x: string, shape: readonly [number, number]): string =>
    layers.exactLinear(x, `${name}.weight`, `${name}.bias`, shape);
  switch (trunk.family) {
    case "bert": {
      const pooled = layers.activation(head("bert.pooler.dense", first, square), "tanh");
      return head("classifier", pooled, [1, trunk.width]);
    }
    case "distilbert": {
      const pooled = layers.activation(head("pre_classifier", first, square), "relu");
      return head("classifier", pooled, [1, trunk.width]);
    }
    case "roberta":
    case "mpnet": {
      const pooled = layers.activation(head("classifier.dense", first, square), "tanh");
      return head("classifier.out_proj", pooled, [1, trunk.width]);
    }
    default:
      throw new InvalidModelError(`${config.file}: no cross-encoder of family ${trunk.family}`, {
        family: trunk.family,
      });
  }
}

function labelCount(config: JsonFile): number {
  const labels = config.get("id2label");
  if (typeof labels === "object" && labels !== null) return Object.keys(labels).length;
  return config.integer("num_labels", 2);
}

/** Weights of a model with a head lie below the family's name; those of a bare one do not. */
function checkpointPrefix(family: BertFamily, layers: LayerBuilder): string {
  const table = "embeddings.word_embeddings.weight";
  return !layers.weights.has(table) && layers.weights.has(`${family}.${table}`) ? `${family}.` : "";
}

function refuseOtherKinds(config: JsonFile): void {
  const position = config.string("position_embedding_type", "absolute");
  if (position !== "absolute") {
    throw new InvalidModelError(
      `${config.file}: position_embedding_type "${position}" is not supported`,
      { file: config.file },
    );
  }
  for (const flag of ["is_decoder", "add_cross_attention"]) {
    if (!config.boolean(flag, false)) continue;
    throw new InvalidModelError(`${config.file}: "${flag}" is set: this is no encoder`, {
      file: config.file,
    });
  }
}

/** 0, 1, 2 …: `[tokens]`. */
function countedPositions(layers: LayerBuilder, ids: string): string {
  const { graph } = layers;
  const length = graph.node("Gather", [graph.node("Shape", [ids]), graph.int(1)], {
    axis: { int: 0 },
  });
  return graph.node("Range", [graph.int(0), length, graph.int(1)]);
}

/** RoBERTa counts the tokens that are no padding from `padId` + 1 on; padding stays at `padId`. */
function maskedPositions(layers: LayerBuilder, ids: string, mask: string, padId: number): string {
  const { graph } = layers;
  const isPad = graph.node("Equal", [ids, graph.int(padId)]);
  const real = graph.node("Where", [isPad, graph.int(0), mask]);
  const counted = graph.node("Mul", [graph.node("CumSum", [real, graph.int(1)]), real]);
  return graph.node("Add", [counted, graph.int(padId)]);
}
