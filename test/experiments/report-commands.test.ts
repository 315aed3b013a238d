import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Ran, runBraid } from "../cli/run-braid.js";
import { checkIds, checkStructure } from "./page-structure.js";

let scratch = "";
const at = (...parts: string[]): string => path.join(scratch, ...parts);
const braid = (...args: string[]): Ran => runBraid(args, { home: at("home") });

before(() => {
  scratch = mkdtempSync(path.join(tmpdir(), "braid-reports-"));
  mkdirSync(at("data", "qrels"), { recursive: true });
  const jsonl = (rows: readonly unknown[]): string =>
    rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  writeFileSync(
    at("data", "corpus.jsonl"),
    jsonl([
      { _id: "tides", title: "Tides", text: "The moon pulls the sea." },
      { _id: "moon", title: "The moon", text: "It has no sea of water." },
      { _id: "bread", title: "Bread", text: "Flour, water, salt and time." },
    ]),
  );
  writeFileSync(
    at("data", "queries.jsonl"),
    jsonl([
      { _id: "q1", text: "moon sea" },
      { _id: "q2", text: "salt" },
      { _id: "q3", text: "water" },
    ]),
  );
  writeFileSync(
    at("data", "qrels", "test.tsv"),
    "query-id\tcorpus-id\tscore\nq1\ttides\t1\nq2\tbread\t1\nq3\tmoon\t1\n",
  );
  writeFileSync(
    at("good.trec"),
    "q1 Q0 tides 1 2 good\nq2 Q0 bread 1 2 good\nq3 Q0 moon 1 2 good\n",
  );
  writeFileSync(at("bad.trec"), "q1 Q0 moon 1 2 bad\nq2 Q0 moon 1 2 bad\nq3 Q0 bread 1 2 bad\n");
  assert.equal(braid("index", at("data"), "--name", "small", "--encoder", "none").status, 0);
});
after(() => rmSync(scratch, { recursive: true, force: true }));

describe("braid compare", () => {
  it("compares run files with judgements alone", () => {
    const { status, stdout } = braid(
      "compare",
      "--runs",
      at("good.trec"),
      at("bad.trec"),
      "--qrels",
      at("data", "qrels", "test.tsv"),
      "--out",
      at("runs-only"),
      "--json",
    );
    assert.equal(status, 0);
    const said = JSON.parse(stdout) as {
      files: string[];
      datasets: Record<string, Record<string, Record<string, number>>>;
    };
    assert.deepEqual(Object.values(said.datasets)[0]?.["good"]?.["nDCG@10"], 1);
    assert.ok(said.files.includes("report.html"));
    const page = readFileSync(at("runs-only", "report.html"), "utf8");
    checkStructure(page);
    checkIds(page);
    assert.match(page, /braid compare --runs/);
  });

  it("compares a collection with runs of others, and takes texts from the corpus for runs alone", () => {
    const both = braid(
      "compare",
      "small",
      "--dataset",
      at("data"),
      "--runs",
      at("good.trec"),
      "--out",
      at("both"),
    );
    assert.equal(both.status, 0);
    const report = JSON.parse(readFileSync(at("both", "report.json"), "utf8")) as {
      datasets: { systems: { name: string }[]; headToHead: { features: unknown[] }[] }[];
    };
    assert.deepEqual(
      report.datasets[0]?.systems.map(({ name }) => name),
      ["sparse", "good"],
    );
    assert.equal(
      braid(
        "compare",
        "--dataset",
        at("data"),
        "--runs",
        at("good.trec"),
        at("bad.trec"),
        "--out",
        at("texts"),
      ).status,
      0,
    );
    assert.match(readFileSync(at("texts", "report.html"), "utf8"), /has 2 of 2 query words/);
  });

  it("says what is wrong with the call", () => {
    const wrong = (...args: string[]) => {
      const { status, stderr } = braid("compare", ...args, "--out", at("never"));
      assert.equal(status, 2, stderr);
      return stderr;
    };
    assert.match(wrong("small"), /--dataset DIR/);
    assert.match(wrong("--dataset", at("data")), /nothing to compare/);
    assert.match(
      wrong("other@nowhere", "--dataset", at("data")),
      /no data set for collection other/,
    );
    assert.match(
      wrong("small", "--dataset", `small=${at("data")}`, "--dataset", `small=${at("data")}`),
      /two data sets are named small/,
    );
    const alone = braid("compare", "small", "--dataset", at("data"), "--out", at("never"));
    assert.equal(alone.status, 1);
    assert.match(alone.stderr, /INPUT_INVALID: expected two or more systems to compare/);
  });
});

describe("braid eval with gates", () => {
  const evaluate = (...args: string[]): Ran =>
    braid("eval", "small", "--dataset", at("data"), ...args);

  it("passes and fails by the exit status, and says why", () => {
    const passed = evaluate("--baseline", at("bad.trec"), "--fail-if", "nDCG@10 drop > 0.01");
    assert.equal(passed.status, 0);
    assert.match(passed.stderr, /sparse: passed: nDCG@10 drop > 0\.01/);
    const failed = evaluate(
      "--baseline",
      at("bad.trec"),
      "--fail-if",
      "nDCG@10 rise > 0.2; nDCG@10 < 0.1",
    );
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /failed: nDCG@10 rise > 0\.2/);
    assert.match(failed.stderr, /passed: nDCG@10 < 0\.1/);
  });

  it("gives the outcome as JSON, and takes a folder of runs as the baseline", () => {
    assert.equal(evaluate("--runs", at("baseline")).status, 0);
    const { status, stdout } = evaluate(
      "--baseline",
      at("baseline"),
      "--fail-if",
      "nDCG@10 drop > 0",
      "--json",
    );
    assert.equal(status, 0);
    const { gates } = JSON.parse(stdout) as {
      gates: { system: string; failed: boolean; observed: number }[];
    };
    assert.deepEqual(
      gates.map(({ system, failed, observed }) => [system, failed, observed]),
      [["sparse", false, 0]],
    );
  });

  it("refuses a baseline that nothing is compared with, and a gate that is none", () => {
    assert.equal(evaluate("--baseline", at("good.trec")).status, 2);
    assert.match(evaluate("--fail-if", "nDCG@10 better").stderr, /expected a gate such as/);
  });
});

describe("braid experiment", () => {
  const plan = (text: string): string => {
    writeFileSync(at("plan.yaml"), text);
    return at("plan.yaml");
  };

  it("runs a plan, warns of tuning on test, and finds everything known the second time", () => {
    const file = plan(
      "datasets:\n  - {folder: data, collection: small}\nfirstStages: [sparse]\nmeasures: [nDCG@10]\n",
    );
    const first = braid("experiment", file, "--out", at("experiment"));
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stderr, /chosen on TEST queries/);
    const again = braid("experiment", file, "--out", at("experiment"), "--json");
    const said = JSON.parse(again.stdout) as {
      results: number;
      cached: number;
      warnings: string[];
    };
    assert.deepEqual([said.results, said.cached, said.warnings.length], [1, 1, 1]);
    const page = readFileSync(at("experiment", "report.html"), "utf8");
    checkStructure(page);
    assert.match(page, /class="warning"/);
    assert.equal(
      readFileSync(at("experiment", "results.csv"), "utf8").trimEnd().split("\r\n").length,
      2,
    );
  });

  it("ends with 1 where a part failed, and checks a plan without running it", () => {
    const file = plan(
      "datasets:\n  - {folder: data, collection: small}\nfirstStages: [sparse]\nrerankers: [no-such-model]\n",
    );
    const { status, stderr } = braid("experiment", file, "--out", at("partly"));
    assert.equal(status, 1);
    assert.match(stderr, /failed: data, no-such-model: MODEL_MISSING/);
    assert.equal(braid("experiment", file, "--out", at("unused"), "--check").status, 0);
    const bad = braid("experiment", plan("datasets: []\n"), "--out", at("unused"));
    assert.equal(bad.status, 1);
    assert.match(bad.stderr, /plan\.yaml:1: /);
  });
});
