import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Collection } from "../../src/collection/collection.js";
import { decodeLogRecord, encodeLogRecord } from "../../src/collection/log-record.js";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import { type PassageSettings, passagesOf } from "../../src/collection/passages.js";
import type { Snapshot } from "../../src/collection/snapshot.js";
import type { Document } from "../../src/corpus/document.js";
import { encodedText } from "../../src/dense/encoder.js";
import { InputError } from "../../src/errors.js";
import { SimulatedDisk } from "../store/simulated-disk.js";
import { HashEncoder } from "./hash-encoder.js";

const document = (_id: string, title: string, text: string): Document =>
  ({ _id, title, text }) as unknown as Document;

describe("passages", () => {
  it("are windows of words behind the title, the last one ending with the text", () => {
    const text = "a b  c\nd e f g";
    // Windows of 4 words, a new one every 3: a-d, d-g; the second ends with the text.
    assert.deepEqual(passagesOf(document("1", "T", text), { words: 4, overlap: 1 }), [
      "T a b  c\nd",
      "T d e f g",
    ]);
    // Every 2: a-d, c-f, e-g, of which only g is new.
    assert.deepEqual(passagesOf(document("1", "", text), { words: 4, overlap: 2 }), [
      "a b  c\nd",
      "c\nd e f",
      "e f g",
    ]);
    assert.deepEqual(passagesOf(document("1", "T", ` ${text}`), { words: 7, overlap: 0 }), [
      `T  ${text}`,
    ]);
    assert.deepEqual(passagesOf(document("1", "", ""), { words: 4, overlap: 0 }), [""]);
    // A character of a script without spaces is a word.
    assert.deepEqual(passagesOf(document("1", "", "東京都の人口"), { words: 4, overlap: 0 }), [
      "東京都の",
      "人口",
    ]);
  });

  it("cover every word in order, each as long as may be, with the overlap asked for", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 200 }),
        fc.integer({ min: 2, max: 40 }).chain((words) =>
          fc.record({
            words: fc.constant(words),
            overlap: fc.integer({ min: 0, max: Math.floor(words / 2) }),
          }),
        ),
        (wordCount, settings) => {
          const words = Array.from({ length: wordCount }, (_, i) => `w${i}`);
          const passages = passagesOf(document("1", "", words.join(" ")), settings);
          const windows = passages.map((passage) => passage.split(" ").filter((x) => x !== ""));
          const again = windows.flatMap((window, i) =>
            i === 0 ? window : window.slice(settings.overlap),
          );
          assert.deepEqual(again, words);
          for (const window of windows.slice(0, -1)) assert.equal(window.length, settings.words);
        },
      ),
    );
  });
});

const blue = new HashEncoder("blue", 8);
const green = new HashEncoder("green", 16);
const words = ["cat", "dog", "bird", "stone", "river", "cloud", "salt", "moon"];
const queries = ["cat dog", "salt stone river", "moon"];

/** Scores of all documents as the plain rule says: each passage encoded, the best one counts. */
async function expectedScores(
  documents: Iterable<Document>,
  encoder: HashEncoder,
  query: string,
  settings: PassageSettings,
): Promise<Map<string, number>> {
  const asked = (await encoder.encodeQueries([query])).values;
  const scores = new Map<string, number>();
  for (const each of documents) {
    const { count, dimension, values } = await encoder.encodeDocuments(passagesOf(each, settings));
    let best = Number.NEGATIVE_INFINITY;
    for (let row = 0; row < count; row++) {
      let dot = 0;
      for (let i = 0; i < dimension; i++)
        dot += (asked[i] ?? 0) * (values[row * dimension + i] ?? 0);
      best = Math.max(best, dot);
    }
    scores.set(each._id, best);
  }
  return scores;
}

async function checkScores(
  snapshot: Snapshot,
  living: ReadonlyMap<string, Document>,
  encoder: HashEncoder,
  settings: PassageSettings,
): Promise<void> {
  for (const query of queries) {
    const expected = await expectedScores(living.values(), encoder, query, settings);
    const { values } = await encoder.encodeQueries([query]);
    const hits = snapshot.dense?.search(values, { depth: living.size + 10 });
    assert.ok(hits);
    assert.equal(hits.count, living.size);
    for (let i = 0; i < hits.count; i++) {
      const names = snapshot.segments[hits.segmentOrds[i] ?? 0]?.names;
      const docId = names?.docId(hits.docOrds[i] ?? 0) ?? "";
      const score = expected.get(docId);
      assert.ok(score !== undefined, docId);
      assert.ok(Math.abs(score - (hits.scores[i] ?? 0)) < 1e-6, `${docId}: ${hits.scores[i]}`);
    }
  }
}

describe("a collection with passages", () => {
  it("scores each document by its best passage, however it came and wherever it is stored", async () => {
    const settings = { words: 8, overlap: 2 };
    const documentWith = (id: string, lengths: readonly number[]): Document =>
      document(id, id, lengths.map((n) => words[n % words.length]).join(" "));
    const textArbitrary = fc.array(fc.nat(words.length - 1), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(textArbitrary, { minLength: 2, maxLength: 12 }),
        fc.array(textArbitrary, { minLength: 1, maxLength: 6 }),
        async (first, later) => {
          const directory = "/home/c";
          const disk = new SimulatedDisk();
          const living = new Map<string, Document>();
          const take = (documents: readonly Document[]): readonly Document[] => {
            for (const each of documents) living.set(each._id, each);
            return documents;
          };
          const check = (collection: Collection): Promise<void> =>
            checkScores(collection.snapshot(), living, blue, settings);
          const options = { encoder: blue, fileSystem: disk };
          const collection = await createCollection(directory, { passages: settings }, options);
          await collection.bulkBuild(take(first.map((text, i) => documentWith(`d${i}`, text))), {
            mode: "replace",
          });
          await check(collection);
          // One of them replaces a document of the build.
          await collection.upsert(take(later.map((text, i) => documentWith(`d${i + 1}`, text))));
          await collection.delete(["d0"]);
          living.delete("d0");
          await check(collection);
          await collection.close();

          // The log is replayed; then a second slot is built, and everything merged.
          const again = await openCollection(directory, { mode: "write", ...options });
          assert.equal(again.recovery.replayedChanges, 2);
          await check(again);
          await again.buildSlot("green", green);
          await checkScores(again.snapshotOfSlot("green"), living, green, settings);
          await again.upsert(take([documentWith("late", [1, 2, 3, 4, 5, 6, 7, 0, 1, 2])]));
          await again.compact();
          await check(again);
          await checkScores(again.snapshotOfSlot("green"), living, green, settings);
          assert.deepEqual((await again.verify()).problems, []);
          assert.deepEqual(again.settings.passages, settings);
          await again.close();
        },
      ),
      { numRuns: 15 },
    );
  });

  it("takes ready vectors, one or several for each document, and refuses what does not fit", async () => {
    const disk = new SimulatedDisk();
    const encoder = new HashEncoder("ready", 2);
    const collection = await createCollection("/home/c", {}, { encoder, fileSystem: disk });
    const values = Float32Array.of(1, 0, 0, 1, 0.6, 0.8);
    const two = [document("a", "", "x"), document("b", "", "y")];
    const rows = { count: 3, dimension: 2, values };
    await collection.upsert(two, { vectors: { ...rows, rowEnds: Uint32Array.of(2, 3) } });
    const hits = collection.snapshot().dense?.search(Float32Array.of(0, 1), { depth: 5 });
    // a: max(0, 1) = 1; b: 0.8.
    assert.deepEqual(
      [...(hits?.scores ?? [])].map((score) => score.toFixed(6)),
      ["1.000000", "0.800000"],
    );
    for (const rowEnds of [[3], [3, 3], [0, 3], [1, 2], [2, 1], [1, 2, 3]]) {
      await assert.rejects(
        collection.upsert(two, { vectors: { ...rows, rowEnds: Uint32Array.from(rowEnds) } }),
        InputError,
        String(rowEnds),
      );
    }
    await collection.close();
  });

  it("refuses passages that cannot be", async () => {
    const nonsense = [
      { words: 0, overlap: 0 },
      { words: 100, overlap: 51 },
      { words: 100, overlap: -1 },
      { words: 10.5, overlap: 0 },
      { words: 1e9, overlap: 0 },
    ];
    for (const passages of nonsense) {
      await assert.rejects(
        createCollection(
          "/home/c",
          { passages },
          { encoder: blue, fileSystem: new SimulatedDisk() },
        ),
        InputError,
        JSON.stringify(passages),
      );
    }
  });

  it("without passages encodes the document as it is", () => {
    const long = document("1", "T", "w ".repeat(500));
    assert.deepEqual(passagesOf(long, null), [encodedText(long)]);
  });
});

describe("log record of documents with passages", () => {
  it("gives back how many vectors each has, in every slot, and refuses documents with none", () => {
    const documents = ["{}", "[]"].map((text) => Buffer.from(text));
    const vectors = new Map([
      [
        "main",
        {
          count: 3,
          dimension: 2,
          values: Float32Array.of(1, 2, 3, 4, 5, 6),
          rowEnds: Uint32Array.of(2, 3),
        },
      ],
      ["next", { count: 2, dimension: 1, values: Float32Array.of(-1, 0.5) }],
    ]);
    const record = encodeLogRecord({ kind: "upsert", documents, vectors });
    const decoded = decodeLogRecord(record, "log");
    assert.ok(decoded.kind === "upsert");
    assert.deepEqual(decoded.vectors.get("main"), vectors.get("main"));
    const next = { count: 2, dimension: 1, values: Float32Array.of(-1, 0.5) };
    assert.deepEqual(decoded.vectors.get("next"), { ...next, rowEnds: Uint32Array.of(1, 2) });

    const wrong = new Map([["main", { ...next, rowEnds: Uint32Array.of(2, 2) }]]);
    const bytes = encodeLogRecord({ kind: "upsert", documents, vectors: wrong });
    assert.throws(() => decodeLogRecord(bytes, "log"), /without vectors/);
  });
});
