import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { analyzerNamed } from "../../src/analysis/analyzers.js";
import type { Collection } from "../../src/collection/collection.js";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import type { Snapshot } from "../../src/collection/snapshot.js";
import type { Document } from "../../src/corpus/document.js";
import type { DocId } from "../../src/run/ranking.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
import { SimulatedDisk } from "../store/simulated-disk.js";
import { HashEncoder } from "./hash-encoder.js";

const directory = "/home/c";
const encoder = new HashEncoder();
const words = ["cat", "dog", "bird", "fish", "tree", "river", "stone", "the"];

type Step =
  | { readonly kind: "upsert"; readonly documents: readonly Document[] }
  | { readonly kind: "together"; readonly batches: readonly (readonly Document[])[] }
  | { readonly kind: "delete"; readonly docIds: readonly string[] }
  | {
      readonly kind: "bulk";
      readonly mode: "replace" | "append";
      readonly documents: readonly Document[];
    }
  | { readonly kind: "flush" | "compact" | "reopen" | "die" };

const docId = fc.constantFrom("a", "b", "c", "d", "e", "f", "ä", "\u{1f600}", "\uffee");
const text = fc
  .array(fc.constantFrom(...words), { maxLength: 6 })
  .map((chosen) => chosen.join(" "));
const document = fc
  .record({ _id: docId, title: text, text, year: fc.nat(3) })
  .map((fields) => ({ ...fields, _id: fields._id as DocId }) satisfies Document);
const batch = fc.array(document, { minLength: 1, maxLength: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: batch.map((documents) => ({ kind: "upsert" as const, documents })) },
  {
    weight: 2,
    arbitrary: fc
      .array(batch, { minLength: 2, maxLength: 4 })
      .map((batches) => ({ kind: "together" as const, batches })),
  },
  {
    weight: 3,
    arbitrary: fc
      .array(docId, { minLength: 1, maxLength: 3 })
      .map((docIds) => ({ kind: "delete" as const, docIds })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("replace" as const, "append" as const), batch)
      .map(([mode, documents]) => ({ kind: "bulk" as const, mode, documents })),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom("flush" as const, "compact" as const, "reopen" as const, "die" as const)
      .map((kind) => ({ kind })),
  },
);

/** Small tiers, so that a few steps already merge. */
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

async function reopened(disk: SimulatedDisk): Promise<Collection> {
  return openCollection(directory, { mode: "write", encoder, limits, fileSystem: disk });
}

function upsertModel(model: Map<string, Document>, documents: readonly Document[]): void {
  for (const document of documents) model.set(document._id, document);
}

interface NamedHit {
  readonly id: DocId;
  readonly score: number;
}

function sparseHits(snapshot: Snapshot, query: string): NamedHit[] {
  const analyzer = analyzerNamed(snapshot.settings.analyzer);
  const hits = snapshot.sparse.search(bagOfWords(analyzer.terms(query)), { depth: 100 });
  return Array.from({ length: hits.count }, (_, i) => ({
    id: snapshot.segments[hits.segmentOrds[i] ?? 0]!.names.docId(hits.docOrds[i] ?? 0),
    score: hits.scores[i] ?? 0,
  }));
}

async function denseHits(snapshot: Snapshot, query: string): Promise<NamedHit[]> {
  const { values } = await encoder.encodeQueries([query]);
  const hits = snapshot.dense?.search(values, { depth: 100 });
  assert.ok(hits);
  return Array.from({ length: hits.count }, (_, i) => ({
    id: snapshot.segments[hits.segmentOrds[i] ?? 0]!.names.docId(hits.docOrds[i] ?? 0),
    score: hits.scores[i] ?? 0,
  }));
}

async function assertEqualsModel(
  snapshot: Snapshot,
  model: ReadonlyMap<string, Document>,
): Promise<void> {
  assert.equal(snapshot.docCount, model.size);
  const found = new Map(
    [...snapshot.documents()].map((document) => [document._id as string, document]),
  );
  assert.deepEqual(found, new Map([...model].map(([id, document]) => [id, document])));
  for (const id of ["a", "b", "ä", "nobody"]) {
    assert.deepEqual(snapshot.document(id), model.get(id) ?? null);
  }
  // The same documents built at once, into one segment.
  const disk = new SimulatedDisk();
  const fresh = await createCollection("/home/fresh", {}, { encoder, fileSystem: disk });
  if (model.size > 0) await fresh.bulkBuild(model.values(), { mode: "replace" });
  const expected = fresh.snapshot();
  for (const query of ["cat", "dog bird", "tree river stone fish", "nothing"]) {
    assert.deepEqual(sparseHits(snapshot, query), sparseHits(expected, query));
    assert.deepEqual(await denseHits(snapshot, query), await denseHits(expected, query));
  }
  await fresh.close();
}

describe("collection", () => {
  it("equals a plain map after any interleaving of changes, flushes, merges, deaths and reopenings, and scores as one fresh segment does", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        let disk = new SimulatedDisk();
        const model = new Map<string, Document>();
        let collection = await createCollection(
          directory,
          {},
          { encoder, limits, fileSystem: disk },
        );
        for (const step of steps) {
          switch (step.kind) {
            case "upsert": {
              const before = model.size;
              upsertModel(model, step.documents);
              const { added, replaced } = await collection.upsert(step.documents);
              assert.equal(added, model.size - before);
              assert.equal(replaced, step.documents.length - added);
              break;
            }
            case "together":
              for (const documents of step.batches) upsertModel(model, documents);
              await Promise.all(step.batches.map((documents) => collection.upsert(documents)));
              break;
            case "delete": {
              const known = new Set(step.docIds.filter((id) => model.has(id)));
              for (const id of step.docIds) model.delete(id);
              const { deleted, missing } = await collection.delete(step.docIds);
              assert.equal(deleted, known.size);
              assert.deepEqual(
                new Set(missing),
                new Set(step.docIds.filter((id) => !known.has(id))),
              );
              break;
            }
            case "bulk":
              if (step.mode === "replace") model.clear();
              upsertModel(model, step.documents);
              await collection.bulkBuild(step.documents, { mode: step.mode, segmentBytes: 1 });
              break;
            case "flush":
              await collection.flush();
              break;
            case "compact":
              await collection.compact();
              assert.ok(collection.snapshot().segments.length <= 1);
              break;
            case "reopen": {
              const { generation } = collection.snapshot();
              await collection.close();
              collection = await reopened(disk);
              assert.equal(collection.snapshot().generation, generation);
              break;
            }
            case "die":
              disk = disk.afterProcessDeath();
              disk.remove(`${directory}/lock`);
              collection = await reopened(disk);
              break;
            default:
              step satisfies never;
          }
          assert.equal(collection.snapshot().docCount, model.size);
        }
        await assertEqualsModel(collection.snapshot(), model);
        const report = await collection.verify();
        assert.deepEqual(report.problems, []);
        await collection.close();
      }),
      { numRuns: 150, includeErrorInReport: true },
    );
  });
});
