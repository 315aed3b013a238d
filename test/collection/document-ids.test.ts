import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  DocumentIds,
  DocumentIdsBuilder,
  mergeDocumentIds,
} from "../../src/collection/document-ids.js";
import { Bitset } from "../../src/numeric/bitset.js";
import { compareDocIds } from "../../src/run/ranking.js";
import { MemorySections } from "../../src/store/memory-sections.js";

function build(ids: readonly string[]): DocumentIds {
  const builder = new DocumentIdsBuilder();
  for (const id of ids) builder.add(Buffer.from(id, "utf8"));
  const sections = new MemorySections();
  builder.finish(sections);
  return DocumentIds.open(sections);
}

/** Well-formed, of any script, with many shared beginnings. */
const docId = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  fc.nat(2000).map((number) => `doc-${number}`),
);

describe("document ids", () => {
  it("give back ids, ordinals and their order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(docId, { maxLength: 200 }), (ids) => {
        const names = build(ids);
        assert.equal(names.docCount, ids.length);
        for (const [docOrd, id] of ids.entries()) {
          assert.equal(names.docId(docOrd), id);
          assert.equal(names.locate(id), docOrd);
        }
        const sorted = [...ids].sort(compareDocIds);
        assert.deepEqual(
          ids.map((_, docOrd) => sorted[names.idRank[docOrd] ?? -1]),
          ids,
        );
        assert.equal(names.locate("not one of them"), -1);
      }),
    );
  });

  it("find the later document of an id that comes twice", () => {
    const names = build(["a", "b", "a", "c", "a"]);
    assert.equal(names.locate("a"), 4);
    assert.equal(names.locate("b"), 1);
    assert.deepEqual([...names.idRank], [0, 3, 1, 4, 2]);
  });

  it("merge into what building from the kept ids gives", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(docId, { minLength: 1, maxLength: 120 }),
        fc.infiniteStream(fc.nat(3)),
        (ids, parts) => {
          const inputs: string[][] = [[], [], []];
          const kept: string[][] = [[], [], []];
          for (const id of ids) {
            const part = parts.next().value ?? 0;
            if (part < 3) inputs[part]?.push(id);
            if (part < 3 && (parts.next().value ?? 0) > 0) kept[part]?.push(id);
          }
          const sections = new MemorySections();
          mergeDocumentIds(
            inputs.map((input, i) => {
              const keep = new Bitset(input.length);
              for (const [docOrd, id] of input.entries())
                if (kept[i]?.includes(id)) keep.add(docOrd);
              return { ids: build(input), keep };
            }),
            sections,
          );
          const expected = new MemorySections();
          const builder = new DocumentIdsBuilder();
          for (const id of kept.flat()) builder.add(Buffer.from(id, "utf8"));
          builder.finish(expected);
          for (const name of expected.names) {
            assert.deepEqual(sections.load(name), expected.load(name), name);
          }
        },
      ),
    );
  });
});
