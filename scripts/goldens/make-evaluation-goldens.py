"""Writes test/golden/evaluation/{random-runs,collections,scipy,ranx}.json with other people's tools.

    python scripts/goldens/make-evaluation-goldens.py [folder with scifact, nfcorpus, cranfield, …]

needs pytrec_eval (pytrec-eval-terrier), ir_measures, ranx, scipy, numpy and perl (gdeval). The files
name the versions. The runs over the collections are made from ids and judgements by
`collection_run`, which test/evaluation/collection-runs.ts repeats, so no data goes into the file.
"""

import json
import math
import platform
import random
import sys
from importlib.metadata import version
from pathlib import Path

import ir_measures
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "test" / "golden" / "evaluation"
DATA = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data"

PYTREC_EVAL = [
    "nDCG", "nDCG@5", "nDCG@10", "nDCG@100", "nDCG(judged_only=True)@10",
    "AP", "AP@10", "AP(rel=2)", "AP(judged_only=True)@10", "RR", "RR(rel=2)",
    "P@1", "P@5", "P@10", "P(rel=2)@5", "R@5", "R@10", "R@1000", "R(rel=2)@10",
    "Success@1", "Success@5", "Success(rel=2)@5", "Rprec", "Rprec(rel=2)",
    "Bpref", "Bpref(rel=2)", "infAP", "infAP(rel=2)",
    "SetP", "SetP(rel=2)", "SetR", "SetR(rel=2)", "SetF", "SetF(rel=2)", "SetF(beta=0.5)", "SetAP",
]
EXPONENTIAL = {"nDCG(dcg='exp-log2')": "nDCG", "nDCG(dcg='exp-log2')@5": "nDCG@5",
               "nDCG(dcg='exp-log2')@10": "nDCG@10"}
ORDER_SENSITIVE = {"RR@3": ir_measures.msmarco, "RR@10": ir_measures.msmarco,
                   "Judged@5": ir_measures.judged, "Judged@10": ir_measures.judged,
                   "Judged": ir_measures.judged}
GDEVAL = ["ERR@5", "ERR@20"]
COLLECTION_MEASURES = [
    "nDCG@10", "nDCG", "AP@1000", "AP", "RR", "P@10", "R@10", "R@100", "R@1000",
    "Success@5", "Rprec", "Bpref", "infAP", "SetF", "P(rel=2)@10",
]


def tools(*names):
    found = {"python": platform.python_version()}
    found.update({name: version(name) for name in names})
    return found


def in_trec_eval_order(ranking):
    """Scores that any tool orders as trec_eval orders the ranking: float32, then id descending."""
    docs = sorted(ranking.items(), key=lambda item: item[0].encode(), reverse=True)
    docs.sort(key=lambda item: float(np.float32(item[1])), reverse=True)
    return {doc: float(len(docs) - rank) for rank, (doc, _) in enumerate(docs)}


def per_query(provider, names, qrels, run):
    measures = {ir_measures.parse_measure(name): name for name in names}
    assert len(measures) == len(names)
    values = {name: {} for name in names}
    for metric in provider.evaluator(list(measures), qrels).iter_calc(run):
        values[measures[metric.measure]][metric.query_id] = metric.value
    return values


def evaluate(qrels, run, names):
    values = per_query(ir_measures.pytrec_eval, [n for n in names if n in PYTREC_EVAL or n in
                                                 ("AP@1000", "R@100", "P(rel=2)@10")], qrels, run)
    # gains of 2^grade - 1 as grades: trec_eval's discount and ideal ranking with the other gain form
    gains = {q: {d: (2 ** g - 1 if g > 0 else g) for d, g in docs.items()} for q, docs in qrels.items()}
    exponential = {k: v for k, v in EXPONENTIAL.items() if k in names}
    if exponential:
        plain = per_query(ir_measures.pytrec_eval, list(exponential.values()), gains, run)
        values.update({ours: plain[theirs] for ours, theirs in exponential.items()})
    ordered = {q: in_trec_eval_order(r) for q, r in run.items()}
    for name, provider in ORDER_SENSITIVE.items():
        if name in names:
            values.update(per_query(provider, [name], qrels, ordered))
    err = [n for n in names if n in GDEVAL]
    if err:
        values.update(per_query(ir_measures.gdeval, err, qrels, ordered))
    for measure in values:  # a judged query that the run lacks counts 0
        for query in qrels:
            values[measure].setdefault(query, 0.0)
    return values


def random_case(seed):
    rng = random.Random(seed)
    names = [f"d{i}" for i in range(40)] + ["D-7", "zz", "é1", "\U0001f600x", "\uffeey"]
    levels = rng.choice([[0, 1], [0, 0, 1, 2], [-1, 0, 1, 2, 3, 4], [-2, -1, 0, 0, 1]])
    qrels, run = {}, {}
    for q in range(1, rng.randint(3, 9)):
        query = str(q)
        if rng.random() < 0.9:
            docs = rng.sample(names, rng.randint(1, 25))
            qrels[query] = {d: (rng.choice(levels) if rng.random() < 0.95 else 0) for d in docs}
            if rng.random() < 0.1:
                qrels[query] = {d: min(g, 0) for d, g in qrels[query].items()}
            # trec_eval reads past its arrays when no grade of a query reaches 0
            if max(qrels[query].values()) < 0:
                qrels[query][docs[0]] = 0
        if rng.random() < 0.85:
            docs = rng.sample(names, rng.randint(1, len(names)))
            kind = rng.random()
            if kind < 0.4:  # many ties
                run[query] = {d: rng.randint(-2, 3) / 2 for d in docs}
            elif kind < 0.7:  # apart in float64, tied in float32
                run[query] = {d: rng.randint(0, 3) + rng.randint(0, 9) * 1e-9 for d in docs}
            else:
                run[query] = {d: rng.uniform(-5, 30) for d in docs}
    if not qrels:
        qrels["1"] = {"d1": 1}
    return qrels, run


def write(name, value):
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / name
    path.write_text(json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n")
    print(f"{path} {path.stat().st_size} bytes")


def make_random_runs():
    names = PYTREC_EVAL + list(EXPONENTIAL) + list(ORDER_SENSITIVE) + GDEVAL
    cases = []
    for seed in range(40):
        qrels, run = random_case(seed)
        values = evaluate(qrels, run, names)
        cases.append({"seed": seed, "qrels": qrels, "run": run, "values": values})
    write("random-runs.json", {
        "tools": tools("pytrec-eval-terrier", "ir_measures", "numpy"),
        "command": "python scripts/goldens/make-evaluation-goldens.py",
        "tolerance": {"default": 1e-9, "ERR@5": 5e-6, "ERR@20": 5e-6},
        "note": "ERR by gdeval.pl, which prints 5 decimals; RR@k and Judged get ranks as scores, so "
                "that ties are trec_eval's; nDCG(dcg='exp-log2') by pytrec_eval over gains as grades.",
        "cases": cases,
    })


MASK = 0xFFFFFFFF


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & MASK
    return value


def collection_run(qrels, doc_ids):
    """One linear congruential step a document: the upper bits choose it, the next ones score it."""
    run = {}
    for query, grades in qrels.items():
        state = fnv1a(query)
        if state % 23 == 0:
            continue  # a query that the run lacks
        ranking = {}
        for doc in doc_ids:
            state = (state * 1664525 + 1013904223) & MASK
            grade = grades.get(doc)
            chosen = state >> 24
            if chosen < (5 if grade is None else 150):
                ranking[doc] = ((state >> 8) % 400) / 100 + (grade or 0) * 0.75
        if ranking:
            run[query] = ranking
    return run


def make_collections():
    collections = {}
    for name in ("scifact", "nfcorpus", "cranfield", "cisi", "vaswani"):
        folder = DATA / name
        with open(folder / "corpus.jsonl", encoding="utf-8") as lines:
            doc_ids = [json.loads(line)["_id"] for line in lines if line.strip()]
        qrels = {}
        with open(folder / "qrels" / "test.tsv", encoding="utf-8") as lines:
            next(lines)
            for line in lines:
                query, doc, grade = line.rstrip("\n").split("\t")
                qrels.setdefault(query, {})[doc] = int(grade)
        run = collection_run(qrels, doc_ids)
        values = evaluate(qrels, run, COLLECTION_MEASURES)
        collections[name] = {
            "queryCount": len(qrels),
            "retrieved": sum(len(r) for r in run.values()),
            "values": {m: [values[m][q] for q in qrels] for m in COLLECTION_MEASURES},
        }
    write("collections.json", {
        "tools": tools("pytrec-eval-terrier", "ir_measures", "numpy"),
        "command": "python scripts/goldens/make-evaluation-goldens.py",
        "tolerance": 1e-9,
        "note": "values in the order of the queries in qrels/test.tsv",
        "collections": collections,
    })


RANX = {
    "nDCG": "ndcg", "nDCG@5": "ndcg@5", "nDCG@10": "ndcg@10",
    "nDCG(dcg='exp-log2')@10": "ndcg_burges@10", "AP": "map", "AP@10": "map@10", "RR": "mrr",
    "RR@3": "mrr@3", "P@5": "precision@5", "R@10": "recall@10", "Success@5": "hit_rate@5",
    "Rprec": "r-precision", "SetP": "precision", "SetR": "recall", "SetF": "f1",
    "RBP(p=0.95,rel=1)": "rbp.95", "RBP(rel=1)": "rbp.80",
}


def make_ranx():
    import ranx

    cases = []
    for seed in range(100, 115):
        qrels, run = random_case(seed)
        # ranx wants grades >= 0, a relevant document and a ranking for every query; its rank-biased
        # precision multiplies by the grade, which is the same as ours for grades of 0 and 1.
        binary = seed % 2 == 0
        qrels = {q: {d: min(g, 1) if binary else g for d, g in docs.items() if g >= 0}
                 for q, docs in qrels.items() if q in run and max(docs.values()) > 0}
        if not qrels:
            continue
        run = {q: run[q] for q in qrels}
        names = {ours: theirs for ours, theirs in RANX.items() if binary or "rbp" not in theirs}
        theirs_qrels = ranx.Qrels(qrels)
        theirs_run = ranx.Run({q: in_trec_eval_order(r) for q, r in run.items()})
        scores = ranx.evaluate(theirs_qrels, theirs_run, list(names.values()), return_mean=False)
        order = list(theirs_run.run)
        values = {ours: dict(zip(order, map(float, scores[theirs]))) for ours, theirs in names.items()}
        cases.append({"seed": seed, "qrels": qrels, "run": run, "values": values})
    write("ranx.json", {
        "tools": tools("ranx", "numba", "numpy"),
        "command": "python scripts/goldens/make-evaluation-goldens.py",
        "tolerance": 1e-9,
        "note": "runs go to ranx with ranks as scores, since it breaks ties otherwise",
        "cases": cases,
    })


def paired_samples():
    rng = np.random.default_rng(20261121)
    samples = []
    for n in (2, 5, 9, 12, 13, 14, 30, 50, 51, 300):
        baseline = rng.random(n)
        samples.append((f"n={n} continuous", baseline + rng.normal(0.02, 0.1, n), baseline))
        coarse = rng.integers(0, 5, n) / 4
        other = np.clip(coarse + rng.integers(-1, 2, n) / 4, 0, 1)
        if len(set(other - coarse)) > 1:
            samples.append((f"n={n} with ties and zeros", other, coarse))
    return samples


def make_scipy():
    from scipy import special, stats

    pairs = []
    for name, values, baseline in paired_samples():
        difference = values - baseline
        n = len(difference)
        case = {"name": name, "values": list(values), "baseline": list(baseline)}
        for alternative in ("two-sided", "greater", "less"):
            test = stats.ttest_rel(values, baseline, alternative=alternative)
            case[f"t {alternative}"] = {"statistic": test.statistic, "pvalue": test.pvalue}
        interval = stats.ttest_rel(values, baseline).confidence_interval(0.95)
        case["t interval"] = [interval.low, interval.high]
        case["tost"] = {
            "margin": 0.05,
            "worse": stats.ttest_1samp(difference, -0.05, alternative="greater").pvalue,
            "better": stats.ttest_1samp(difference, 0.05, alternative="less").pvalue,
        }
        distinct = len(set(np.abs(difference))) == n and not np.any(difference == 0)
        for method in ("auto", "asymptotic") + (("exact",) if distinct and n <= 60 else ()):
            test = stats.wilcoxon(values, baseline, zero_method="wilcox", correction=False,
                                  method=method)
            case[f"wilcoxon {method}"] = {"statistic": test.statistic, "pvalue": test.pvalue}
        if n <= 13:
            test = stats.permutation_test((difference,), np.mean, permutation_type="samples",
                                          n_resamples=np.inf, vectorized=False)
            case["permutation"] = test.pvalue
        pairs.append(case)

    bootstraps = []
    rng = np.random.default_rng(7)
    for sample in (rng.normal(0.1, 0.2, 25), rng.exponential(0.3, 12), rng.integers(0, 3, 40) / 2):
        for method in ("percentile", "BCa"):
            result = stats.bootstrap((sample,), np.mean, n_resamples=200, method=method,
                                     confidence_level=0.9, rng=np.random.default_rng(5))
            bootstraps.append({
                "method": method, "confidence": 0.9, "sample": list(map(float, sample)),
                "distribution": sorted(map(float, result.bootstrap_distribution)),
                "interval": list(map(float, result.confidence_interval)),
            })

    taus = []
    for n in (2, 5, 30, 200):
        for levels in (4, 10**6):
            x = rng.integers(0, levels, n)
            y = np.where(rng.random(n) < 0.6, x, rng.integers(0, levels, n))
            tau = stats.kendalltau(x, y).statistic
            taus.append({"x": x.tolist(), "y": y.tolist(), "tau": None if math.isnan(tau) else tau})

    xs = [-30, -8, -3, -1.96, -1, -0.3, 0, 0.5, 1.41, 2, 3.1, 7]
    ts = [(0, 5), (0.1, 3), (1, 1), (2, 10), (5, 299), (-3, 1000), (12, 322), (1e-3, 50), (2.5, 2.5)]
    ps = [1e-10, 0.001, 0.025, 0.3, 0.5, 0.9, 0.99999]
    betas = [(0.5, 0.5, 0.3), (2, 3, 0.9), (150, 0.5, 0.99), (1e3, 2e3, 0.3), (10, 0.1, 0.5)]
    write("scipy.json", {
        "tools": tools("scipy", "numpy"),
        "command": "python scripts/goldens/make-evaluation-goldens.py",
        "tolerance": 1e-9,
        "pairs": pairs,
        "bootstraps": bootstraps,
        "taus": taus,
        "normalCdf": [[x, stats.norm.cdf(x)] for x in xs],
        "normalQuantile": [[p, stats.norm.ppf(p)] for p in ps],
        "studentTSurvival": [[t, df, stats.t.sf(t, df)] for t, df in ts],
        "studentTQuantile": [[p, df, stats.t.ppf(p, df)] for p in ps for df in (1, 7, 299)],
        "incompleteBeta": [[a, b, x, special.betainc(a, b, x)] for a, b, x in betas],
        "logGamma": [[x, special.gammaln(x)] for x in (0.5, 1.5, 3, 11.5, 100.25, 5000)],
    })


if __name__ == "__main__":
    make_random_runs()
    make_collections()
    make_ranx()
    make_scipy()
