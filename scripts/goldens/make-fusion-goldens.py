"""Fuses seeded random runs with ranx and writes what came out, for test/fusion/ranx.test.ts.

    python scripts/goldens/make-fusion-goldens.py > test/golden/fusion/ranx.json

Made with ranx 0.3.21, numpy and Python as named in the file itself. No scores are tied within a run,
because ranx breaks ties by the order of its input. The runs for Condorcet rank the same documents
and have a majority order without circles, because ranx sorts by the majority's verdict on pairs.
"""

import json
import platform
import random
from importlib.metadata import version

import ranx
from ranx.fusion import (
    bordafuse,
    comb_anz,
    comb_mnz,
    comb_sum,
    condorcet,
    isr,
    logn_isr,
    rrf,
    weighted_bordafuse,
    wsum,
)
from ranx.normalization import max_norm, min_max_norm, rank_norm, sum_norm, zmuv_norm

DIGITS = 12
NAMES = ["dense", "sparse", "title"]
WEIGHTS = [0.2, 0.5, 0.3]
NORMS = {
    "min-max": min_max_norm,
    "max": max_norm,
    "sum": sum_norm,
    "z-score": zmuv_norm,
    "rank": rank_norm,
}


def random_runs(rng):
    """Three runs over eight queries: lexical, cosine-like and signed scores, 1 to 40 hits."""
    pool = [f"d{n:02d}" for n in range(60)]
    runs = {name: {} for name in NAMES}
    for query in range(8):
        for name in NAMES:
            docs = rng.sample(pool, rng.choice([5, 12, 25, 40]))
            low, high = {"dense": (0.05, 0.95), "sparse": (0.5, 25.0), "title": (-3.0, 9.0)}[name]
            scores = rng.sample(range(10**6), len(docs))
            runs[name][f"q{query}"] = {
                doc: round(low + (high - low) * score / 10**6, 6)
                for doc, score in zip(docs, scores)
            }
    return runs


def transitive_runs(rng):
    """Three permutations of fourteen documents whose majority relation is an order."""
    docs = [f"d{n:02d}" for n in range(14)]
    while True:
        places = []
        for _ in NAMES:
            noisy = sorted(docs, key=lambda doc: docs.index(doc) + rng.gauss(0, 2.5))
            places.append({doc: place for place, doc in enumerate(noisy)})
        wins = {
            doc: sum(
                sum(place[doc] < place[other] for place in places) >= 2
                for other in docs
                if other != doc
            )
            for doc in docs
        }
        if len(set(wins.values())) == len(docs):
            return {
                name: {"q0": {doc: float(100 - place[doc]) for doc in docs}}
                for name, place in zip(NAMES, places)
            }


def plain(run):
    return {
        query: {doc: round(float(score), DIGITS) for doc, score in sorted(run[query].items())}
        for query in sorted(run.keys())
    }


def main():
    rng = random.Random(20261121)
    runs = random_runs(rng)
    ordered = transitive_runs(rng)

    def fresh(source=runs):
        made = [ranx.Run(source[name], name=name) for name in NAMES]
        for run in made:
            run.sort()
        return made

    cases = []

    def case(fusion, run, source="runs"):
        cases.append({"fusion": fusion, "runs": source, "scores": plain(run.run)})

    case("rrf(k=60)", rrf(fresh(), k=60))
    case("rrf(k=1)", rrf(fresh(), k=1))
    case("isr", isr(fresh()))
    case("logisr", logn_isr(fresh(), sigma=0.01))
    case("borda", bordafuse(fresh()))
    weights = ",".join(f"{name}={weight}" for name, weight in zip(NAMES, WEIGHTS))
    case(f"borda({weights})", weighted_bordafuse(fresh(), WEIGHTS))
    for norm, normalise in NORMS.items():
        normal = [normalise(run) for run in fresh()]
        case(f"weighted(norm={norm},{weights})", wsum(normal, WEIGHTS))
        case(f"combsum(norm={norm})", comb_sum(normal))
        case(f"combmnz(norm={norm})", comb_mnz(normal))
        case(f"combanz(norm={norm})", comb_anz(normal))
    case("condorcet", condorcet(fresh(ordered)), "ordered")

    tools = {name: version(name) for name in ("ranx", "numpy", "numba")}
    tools["python"] = platform.python_version()
    print(
        json.dumps(
            {
                "tools": tools,
                "command": "python scripts/goldens/make-fusion-goldens.py",
                "digits": DIGITS,
                "runs": runs,
                "ordered": ordered,
                "cases": cases,
            },
            indent=None,
            separators=(",", ":"),
        )
    )


if __name__ == "__main__":
    main()
