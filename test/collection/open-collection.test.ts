import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import {
  collectionDirectory,
  dropCollection,
  listCollections,
} from "../../src/collection/collection-home.js";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import type { Document } from "../../src/corpus/document.js";
import {
  AlreadyExistsError,
  CorruptIndexError,
  EncoderMismatchError,
  InputError,
  LockedError,
  NotFoundError,
} from "../../src/errors.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
import { SimulatedDisk } from "../store/simulated-disk.js";
import { HashEncoder } from "./hash-encoder.js";

const home = mkdtempSync(path.join(os.tmpdir(), "braid-open-"));
after(() => rmSync(home, { recursive: true }));

function document(
  id: string,
  text: string,
  fields: Record<string, string | number> = {},
): Document {
  return { _id: id, title: "", text, ...fields } as unknown as Document;
}

describe("creating and opening a collection", () => {
  it("keeps settings, documents and search over closing and opening", async () => {
    const directory = path.join(home, "kept");
    const encoder = new HashEncoder();
    const created = await createCollection(
      directory,
      { analyzer: "standard@1", bm25: { k1: 0.9, b: 0.4 } },
      { encoder },
    );
    await created.upsert([document("a", "running cats"), document("b", "a dog", { year: 2020 })]);
    const { settings } = created;
    await created.close();
    const opened = await openCollection(directory, { encoder });
    assert.equal(opened.mode, "read");
    assert.deepEqual(opened.settings, settings);
    assert.equal(opened.settings.bm25.k1, 0.9);
    assert.deepEqual(opened.encoderIdentity, encoder.identity);
    const snapshot = opened.snapshot();
    assert.deepEqual(snapshot.document("b"), document("b", "a dog", { year: 2020 }));
    assert.equal(snapshot.document("c"), null);
    assert.equal(snapshot.sparse.search(bagOfWords(["running"]), { depth: 5 }).count, 1);
    assert.equal(snapshot.segments[0]?.columns.docCount, 2);
    await assert.rejects(opened.upsert([document("c", "")]), InputError);
    await opened.close();
    assert.throws(() => opened.snapshot(), /is closed/);
  });

  it("refuses settings that cannot be", async () => {
    const directory = path.join(home, "never");
    for (const settings of [
      { analyzer: "klingon@1" },
      { boosts: { title: 0, text: 0 } },
      { bm25: { b: 2 } },
      { unknown: 1 } as object,
      { encoder: { name: "x", fingerprint: "y", dimension: 0, similarity: "cosine" as const } },
    ]) {
      await assert.rejects(createCollection(directory, settings), InputError);
    }
    assert.equal(existsSync(directory), false);
  });

  it("refuses to create over a collection or in a folder with other files, and writes nothing there", async () => {
    const directory = path.join(home, "taken");
    await (await createCollection(directory)).close();
    await assert.rejects(createCollection(directory), AlreadyExistsError);
    const foreign = path.join(home, "foreign");
    mkdirSync(foreign);
    writeFileSync(path.join(foreign, "notes.txt"), "mine");
    await assert.rejects(createCollection(foreign), /is not empty \(it holds notes\.txt\)/);
    await assert.rejects(openCollection(foreign, { mode: "write" }), NotFoundError);
    writeFileSync(path.join(foreign, "manifest.json"), '{"name":"an npm package"}');
    await assert.rejects(openCollection(foreign, { mode: "write" }), CorruptIndexError);
    await assert.rejects(openCollection(foreign, { mode: "read" }), CorruptIndexError);
    assert.deepEqual(readdirSync(foreign), ["manifest.json", "notes.txt"]);
    await assert.rejects(openCollection(path.join(home, "nowhere")), NotFoundError);
    assert.equal(existsSync(path.join(home, "nowhere")), false);
  });

  it("lets one write and many read", async () => {
    const directory = path.join(home, "shared");
    const writer = await createCollection(directory);
    await assert.rejects(openCollection(directory, { mode: "write" }), LockedError);
    const reader = await openCollection(directory);
    assert.equal(reader.snapshot().docCount, 0);
    await writer.upsert([document("a", "one")]);
    assert.equal(reader.snapshot().docCount, 0);
    assert.equal(reader.refresh(), true);
    assert.equal(reader.refresh(), false);
    const before = reader.snapshot();
    assert.equal(before.docCount, 1);
    await writer.flush();
    await writer.upsert([document("a", "two"), document("b", "three")]);
    await writer.compact();
    // What the reader has open stays as it was, although its files are gone.
    assert.equal(before.document("a")?.text, "one");
    assert.equal(reader.refresh(), true);
    assert.equal(reader.snapshot().document("a")?.text, "two");
    assert.equal(reader.snapshot().generation, writer.snapshot().generation);
    await writer.close();
    await reader.close();
  });

  it("shows another process what is committed while a writer works", async () => {
    const directory = path.join(home, "processes");
    const writer = await createCollection(directory);
    await writer.upsert([document("a", "one"), document("b", "two")]);
    await writer.delete(["a"]);
    const script = `
      const { openCollection } = await import(${JSON.stringify(new URL("../../src/collection/open-collection.ts", import.meta.url).href)});
      const collection = await openCollection(${JSON.stringify(directory)});
      console.log(JSON.stringify([...collection.exportDocuments()].map(({ _id }) => _id)));
      await openCollection(${JSON.stringify(directory)}, { mode: "write" }).catch((error) => console.log(error.code));`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", script],
      { encoding: "utf8" },
    );
    assert.equal(stdout, '["b"]\nINDEX_LOCKED\n', stderr);
    await writer.close();
  });

  it("opens with another encoder, searches the sparse leg, and refuses the dense one with the way out", async () => {
    const directory = path.join(home, "encoders");
    const right = new HashEncoder("right");
    const wrong = new HashEncoder("wrong");
    const created = await createCollection(directory, {}, { encoder: right });
    await created.upsert([document("a", "cat")]);
    assert.equal(created.denseRefusal, null);
    assert.equal(created.encoder, right);
    await created.close();
    const opened = await openCollection(directory, { mode: "write", encoder: wrong });
    assert.equal(opened.encoder, null);
    assert.equal(opened.snapshot().sparse.search(bagOfWords(["cat"]), { depth: 1 }).count, 1);
    assert.throws(
      () => opened.snapshot().dense,
      (error: unknown) => {
        assert.ok(error instanceof EncoderMismatchError);
        assert.equal(error.facts["expected"], right.identity.fingerprint);
        assert.equal(error.facts["got"], wrong.identity.fingerprint);
        assert.match(
          error.message,
          /name right, or index the documents again with --encoder wrong/,
        );
        return true;
      },
    );
    await assert.rejects(opened.upsert([document("b", "dog")]), EncoderMismatchError);
    // Deleting needs no vectors.
    assert.equal((await opened.delete(["a"])).deleted, 1);
    await opened.close();
    const without = await openCollection(directory, { mode: "write" });
    await assert.rejects(without.upsert([document("b", "dog")]), /none was given: open it with/);
    const vectors = await right.encodeDocuments(["dog"]);
    assert.deepEqual(await without.upsert([document("b", "dog")], { vectors }), {
      added: 1,
      replaced: 0,
    });
    assert.equal(without.snapshot().dense?.search(vectors.values, { depth: 9 }).count, 1);
    await without.close();
  });

  it("refuses vectors that do not fit, and changes nothing", async () => {
    const encoder = new HashEncoder();
    const collection = await createCollection(
      "/c",
      {},
      { encoder, fileSystem: new SimulatedDisk() },
    );
    const values = new Float32Array(8).fill(0.1);
    const bad = [
      { count: 1, dimension: 4, values: new Float32Array(4) },
      { count: 2, dimension: 8, values: new Float32Array(16) },
      { count: 1, dimension: 8, values: values.with(3, Number.NaN) },
    ];
    for (const vectors of bad) {
      await assert.rejects(collection.upsert([document("a", "")], { vectors }));
      assert.equal(collection.snapshot().docCount, 0);
    }
    const sparse = await createCollection("/s", {}, { fileSystem: new SimulatedDisk() });
    await assert.rejects(
      sparse.upsert([document("a", "")], { vectors: { count: 1, dimension: 8, values } }),
      /has no dense leg/,
    );
  });

  it("refuses a document that cannot be, and the whole batch with it", async () => {
    const collection = await createCollection("/c", {}, { fileSystem: new SimulatedDisk() });
    const bad = { _id: "", title: "", text: "" } as unknown as Document;
    await assert.rejects(collection.upsert([document("a", "x"), bad]), /document 2 of the batch/);
    assert.equal(collection.snapshot().docCount, 0);
    assert.deepEqual(await collection.upsert([]), { added: 0, replaced: 0 });
  });

  it("reads a few kilobytes to open 100,000 documents, and what a query needs for a query", async () => {
    const disk = new SimulatedDisk();
    const created = await createCollection("/c", {}, { fileSystem: disk });
    const words = "alpha beta gamma delta epsilon zeta eta theta iota kappa".split(" ");
    function* documents(): Generator<Document> {
      for (let i = 0; i < 100_000; i++) {
        yield document(`doc-${i}`, `${words[i % 10]} ${words[(i >> 3) % 10]} ${i % 997}`);
      }
    }
    await created.bulkBuild(documents(), { mode: "replace" });
    await created.close();
    const size = disk.files.reduce((sum, file) => sum + disk.contentOf(file).byteLength, 0);
    disk.bytesRead = 0;
    const opened = await openCollection("/c", { fileSystem: disk });
    assert.equal(opened.snapshot().docCount, 100_000);
    const opening = disk.bytesRead;
    assert.ok(opening < 16_384, `${opening} of ${size} bytes were read to open`);
    const snapshot = opened.snapshot();
    assert.equal(snapshot.document("doc-77777")?._id, "doc-77777");
    snapshot.sparse.search(bagOfWords(["alpha"]), { depth: 10 });
    assert.ok(disk.bytesRead < size / 2, `${disk.bytesRead} of ${size} bytes were read to search`);
    await opened.close();
  });
});

describe("a home of collections", () => {
  it("lists and drops collections by name", async () => {
    const own = path.join(home, "own");
    assert.deepEqual(listCollections(own), []);
    for (const name of ["b", "a.1"]) {
      await (await createCollection(collectionDirectory(own, name))).close();
    }
    mkdirSync(path.join(own, "empty"));
    mkdirSync(path.join(own, "broken"));
    writeFileSync(path.join(own, "broken", "manifest.json"), "{");
    const listed = listCollections(own);
    assert.deepEqual(
      listed.map(({ name }) => name),
      ["a.1", "b", "broken"],
    );
    assert.match(listed[2]?.problem ?? "", /is not the manifest of a braid collection/);
    assert.equal(listed[0]?.problem, null);
    const writer = await openCollection(collectionDirectory(own, "b"), { mode: "write" });
    assert.throws(() => dropCollection(collectionDirectory(own, "b")), LockedError);
    await writer.close();
    dropCollection(collectionDirectory(own, "b"));
    assert.equal(existsSync(path.join(own, "b")), false);
    assert.throws(() => dropCollection(collectionDirectory(own, "b")), NotFoundError);
    writeFileSync(path.join(own, "a.1", "mine.txt"), "kept");
    dropCollection(collectionDirectory(own, "a.1"));
    assert.deepEqual(readdirSync(path.join(own, "a.1")), ["mine.txt"]);
  });

  it("has no name that leaves it", () => {
    for (const name of [
      "",
      ".",
      "..",
      "a/b",
      "../a",
      "a\\b",
      "A",
      "a..b",
      "-a",
      "a\0",
      "a.",
      "ä",
    ]) {
      assert.throws(() => collectionDirectory("/home", name), InputError, name);
    }
    assert.throws(() => collectionDirectory("/home", "a".repeat(65)), InputError);
    assert.equal(collectionDirectory("/home", "a".repeat(64)), `/home/${"a".repeat(64)}`);
    assert.equal(collectionDirectory("/home", "scifact-2.1_x"), "/home/scifact-2.1_x");
  });
});
