"""Distils a small GTR-type encoder from cached teacher vectors (teacher_vectors.py), resumable and seeded.

    python train_encoder.py --cache cache/ --start encoder-folder/ --layers 2 --texts 800000 --out model/

Starts exactly at a zero-layer model (--start) and adds layers whose output begins at zero. Every batch
mixes passages with short texts. Loss = 5 (1 - cos(student, teacher)) + KL(teacher || student) over the
softmax of in-batch similarities at temperature .05: the first places each text, the second teaches
which texts of the batch are close, as an in-batch teacher does in TAS-Balanced (Hofstätter et al. 2021,
section 3.3). Learning rate: linear warm-up over 200 steps, then linear to 5 % over the --texts budget.
A checkpoint is written every --save-every steps; the same command goes on from it.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from student import Student, from_static, save_model_folder

TRAIN_TOKENS = 160
SHORT_TOKENS = 48
HELD_OUT = 1500
TEMPERATURE = 0.05


class Examples:
    """Token ids and teacher vectors of the cached chunks, in chunk order; reads new chunks as they appear."""

    def __init__(self, cache: Path, tokenizer: Tokenizer):
        self.cache, self.tokenizer = cache, tokenizer
        self.ids: list[np.ndarray] = []
        self.vectors: list[np.ndarray] = []
        self.chunks = 0
        self.read_new()

    def read_new(self) -> None:
        while (path := self.cache / f"vectors-{self.chunks:03d}.npy").exists():
            texts = json.loads((self.cache / f"texts-{self.chunks:03d}.json").read_text())
            vectors = np.load(path)
            for encoding, vector in zip(self.tokenizer.encode_batch(texts), vectors):
                if len(encoding.ids) < 2:
                    continue
                ids = encoding.ids
                if len(ids) > TRAIN_TOKENS:
                    ids = ids[: TRAIN_TOKENS - 1] + [ids[-1]]
                self.ids.append(np.array(ids, np.int32))
                self.vectors.append(vector)
            self.chunks += 1
        self.lengths = np.array([len(ids) for ids in self.ids])

    def batch(self, rows: np.ndarray, device: str) -> tuple[torch.Tensor, torch.Tensor]:
        width = int(self.lengths[rows].max())
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for row, i in enumerate(rows):
            ids[row, : len(self.ids[i])] = torch.from_numpy(self.ids[i].astype(np.int64))
            mask[row, : len(self.ids[i])] = 1
        return ids.to(device), mask.to(device)

    def teacher(self, rows: np.ndarray, device: str) -> torch.Tensor:
        vectors = torch.from_numpy(np.stack([self.vectors[i] for i in rows]).astype(np.float32))
        return F.normalize(vectors.to(device), dim=1)


def epoch(examples: Examples, rng: np.random.Generator, passages: int, shorts: int):
    """Batches of one pass over the passages, each with `shorts` short texts beside them."""
    rows = np.arange(HELD_OUT, len(examples.ids))
    long = rng.permutation(rows[examples.lengths[rows] > SHORT_TOKENS])
    short = rng.permutation(rows[examples.lengths[rows] <= SHORT_TOKENS])
    for i in range(len(long) // passages):
        yield long[i * passages : (i + 1) * passages], short.take(range(i * shorts, (i + 1) * shorts), mode="wrap")


def forward(student: Student, examples: Examples, rows: np.ndarray, device: str) -> torch.Tensor:
    """Vectors of rows sorted by length, in pieces of similar length."""
    pieces = np.array_split(rows, max(1, len(rows) // 24))
    vectors = []
    for piece in pieces:
        ids, mask = examples.batch(piece, device)
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
            vectors.append(student(ids, mask).float())
    return torch.cat(vectors)


@torch.inference_mode()
def held_out(student: Student, examples: Examples, device: str) -> dict[str, float]:
    """Mean cosine to the teacher, and how many of the teacher's ten nearest neighbours are kept."""
    student.eval()
    rows = np.argsort(examples.lengths[:HELD_OUT], kind="stable")
    mine, theirs = forward(student, examples, rows, device), examples.teacher(rows, device)
    student.train()
    neighbours = []
    for vectors in (mine, theirs):
        similarity = vectors @ vectors.T
        similarity.fill_diagonal_(-1)
        neighbours.append(similarity.topk(10, 1).indices.tolist())
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*neighbours)])
    return {"cosine": (mine * theirs).sum(1).mean().item(), "neighbours": float(kept)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--cache", type=Path, required=True, help="folder of teacher_vectors.py")
    add("--start", type=Path, required=True, help="zero-layer model folder; its tokenizer is used")
    add("--out", type=Path, required=True, help="model folder to write; checkpoint and log beside it")
    add("--layers", type=int, default=2)
    add("--texts", type=int, default=800_000, help="training budget in texts seen")
    add("--passages", type=int, default=48)
    add("--shorts", type=int, default=80)
    add("--lr", type=float, default=7e-4, help="of the layers and the projection")
    add("--lr-embedding", type=float, default=5e-4)
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=2)
    add("--save-every", type=int, default=250)
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(options.start / "tokenizer.json"))
    examples = Examples(options.cache, tokenizer)
    student = from_static(options.start, options.layers).to(options.device)
    others = [p for name, p in student.named_parameters() if name != "embedding.weight"]
    optimizer = torch.optim.AdamW(
        [
            {"params": [student.embedding.weight], "peak": options.lr_embedding},
            {"params": others, "peak": options.lr},
        ],
        betas=(0.9, 0.98),
        weight_decay=0.0,
    )
    checkpoint = options.out / "checkpoint.pt"
    step = seen = passes = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=options.device, weights_only=True)
        student.load_state_dict(saved["student"])
        optimizer.load_state_dict(saved["optimizer"])
        step, seen, passes = saved["step"], saved["seen"], saved["passes"]
    log = (options.out / "log.jsonl").open("a")

    def record(row: dict) -> None:
        log.write(json.dumps(row) + "\n")
        log.flush()
        print(row, flush=True)

    def save() -> None:
        half = checkpoint.with_suffix(".part")
        state = {"student": student.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state | {"step": step, "seen": seen, "passes": passes}, half)
        half.replace(checkpoint)

    record({"step": step, "texts": len(examples.ids)} | held_out(student, examples, options.device))
    started = time.process_time()
    began = seen
    while seen < options.texts:
        rng = np.random.default_rng((options.seed, passes))
        for passages, shorts in epoch(examples, rng, options.passages, options.shorts):
            if seen >= options.texts:
                break
            rate = min(1, (step + 1) / 200) * (1 - 0.95 * seen / options.texts)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
            rows = np.concatenate([passages, shorts])
            rows = rows[np.argsort(examples.lengths[rows], kind="stable")]
            mine = forward(student, examples, rows, options.device)
            theirs = examples.teacher(rows, options.device)
            place = (1 - (mine * theirs).sum(1)).mean()
            itself = torch.eye(len(rows), device=options.device) * -1e4
            closeness = F.kl_div(
                F.log_softmax(mine @ mine.T / TEMPERATURE + itself, 1),
                F.log_softmax(theirs @ theirs.T / TEMPERATURE + itself, 1),
                log_target=True,
                reduction="batchmean",
            )
            loss = 5 * place + closeness
            if not torch.isfinite(loss):
                raise SystemExit(f"loss is {loss.item()} at step {step}: lower --lr; the checkpoint before it stands")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            step, seen = step + 1, seen + len(rows)
            if step % options.save_every == 0:
                save()
                speed = (seen - began) / (time.process_time() - started)
                row = {"step": step, "seen": seen, "textsPerCpuSecond": round(speed), "loss": loss.item()}
                record(row | held_out(student, examples, options.device))
                save_model_folder(student, options.start, options.out)
        passes += 1
        examples.read_new()
    save()
    record({"step": step, "seen": seen} | held_out(student, examples, options.device))
    save_model_folder(student, options.start, options.out)


if __name__ == "__main__":
    main()
