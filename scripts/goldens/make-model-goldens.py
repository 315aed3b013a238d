"""Writes test/golden/models: tiny seeded random models of the families that ../shared/goldens lacks.

    python scripts/goldens/make-model-goldens.py test/golden/models

Made with torch 2.15.0, transformers 5.23.0, sentence-transformers 6.2.0 (float32, CPU). Token ids are
given, one text at a time without padding; expected.json holds ids and embeddings (or logits).
The models mean nothing: they pin arithmetic, pooling and heads.
"""
import json
import os
import sys

import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling
from transformers import (
    BertConfig, BertModel, DistilBertConfig, DistilBertForSequenceClassification, MPNetConfig, MPNetModel,
    RobertaConfig, RobertaForSequenceClassification, RobertaModel, T5Config, T5EncoderModel,
)

out = sys.argv[1]
VOCABULARY = 40
LENGTHS = [1, 2, 3, 7, 16, 30]


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name.lower():
                parameter.copy_(1 + 0.3 * noise if name.endswith("weight") else 0.2 * noise)
            elif "relative_attention_bias" in name:
                parameter.copy_(1.5 * noise)
            elif "embed" in name or "shared" in name:
                parameter.copy_(noise)
            elif name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            else:
                parameter.copy_(noise * 1.3 / parameter.shape[1] ** 0.5)
    return model.eval()


def write_json(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")


def save_weights(model, folder, dtype=None):
    os.makedirs(folder, exist_ok=True)
    state = {
        name: (value.to(dtype) if dtype else value).contiguous().clone()
        for name, value in model.state_dict().items()
        if not name.endswith(("position_ids", "embed_tokens.weight"))
    }
    save_file(state, f"{folder}/model.safetensors", metadata={"format": "pt"})


def token_ids(seed, first, last, low, lengths=LENGTHS):
    generator = torch.Generator().manual_seed(seed)
    lists = []
    for length in lengths:
        middle = torch.randint(low, VOCABULARY, (max(0, length - 2),), generator=generator).tolist()
        lists.append(([first] + middle + [last])[-length:] if length > 1 else [last])
    return lists


def write(name, model, ids, pooling=None, dense=None, normalize=False, dtype=None, similarity=None):
    folder = f"{out}/{name}"
    if dtype:
        model = model.to(dtype).float()
    config = model.config.to_diff_dict()
    config.pop("transformers_version", None)
    config["architectures"] = [type(model).__name__]
    config["model_type"] = model.config.model_type
    for key in ("vocab_size", "max_position_embeddings", "type_vocab_size", "pad_token_id"):
        if hasattr(model.config, key):
            config[key] = getattr(model.config, key)
    write_json(f"{folder}/config.json", config)
    vocabulary = {f"t{i}": i for i in range(VOCABULARY)}
    write_json(f"{folder}/tokenizer.json", {"version": "1.0", "added_tokens": [], "normalizer": None,
               "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
               "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "t3"}})
    save_weights(model, folder, dtype)
    expected = {"tools": {"torch": torch.__version__, "transformers": transformers.__version__,
                          "sentence-transformers": sentence_transformers.__version__}, "input_ids": ids}
    if pooling is None:
        with torch.no_grad():
            expected["logits"] = [model(input_ids=torch.tensor([row]),
                                        attention_mask=torch.ones(1, len(row), dtype=torch.long)).logits.item()
                                  for row in ids]
        write_json(f"{folder}/expected.json", expected)
        return
    width = model.config.hidden_size
    types = ["Transformer", "Pooling"] + (["Dense"] if dense else []) + (["Normalize"] if normalize else [])
    paths = ["", "1_Pooling", "2_Dense"]
    write_json(f"{folder}/modules.json", [
        {"idx": i, "name": str(i), "path": f"{i}_Normalize" if kind == "Normalize" else paths[i],
         "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(types)])
    modes = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean", "pooling_mode_max_tokens": "max",
             "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len", "pooling_mode_lasttoken": "lasttoken"}
    write_json(f"{folder}/1_Pooling/config.json",
               {"word_embedding_dimension": width, **{key: mode == pooling for key, mode in modes.items()}})
    chain = [Pooling(width, pooling_mode=pooling)]
    if dense:
        write_json(f"{folder}/2_Dense/config.json", {
            "in_features": dense.in_features, "out_features": dense.out_features, "bias": dense.bias,
            "activation_function": type(dense.activation_function).__module__ + "." +
            type(dense.activation_function).__name__})
        save_weights(dense, f"{folder}/2_Dense")
        chain.append(dense.eval())
    if normalize:
        chain.append(Normalize())
    if similarity:
        write_json(f"{folder}/config_sentence_transformers.json", {
            "similarity_fn_name": similarity, "prompts": {"query": "query: ", "document": "passage: "},
            "default_prompt_name": None})
    embeddings = []
    with torch.no_grad():
        for row in ids:
            mask = torch.ones(1, len(row), dtype=torch.long)
            features = {"token_embeddings": model(input_ids=torch.tensor([row]), attention_mask=mask).last_hidden_state,
                        "attention_mask": mask}
            for module in chain:
                features = module(features)
            embeddings.append([float(f"{value:.8g}") for value in features["sentence_embedding"][0].tolist()])
    expected["embeddings"] = embeddings
    write_json(f"{folder}/expected.json", expected)


t5_ids = token_ids(1, 5, 1, 4, LENGTHS + [300])  # beyond the last bucket of distances
t5 = T5Config(vocab_size=VOCABULARY, d_model=12, d_kv=6, d_ff=20, num_layers=2, num_heads=3,
              feed_forward_proj="gated-gelu", relative_attention_num_buckets=32, relative_attention_max_distance=128)
write("t5-gated", randomise(T5EncoderModel(t5), 1), t5_ids, "mean",
      randomise(Dense(12, 10, bias=True, activation_function=torch.nn.Tanh()), 2), True, torch.bfloat16)

bert = BertConfig(vocab_size=VOCABULARY, hidden_size=12, num_hidden_layers=2, num_attention_heads=3,
                  intermediate_size=20, max_position_embeddings=32, hidden_act="gelu_new")
bert_ids = token_ids(2, 1, 2, 4)
write("bert-max", randomise(BertModel(bert), 3), bert_ids, "max", None, False, None, "dot")
write("bert-last", randomise(BertModel(bert), 4), bert_ids, "lasttoken", None, True, None, "cosine")

roberta = RobertaConfig(vocab_size=VOCABULARY, hidden_size=12, num_hidden_layers=2, num_attention_heads=3,
                        intermediate_size=20, max_position_embeddings=34, type_vocab_size=1, pad_token_id=1,
                        num_labels=1, layer_norm_eps=1e-5)
roberta_ids = token_ids(3, 0, 2, 4)
write("roberta-mean", randomise(RobertaModel(roberta), 5), roberta_ids, "mean", None, True)
write("roberta-cross-encoder", randomise(RobertaForSequenceClassification(roberta), 6), roberta_ids)

mpnet = MPNetConfig(vocab_size=VOCABULARY, hidden_size=12, num_hidden_layers=2, num_attention_heads=3,
                    intermediate_size=20, max_position_embeddings=34, relative_attention_num_buckets=32,
                    layer_norm_eps=1e-5, pad_token_id=1)
write("mpnet-mean", randomise(MPNetModel(mpnet), 7), roberta_ids, "mean", None, True)

distilbert = DistilBertConfig(vocab_size=VOCABULARY, dim=12, n_layers=2, n_heads=3, hidden_dim=20,
                              max_position_embeddings=32, num_labels=1)
write("distilbert-cross-encoder", randomise(DistilBertForSequenceClassification(distilbert), 8), bert_ids)
