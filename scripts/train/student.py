"""A small dual encoder in GTR's architecture: T5 encoder layers, mean pooling, linear projection to a
fixed bottleneck without bias, L2 normalisation (Ni et al. 2021, arXiv 2112.07899, section 2).

Parameter names are those of transformers' T5EncoderModel, so that a checkpoint is a model folder.
"""

import json
import math
import shutil
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

BUCKETS = 32
MAX_DISTANCE = 128
MAX_TOKENS = 256


def relative_buckets(length: int) -> torch.Tensor:
    """[length, length] bucket of key position minus query position (T5, bidirectional)."""
    distance = torch.arange(length)[None] - torch.arange(length)[:, None]
    half = BUCKETS // 2
    side = (distance > 0).long() * half
    distance = distance.abs()
    exact = half // 2
    far = exact + (
        torch.log(distance.clamp(min=1).float() / exact) / math.log(MAX_DISTANCE / exact) * (half - exact)
    ).long().clamp(max=half - exact - 1)
    return side + torch.where(distance < exact, distance, far)


class RmsNorm(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), 1e-6)


class Layer(nn.Module):
    """Pre-norm self-attention without scaling, then a ReLU feed-forward; both start at zero output."""

    def __init__(self, width: int, heads: int, inner: int):
        super().__init__()
        self.heads = heads
        self.attention_norm = RmsNorm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.feed_norm = RmsNorm(width)
        self.wi = nn.Linear(width, inner, bias=False)
        self.wo = nn.Linear(inner, width, bias=False)
        nn.init.normal_(self.q.weight, std=(width * (width // heads)) ** -0.5)
        for linear in (self.k, self.v, self.wi):
            nn.init.normal_(linear.weight, std=width**-0.5)
        nn.init.zeros_(self.o.weight)
        nn.init.zeros_(self.wo.weight)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        y = self.attention_norm(x)
        q, k, v = (f(y).view(batch, tokens, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype), scale=1.0)
        x = x + self.o(y.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.wo(F.relu(self.wi(self.feed_norm(x))))


class Student(nn.Module):
    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, inner: int, bottleneck: int):
        super().__init__()
        self.config = dict(
            vocabulary=vocabulary, width=width, layers=layers, heads=heads, inner=inner, bottleneck=bottleneck
        )
        self.embedding = nn.Embedding(vocabulary, width)
        self.bias = nn.Embedding(BUCKETS, heads)
        nn.init.normal_(self.bias.weight, std=0.02)
        self.layers = nn.ModuleList(Layer(width, heads, inner) for _ in range(layers))
        self.final_norm = RmsNorm(width)
        self.projection = nn.Linear(width, bottleneck, bias=False)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """ids, mask: [batch, tokens] -> [batch, bottleneck], rows of length 1."""
        x = self.embedding(ids)
        if len(self.layers) > 0:
            buckets = relative_buckets(ids.shape[1]).to(ids.device)
            bias = self.bias(buckets).permute(2, 0, 1)[None].float()
            bias = bias + (1 - mask.float())[:, None, None, :] * -1e4
            for layer in self.layers:
                x = layer(x, bias)
        x = self.final_norm(x).float()
        weights = mask[..., None].float()
        return F.normalize(self.projection((x * weights).sum(1) / weights.sum(1)).float(), dim=1)


def from_static(folder: Path, layers: int) -> Student:
    """A student that begins exactly at a zero-layer model folder: new layers add nothing at first."""
    config = json.loads((folder / "config.json").read_text())
    if config["num_layers"] != 0:
        raise SystemExit(f"{folder}: expected num_layers 0, got {config['num_layers']}")
    weights = load_file(folder / "model.safetensors")
    projection = load_file(folder / "2_Dense" / "model.safetensors")["linear.weight"]
    student = Student(
        config["vocab_size"], config["d_model"], layers, config["num_heads"], config["d_ff"], projection.shape[0]
    )
    with torch.no_grad():
        student.embedding.weight.copy_(weights["shared.weight"].float())
        student.final_norm.weight.copy_(weights["encoder.final_layer_norm.weight"].float())
        student.projection.weight.copy_(projection.float())
    return student


def save_model_folder(student: Student, tokenizer_folder: Path, target: Path) -> None:
    """Writes a sentence-transformers folder (float16 weights) that `braid models add` takes."""
    size = student.config
    half = lambda tensor: tensor.detach().to("cpu", torch.float16).contiguous()
    tensors = {
        "shared.weight": half(student.embedding.weight),
        "encoder.final_layer_norm.weight": half(student.final_norm.weight),
    }
    for i, layer in enumerate(student.layers):
        block = f"encoder.block.{i}.layer"
        for name in "qkvo":
            tensors[f"{block}.0.SelfAttention.{name}.weight"] = half(getattr(layer, name).weight)
        tensors[f"{block}.0.layer_norm.weight"] = half(layer.attention_norm.weight)
        tensors[f"{block}.1.DenseReluDense.wi.weight"] = half(layer.wi.weight)
        tensors[f"{block}.1.DenseReluDense.wo.weight"] = half(layer.wo.weight)
        tensors[f"{block}.1.layer_norm.weight"] = half(layer.feed_norm.weight)
    if len(student.layers) > 0:
        name = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        tensors[name] = half(student.bias.weight)

    for module in ("1_Pooling", "2_Dense", "3_Normalize"):
        (target / module).mkdir(parents=True, exist_ok=True)
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    save_file({"linear.weight": half(student.projection.weight)}, target / "2_Dense" / "model.safetensors")
    write = lambda name, value: (target / name).write_text(json.dumps(value, indent=1) + "\n")
    write(
        "config.json",
        dict(
            architectures=["T5EncoderModel"], model_type="t5", d_model=size["width"],
            d_kv=size["width"] // size["heads"], d_ff=size["inner"], num_layers=size["layers"],
            num_decoder_layers=0, num_heads=size["heads"], vocab_size=size["vocabulary"],
            relative_attention_num_buckets=BUCKETS, relative_attention_max_distance=MAX_DISTANCE,
            layer_norm_epsilon=1e-6, feed_forward_proj="relu", dropout_rate=0.0, is_encoder_decoder=False,
            use_cache=False, pad_token_id=0, eos_token_id=1, tie_word_embeddings=False, dtype="float16",
        ),
    )  # fmt: skip
    kinds = ("Transformer", "Pooling", "Dense", "Normalize")
    write(
        "modules.json",
        [
            dict(idx=i, name=str(i), path=path, type=f"sentence_transformers.models.{kind}")
            for i, (path, kind) in enumerate(zip(("", "1_Pooling", "2_Dense", "3_Normalize"), kinds))
        ],
    )
    write("sentence_bert_config.json", dict(max_seq_length=MAX_TOKENS, do_lower_case=False))
    modes = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    write(
        "1_Pooling/config.json",
        dict(word_embedding_dimension=size["width"])
        | {f"pooling_mode_{mode}": mode == "mean_tokens" for mode in modes},
    )
    write(
        "2_Dense/config.json",
        dict(
            in_features=size["width"], out_features=size["bottleneck"], bias=False,
            activation_function="torch.nn.modules.linear.Identity",
        ),
    )  # fmt: skip
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copyfile(tokenizer_folder / name, target / name)
