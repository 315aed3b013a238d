"""Lucene's own scores over our tokens, for the `norms: lucene` mode.

    python scripts/goldens/make-lucene-goldens.py DATA_FOLDER SCRATCH_FOLDER LUCENE_JARS

LUCENE_JARS holds lucene-core 9.12.1, lucene-analysis-common and the compiled LuceneBench (see
scripts/bench/sparse.ts, which fetches and compiles them). For SciFact, NFCorpus and Cranfield below
DATA_FOLDER it indexes the tokens that sparse-runs.ts dumps, asks every query with test judgements
to depth 1000, and writes test/golden/sparse/lucene.json: per query a digest of the scores' float32
bits in rank order, and one of the documents with a score above the last (ties at the cut are
broken otherwise by Lucene), as ordinals. Prints how many of Lucene's ten best are among ours, which
have exact lengths.
"""
import hashlib, json, os, subprocess, sys

data, scratch, jars = sys.argv[1:4]
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPTH = 1000
golden = {"tool": "Lucene 9.12.1, BM25Similarity(1.2, .75), one segment", "depth": DEPTH, "collections": {}}
digest = lambda text: hashlib.sha256(text.encode()).hexdigest()[:12]


def lucene(*arguments):
    command = ["java", "-cp", f"{jars}:{jars}/*", "LuceneBench", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


for name in ["scifact", "nfcorpus", "cranfield"]:
    folder = os.path.join(scratch, f"{name}-lucene")
    os.makedirs(folder, exist_ok=True)
    dump = os.path.join(folder, "runs.json")
    subprocess.run(["npx", "tsx", "scripts/goldens/sparse-runs.ts", os.path.join(data, name), dump],
                   cwd=root, check=True)
    ours = json.load(open(dump))
    with open(os.path.join(data, name, "qrels", "test.tsv")) as lines:
        judged = {line.split("\t")[0] for line in lines}
    asked = [i for i, query in enumerate(ours["queryIds"]) if query in judged]
    with open(os.path.join(folder, "corpus.txt"), "w") as out:
        out.writelines(" ".join(terms) + "\n" for terms in ours["documents"])
    with open(os.path.join(folder, "queries.txt"), "w") as out:
        out.writelines(" ".join(ours["queries"][i]) + "\n" for i in asked)
    index = os.path.join(folder, "index")
    lucene("index", folder, index)
    rows, shared, possible = [], 0, 0
    for i, line in zip(asked, lucene("run", folder, index, str(DEPTH)).rstrip("\n").split("\n")):
        numbers = [int(x) for x in line.split()]
        hits = list(zip(numbers[::2], numbers[1::2]))
        last = hits[-1][1] if len(hits) == DEPTH else -1
        sure = sorted(doc for doc, bits in hits if bits > last)
        rows.append([len(hits), digest(" ".join(str(bits) for _, bits in hits)),
                     digest(" ".join(map(str, sure)))])
        ten = {doc for doc, _ in hits[:10]}
        shared += len(ten & set(ours["runs"][i]["docOrds"][:10]))
        possible += len(ten)
    golden["collections"][name] = rows
    print(f"{name}: {len(rows)} queries, {shared / possible:.4f} of Lucene's ten best are among our ten best")

with open(os.path.join(root, "test/golden/sparse/lucene.json"), "w") as out:
    json.dump(golden, out, separators=(",", ":"))
