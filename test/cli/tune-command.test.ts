import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { runBraid } from "./run-braid.js";

const subjects = ["tides", "bread", "glaciers", "violins", "bees", "maps", "salt", "kites"];
const questions = ["how do", "tell me about", "who studies"];

let scratch = "";
const braid = (...args: string[]) => runBraid(args, { home: path.join(scratch, "indexes") });
const files = (count: number): string[] => {
  const topics = path.join(scratch, `topics-${count}.tsv`);
  const qrels = path.join(scratch, `qrels-${count}.tsv`);
  const rows = subjects.flatMap((subject) => questions.map((words) => ({ subject, words })));
  const chosen = rows.slice(0, count);
  writeFileSync(
    topics,
    chosen.map(({ subject, words }, i) => `q${i}\t${words} ${subject}\n`).join(""),
  );
  writeFileSync(qrels, chosen.map(({ subject }, i) => `q${i}\t${subject}\t1\n`).join(""));
  return ["--topics", topics, "--qrels", qrels];
};

before(() => {
  scratch = mkdtempSync(path.join(tmpdir(), "braid-tune-"));
  const corpus = path.join(scratch, "corpus.jsonl");
  const lines = subjects.map((subject) =>
    JSON.stringify({ _id: subject, title: subject, text: `All there is to say of ${subject}.` }),
  );
  writeFileSync(corpus, `${lines.join("\n")}\n`);
  assert.equal(braid("index", corpus, "--name", "subjects").status, 0);
});
after(() => rmSync(scratch, { recursive: true, force: true }));

describe("braid tune", () => {
  it("keeps the default where the judgements cannot tell a better weight", () => {
    const ran = braid("tune", "subjects", ...files(24), "--json");
    assert.equal(ran.status, 0, ran.stderr);
    const tuned = JSON.parse(ran.stdout);
    assert.equal(tuned.queryCount, 24);
    assert.equal(tuned.verdict, "not distinguishable from the default");
    assert.equal(tuned.saved, false);
    // Every subject is found by either leg, so the default is perfect already.
    assert.equal(tuned.baseline, 1);
    assert.equal(tuned.curve.length, 21);
  });

  it("refuses to tune on a handful of queries", () => {
    const ran = braid("tune", "subjects", ...files(5));
    assert.equal(ran.status, 1);
    assert.match(ran.stderr, /INPUT_INVALID.*at least 10 judged queries.*got 5/);
  });

  it("measures whether reranking helps, and saves nothing where it cannot tell", () => {
    const ran = braid("tune", "subjects", ...files(12), "--rerank", "late-interaction", "--json");
    assert.equal(ran.status, 0, ran.stderr);
    const tuned = JSON.parse(ran.stdout);
    assert.equal(tuned.queryCount, 12);
    assert.equal(tuned.baseline, 1);
    assert.notEqual(tuned.verdict, "better");
    assert.equal(tuned.helpsFrom, null);
    assert.equal(tuned.saved, null);
    assert.equal(tuned.byDepth.length, 4);
  });

  it("forgets what was saved", () => {
    const ran = braid("tune", "subjects", "--reset", "--json");
    assert.equal(ran.status, 0);
    assert.deepEqual(JSON.parse(ran.stdout), { collection: "subjects", saved: null });
  });
});
