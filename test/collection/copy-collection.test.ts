import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import { AlreadyExistsError, StorageError } from "../../src/errors.js";
import { SimulatedDisk } from "../store/simulated-disk.js";
import { HashEncoder } from "./hash-encoder.js";
import { applyChange, contentOf, scriptedChange } from "./scripted-changes.js";

const directory = "/home/c";
const encoder = new HashEncoder();

describe("copying a collection", () => {
  it("copies one moment while writes, flushes and merges go on", async () => {
    const disk = new SimulatedDisk();
    const collection = await createCollection(directory, {}, { encoder, fileSystem: disk });
    for (let number = 0; number < 30; number++) {
      await applyChange(collection, scriptedChange(5, number));
    }
    const content = contentOf(collection.exportDocuments());
    const copying = collection.copyTo("/home/copy");
    for (let number = 30; number < 60; number++) {
      await applyChange(collection, scriptedChange(5, number));
    }
    await collection.compact();
    assert.ok((await copying) > 0);
    const copy = await openCollection("/home/copy", { mode: "write", encoder, fileSystem: disk });
    assert.equal(contentOf(copy.exportDocuments()), content);
    assert.deepEqual((await copy.verify()).problems, []);
    await copy.upsert([{ _id: "new", title: "", text: "later" }] as never);
    await copy.close();
    await collection.close();
  });

  it("restores by copying back, also from a copy that is only read", async () => {
    const disk = new SimulatedDisk();
    const collection = await createCollection(directory, {}, { encoder, fileSystem: disk });
    for (const number of [0, 3, 4]) await applyChange(collection, scriptedChange(5, number));
    await collection.copyTo("/home/copy");
    await collection.close();
    const reader = await openCollection("/home/copy", { encoder, fileSystem: disk });
    await reader.copyTo("/home/restored");
    const restored = await openCollection("/home/restored", {
      mode: "write",
      encoder,
      fileSystem: disk,
    });
    assert.equal(contentOf(restored.exportDocuments()), contentOf(reader.exportDocuments()));
    assert.equal(restored.snapshot().generation, reader.snapshot().generation);
    await restored.close();
    await reader.close();
  });

  it("never writes into a folder that holds something, and leaves nothing when the disk is full", async () => {
    const disk = new SimulatedDisk();
    const collection = await createCollection(directory, {}, { encoder, fileSystem: disk });
    await applyChange(collection, scriptedChange(5, 0));
    await assert.rejects(collection.copyTo(directory), AlreadyExistsError);
    disk.freeBytes = 40;
    await assert.rejects(collection.copyTo("/home/full"), StorageError);
    disk.freeBytes = Number.POSITIVE_INFINITY;
    assert.deepEqual(disk.list("/home/full"), []);
    await applyChange(collection, scriptedChange(5, 3));
    await collection.close();
  });
});
