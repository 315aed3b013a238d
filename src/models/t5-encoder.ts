import { InvalidModelError } from "../errors.js";
import { type Activation, activationNamed } from "./graph-layers.js";
import type { JsonFile } from "./json-file.js";
import type { LayerBuilder } from "./layer-builder.js";
import type { Trunk } from "./trunk.js";

/**
 * T5's encoder, v1.0 (relu) and v1.1 (gated gelu): pre-norm with RMS norms, no biases, no scaling
 * of the attention scores, one relative position bias for all layers. No layers at all is fine.
 *
 * @see Raffel et al., JMLR 2020; Shazeer, arXiv 2002.05202 (v1.1); Ni et al., EMNLP 2022 (GTR)
 */
export async function buildT5Encoder(config: JsonFile, layers: LayerBuilder): Promise<Trunk> {
  const width = config.integer("d_model");
  const headWidth = config.integer("d_kv");
  const heads = config.integer("num_heads");
  const inner = config.integer("d_ff");
  const depth = config.integer("num_layers");
  const vocabularySize = config.integer("vocab_size");
  const epsilon = config.number("layer_norm_epsilon", 1e-6);
  const feedForward = feedForwardKind(config);
  const { graph } = layers;

  const ids = graph.input("input_ids", ["batch", "tokens"]);
  const mask = graph.input("attention_mask", ["batch", "tokens"]);
  const table = ["shared.weight", "encoder.embed_tokens.weight"].find((n) => layers.weights.has(n));
  let hidden = layers.tokenRows(ids, table ?? "shared.weight", [vocabularySize, width]);
  const bias =
    depth === 0
      ? ""
      : graph.node("Add", [
          await layers.relativeBias(
            ids,
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            heads,
            config.integer("relative_attention_num_buckets", 32),
            config.integer("relative_attention_max_distance", 128),
          ),
          layers.maskBias(mask),
        ]);
  for (let block = 0; block < depth; block++) {
    const attention = `encoder.block.${block}.layer.0`;
    const normed = layers.rmsNorm(hidden, `${attention}.layer_norm.weight`, width, epsilon);
    const project = (name: string): string =>
      layers.linear(normed, `${attention}.SelfAttention.${name}.weight`, null, [
        heads * headWidth,
        width,
      ]);
    const mixed = layers.attention(
      project("q"),
      project("k"),
      project("v"),
      bias,
      heads,
      headWidth,
      null,
    );
    const joined = layers.linear(mixed, `${attention}.SelfAttention.o.weight`, null, [
      width,
      heads * headWidth,
    ]);
    hidden = graph.node("Add", [hidden, joined]);

    const dense = `encoder.block.${block}.layer.1`;
    const input = layers.rmsNorm(hidden, `${dense}.layer_norm.weight`, width, epsilon);
    const expand = (name: string): string =>
      layers.linear(input, `${dense}.DenseReluDense.${name}.weight`, null, [inner, width]);
    const expanded = feedForward.gated
      ? graph.node("Mul", [
          layers.activation(expand("wi_0"), feedForward.activation),
          expand("wi_1"),
        ])
      : layers.activation(expand("wi"), feedForward.activation);
    const contracted = layers.linear(expanded, `${dense}.DenseReluDense.wo.weight`, null, [
      width,
      inner,
    ]);
    hidden = graph.node("Add", [hidden, contracted]);
  }
  hidden = layers.rmsNorm(hidden, "encoder.final_layer_norm.weight", width, epsilon);
  return {
    family: "t5-encoder",
    inputs: [ids, mask],
    mask,
    hidden,
    width,
    vocabularySize,
    maxTokens: null,
    // Decoder and language model head of a full T5 checkpoint are not part of the encoder.
    ignored: /^(decoder\.|lm_head\.|shared\.weight$|encoder\.embed_tokens\.weight$)/,
  };
}

/** `relu`, `gated-gelu`, … as transformers' T5Config reads `feed_forward_proj`. */
function feedForwardKind(config: JsonFile): { gated: boolean; activation: Activation } {
  const named = config.string("feed_forward_proj", "relu");
  const parts = named.split("-");
  const gated = parts.length === 2 && parts[0] === "gated";
  if (!gated && parts.length !== 1) {
    throw new InvalidModelError(`${config.file}: feed_forward_proj "${named}" is not supported`, {
      file: config.file,
      activation: named,
    });
  }
  const name = gated ? (parts[1] ?? "") : named;
  // The released v1.1 models say "gated-gelu" and mean the tanh approximation.
  const meant = gated && name === "gelu" ? "gelu_new" : name;
  return { gated, activation: activationNamed(meant, `${config.file}: feed_forward_proj`) };
}
