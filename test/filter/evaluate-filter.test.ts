import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Document, JsonValue } from "../../src/corpus/document.js";
import { CorruptIndexError } from "../../src/errors.js";
import { type Columns, openColumns } from "../../src/filter/columns.js";
import { ColumnsBuilder } from "../../src/filter/columns-builder.js";
import { visitLeaves } from "../../src/filter/document-leaves.js";
import { evaluateFilter } from "../../src/filter/evaluate-filter.js";
import { facetCounts, topFacets } from "../../src/filter/facet-counts.js";
import { matchesFilter } from "../../src/filter/matches-filter.js";
import { mergeColumns } from "../../src/filter/merge-columns.js";
import { parseFilter } from "../../src/filter/parse-filter.js";
import { Bitset } from "../../src/numeric/bitset.js";
import type { DocId } from "../../src/run/ranking.js";
import { MemorySections } from "../../src/store/memory-sections.js";

type Fields = Record<string, JsonValue>;

function documentsOf(rows: readonly Fields[]): Document[] {
  return rows.map((fields, i) => ({ ...fields, _id: `d${i}` as DocId, title: "", text: "" }));
}

function build(documents: readonly Document[]): MemorySections {
  const builder = new ColumnsBuilder();
  for (const document of documents) builder.add(document);
  const sections = new MemorySections();
  builder.write(sections);
  return sections;
}

function columnsOf(rows: readonly Fields[]): Columns {
  return openColumns(build(documentsOf(rows)));
}

/** Ordinals of the documents that the filter holds for, by columns and by the plain twin. */
function matching(rows: readonly Fields[], json: unknown): number[] {
  const documents = documentsOf(rows);
  const filter = parseFilter(json);
  const ordOf = (id: string) => documents.findIndex((document) => document._id === id);
  const found = [...evaluateFilter(openColumns(build(documents)), filter, ordOf)];
  const plain = documents.flatMap((document, i) => (matchesFilter(document, filter) ? [i] : []));
  assert.deepEqual(found, plain, "columns and plain evaluation agree");
  return found;
}

describe("evaluateFilter", () => {
  it("compares values of the same type only", () => {
    const rows = [{ y: 2020 }, { y: "2020" }, { y: true }, { y: null }, {}, { y: 2020.5 }];
    assert.deepEqual(matching(rows, { y: 2020 }), [0]);
    assert.deepEqual(matching(rows, { y: "2020" }), [1]);
    assert.deepEqual(matching(rows, { y: true }), [2]);
    assert.deepEqual(matching(rows, { y: { in: [2020, "2020", false] } }), [0, 1]);
    assert.deepEqual(matching(rows, { y: { not: 2020 } }), [1, 2, 3, 4, 5]);
    assert.deepEqual(matching(rows, { y: { exists: true } }), [0, 1, 2, 5]);
    assert.deepEqual(matching(rows, { y: { exists: false } }), [3, 4]);
  });

  it("has open and closed ends of ranges, over numbers and over strings", () => {
    const rows = [{ y: 1 }, { y: 2 }, { y: 3 }, { y: "a" }, { y: "b" }, { y: "ba" }, { y: 2.5 }];
    assert.deepEqual(matching(rows, { y: { gte: 2 } }), [1, 2, 6]);
    assert.deepEqual(matching(rows, { y: { gt: 2, lt: 3 } }), [6]);
    assert.deepEqual(matching(rows, { y: { lte: 2 } }), [0, 1]);
    assert.deepEqual(matching(rows, { y: { gt: "a", lte: "ba" } }), [4, 5]);
    assert.deepEqual(matching(rows, { y: { gte: "aa", lt: "ba" } }), [4]);
    assert.deepEqual(matching(rows, { y: { gt: 5, lt: 1 } }), []);
  });

  it("is exact at zero and at neighbouring numbers", () => {
    const rows = [{ y: 0 }, { y: -0 }, { y: 5e-324 }, { y: 0.1 + 0.2 }, { y: 0.3 }];
    assert.deepEqual(matching(rows, { y: { gt: 0 } }), [2, 3, 4]);
    assert.deepEqual(matching(rows, { y: { gt: 0.3 } }), [3]);
    assert.deepEqual(matching(rows, { y: { lt: 5e-324 } }), [0, 1]);
    assert.deepEqual(matching(rows, { y: { lt: -0 } }), []);
    assert.deepEqual(matching(rows, { y: 0 }), [0, 1]);
  });

  it("orders strings by UTF-8 bytes, not by UTF-16 units", () => {
    // U+1F600 is above U+FF5E in UTF-8 and in code points, below it in UTF-16.
    const rows = [{ y: "\u{1f600}" }, { y: "\uff5e" }];
    assert.deepEqual(matching(rows, { y: { gt: "\uff5e" } }), [0]);
  });

  it("holds if one element of a list fulfils the whole condition", () => {
    const rows = [{ tag: ["a", "b"] }, { tag: [1, 9] }, { tag: [] }, { tag: [[["a"]]] }];
    assert.deepEqual(matching(rows, { tag: "a" }), [0, 3]);
    assert.deepEqual(matching(rows, { tag: { gt: 2, lt: 8 } }), []);
    assert.deepEqual(matching(rows, { tag: { exists: true } }), [0, 1, 3]);
  });

  it("follows dots into objects and through lists of objects", () => {
    const rows = [
      { author: { name: "x" } },
      { author: [{ name: "y" }, { name: "x" }] },
      { "author.name": "x" },
      { author: "x" },
      { author: {} },
    ];
    assert.deepEqual(matching(rows, { "author.name": "x" }), [0, 1, 2]);
    assert.deepEqual(matching(rows, { author: { exists: true } }), [0, 1, 2, 3]);
  });

  it("lets members of metadata answer to their own names, unless the document has that field", () => {
    const rows = [
      { metadata: { year: 1 } },
      { metadata: { year: 1 }, year: 2 },
      { year: 1 },
      { metadata: { year: 1 }, year: null },
      { metadata: { author: { name: "x" } } },
    ];
    assert.deepEqual(matching(rows, { year: 1 }), [0, 2, 3]);
    assert.deepEqual(matching(rows, { "metadata.year": 1 }), [0, 1, 3]);
    assert.deepEqual(matching(rows, { year: { exists: true } }), [0, 1, 2, 3]);
    assert.deepEqual(matching(rows, { "author.name": "x" }), [4]);
    assert.deepEqual(matching(rows, { author: { exists: true } }), [4]);
  });

  it("finds nothing in unknown fields, and everything in their absence", () => {
    assert.deepEqual(matching([{ a: 1 }, {}], { b: 1 }), []);
    assert.deepEqual(matching([{ a: 1 }, {}], { b: { exists: false } }), [0, 1]);
    assert.deepEqual(matching([{ a: 1 }, {}], { or: [] }), []);
    assert.deepEqual(matching([{ a: 1 }, {}], {}), [0, 1]);
  });

  it("knows of long strings only that they exist", () => {
    const rows = [{ a: "é".repeat(512) }, { a: "é".repeat(513) }];
    assert.deepEqual(matching(rows, { a: { gt: "" } }), [0]);
    assert.deepEqual(matching(rows, { a: { exists: true } }), [0, 1]);
  });

  it("finds documents by id through the look-up it is given", () => {
    assert.deepEqual(matching([{}, {}, {}], { _id: { in: ["d2", "d0", "d7", 1] } }), [0, 2]);
    assert.deepEqual(matching([{}, {}], { _id: { not: "d0" } }), [1]);
    assert.throws(
      () => evaluateFilter(columnsOf([{}]), parseFilter({ _id: "d0" })),
      /look-up of ids/,
    );
  });

  it("takes names of object members as any other name", () => {
    const rows = [{ constructor: 1 }, JSON.parse('{"__proto__":1}') as Fields, {}];
    assert.deepEqual(matching(rows, { constructor: 1 }), [0]);
    assert.deepEqual(matching(rows, JSON.parse('{"__proto__":1}')), [1]);
    assert.deepEqual(matching(rows, { toString: { exists: true } }), []);
  });

  it("keeps 65,537 different strings apart", () => {
    const rows = Array.from({ length: 65_537 }, (_, i) => ({ s: `w${i}` }));
    const columns = columnsOf(rows);
    assert.deepEqual([...evaluateFilter(columns, parseFilter({ s: "w65536" }))], [65_536]);
    assert.deepEqual(
      [...evaluateFilter(columns, parseFilter({ s: { in: ["w1", "w256"] } }))],
      [1, 256],
    );
  });
});

const scalar = fc.oneof(
  fc.constantFrom<JsonValue>("a", "b", "ab", "", "é", "\ud800", "x".repeat(1500)),
  fc.constantFrom<JsonValue>(0, -0, 1, 2, 2.5, 1e300, -7),
  fc.boolean(),
  fc.constant(null),
);
const value: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { weight: 6, arbitrary: scalar },
    { weight: 2, arbitrary: fc.array(tie("value"), { maxLength: 4 }) },
    {
      weight: 2,
      arbitrary: fc.dictionary(fc.constantFrom("x", "y", "a.x", ""), tie("value"), { maxKeys: 2 }),
    },
  ),
})).value;
const fields = fc.constantFrom("x", "y", "metadata", "a", "x.y");
const row = fc.dictionary(fields, value, { maxKeys: 4 });
const rows = fc.array(row, { maxLength: 40 });
const field = fc.constantFrom(
  "x",
  "y",
  "a",
  "x.y",
  "a.x",
  "x.",
  "metadata",
  "metadata.x",
  "metadata.x.y",
  "_id",
  "zzz",
);
const operand = fc.constantFrom<string | number | boolean>(
  "a",
  "ab",
  "",
  "é",
  "\ud800",
  "d1",
  0,
  1,
  2,
  2.5,
  true,
  false,
);
const bound = fc.oneof(
  fc.record(
    { gte: fc.constantFrom("a", "aa", ""), lt: fc.constantFrom("b", "é") },
    { requiredKeys: ["lt"] },
  ),
  fc.record(
    { gt: fc.constantFrom(0, 1, -7), lte: fc.constantFrom(2, 2.5, 1e300) },
    { requiredKeys: ["gt"] },
  ),
);
const filterJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  filter: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.tuple(field, operand).map(([name, one]) => ({ [name]: one })),
    fc
      .tuple(field, fc.array(operand, { maxLength: 4 }))
      .map(([name, list]) => ({ [name]: { in: list } })),
    fc.tuple(field, bound).map(([name, range]) => (name === "_id" ? {} : { [name]: range })),
    fc.tuple(field, fc.boolean()).map(([name, exists]) => ({ [name]: { exists } })),
    fc.tuple(field, operand).map(([name, one]) => ({ [name]: { not: one } })),
    tie("filter").map((inner) => ({ not: inner })),
    fc.array(tie("filter"), { maxLength: 3 }).map((list) => ({ and: list })),
    fc.array(tie("filter"), { maxLength: 3 }).map((list) => ({ or: list })),
  ),
})).filter;

describe("columns, whatever the documents and filters", () => {
  it("give what the plain evaluation of each document gives", () => {
    fc.assert(
      fc.property(rows, filterJson, (documents, json) => {
        matching(documents, json);
      }),
      { numRuns: 1000 },
    );
  });

  it("merge to the bytes that building the kept documents at once gives", () => {
    fc.assert(
      fc.property(
        fc.array(rows, { maxLength: 4 }),
        fc.infiniteStream(fc.boolean()),
        (segments, coins) => {
          const kept: Document[] = [];
          const inputs = segments.map((segment) => {
            const documents = documentsOf(segment);
            const keep = new Bitset(documents.length);
            documents.forEach((document, i) => {
              if (coins.next().value !== true) return;
              keep.add(i);
              kept.push(document);
            });
            return { columns: openColumns(build(documents)), keep };
          });
          const merged = new MemorySections();
          mergeColumns(inputs, merged);
          const atOnce = build(kept);
          assert.deepEqual([...merged.names].sort(), [...atOnce.names].sort());
          for (const name of atOnce.names)
            assert.deepEqual(merged.load(name), atOnce.load(name), name);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("count facets as a plain count over the accepted documents does", () => {
    fc.assert(
      fc.property(rows, field, fc.infiniteStream(fc.boolean()), (documents, name, coins) => {
        fc.pre(name !== "_id");
        const accepted = new Bitset(documents.length);
        const counts = new Map<string, number>();
        documentsOf(documents).forEach((document, i) => {
          if (coins.next().value !== true) return;
          accepted.add(i);
          for (const one of new Set([
            "a",
            "b",
            "ab",
            "",
            "é",
            "\ufffd",
            0,
            1,
            2,
            2.5,
            1e300,
            -7,
            true,
            false,
          ])) {
            if (!matchesFilter(document, parseFilter({ [name]: one }))) continue;
            counts.set(String(one), (counts.get(String(one)) ?? 0) + 1);
          }
        });
        const found = facetCounts(columnsOf(documents), name, accepted);
        assert.deepEqual([...found].sort(), [...counts].sort());
      }),
      { numRuns: 300 },
    );
  });
});

describe("topFacets", () => {
  it("lists the most frequent values first, equal ones by name", () => {
    const columns = columnsOf([{ l: "de" }, { l: ["en", "de", "de"] }, { l: "en" }, { l: "cs" }]);
    const counts = facetCounts(columns, "l", Bitset.full(4));
    assert.deepEqual(topFacets(counts, 10), [
      ["de", 2],
      ["en", 2],
      ["cs", 1],
    ]);
    assert.deepEqual(topFacets(counts, 1), [["de", 2]]);
  });
});

describe("visitLeaves", () => {
  it("visits single values under their dotted paths, without the searched fields and without null", () => {
    const leaves: unknown[] = [];
    const [document] = documentsOf([{ a: { b: [1, { c: "x" }, null] }, d: true }]) as [Document];
    visitLeaves(document, (path, one) => leaves.push([path, one]));
    assert.deepEqual(leaves, [
      ["a.b", 1],
      ["a.b.c", "x"],
      ["d", true],
    ]);
  });
});

describe("openColumns", () => {
  it("reads nothing but the list until a column is needed, and checks lengths", () => {
    const sections = build(documentsOf([{ a: "x" }, { b: 1 }]));
    const broken = MemorySections.of(
      sections.names.map((name) => [
        name,
        name === "columns.0" ? sections.load(name).slice(0, 8) : sections.load(name),
      ]),
    );
    const columns = openColumns(broken);
    assert.deepEqual([...evaluateFilter(columns, parseFilter({ b: 1 }))], [1]);
    assert.throws(() => evaluateFilter(columns, parseFilter({ a: "x" })), CorruptIndexError);
  });

  it("holds a list of 100,000 values without quadratic work", () => {
    const list = Array.from({ length: 100_000 }, (_, i) => i);
    const columns = columnsOf([{ n: [...list, ...list] }, { n: 5 }]);
    assert.deepEqual([...evaluateFilter(columns, parseFilter({ n: 5 }))], [0, 1]);
    assert.equal(columns.parts("n")[0]?.valueCount, 100_001);
  });
});
