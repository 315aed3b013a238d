import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Ran, runBraid } from "./run-braid.js";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const shared = process.env["BRAID_SHARED"] ?? path.join(repository, "../shared");
const gtr = path.join(shared, "goldens", "gtr-tiny");
const skip = existsSync(gtr) ? false : "the golden models are not here";

const subjects = ["tides", "bread", "glaciers", "violins", "bees", "maps", "salt", "kites"];

let scratch = "";
const braid = (...args: string[]): Ran =>
  runBraid(args, {
    home: path.join(scratch, "indexes"),
    env: { BRAID_MODELS: path.join(scratch, "models") },
  });
const json = (...args: string[]) => {
  const ran = braid(...args, "--json", "--quiet");
  assert.equal(ran.status, 0, ran.stderr);
  return JSON.parse(ran.stdout);
};
const lines = (rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const documents = (names: readonly string[]) =>
  names.map((name) => ({ _id: name, title: name, text: `All there is to say of ${name}.` }));
const judged = (): string[] => {
  const topics = path.join(scratch, "topics.tsv");
  const qrels = path.join(scratch, "qrels.tsv");
  writeFileSync(topics, subjects.map((name, i) => `q${i}\twho studies ${name}\n`).join(""));
  writeFileSync(qrels, subjects.map((name, i) => `q${i}\t${name}\t1\n`).join(""));
  return ["--topics", topics, "--qrels", qrels, "--per-query", "--measures", "RR"];
};

before(() => {
  if (skip !== false) return;
  scratch = mkdtempSync(path.join(tmpdir(), "braid-encoders-"));
  const corpus = path.join(scratch, "corpus.jsonl");
  writeFileSync(corpus, lines(documents(subjects)));
  assert.equal(braid("models", "add", gtr, "--name", "gtr-tiny").status, 0);
  assert.equal(braid("index", corpus, "--name", "subjects").status, 0);
});
after(() => {
  if (scratch !== "") rmSync(scratch, { recursive: true, force: true });
});

describe("braid encoders", { skip }, () => {
  it("builds a second encoder's vectors, evaluates them, switches there and back, and drops them", () => {
    const first = json("eval", "subjects", ...judged()).systems;
    // A search of the whole, scores included, is what must not change while a slot is built.
    const search = ["search", "subjects", "the moon and the sea", "--mode", "dense"];
    const hits = json(...search).hits;

    const built = json("encoders", "build", "subjects", "gtr-tiny");
    assert.equal(built.built, "gtr-tiny");
    assert.equal(built.activeSlot, "main");
    assert.deepEqual(
      built.slots.map((slot: { name: string; encoder: { name: string } }) => [
        slot.name,
        slot.encoder.name,
      ]),
      [
        ["main", "braid-mini"],
        ["gtr-tiny", "gtr-tiny"],
      ],
    );
    assert.deepEqual(json(...search).hits, hits);
    assert.match(braid("encoders", "list", "subjects").stdout, /^gtr-tiny +gtr-tiny .* no /m);

    const tried = json("eval", "subjects", ...judged(), "--slot", "gtr-tiny").systems;
    assert.deepEqual(tried.sparse.perQuery, first.sparse.perQuery);
    assert.notDeepEqual(tried.dense.perQuery, first.dense.perQuery);

    assert.equal(json("encoders", "switch", "subjects", "gtr-tiny").activeSlot, "gtr-tiny");
    const switched = json("eval", "subjects", ...judged()).systems;
    assert.deepEqual(switched.dense.perQuery, tried.dense.perQuery);
    assert.deepEqual(switched.hybrid.perQuery, tried.hybrid.perQuery);

    // Documents that come now get vectors of both.
    const more = path.join(scratch, "more.jsonl");
    writeFileSync(more, lines(documents(["clouds"])));
    assert.equal(braid("index", more, "--name", "subjects", "--append").status, 0);
    assert.equal(json("verify", "subjects").ok, true);

    assert.equal(json("encoders", "switch", "subjects", "main").activeSlot, "main");
    const after = json(...search).hits as { id: string; score: number }[];
    assert.deepEqual(
      after.filter(({ id }) => id !== "clouds").map(({ id, score }) => [id, score]),
      hits.map(({ id, score }: { id: string; score: number }) => [id, score]),
    );
    const dropped = json("encoders", "drop", "subjects", "gtr-tiny");
    assert.deepEqual(
      dropped.slots.map(({ name }: { name: string }) => name),
      ["main"],
    );
    assert.equal(json("verify", "subjects").ok, true);
  });

  it("gives a collection without vectors its dense leg", () => {
    const corpus = path.join(scratch, "corpus.jsonl");
    assert.equal(braid("index", corpus, "--name", "plain", "--encoder", "none").status, 0);
    const built = json("encoders", "build", "plain", "braid-mini", "--slot", "first");
    assert.equal(built.activeSlot, null);
    json("encoders", "switch", "plain", "first");
    assert.equal(json("search", "plain", "tides").mode, "hybrid");
  });

  it("says which slots there are where one is not, and keeps the one in use", () => {
    const none = braid("encoders", "switch", "subjects", "blue");
    assert.equal(none.status, 1);
    assert.match(none.stderr, /NOT_FOUND.*has no slot blue; it has main/);
    const inUse = braid("encoders", "drop", "subjects", "main");
    assert.match(inUse.stderr, /INPUT_INVALID.*main is in use/);
  });
});
