import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import type { Document } from "../../src/corpus/document.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
import { HashEncoder } from "./hash-encoder.js";
import { applyChange, applyToModel, contentOf, scriptedChange } from "./scripted-changes.js";

const home = mkdtempSync(path.join(os.tmpdir(), "braid-readers-"));
after(() => rmSync(home, { recursive: true }));
const encoder = new HashEncoder();
const limits = {
  flushBytes: 1 << 12,
  memoryMergePolicy: {
    segmentsPerTier: 3,
    smallestTierDocs: 1,
    deletedShare: 0.5,
    largestMergeDocs: 1000,
  },
  diskMergePolicy: {
    segmentsPerTier: 2,
    smallestTierDocs: 2,
    deletedShare: 0.3,
    largestMergeDocs: 1000,
  },
};

describe("readers beside a writer", () => {
  it("see one whole state after the other, never going back, and verify it, while a writer works", async () => {
    const directory = path.join(home, "c");
    const writer = await createCollection(directory, {}, { encoder, limits });
    const model = new Map<string, Document>();
    const states = [""];
    const reader = await openCollection(directory, { encoder });
    let at = 0;
    let seen = 0;
    let isWriting = true;
    const reading = (async () => {
      while (isWriting || at < states.length - 1) {
        // Given way by timers only, so that it comes between any two steps of the writer.
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (!reader.refresh()) continue;
        const content = contentOf(reader.exportDocuments());
        const found = states.indexOf(content, at);
        assert.ok(found >= 0, `none of the states from ${at} on`);
        at = found;
        seen++;
        if (seen % 8 === 0) assert.deepEqual((await reader.verify()).problems, []);
      }
    })();
    for (let number = 0; number < 80; number++) {
      const change = scriptedChange(3, number);
      applyToModel(model, change);
      // A reader may see a change some moments before it is acknowledged.
      states.push(contentOf(model.values()));
      await applyChange(writer, change);
      await new Promise((resolve) => setImmediate(resolve));
    }
    isWriting = false;
    await reading;
    assert.equal(contentOf(reader.exportDocuments()), contentOf(model.values()));
    assert.ok(seen > 5, `only ${seen} states were seen`);
    await reader.close();
    await writer.close();
  });

  it("keep a snapshot readable, and the same, whatever happens to the collection", async () => {
    const writer = await createCollection(path.join(home, "kept"), {}, { encoder, limits });
    for (const number of [0, 3, 4, 5]) await applyChange(writer, scriptedChange(3, number));
    await writer.flush();
    await applyChange(writer, scriptedChange(3, 6));
    const snapshot = writer.snapshot();
    const search = (): unknown =>
      snapshot.sparse.search(bagOfWords(["red", "cat", "river"]), { depth: 50 });
    const content = contentOf(snapshot.documents());
    // Nothing is loaded yet but what this needs; the rest is read after its files are gone.
    for (let number = 7; number < 40; number++)
      await applyChange(writer, scriptedChange(3, number));
    await writer.compact();
    const first = search();
    await writer.bulkBuild([], { mode: "replace" });
    assert.equal(writer.snapshot().docCount, 0);
    assert.deepEqual(search(), first);
    assert.equal(contentOf(snapshot.documents()), content);
    const { values } = await encoder.encodeQueries(["stone"]);
    assert.equal(snapshot.dense?.search(values, { depth: 1000 }).count, snapshot.docCount);
    await writer.close();
  });
});
