"""bm25s with numba for scripts/bench/sparse.ts; needs the packages `bm25s` (0.3.16) and `numba`.

    python sparse-engine-bm25s.py index FOLDER TARGET
    python sparse-engine-bm25s.py search FOLDER TARGET ROUNDS
"""
import json, os, resource, shutil, sys, time
import bm25s, numpy

mode, folder, target, *rest = sys.argv[1:]


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if mode == "index":
    shutil.rmtree(target, ignore_errors=True)
    start = time.process_time()
    vocabulary, documents = {}, []
    with open(os.path.join(folder, "corpus.txt")) as lines:
        for line in lines:
            words = line.split()
            documents.append(numpy.fromiter((vocabulary.setdefault(w, len(vocabulary)) for w in words),
                                            dtype=numpy.int32, count=len(words)))
    index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    index.index((documents, vocabulary), show_progress=False)
    index.save(target)
    seconds = time.process_time() - start
    disk = sum(os.path.getsize(os.path.join(target, name)) for name in os.listdir(target))
    print(json.dumps({"engine": "bm25s", "documents": len(documents), "positions": False,
                      "indexCpuSeconds": seconds, "diskBytes": disk, "peakMb": peak_mb()}))
else:
    index = bm25s.BM25.load(target)
    index.activate_numba_scorer()
    vocabulary = index.vocab_dict
    for name in ("topic", "hard"):
        with open(os.path.join(folder, name + ".txt")) as lines:
            queries = [[vocabulary[w] for w in line.split() if w in vocabulary] for line in lines]
        for depth in (10, 100, 1000):
            best, best_times = 0, []
            for _ in range(int(rest[0])):
                times = []
                start = time.process_time()
                for query in queries:
                    before = time.perf_counter()
                    index.retrieve([query], k=depth, sorted=True, show_progress=False,
                                   backend_selection="numba", n_threads=1)
                    times.append((time.perf_counter() - before) * 1000)
                qps = len(queries) / (time.process_time() - start)
                if qps > best:
                    best, best_times = qps, sorted(times)
            at = lambda share: best_times[min(len(best_times) - 1, int(share * len(best_times)))]
            print(json.dumps({"engine": "bm25s", "queries": name, "depth": depth, "qps": best,
                              "p50Ms": at(0.5), "p95Ms": at(0.95), "p99Ms": at(0.99)}))
