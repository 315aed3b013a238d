import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import type { Document } from "../../src/corpus/document.js";
import { CorruptIndexError, InputError } from "../../src/errors.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
import { SegmentFile } from "../../src/store/segment-file.js";
import { SimulatedDisk } from "../store/simulated-disk.js";
import { HashEncoder } from "./hash-encoder.js";

const directory = "/home/c";
const encoder = new HashEncoder();

function document(id: string, text: string): Document {
  return { _id: id, title: "", text } as unknown as Document;
}

/** Two segments, one of them with deletions, and a log. */
async function sample(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const collection = await createCollection(directory, {}, { encoder, fileSystem: disk });
  await collection.upsert(["a", "b", "c", "d", "e"].map((id) => document(id, `first ${id}`)));
  await collection.flush();
  await collection.upsert([document("b", "second"), document("f", "second")]);
  await collection.flush();
  await collection.upsert([document("g", "third")]);
  await collection.close();
  return disk.afterProcessDeath();
}

async function salvaged(disk: SimulatedDisk): Promise<{
  texts: Record<string, string>;
  damages: readonly string[];
  hasDense: boolean;
}> {
  const files = disk.files.map((file) => disk.contentOf(file));
  const collection = await openCollection(directory, { encoder, salvage: true, fileSystem: disk });
  const texts = Object.fromEntries(
    [...collection.exportDocuments()]
      .map(({ _id, text }): [string, string] => [_id, text])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const snapshot = collection.snapshot();
  const hits = snapshot.sparse.search(bagOfWords(["first", "second", "third"]), { depth: 20 });
  assert.equal(hits.count, Object.keys(texts).length);
  const { damages } = collection.recovery;
  const hasDense = snapshot.dense !== null;
  await collection.close();
  assert.deepEqual(
    disk.files.map((file) => disk.contentOf(file)),
    files,
    "salvage wrote something",
  );
  return { texts, damages, hasDense };
}

function flip(disk: SimulatedDisk, file: string, at: number): void {
  disk.damage(file, (bytes) => {
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    return bytes;
  });
}

function placeOf(disk: SimulatedDisk, file: string, section: string): number {
  const text = Buffer.from(disk.contentOf(file)).toString("latin1");
  const offset = new RegExp(`"name":"${section}","offset":(\\d+)`).exec(text)?.[1];
  assert.ok(offset, `${file} has no section ${section}`);
  return Number(offset);
}

const whole = {
  a: "first a",
  b: "second",
  c: "first c",
  d: "first d",
  e: "first e",
  f: "second",
  g: "third",
};

describe("salvage", () => {
  it("reads a whole collection as it is", async () => {
    assert.deepEqual(await salvaged(await sample()), { texts: whole, damages: [], hasDense: true });
  });

  it("only reads", async () => {
    const disk = await sample();
    await assert.rejects(
      openCollection(directory, { mode: "write", salvage: true, fileSystem: disk }),
      InputError,
    );
  });

  it("indexes the documents of a damaged segment anew", async () => {
    const disk = await sample();
    const [file = ""] = disk.files.filter((name) => name.endsWith(".seg"));
    for (const section of ["sparse.postings", "ids.slots", "columns.index", "documents.data"]) {
      const damaged = disk.afterProcessDeath();
      // Into the first document's JSON, past its checksum.
      flip(damaged, file, placeOf(damaged, file, section) + (section === "documents.data" ? 6 : 0));
      const { texts, damages, hasDense } = await salvaged(damaged);
      const { a: _, ...withoutA } = whole;
      assert.deepEqual(texts, section === "documents.data" ? withoutA : whole, section);
      assert.ok(damages.some((message) => message.includes(section)));
      assert.equal(hasDense, true);
    }
  });

  it("gives up a dense leg with damaged vectors and keeps the sparse one", async () => {
    const disk = await sample();
    const [file = ""] = disk.files.filter((name) => name.endsWith(".seg"));
    flip(disk, file, placeOf(disk, file, "vectors.main") + 64);
    const { texts, hasDense } = await salvaged(disk);
    assert.deepEqual(texts, whole);
    assert.equal(hasDense, false);
  });

  it("goes on without a segment whose contents are lost, without a log, without deletions", async () => {
    const disk = await sample();
    for (const [pattern, expected] of [
      [/seg-\d+\.seg$/, { b: "second", f: "second", g: "third" }],
      [/\.wal$/, { ...whole, g: undefined }],
      [/\.del-/, whole],
    ] as const) {
      const damaged = disk.afterProcessDeath();
      const file = damaged.files.find((name) => pattern.test(name)) ?? "";
      damaged.remove(file);
      await assert.rejects(openCollection(directory, { encoder, fileSystem: damaged }), (error) => {
        assert.ok(error instanceof CorruptIndexError);
        assert.ok(error.message.startsWith(`${file} is missing`), error.message);
        return true;
      });
      const { texts, damages } = await salvaged(damaged);
      assert.deepEqual(texts, JSON.parse(JSON.stringify(expected)));
      assert.ok(damages.some((message) => message.includes(file)));
    }
  });

  it("puts a collection together whose manifest is lost", async () => {
    const disk = await sample();
    flip(disk, `${directory}/manifest.json`, 200);
    await assert.rejects(
      openCollection(directory, { encoder, fileSystem: disk }),
      CorruptIndexError,
    );
    const { texts, damages, hasDense } = await salvaged(disk);
    assert.deepEqual(texts, whole);
    assert.equal(damages.length, 1);
    assert.equal(hasDense, true);
    disk.remove(`${directory}/manifest.json`);
    assert.deepEqual((await salvaged(disk)).texts, whole);
  });

  it("reads the commits around a damaged one", async () => {
    const disk = new SimulatedDisk();
    const collection = await createCollection(directory, {}, { encoder, fileSystem: disk });
    await collection.upsert([document("z", "first")]);
    await collection.flush();
    for (const id of ["a", "b", "c"]) await collection.upsert([document(id, "second")]);
    await collection.close();
    const log = disk.files.find((file) => file.endsWith(".wal")) ?? "";
    const second = Buffer.from(disk.contentOf(log)).indexOf('"_id":"b"');
    flip(disk, log, second + 8);
    await assert.rejects(
      openCollection(directory, { mode: "write", encoder, fileSystem: disk }),
      /acknowledged changes are lost/,
    );
    const { texts } = await salvaged(disk);
    assert.deepEqual(texts, { a: "second", c: "second", z: "first" });
  });

  it("is what SegmentFile.verify makes possible: every section is named", async () => {
    const disk = await sample();
    const [file = ""] = disk.files.filter((name) => name.endsWith(".seg"));
    const segment = SegmentFile.open(file, disk);
    for (const name of segment.names) {
      if (segment.byteLength(name) === 0) continue;
      const damaged = disk.afterProcessDeath();
      flip(damaged, file, placeOf(damaged, file, name));
      assert.deepEqual(
        SegmentFile.open(file, damaged)
          .verify()
          .map(({ facts }) => facts["section"]),
        [name],
      );
    }
  });
});
