import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { InputError } from "../../src/errors.js";
import { parseQrels, readQrels } from "../../src/run/qrels.js";

const plain = (qrels: ReadonlyMap<string, ReadonlyMap<string, number>>) =>
  Object.fromEntries([...qrels].map(([query, grades]) => [query, Object.fromEntries(grades)]));

describe("reading judgements", () => {
  it("reads TREC's four columns, negative grades too", () => {
    const { qrels, report } = parseQrels("1 0 a 2\r\n1 0 b -1\n\n2\t0\tc\t0\n");
    assert.deepEqual(plain(qrels), { "1": { a: 2, b: -1 }, "2": { c: 0 } });
    assert.equal(report.format, "trec");
    assert.equal(report.judgementCount, 3);
    assert.equal(report.negativeCount, 1);
  });

  it("reads BEIR's three columns with its header and without", () => {
    const withHeader = parseQrels("\ufeffquery-id\tcorpus-id\tscore\nq 1\ta b\t1\nq2\tc\t2\n");
    assert.deepEqual(plain(withHeader.qrels), { "q 1": { "a b": 1 }, q2: { c: 2 } });
    assert.equal(withHeader.report.format, "beir");
    assert.deepEqual(plain(parseQrels("q1\ta\t1.0\n").qrels), { q1: { a: 1 } });
  });

  it("a named format is kept to", () => {
    assert.throws(
      () => parseQrels("q1\ta\t1\n", "q", { format: "trec" }),
      /3 columns instead of 4/,
    );
  });

  it("a line that repeats a judgement is counted; one that contradicts it is an error", () => {
    const same = parseQrels("1 0 a 1\n1 0 a 1\n");
    assert.equal(same.report.duplicateCount, 1);
    assert.equal(same.report.judgementCount, 1);
    const text = "1 0 a 1\n1 0 a 2\n";
    assert.throws(() => parseQrels(text, "x.qrels"), /grade 2 after 1 .* at x\.qrels:2/);
    const { qrels, report } = parseQrels(text, "x.qrels", { skipBad: true });
    assert.deepEqual(plain(qrels), { "1": { a: 1 } });
    assert.equal(report.skippedCount, 1);
  });

  it("wrong columns and grades that are no integers are errors with file and line", () => {
    for (const line of [
      "1 0 a",
      "1 0 a b 1",
      "1 0 a one",
      "1 0 a 1.5",
      "1 0 a NaN",
      "1 0 a 1e400",
    ]) {
      assert.throws(
        () => parseQrels(`1 0 z 1\n${line}\n`, "x.qrels"),
        (error: unknown) => error instanceof InputError && error.message.includes("x.qrels:2"),
        line,
      );
    }
  });

  it("no judgement at all is an error", () => {
    assert.throws(() => parseQrels(""), /expected judgements/);
    assert.throws(() => parseQrels("query-id\tcorpus-id\tscore\n"), /expected judgements/);
  });

  it("reads gzipped files", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "braid-qrels-"));
    try {
      writeFileSync(
        path.join(folder, "test.tsv.gz"),
        gzipSync("query-id\tcorpus-id\tscore\n1\ta\t1\n"),
      );
      const { qrels } = await readQrels(path.join(folder, "test.tsv.gz"));
      assert.deepEqual(plain(qrels), { "1": { a: 1 } });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
