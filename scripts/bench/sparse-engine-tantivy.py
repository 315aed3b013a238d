"""tantivy for scripts/bench/sparse.ts; needs the package `tantivy` (0.27).

    python sparse-engine-tantivy.py index FOLDER TARGET [positions]
    python sparse-engine-tantivy.py search FOLDER TARGET ROUNDS
"""
import json, os, resource, shutil, sys, time
import tantivy

mode, folder, target, *rest = sys.argv[1:]


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def schema(positions):
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=False, tokenizer_name="whitespace",
                           index_option="position" if positions else "freq")
    return builder.build()


if mode == "index":
    positions = rest == ["positions"]
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    index = tantivy.Index(schema(positions), path=target)
    start = time.process_time()
    writer = index.writer(heap_size=512_000_000, num_threads=1)
    count = 0
    with open(os.path.join(folder, "corpus.txt")) as lines:
        for line in lines:
            document = tantivy.Document()
            document.add_text("text", line.rstrip("\n"))
            writer.add_document(document)
            count += 1
    writer.commit()
    writer.wait_merging_threads()
    seconds = time.process_time() - start
    disk = sum(os.path.getsize(os.path.join(target, name)) for name in os.listdir(target))
    print(json.dumps({"engine": "tantivy", "documents": count, "positions": positions,
                      "indexCpuSeconds": seconds, "diskBytes": disk, "peakMb": peak_mb()}))
else:
    index = tantivy.Index.open(target)
    index.reload()
    searcher = index.searcher()
    for name in ("topic", "hard"):
        queries = []
        with open(os.path.join(folder, name + ".txt")) as lines:
            for line in lines:
                counts = {}
                for word in line.split():
                    counts[word] = counts.get(word, 0) + 1
                clauses = []
                for word, count in counts.items():
                    term = tantivy.Query.term_query(index.schema, "text", word, index_option="freq")
                    if count > 1:
                        term = tantivy.Query.boost_query(term, float(count))
                    clauses.append((tantivy.Occur.Should, term))
                queries.append(tantivy.Query.boolean_query(clauses))
        for depth in (10, 100, 1000):
            best, best_times = 0, []
            for _ in range(int(rest[0])):
                times = []
                start = time.process_time()
                for query in queries:
                    before = time.perf_counter()
                    searcher.search(query, depth, count=False)
                    times.append((time.perf_counter() - before) * 1000)
                qps = len(queries) / (time.process_time() - start)
                if qps > best:
                    best, best_times = qps, sorted(times)
            at = lambda share: best_times[min(len(best_times) - 1, int(share * len(best_times)))]
            print(json.dumps({"engine": "tantivy", "queries": name, "depth": depth, "qps": best,
                              "p50Ms": at(0.5), "p95Ms": at(0.95), "p99Ms": at(0.99),
                              "segments": searcher.num_segments}))
