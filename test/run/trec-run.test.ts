import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { InputError, NotFoundError } from "../../src/errors.js";
import type { QueryId, Ranking } from "../../src/run/ranking.js";
import { compareScoredDocs } from "../../src/run/ranking.js";
import {
  parseTrecRun,
  type RunReadReport,
  readTrecRun,
  streamTrecRun,
} from "../../src/run/trec-run.js";

let folder = "";
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "braid-trec-run-"));
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, content: string | Buffer): string {
  const place = path.join(folder, name);
  writeFileSync(place, content);
  return place;
}

const ids = (ranking: Ranking | undefined) => ranking?.map(({ docId }) => docId as string);

describe("reading a TREC run", () => {
  it("orders by score and then by document id descending, whatever the rank column says", () => {
    const { run, report } = parseTrecRun(
      "q1 Q0 a 1 1.5 t\nq1 Q0 b 2 2.5 t\nq1 Q0 c 3 1.5 t\nq2\tQ0\tx\t1\t0\tt\n",
    );
    assert.deepEqual(ids(run.get("q1" as QueryId)), ["b", "c", "a"]);
    assert.equal(report.unsortedQueryCount, 1);
    assert.equal(report.queryCount, 2);
    assert.equal(report.docCount, 4);
    assert.equal(report.tag, "t");
  });

  it("reads Windows line ends, a byte order mark, blank lines, tabs and a last line without end", async () => {
    const place = file(
      "windows.trec",
      "\ufeffq1 Q0 a 1 2 t\r\n\r\n  q1\tQ0  b\t2 1 t \r\nq2 Q0 c 1 1 t",
    );
    const { run } = await readTrecRun(place);
    assert.deepEqual(ids(run.get("q1" as QueryId)), ["a", "b"]);
    assert.deepEqual(ids(run.get("q2" as QueryId)), ["c"]);
  });

  it("reads gzip whatever the name, and says when the gzip is cut off", async () => {
    const zipped = gzipSync("q1 Q0 a 1 2 t\n");
    const { run } = await readTrecRun(file("zipped", zipped));
    assert.deepEqual(ids(run.get("q1" as QueryId)), ["a"]);
    await assert.rejects(readTrecRun(file("cut.gz", zipped.subarray(0, 12))), InputError);
  });

  it("joins the lines of a query that do not stand together", async () => {
    const place = file("mixed.trec", "q1 Q0 a 1 2 t\nq2 Q0 a 1 2 t\nq1 Q0 b 2 3 t\n");
    const { run } = await readTrecRun(place);
    assert.deepEqual(ids(run.get("q1" as QueryId)), ["b", "a"]);
  });

  const bad: readonly [string, string, RegExp][] = [
    ["five columns", "q1 Q0 b 2 1\n", /5 columns instead of 6/],
    ["an id with a blank", "q1 Q0 b b 2 1 t\n", /7 columns instead of 6/],
    ["a score that is no number", "q1 Q0 b 2 high t\n", /score "high"/],
    ["NaN", "q1 Q0 b 2 NaN t\n", /score "NaN"/],
    ["infinity", "q1 Q0 b 2 inf t\n", /score "inf"/],
    ["a score beyond float64", "q1 Q0 b 2 1e999 t\n", /score "1e999"/],
    ["a document twice", "q1 Q0 a 2 1 t\n", /document a a second time for query q1/],
  ];
  for (const [name, line, message] of bad) {
    it(`${name} is an error with file and line, or left out and counted`, async () => {
      const place = file("bad.trec", `q1 Q0 a 1 2 t\n\n${line}q1 Q0 z 3 0.5 t\n`);
      await assert.rejects(readTrecRun(place), (error: unknown) => {
        assert.ok(error instanceof InputError);
        assert.match(error.message, message);
        assert.match(error.message, /bad\.trec:3/);
        assert.equal(error.facts["line"], 3);
        return true;
      });
      const { run, report } = await readTrecRun(place, { skipBad: true });
      assert.deepEqual(ids(run.get("q1" as QueryId)), ["a", "z"]);
      assert.equal(report.skippedCount, 1);
      assert.equal(report.skipped[0]?.line, 3);
      assert.match(report.skipped[0]?.reason ?? "", message);
    });
  }

  it("bytes that are not UTF-8 are an error with their line, or left out and counted", async () => {
    const bytes = Buffer.concat([
      Buffer.from("q1 Q0 é 1 2 t\nq1 Q0 "),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(" 2 1 t\nq1 Q0 b 3 0 t\n"),
    ]);
    const place = file("latin.trec", bytes);
    await assert.rejects(readTrecRun(place), /latin\.trec:2/);
    const { run, report } = await readTrecRun(place, { skipBad: true });
    assert.deepEqual(ids(run.get("q1" as QueryId)), ["é", "b"]);
    assert.deepEqual(
      report.skipped.map(({ line }) => line),
      [2],
    );
  });

  it("of a document that comes twice the higher score stays when bad lines are skipped", () => {
    const text = "q1 Q0 a 1 1 t\nq1 Q0 b 2 2 t\nq1 Q0 a 3 3 t\n";
    const { run, report } = parseTrecRun(text, "run", { skipBad: true });
    assert.deepEqual(run.get("q1" as QueryId), [
      { docId: "a", score: 3 },
      { docId: "b", score: 2 },
    ]);
    assert.equal(report.duplicateCount, 1);
  });

  it("an empty file, a missing file, a folder and UTF-16 are told apart", async () => {
    await assert.rejects(readTrecRun(file("empty.trec", "")), /got no usable line/);
    await assert.rejects(readTrecRun(path.join(folder, "none.trec")), NotFoundError);
    await assert.rejects(readTrecRun(folder), /got a directory/);
    const utf16 = Buffer.from("\ufeffq1 Q0 a 1 1 t\n", "utf16le");
    await assert.rejects(readTrecRun(file("utf16.trec", utf16)), /UTF-16/);
  });

  it("scores are read as correctly rounded float64", () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.tuple(fc.maxSafeNat(), fc.nat(16)).map(([n, places]) => {
        const digits = String(n).padStart(places + 1, "0");
        return `${digits.slice(0, digits.length - places)}.${digits.slice(digits.length - places)}`;
      }),
      fc.constantFrom("+3", "-.5", "7.", "1E3", "-0", "0000000000000000000001"),
    );
    fc.assert(
      fc.property(number, (field) => {
        const { run } = parseTrecRun(`q Q0 d 1 ${field} t`);
        assert.equal(run.get("q" as QueryId)?.[0]?.score, Number(field));
      }),
      { numRuns: 500 },
    );
  });
});

describe("streaming a TREC run", () => {
  it("gives the same rankings as reading it whole, and the same report", async () => {
    let text = "";
    for (let q = 0; q < 300; q++) {
      for (let rank = 1; rank <= 20; rank++) {
        text += `query${q} Q0 doc${(rank * 7919) % 101} ${rank} ${(rank * 31) % 17} t\n`;
      }
    }
    const place = file("stream.trec.gz", gzipSync(text));
    const whole = await readTrecRun(place);
    const reports: RunReadReport[] = [];
    const streamed = new Map<QueryId, Ranking>();
    for await (const [queryId, ranking] of streamTrecRun(place, {
      onReport: (report) => reports.push(report),
    })) {
      streamed.set(queryId, ranking);
    }
    assert.deepEqual(streamed, whole.run);
    assert.deepEqual(reports, [whole.report]);
    for (const ranking of streamed.values()) {
      assert.deepEqual(ranking, [...ranking].sort(compareScoredDocs));
    }
  });

  it("refuses a query whose lines do not stand together", async () => {
    const place = file("apart.trec", "q1 Q0 a 1 2 t\nq2 Q0 a 1 2 t\nq1 Q0 b 2 3 t\n");
    await assert.rejects(async () => {
      for await (const _ of streamTrecRun(place));
    }, /apart\.trec:3: sort the file by query/);
  });
});
