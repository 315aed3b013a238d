import assert from "node:assert/strict";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { type Ran, runBraid, startBraid } from "./run-braid.js";

let scratch = "";
let home = "";
const braid = (...args: string[]): Ran => runBraid(args, { home });

const corpus = [
  { _id: "tides", title: "Tides", text: "The moon pulls the sea.", year: 2001 },
  { _id: "moon", title: "The moon", text: "It has no sea of water.", year: 2002 },
  { _id: "bread", title: "Bread", text: "Flour, water, salt and time.", year: 2002 },
];
const jsonl = (rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");

before(() => {
  scratch = mkdtempSync(path.join(tmpdir(), "braid-cli-"));
  home = path.join(scratch, "indexes");
  const dataset = path.join(scratch, "dataset");
  mkdirSync(path.join(dataset, "qrels"), { recursive: true });
  writeFileSync(path.join(dataset, "corpus.jsonl"), jsonl(corpus));
  writeFileSync(
    path.join(dataset, "queries.jsonl"),
    jsonl([
      { _id: "q1", text: "moon sea" },
      { _id: "q2", text: "salt" },
      { _id: "q3", text: "nothing like it" },
    ]),
  );
  writeFileSync(
    path.join(dataset, "qrels", "test.tsv"),
    "query-id\tcorpus-id\tscore\nq1\ttides\t1\nq2\tbread\t1\nq3\tmoon\t1\n",
  );
  assert.equal(braid("index", dataset, "--name", "small", "--encoder", "none").status, 0);
});
after(() => rmSync(scratch, { recursive: true, force: true }));

describe("braid", () => {
  it("prints its help and every command's without loading anything heavy", () => {
    const { status, stdout } = braid("--help");
    assert.equal(status, 0);
    for (const name of ["index", "search", "eval", "list", "stats", "verify", "drop", "doctor"]) {
      assert.match(stdout, new RegExp(`^  ${name}\\b`, "m"));
      assert.equal(braid(name, "--help").status, 0);
    }
  });

  it("sparse search loads no onnxruntime and no hnswlib", () => {
    const ran = runBraid(["search", "small", "moon sea"], {
      home,
      env: { BRAID_TEST_LOADED: "1" },
    });
    assert.equal(ran.status, 0);
    assert.match(ran.stderr, /^loaded: /m);
    assert.doesNotMatch(ran.stderr, /onnx|hnsw|addon\.node/);
  });

  it("prints what the REST search endpoint returns with --json, and nothing else", () => {
    const { status, stdout } = braid("search", "small", "moon sea", "--json", "--explain");
    assert.equal(status, 0);
    const answer = JSON.parse(stdout);
    assert.equal(answer.query, "moon sea");
    assert.equal(answer.mode, "sparse");
    assert.equal(answer.total, 2);
    // Both have each term once in four terms: a tie, by id descending.
    assert.deepEqual(
      answer.hits.map(({ id, rank }: { id: string; rank: number }) => [id, rank]),
      [
        ["tides", 1],
        ["moon", 2],
      ],
    );
    assert.equal(answer.hits[0].explain.sparse.terms.length, 2);
    assert.deepEqual(Object.keys(answer.hits[0].document), ["_id", "title", "text", "year"]);
  });

  it("evaluates with the keys of the contract, counting a query without hits as 0", () => {
    const ran = braid("eval", "small", "--dataset", path.join(scratch, "dataset"), "--json");
    assert.equal(ran.status, 0);
    const { dataset, systems } = JSON.parse(ran.stdout);
    assert.equal(dataset, "dataset");
    assert.deepEqual(Object.keys(systems), ["sparse"]);
    const expected = [
      ...["nDCG@10", "AP@1000", "RR@10", "R@10", "R@100", "R@1000", "P@10", "Judged@10"],
      ...["queryCount", "p50Ms", "p95Ms"],
    ];
    assert.deepEqual(Object.keys(systems.sparse), expected);
    assert.equal(systems.sparse.queryCount, 3);
    // Two of three queries find their document.
    assert.equal(systems.sparse["R@10"], 2 / 3);
    assert.match(ran.stderr, /1 of 3 judged queries have no hits/);
  });

  it("writes TREC runs that score as it did", () => {
    const runs = path.join(scratch, "runs");
    const dataset = path.join(scratch, "dataset");
    const evaluated = braid("eval", "small", "--dataset", dataset, "--runs", runs, "--json");
    const scored = braid(
      "score",
      path.join(dataset, "qrels", "test.tsv"),
      path.join(runs, "sparse.trec"),
      "--json",
    );
    const measures = JSON.parse(evaluated.stdout).systems.sparse;
    const again = JSON.parse(scored.stdout).runs["braid-sparse"];
    for (const name of ["nDCG@10", "AP@1000", "RR@10"]) assert.equal(again[name], measures[name]);
    const fused = braid("fuse", path.join(runs, "sparse.trec"), path.join(runs, "sparse.trec"));
    assert.equal(fused.status, 0);
    assert.match(fused.stdout, /^q1 Q0 \S+ 1 /);
  });

  it("searches a file of topics into a run", () => {
    const run = path.join(scratch, "topics.trec");
    const topics = path.join(scratch, "dataset", "queries.jsonl");
    assert.equal(braid("search", "small", "--topics", topics, "--run", run).status, 0);
    assert.match(readFileSync(run, "utf8"), /^q1 Q0 (moon|tides) 1 /);
  });

  it("appends from a pipe, deletes, compacts, exports, verifies and drops", () => {
    const made = runBraid(["index", "-", "--name", "life", "--encoder", "none"], {
      home,
      input: jsonl(corpus.slice(0, 2)),
    });
    assert.equal(made.status, 0, made.stderr);
    const file = path.join(scratch, "more.jsonl.gz");
    writeFileSync(file, gzipSync(jsonl([corpus[2], { ...corpus[0], text: "Ebb and flow." }])));
    const appended = braid("index", file, "--name", "life", "--append", "--json");
    const counts = JSON.parse(appended.stdout);
    assert.deepEqual([counts.added, counts.replaced, counts.docCount], [1, 1, 3]);
    const deleted = braid("delete", "life", "moon", "sun", "--json");
    assert.deepEqual(JSON.parse(deleted.stdout), { deleted: 1, missing: ["sun"] });
    assert.equal(braid("compact", "life").status, 0);
    assert.equal(braid("verify", "life").status, 0);
    const exported = braid("export", "life");
    const ids = exported.stdout.trim().split("\n");
    assert.deepEqual(ids.map((line) => JSON.parse(line)._id).sort(), ["bread", "tides"]);
    assert.match(braid("list").stdout, /^life +2 /m);
    assert.equal(JSON.parse(braid("stats", "life", "--json").stdout).docCount, 2);
    assert.equal(braid("drop", "life").status, 0);
    assert.doesNotMatch(braid("list").stdout, /^life/m);
  });

  it("builds anew over an earlier build only when the new one is complete", () => {
    const good = path.join(scratch, "good.jsonl");
    const bad = path.join(scratch, "bad.jsonl");
    writeFileSync(good, jsonl(corpus));
    writeFileSync(bad, `${jsonl(corpus)}{"_id": "x", "text": \n`);
    assert.equal(braid("index", good, "--name", "anew", "--encoder", "none").status, 0);
    const failed = braid("index", bad, "--name", "anew", "--encoder", "none");
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /INPUT_INVALID.*bad\.jsonl.*4/);
    assert.equal(JSON.parse(braid("stats", "anew", "--json").stdout).docCount, 3);
    const skipped = braid("index", bad, "--name", "anew", "--encoder", "none", "--skip-bad");
    assert.equal(skipped.status, 0);
    assert.match(skipped.stderr, /skipped .*4/);
  });

  it("leaves nothing behind when a first build fails", () => {
    const bad = path.join(scratch, "only-bad.jsonl");
    writeFileSync(bad, "not json\n");
    assert.equal(braid("index", bad, "--name", "never", "--encoder", "none").status, 1);
    assert.deepEqual(
      readdirSync(home).filter((name) => name.includes("never")),
      [],
    );
  });

  it("leaves no collection when a first build is stopped or killed, and builds over the rest", async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const building = startBraid(["index", "-", "--name", "stopped", "--encoder", "none"], home);
      building.stdin.write(jsonl(corpus));
      const unfinished = path.join(home, ".stopped.building", "manifest.json");
      while (!existsSync(unfinished)) await setTimeout(10);
      building.kill(signal);
      assert.equal((await once(building, "exit"))[1], signal);
      assert.equal(braid("search", "stopped", "moon").status, 1);
      assert.doesNotMatch(braid("list").stdout, /stopped/);
      if (signal === "SIGTERM") assert.ok(!existsSync(path.dirname(unfinished)));
    }
    const dataset = path.join(scratch, "dataset");
    assert.equal(braid("index", dataset, "--name", "stopped", "--encoder", "none").status, 0);
    assert.match(braid("list").stdout, /^stopped +3 /m);
    assert.deepEqual(
      readdirSync(home).filter((name) => name.includes("building")),
      [],
    );
    assert.equal(braid("drop", "stopped").status, 0);
  });

  it("refuses two first builds of one collection at once", async () => {
    const building = startBraid(["index", "-", "--name", "twice", "--encoder", "none"], home);
    building.stdin.write(jsonl(corpus));
    while (!existsSync(path.join(home, ".twice.building", "manifest.json"))) await setTimeout(10);
    const ran = braid("index", path.join(scratch, "dataset"), "--name", "twice");
    assert.equal(ran.status, 1);
    assert.match(ran.stderr, new RegExp(`INDEX_LOCKED.*${building.pid}`));
    building.stdin.end();
    assert.deepEqual(await once(building, "exit"), [0, null]);
    assert.match(braid("list").stdout, /^twice +3 /m);
    assert.equal(braid("drop", "twice").status, 0);
  });

  it("refuses to append with other settings than the collection was built with", () => {
    const append = (...args: string[]): Ran =>
      braid("index", path.join(scratch, "dataset"), "--name", "small", "--append", ...args);
    for (const [option, value, built] of [
      ["--analyzer", "german@1", "english@1"],
      ["--k1", "0.9", "1.2"],
      ["--title-boost", "2", "1"],
      ["--encoder", "braid-mini", "none"],
      ["--dense-index", "hnsw", "auto"],
    ] as const) {
      const { status, stderr } = append(option, value);
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`INPUT_INVALID.*${option} ${value}.*${built}`));
    }
    const same = append("--analyzer", "english@1", "--k1", "1.2", "--encoder", "none");
    assert.equal(same.status, 0, same.stderr);
  });

  it("prints one JSON document or JSON lines with --json, also where a file is written", () => {
    const out = path.join(scratch, "exported.jsonl");
    const written = braid("export", "small", "--out", out, "--json");
    assert.deepEqual(JSON.parse(written.stdout), { out, documents: 3 });
    const run = path.join(scratch, "json.trec");
    writeFileSync(run, "q1 Q0 tides 1 2.5 a\nq1 Q0 moon 2 1.5 a\n");
    const fused = braid("fuse", run, "--json").stdout.trim().split("\n");
    assert.deepEqual(
      fused.map((line) => JSON.parse(line)),
      [
        {
          queryId: "q1",
          hits: [
            { docId: "tides", score: 1 / 61 },
            { docId: "moon", score: 1 / 62 },
          ],
        },
      ],
    );
  });

  it("says which file cannot be written, and leaves no half one", () => {
    const folder = path.join(scratch, "not-there");
    for (const args of [
      ["export", "small", "--out", path.join(folder, "x.jsonl")],
      ["export", "small", "--out", scratch],
    ]) {
      const { status, stderr } = braid(...args);
      assert.equal(status, 1);
      assert.match(stderr, /STORAGE_FAILED.*cannot write/);
    }
    assert.deepEqual(
      readdirSync(path.dirname(scratch)).filter((name) =>
        name.startsWith(`${path.basename(scratch)}.`),
      ),
      [],
    );
  });

  it("says in one line what was expected, what came and where", () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [["search", "nowhere", "moon"], 1, /NOT_FOUND.*nowhere/],
      [["search", "small", "moon", "--mode", "hybrid"], 1, /INPUT_INVALID.*without an encoder/],
      [["search", "small", "moon", "--filter", "year >>"], 1, /INPUT_INVALID.*column/],
      [["search", "small", "moon", "--fusion", "magic"], 1, /INPUT_INVALID.*fusion/],
      [["search", "small", "moon", "--limit", "ten"], 2, /--limit.*"ten"/],
      [["search", "small"], 2, /query/],
      [["search", "small", "moon", "--mode", "both"], 2, /sparse, dense, hybrid/],
      [["index", "/nowhere/at/all", "--name", "x"], 1, /NOT_FOUND.*nowhere/],
      [["index", "x.jsonl", "--name", "../x"], 1, /INPUT_INVALID.*name/],
      [["index", "x.jsonl"], 2, /--name/],
      [["eval", "small"], 2, /--dataset/],
      [["experiment", "no-plan.yaml", "--out", "x"], 1, /NOT_FOUND.*no-plan\.yaml/],
      [["experiment", tmpdir(), "--out", "x"], 1, /STORAGE_FAILED.*folder/],
      [["frobnicate"], 2, /unknown command/],
      [["models", "show", "no-such-model"], 1, /MODEL_MISSING/],
    ];
    for (const [args, status, message] of cases) {
      const ran = braid(...args);
      assert.equal(ran.status, status, `${args.join(" ")}: ${ran.stderr}`);
      assert.match(ran.stderr, message);
      assert.equal(ran.stdout, "");
      assert.ok(ran.stderr.trim().split("\n").length <= 2, ran.stderr);
    }
  });

  it("refuses to write a collection that another process writes", async () => {
    const { SearchableCollection } = await import("../../src/pipeline/searchable-collection.js");
    const writer = await SearchableCollection.open(path.join(home, "small"), { mode: "write" });
    try {
      const ran = braid("delete", "small", "moon");
      assert.equal(ran.status, 1);
      assert.match(ran.stderr, new RegExp(`INDEX_LOCKED.*${process.pid}`));
      assert.equal(braid("search", "small", "moon").status, 0);
    } finally {
      await writer.close();
    }
  });
});
