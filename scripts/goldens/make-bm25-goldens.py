"""Compares our BM25 with bm25s (method "lucene", exact lengths) over the same tokens.

    python scripts/goldens/make-bm25-goldens.py DATA_FOLDER SCRATCH_FOLDER

For SciFact, NFCorpus and Cranfield below DATA_FOLDER (BEIR layout) it runs sparse-runs.ts, scores
every document for every query with bm25s and fails if a score of our 1,000 best differs by more than
1e-4, if a document outside them scores more than 1e-4 above our last one, or if our order is not
score descending, ties by id descending. Writes test/golden/sparse/bm25s.json with figures per
query that has test judgements, no text and no ids of the collections: hits, scores at some ranks, and a digest of the ids
down to the last rank before which scores have a gap, so that rounding cannot move it.

Tools: bm25s 0.3.16, numpy; versions are written into the file.
"""
import hashlib, json, os, subprocess, sys
import bm25s, numpy

data, scratch = sys.argv[1:3]
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOLERANCE = 1e-4
RANKS = [1, 2, 5, 10, 50, 200, 1000]
golden = {"tool": f"bm25s {bm25s.__version__}, method lucene, k1 1.2, b .75, numpy {numpy.__version__}",
          "tolerance": TOLERANCE, "ranks": RANKS, "collections": {}}

for name in ["scifact", "nfcorpus", "cranfield"]:
    dump = os.path.join(scratch, f"{name}-sparse.json")
    subprocess.run(["npx", "tsx", "scripts/goldens/sparse-runs.ts", os.path.join(data, name), dump],
                   cwd=root, check=True)
    ours = json.load(open(dump))
    ids = ours["ids"]
    vocabulary = {t: i for i, t in enumerate(sorted({t for d in ours["documents"] for t in d}))}
    index = bm25s.BM25(method="lucene", k1=1.2, b=0.75, dtype="float64")
    index.index(([[vocabulary[t] for t in d] for d in ours["documents"]], vocabulary), show_progress=False)
    rows, worst, count = [], 0.0, 0
    with open(os.path.join(data, name, "qrels", "test.tsv")) as lines:
        judged = {line.split("\t")[0] for line in lines}
    for query, terms, run in zip(ours["queryIds"], ours["queries"], ours["runs"]):
        known = [vocabulary[t] for t in terms if t in vocabulary]
        scores = index.get_scores_from_ids(known) if known else numpy.zeros(len(ids))
        scores = numpy.asarray(scores, dtype=numpy.float64)
        docs, got = run["docOrds"], numpy.array(run["scores"])
        difference = float(numpy.abs(scores[docs] - got).max()) if docs else 0.0
        worst = max(worst, difference)
        assert difference <= TOLERANCE, (name, difference)
        outside = numpy.delete(scores, docs)
        matching = int((scores > 0).sum())
        assert len(docs) == min(1000, matching), (name, len(docs), matching)
        if len(docs) == 1000 and len(outside):
            assert outside.max() <= got[-1] + TOLERANCE, name
        for a, b in zip(range(len(docs)), range(1, len(docs))):
            assert got[a] > got[b] or (got[a] == got[b] and ids[docs[a]].encode() > ids[docs[b]].encode()), name
        theirs = numpy.argsort(-scores, kind="stable")
        cut = min(1000, matching)
        while cut > 0 and cut < len(ids) and scores[theirs[cut - 1]] - scores[theirs[cut]] < 2 * TOLERANCE:
            cut -= 1
        members = sorted(ids[d] for d in theirs[:cut])
        count += 1
        if query not in judged:
            continue
        rows.append({"hits": min(1000, matching), "cut": cut,
                     "digest": hashlib.sha256("\n".join(members).encode()).hexdigest()[:12],
                     "scores": [round(float(scores[theirs[r - 1]]), 5) for r in RANKS if r <= matching]})
    golden["collections"][name] = {"queries": rows, "compared": count, "greatestDifference": round(worst, 9)}
    print(name, count, "queries compared,", len(rows), "written, greatest difference", worst, "mean cut", sum(r["cut"] for r in rows) / len(rows))

target = os.path.join(root, "test/golden/sparse")
os.makedirs(target, exist_ok=True)
json.dump(golden, open(os.path.join(target, "bm25s.json"), "w"), separators=(",", ":"))
