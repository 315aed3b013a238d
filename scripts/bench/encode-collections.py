"""Encodes BEIR folders with sentence-transformers, for scripts/bench/fusion-quality.ts.

    python scripts/bench/encode-collections.py DATA OUT NAME=MODEL_FOLDER ...

Reads DATA/<collection>/{corpus,queries}.jsonl and qrels/test.tsv, and writes, unless they are there,
OUT/<collection>.<name>.{d,q}.npy: unit vectors of all documents (title, a space, text) and of the
queries with a judgement, in the order of the files. Made with sentence-transformers 6.2.0 on a CPU;
all-MiniLM-L6-v2 takes half an hour of it for the five collections, the bundled encoder a minute.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer


def lines(path):
    with open(path, encoding="utf8") as file:
        return [json.loads(line) for line in file if line.strip()]


def main():
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for argument in sys.argv[3:]:
        name, folder = argument.split("=", 1)
        model = SentenceTransformer(folder, device="cpu").float()
        for collection in sorted(path.parent for path in data.glob("*/corpus.jsonl")):
            with open(collection / "qrels" / "test.tsv", encoding="utf8") as file:
                judged = {line.split("\t")[0] for line in file.read().splitlines()[1:]}
            texts = {
                "q": [q["text"] for q in lines(collection / "queries.jsonl") if q["_id"] in judged],
                "d": [
                    f"{d.get('title', '')} {d['text']}".strip()
                    for d in lines(collection / "corpus.jsonl")
                ],
            }
            for kind, wanted in texts.items():
                target = out / f"{collection.name}.{name}.{kind}.npy"
                if not target.exists():
                    vectors = model.encode(wanted, normalize_embeddings=True, batch_size=32)
                    np.save(target, vectors.astype(np.float32))
                    print(target, vectors.shape, flush=True)


if __name__ == "__main__":
    main()
