"""Encodes the training texts with a sentence-transformers teacher, chunk by chunk, resumable.

    python teacher_vectors.py --texts texts.jsonl.xz --teacher all-MiniLM-L6-v2/ --cache cache/ \
        [--chunks 40] [--part 0 --parts 2] [--threads 1] [--device cuda]

Writes cache/vectors-NNN.npy (float16, one row a text, length 1) and cache/texts-NNN.json (the texts as
far as the teacher read them: it stops at 128 tokens, and the student must not learn from more).
A chunk that exists is left alone; a chunk appears whole or not at all.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from texts import chunk, chunk_count, read_texts

MAX_TOKENS = 128


@torch.inference_mode()
def encode(model, tokenizer, texts: list[str], device: str) -> tuple[list[str], np.ndarray]:
    """Mean-pooled, normalised vectors, computed in length order so that little is padding."""
    encoded = tokenizer(texts, truncation=True, max_length=MAX_TOKENS, return_offsets_mapping=True)
    seen = [
        text[: offsets[-2][1]] if len(offsets) > 2 else text
        for text, offsets in zip(texts, encoded["offset_mapping"])
    ]
    ids = encoded["input_ids"]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    vectors = np.zeros((len(ids), model.config.hidden_size), np.float16)
    start = 0
    while start < len(order):
        short = len(ids[order[min(start + 255, len(order) - 1)]]) <= 32
        rows = order[start : start + (256 if short else 64)]
        start += len(rows)
        width = max(len(ids[i]) for i in rows)
        tokens = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for row, i in enumerate(rows):
            tokens[row, : len(ids[i])] = torch.tensor(ids[i])
            mask[row, : len(ids[i])] = 1
        tokens, mask = tokens.to(device), mask.to(device)
        hidden = model(input_ids=tokens, attention_mask=mask).last_hidden_state.float()
        weights = mask[..., None].float()
        mean = (hidden * weights).sum(1) / weights.sum(1)
        vectors[rows] = torch.nn.functional.normalize(mean, dim=1).cpu().numpy().astype(np.float16)
    return seen, vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--chunks", type=int, help="stop after this many chunks of 8,192 texts")
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    options.cache.mkdir(parents=True, exist_ok=True)
    texts = read_texts(options.texts)
    tokenizer = AutoTokenizer.from_pretrained(options.teacher)
    model = AutoModel.from_pretrained(options.teacher, dtype=torch.bfloat16, attn_implementation="sdpa")
    model = model.eval().to(options.device)
    last = min(options.chunks or chunk_count(texts), chunk_count(texts))
    started = time.process_time()
    done = 0
    for index in range(options.part, last, options.parts):
        target = options.cache / f"vectors-{index:03d}.npy"
        if target.exists():
            continue
        seen, vectors = encode(model, tokenizer, [t.text for t in chunk(texts, index)], options.device)
        (options.cache / f"texts-{index:03d}.json").write_text(json.dumps(seen), encoding="utf-8")
        half = target.with_suffix(".part.npy")
        np.save(half, vectors)
        os.replace(half, target)
        done += len(seen)
        rate = done / max(time.process_time() - started, 1e-9)
        print(f"chunk {index} of {last}: {done} texts, {rate:.0f} texts per CPU second", flush=True)


if __name__ == "__main__":
    main()
