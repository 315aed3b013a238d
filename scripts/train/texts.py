"""Training texts in one seeded random order, cut into chunks, so that any prefix is a fair sample."""

import json
import lzma
import random
from dataclasses import dataclass
from pathlib import Path

CHUNK_TEXTS = 8192
ORDER_SEED = 20261121


@dataclass(frozen=True)
class Text:
    source: str
    kind: str
    text: str
    group: str


def read_texts(path: Path) -> list[Text]:
    """All texts of a `texts.jsonl.xz` ({"source","kind","text","group"} a line), shuffled by a fixed seed."""
    texts = []
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            try:
                texts.append(Text(row["source"], row["kind"], row["text"], str(row["group"])))
            except KeyError as missing:
                raise SystemExit(f"{path} line {number}: expected a field {missing}") from None
    random.Random(ORDER_SEED).shuffle(texts)
    return texts


def chunk_count(texts: list[Text]) -> int:
    return -(-len(texts) // CHUNK_TEXTS)


def chunk(texts: list[Text], index: int) -> list[Text]:
    return texts[index * CHUNK_TEXTS : (index + 1) * CHUNK_TEXTS]
