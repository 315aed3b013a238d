import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import type { Collection } from "../../src/collection/collection.js";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import type { Document } from "../../src/corpus/document.js";
import { InputError } from "../../src/errors.js";
import { SimulatedDisk } from "../store/simulated-disk.js";
import { HashEncoder } from "./hash-encoder.js";

const directory = "/home/c";
const encoder = new HashEncoder();

function document(id: string, text: string): Document {
  return { _id: id, title: "", text } as unknown as Document;
}

async function* slowly(documents: Iterable<Document>): AsyncGenerator<Document> {
  for (const document of documents) {
    await new Promise((resolve) => setImmediate(resolve));
    yield document;
  }
}

function textsOf(collection: Collection): Record<string, string> {
  return Object.fromEntries(
    [...collection.exportDocuments()]
      .map(({ _id, text }): [string, string] => [_id, text])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

describe("bulk build", () => {
  it("replaces everything, of equal ids the later one, also across segments", async () => {
    const collection = await createCollection(
      directory,
      {},
      { encoder, fileSystem: new SimulatedDisk() },
    );
    await collection.upsert([document("old", "gone")]);
    // 1,024 documents a batch and a segment a batch: b comes in the first and the third segment.
    const documents = Array.from({ length: 2500 }, (_, i) => document(`d${i}`, `n${i}`));
    documents.splice(3, 0, document("b", "first"), document("c", "1"), document("c", "2"));
    documents.push(document("b", "last"));
    const seen: number[] = [];
    const result = await collection.bulkBuild(slowly(documents), {
      mode: "replace",
      segmentBytes: 1,
      onProgress: ({ documents }) => seen.push(documents),
    });
    assert.deepEqual(result, { documents: 2504, added: 2502, replaced: 2 });
    assert.deepEqual(seen, [1024, 2048, 2504]);
    const snapshot = collection.snapshot();
    assert.equal(snapshot.docCount, 2502);
    assert.equal(snapshot.segments.length, 1);
    assert.equal(snapshot.document("b")?.text, "last");
    assert.equal(snapshot.document("c")?.text, "2");
    assert.equal(snapshot.document("old"), null);
    assert.deepEqual((await collection.verify()).problems, []);
    await collection.close();
  });

  it("appends to what is there and counts what it replaced", async () => {
    const disk = new SimulatedDisk();
    const collection = await createCollection(directory, {}, { encoder, fileSystem: disk });
    await collection.upsert([document("a", "1"), document("b", "1")]);
    assert.deepEqual(
      await collection.bulkBuild([document("b", "2"), document("c", "2")], { mode: "append" }),
      { documents: 2, added: 1, replaced: 1 },
    );
    assert.deepEqual(textsOf(collection), { a: "1", b: "2", c: "2" });
    await collection.close();
    const again = await openCollection(directory, { fileSystem: disk });
    assert.deepEqual(textsOf(again), { a: "1", b: "2", c: "2" });
  });

  it("leaves the earlier state when it is aborted, fails, or meets a bad document, and no file behind", async () => {
    const disk = new SimulatedDisk();
    const collection = await createCollection(directory, {}, { encoder, fileSystem: disk });
    await collection.upsert([document("a", "1")]);
    await collection.flush();
    const files = disk.files;
    const abort = new AbortController();
    async function* aborting(): AsyncGenerator<Document> {
      for (let i = 0; i < 5000; i++) {
        if (i === 3000) abort.abort(new Error("enough"));
        yield document(`d${i}`, "x");
      }
    }
    await assert.rejects(
      collection.bulkBuild(aborting(), { mode: "replace", segmentBytes: 1, signal: abort.signal }),
      /enough/,
    );
    async function* failing(): AsyncGenerator<Document> {
      for (let i = 0; i < 3000; i++) yield document(`d${i}`, "x");
      throw new Error("the source broke");
    }
    await assert.rejects(
      collection.bulkBuild(failing(), { mode: "replace", segmentBytes: 1 }),
      /the source broke/,
    );
    await assert.rejects(
      collection.bulkBuild([document("", "x")], { mode: "append" }),
      (error: unknown) => error instanceof InputError,
    );
    assert.deepEqual(disk.files, files);
    assert.deepEqual(textsOf(collection), { a: "1" });
    await collection.upsert([document("b", "still works")]);
    await collection.close();
  });

  it("shows the earlier state until it is done, and lets later writes wait", async () => {
    const collection = await createCollection(
      directory,
      {},
      { encoder, fileSystem: new SimulatedDisk() },
    );
    await collection.upsert([document("a", "1")]);
    const documents = Array.from({ length: 30 }, (_, i) => document(`d${i}`, "x"));
    const building = collection.bulkBuild(slowly(documents), { mode: "replace" });
    const writing = collection.upsert([document("d3", "later")]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(textsOf(collection), { a: "1" });
    await building;
    assert.deepEqual(await writing, { added: 0, replaced: 1 });
    assert.equal(collection.snapshot().document("d3")?.text, "later");
    assert.equal(collection.snapshot().docCount, 30);
    await collection.close();
  });

  it("gives the same bytes in threads on a real disk as in this thread on a simulated one", async () => {
    const home = mkdtempSync(path.join(os.tmpdir(), "braid-bulk-"));
    const words = "one two three four five six seven eight nine ten eleven".split(" ");
    const documents = Array.from({ length: 4000 }, (_, i) =>
      document(`d${i % 3900}`, Array.from({ length: 40 }, (_, j) => words[(i * j) % 11]).join(" ")),
    );
    const disk = new SimulatedDisk();
    const real = await createCollection(path.join(home, "c"), {}, { encoder });
    const simulated = await createCollection(directory, {}, { encoder, fileSystem: disk });
    for (const collection of [real, simulated]) {
      await collection.bulkBuild(documents, { mode: "replace", segmentBytes: 1 << 20 });
      await collection.bulkBuild(documents.slice(100, 2000), { mode: "append" });
      await collection.delete(["d7", "d8"]);
      await collection.compact();
      assert.deepEqual((await collection.verify()).problems, []);
    }
    const [segment] = real.stats().segments;
    assert.equal(segment?.docCount, 3898);
    assert.ok(segment.bytes > 1 << 20, "too small to be merged in a thread");
    // Names differ: how many merges were due depends on when they were done.
    const [twin] = simulated.stats().segments;
    const bytes = readFileSync(path.join(home, "c", segment.file ?? ""));
    assert.equal(Buffer.compare(bytes, disk.contentOf(`${directory}/${twin?.file}`)), 0);
    await real.close();
    rmSync(home, { recursive: true });
  });

  it("makes an empty collection from no documents", async () => {
    const collection = await createCollection(directory, {}, { fileSystem: new SimulatedDisk() });
    await collection.upsert([document("a", "1")]);
    assert.deepEqual(await collection.bulkBuild([], { mode: "replace" }), {
      documents: 0,
      added: 0,
      replaced: 0,
    });
    assert.equal(collection.snapshot().docCount, 0);
    assert.equal(collection.snapshot().segments.length, 0);
    await collection.close();
  });
});
