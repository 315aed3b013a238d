import type { Collection } from "../../src/collection/collection.js";
import type { Document } from "../../src/corpus/document.js";
import type { DocId } from "../../src/run/ranking.js";

/** One change of a collection, the same for the same seed and number in every process. */
export type ScriptedChange =
  | { readonly kind: "upsert"; readonly documents: readonly Document[] }
  | { readonly kind: "delete"; readonly docIds: readonly string[] }
  | {
      readonly kind: "bulk";
      readonly mode: "append" | "replace";
      readonly documents: readonly Document[];
    }
  | { readonly kind: "flush" | "compact" };

const vocabulary = "red green blue cat dog bird river stone tree cloud iron paper".split(" ");

/** Multiplicative congruential numbers in 0..1 (Park and Miller). */
export function seededRandom(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state - 1) / 2147483646;
  };
}

export function scriptedChange(seed: number, number: number): ScriptedChange {
  const random = seededRandom(seed * 1_000_003 + number * 7919);
  for (let i = 0; i < 5; i++) random();
  const pick = (count: number): number => Math.floor(random() * count);
  const docId = (): DocId => `doc-${pick(60)}` as DocId;
  const documents = (count: number): Document[] =>
    Array.from({ length: count }, () => ({
      _id: docId(),
      title: vocabulary[pick(vocabulary.length)] ?? "",
      text: Array.from({ length: 1 + pick(30) }, () => vocabulary[pick(vocabulary.length)]).join(
        " ",
      ),
      change: number,
      tags: [`tag${pick(4)}`],
    }));
  const chance = random();
  if (chance < 0.62) return { kind: "upsert", documents: documents(1 + pick(12)) };
  if (chance < 0.84) return { kind: "delete", docIds: Array.from({ length: 1 + pick(5) }, docId) };
  if (chance < 0.92) return { kind: "flush" };
  if (chance < 0.95) return { kind: "compact" };
  const mode = random() < 0.7 ? "append" : "replace";
  return { kind: "bulk", mode, documents: documents(1 + pick(40)) };
}

export async function applyChange(collection: Collection, change: ScriptedChange): Promise<void> {
  switch (change.kind) {
    case "upsert":
      await collection.upsert(change.documents);
      return;
    case "delete":
      await collection.delete(change.docIds);
      return;
    case "bulk":
      await collection.bulkBuild(change.documents, { mode: change.mode, segmentBytes: 1 << 14 });
      return;
    case "flush":
      return collection.flush();
    case "compact":
      return collection.compact();
    default:
      change satisfies never;
  }
}

export function applyToModel(model: Map<string, Document>, change: ScriptedChange): void {
  if (change.kind === "bulk" && change.mode === "replace") model.clear();
  if (change.kind === "upsert" || change.kind === "bulk") {
    for (const document of change.documents) model.set(document._id, document);
  }
  if (change.kind === "delete") for (const docId of change.docIds) model.delete(docId);
}

/** The documents by id as comparable text. */
export function contentOf(documents: Iterable<Document>): string {
  return [...documents]
    .map((document) => JSON.stringify(document))
    .sort()
    .join("\n");
}
