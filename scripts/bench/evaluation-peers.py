"""The Python side of evaluation.ts: same files, same work, one JSON line a timing."""

import importlib
import json
import statistics
import sys
import time

RUN, QRELS, PAIRS, MEASURES = sys.argv[1:5]
REPEATS = 3


def timed(task, tool, work):
    work()  # warm-up: imports, caches, compiled kernels
    walls, loads = [], []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        walls.append((time.perf_counter() - wall) * 1000)
        loads.append((time.process_time() - cpu) * 1000)
    print(json.dumps({"task": task, "tool": tool, "wallMs": statistics.median(walls),
                      "cpuMs": statistics.median(loads), "result": result}), flush=True)


def peer(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: skipped", flush=True)
        return None


SCORE = "score 1,000,000 lines"
RANDOMISE = "10,000 randomisations, 300 queries"
names = MEASURES.split()

ir_measures = peer("ir_measures")
if ir_measures:
    measures = [ir_measures.parse_measure(name) for name in names]

    def score():
        qrels = list(ir_measures.read_trec_qrels(QRELS))
        run = ir_measures.read_trec_run(RUN)
        return f"{ir_measures.calc_aggregate(measures, qrels, run)[measures[0]]:.6f}"

    timed(SCORE, f"ir-measures {ir_measures.__version__}", score)

pytrec_eval = peer("pytrec_eval")
if pytrec_eval:
    theirs = {"nDCG": "ndcg_cut", "AP": "map_cut", "R": "recall", "P": "P"}
    wanted = {"{}.{}".format(theirs[name.split("@")[0]], name.split("@")[1]) for name in names}

    def score():
        with open(QRELS) as lines:
            qrels = pytrec_eval.parse_qrel(lines)
        with open(RUN) as lines:
            run = pytrec_eval.parse_run(lines)
        values = pytrec_eval.RelevanceEvaluator(qrels, wanted).evaluate(run)
        return f"{statistics.fmean(v['ndcg_cut_10'] for v in values.values()):.6f}"

    timed(SCORE, f"pytrec_eval {pytrec_eval.__version__}", score)

ranx = peer("ranx")
pairs = json.load(open(PAIRS))
if ranx:
    theirs = {"nDCG": "ndcg", "AP": "map", "R": "recall", "P": "precision"}
    wanted_ranx = ["{}@{}".format(theirs[name.split("@")[0]], name.split("@")[1]) for name in names]

    def score():
        qrels = ranx.Qrels.from_file(QRELS, kind="trec")
        run = ranx.Run.from_file(RUN, kind="trec")
        return f"{ranx.evaluate(qrels, run, wanted_ranx)['ndcg@10']:.6f}"

    timed(SCORE, "ranx", score)

numpy = peer("numpy")
if ranx and numpy:
    from ranx.statistical_tests.fisher_randomization_test import fisher_randomization_test

    values, baseline = numpy.array(pairs["values"]), numpy.array(pairs["baseline"])
    timed(RANDOMISE, "ranx",
          lambda: f"{fisher_randomization_test(baseline, values, 10_000)[0]:.4f}")

stats = peer("scipy.stats")
if stats and numpy:
    difference = numpy.array(pairs["values"]) - numpy.array(pairs["baseline"])
    timed(RANDOMISE, "scipy permutation_test",
          lambda: "{:.4f}".format(stats.permutation_test(
              (difference,), lambda d, axis: numpy.mean(d, axis=axis), permutation_type="samples",
              vectorized=True, n_resamples=10_000, rng=numpy.random.default_rng(42)).pvalue))
