import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Ran, runBraid } from "./run-braid.js";

const subjects = ["tides", "bread", "glaciers"];
const dimension = 384;

let scratch = "";
const file = (name: string, content: string | Uint8Array): string => {
  const full = path.join(scratch, name);
  writeFileSync(full, content);
  return full;
};
const braid = (...args: string[]): Ran => runBraid(args, { home: path.join(scratch, "indexes") });
const lines = (rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");

let corpus = "";
before(() => {
  scratch = mkdtempSync(path.join(tmpdir(), "braid-ready-"));
  corpus = file("corpus.jsonl", lines(subjects.map((_id) => ({ _id, title: "", text: _id }))));
});
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Document i points along axis i. */
const rowOf = (axis: number): number[] =>
  Array.from({ length: dimension }, (_, i) => (i === axis ? 1 : 0));

function npy(rows: readonly number[][]): Buffer {
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows.length}, ${dimension}), }`;
  const header = `${dict.padEnd(117)}\n`;
  const start = Buffer.from("\x93NUMPY\x01\x00\x00\x00", "latin1");
  start.writeUInt16LE(header.length, 8);
  const values = Float32Array.from(rows.flat());
  return Buffer.concat([start, Buffer.from(header, "latin1"), Buffer.from(values.buffer)]);
}

describe("braid index --vectors", () => {
  const index = (name: string, vectors: string, ...more: string[]): Ran =>
    braid("index", corpus, "--name", name, "--vectors", vectors, ...more);
  const mini = ["--encoder", "braid-mini"];

  it("takes vectors by position and by id, in any order, to the same scores", () => {
    const byPosition = file("rows.npy", npy([0, 1, 2].map(rowOf)));
    const byId = file(
      "rows.jsonl",
      lines([2, 0, 1].map((i) => ({ _id: subjects[i], vector: rowOf(i).map((x) => 3 * x) }))) +
        lines([{ _id: "nobody", vector: rowOf(5) }]),
    );
    const ranPosition = index("position", byPosition, ...mini);
    assert.equal(ranPosition.status, 0, ranPosition.stderr);
    const ranId = index("id", byId, ...mini);
    assert.equal(ranId.status, 0, ranId.stderr);
    assert.match(ranId.stderr, /^1 vectors have ids that no document has$/m);
    const hits = (name: string): unknown => {
      const ran = braid("search", name, "the moon", "--mode", "dense", "--json");
      assert.equal(ran.status, 0, ran.stderr);
      return JSON.parse(ran.stdout).hits.map(({ id, score }: { id: string; score: number }) => [
        id,
        score,
      ]);
    };
    const found = hits("position") as unknown[];
    assert.equal(found.length, 3);
    assert.deepEqual(hits("id"), found);
  });

  it("refuses a file that does not fit, and leaves no collection", () => {
    const short = index("wrong", file("short.npy", npy([0, 1].map(rowOf))), ...mini);
    assert.match(short.stderr, /INPUT_INVALID.*no vector for document "glaciers" \(number 3\)/);
    const long = index("wrong", file("long.npy", npy([0, 1, 2, 3].map(rowOf))), ...mini);
    assert.match(long.stderr, /INPUT_INVALID.*more vectors than the 3 documents/);
    assert.match(braid("stats", "wrong").stderr, /NOT_FOUND/);
    const nameless = index("wrong", "long.npy");
    assert.equal(nameless.status, 2);
    assert.match(nameless.stderr, /--vectors goes with --encoder/);
  });
});
