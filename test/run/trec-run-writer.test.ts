import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { InputError } from "../../src/errors.js";
import type { DocId, QueryId, Ranking, Run } from "../../src/run/ranking.js";
import { compareDocIds, compareScoredDocs } from "../../src/run/ranking.js";
import { parseTrecRun } from "../../src/run/trec-run.js";
import {
  formatTrecRanking,
  nextLowerFloat32,
  writeTrecRun,
} from "../../src/run/trec-run-writer.js";

const query = "q1" as QueryId;
const ranked = (...docs: [string, number][]): Ranking =>
  docs.map(([docId, score]) => ({ docId: docId as DocId, score }));

/** Ids as a reader would order them that keeps scores as `round` does. */
function readBack(text: string, round: (score: number) => number): string[] {
  const docs = [...(parseTrecRun(text).run.get(query) ?? [])];
  docs.sort((a, b) => round(b.score) - round(a.score) || compareDocIds(b.docId, a.docId));
  return docs.map(({ docId }) => docId);
}

describe("writing a TREC run", () => {
  it("writes six columns with ranks from 1 and scores in full", () => {
    assert.equal(
      formatTrecRanking(query, ranked(["b", 2.5], ["a", 1 / 3]), "mine"),
      "q1 Q0 b 1 2.5 mine\nq1 Q0 a 2 0.3333333333333333 mine\n",
    );
  });

  it("lowers a score that float32 would tie with the one above it, if ids would then swap", () => {
    // 0.5000000001 and 0.5 are both 0.5 in float32, where b would come before a.
    const text = formatTrecRanking(query, ranked(["a", 0.5000000001], ["b", 0.5]), "t");
    const below = 0.5 - 2 ** -25; // the float32 below 0.5
    assert.equal(text, `q1 Q0 a 1 0.5000000001 t\nq1 Q0 b 2 ${below} t\n`);
  });

  it("leaves both scores alone where the tie's id order is already the ranking's", () => {
    const text = formatTrecRanking(query, ranked(["b", 0.5000000001], ["a", 0.5]), "t");
    assert.equal(text, "q1 Q0 b 1 0.5000000001 t\nq1 Q0 a 2 0.5 t\n");
  });

  it("keeps the order for readers of float32 and of float64, and equal scores equal", () => {
    const doc = fc.record({
      docId: fc.constantFrom(..."abcdefghijklmnop", "é", "\u{1f600}", "\uffee"),
      step: fc.nat(6),
      base: fc.constantFrom(0, 0.5, 1, -1, 123.456, 1e-40),
    });
    fc.assert(
      fc.property(fc.uniqueArray(doc, { selector: (d) => d.docId, maxLength: 12 }), (docs) => {
        const ranking = docs
          .map(({ docId, step, base }) => ({
            docId: docId as DocId,
            score: base + step * (base === 1e-40 ? 1e-46 : 1e-9),
          }))
          .sort(compareScoredDocs);
        const text = formatTrecRanking(query, ranking, "t");
        if (ranking.length === 0) return;
        const expected = ranking.map(({ docId }) => docId);
        assert.deepEqual(readBack(text, Math.fround), expected);
        assert.deepEqual(
          readBack(text, (score) => score),
          expected,
        );
        const written = text
          .trimEnd()
          .split("\n")
          .map((line) => line.split(" ")[4]);
        for (let i = 1; i < ranking.length; i++) {
          if (ranking[i]?.score === ranking[i - 1]?.score) assert.equal(written[i], written[i - 1]);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("the next lower float32 is one step below, across zero too", () => {
    assert.equal(nextLowerFloat32(1), 1 - 2 ** -24);
    assert.equal(nextLowerFloat32(-1), -1 - 2 ** -23);
    assert.equal(nextLowerFloat32(2 ** -149), 0);
    assert.equal(nextLowerFloat32(0), -(2 ** -149));
    assert.equal(nextLowerFloat32(-0), -(2 ** -149));
  });

  it("refuses ids with white space, rankings out of order, documents twice and scores beyond float32", () => {
    const refused: [QueryId, Ranking, string][] = [
      ["q 1" as QueryId, ranked(["a", 1]), "t"],
      [query, ranked(["a b", 1]), "t"],
      [query, ranked(["", 1]), "t"],
      [query, ranked(["a\u00a0b", 1]), "t"],
      [query, ranked(["a", 1]), ""],
      [query, ranked(["a", 1], ["b", 2]), "t"],
      [query, ranked(["a", 1], ["b", 1]), "t"],
      [query, ranked(["a", 1], ["a", 1]), "t"],
      [query, ranked(["a", Number.NaN]), "t"],
      [query, ranked(["a", 1e39]), "t"],
    ];
    for (const [queryId, ranking, tag] of refused) {
      assert.throws(() => formatTrecRanking(queryId, ranking, tag), InputError);
    }
  });

  it("a file appears whole, gzipped by its name, and not at all after an error", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "braid-run-writer-"));
    try {
      const run: Run = new Map([[query, ranked(["a", 1])]]);
      await writeTrecRun(path.join(folder, "a.trec"), run, "t");
      assert.equal(readFileSync(path.join(folder, "a.trec"), "utf8"), "q1 Q0 a 1 1 t\n");
      await writeTrecRun(path.join(folder, "a.trec.gz"), run, "t");
      const zipped = readFileSync(path.join(folder, "a.trec.gz"));
      assert.equal(gunzipSync(zipped).toString(), "q1 Q0 a 1 1 t\n");
      const bad = new Map([[query, ranked(["a b", 1])]]);
      await assert.rejects(writeTrecRun(path.join(folder, "bad.trec"), bad, "t"), InputError);
      assert.ok(!existsSync(path.join(folder, "bad.trec")));
      await assert.rejects(
        writeTrecRun(path.join(folder, "no/such/a.trec"), run, "t"),
        /could not write/,
      );
      assert.deepEqual(readdirSync(folder).sort(), ["a.trec", "a.trec.gz"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
