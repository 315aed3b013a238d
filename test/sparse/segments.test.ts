import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { scanWhitespace } from "../../src/analysis/whitespace-scanner.js";
import { WordAnalyzer } from "../../src/analysis/word-analyzer.js";
import { CorruptIndexError, IndexVersionError, InputError } from "../../src/errors.js";
import { Bitset } from "../../src/numeric/bitset.js";
import { compareDocIds } from "../../src/run/ranking.js";
import { mergeSparseSegments } from "../../src/sparse/merge-segments.js";
import { SparseSegmentBuilder } from "../../src/sparse/segment-builder.js";
import { openSparseSegment } from "../../src/sparse/sparse-segment.js";
import { sparseSettings } from "../../src/sparse/sparse-settings.js";
import { termBytes } from "../../src/sparse/term-dictionary.js";
import { plainAnalyzer, plainSettings, type TestDoc, TestSections } from "./tiny-collection.js";

const word = fc.oneof(
  fc.constantFrom("a", "b", "ab", "constructor", "\u{ffff}", "\u{10000}", "é"),
  // Around the units where sorting by beginnings turns to comparing strings.
  fc.string({ unit: fc.constantFrom("\0", "a", "!", "þ", "ÿ", "Ā"), minLength: 1, maxLength: 6 }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }).filter((text) => !/\s/u.test(text)),
);
const words = fc.array(word, { maxLength: 8 }).map((list) => list.join(" "));
const docsOf = fc.array(fc.record({ title: words, text: words }), { maxLength: 15 });
type Body = Pick<TestDoc, "title" | "text">;

function build(docs: readonly Body[], settings = plainSettings): TestSections {
  const builder = new SparseSegmentBuilder(plainAnalyzer, settings);
  for (const { title, text } of docs) builder.add(title, text);
  assert.equal(builder.docCount, docs.length);
  const sections = new TestSections();
  builder.write(sections);
  return sections;
}

/** term -> postings as "doc:tf:titleTf", by counting. */
function invert(docs: readonly Body[]): Map<string, string[]> {
  const lists = new Map<string, string[]>();
  docs.forEach(({ title, text }, doc) => {
    const inTitle = plainAnalyzer.terms(title);
    const all = [...inTitle, ...plainAnalyzer.terms(text)];
    for (const term of new Set(all)) {
      const count = (terms: readonly string[]) => terms.filter((other) => other === term).length;
      const list = lists.get(term) ?? [];
      list.push(`${doc}:${count(all)}:${count(inTitle)}`);
      lists.set(term, list);
    }
  });
  return new Map([...lists].sort(([a], [b]) => compareDocIds(a, b)));
}

/** The same, read from a segment. */
function read(sections: TestSections): Map<string, string[]> {
  const segment = openSparseSegment(sections);
  const lists = new Map<string, string[]>();
  for (let ord = 0; ord < segment.termCount; ord++) {
    const postings = segment.termPostings(ord);
    const { combined, title } = segment.decode(postings);
    const titleTfs = new Map([...(title?.docs ?? [])].map((doc, i) => [doc, title?.tfs[i]]));
    const list = [...combined.docs].map(
      (doc, i) => `${doc}:${combined.tfs[i]}:${titleTfs.get(doc) ?? 0}`,
    );
    lists.set(segment.dictionary.term(ord), list);
    assert.equal(segment.dictionary.find(segment.dictionary.termBytes(ord)), ord);
  }
  return lists;
}

const asEntries = (lists: Map<string, string[]>) => [...lists];

describe("sparse segments", () => {
  it("hold every term in byte order with the postings that counting gives", () => {
    fc.assert(
      fc.property(docsOf, (docs) => {
        assert.deepEqual(asEntries(read(build(docs))), asEntries(invert(docs)));
      }),
    );
  });

  it("merge to the bytes that building the kept documents at once writes", () => {
    fc.assert(
      fc.property(
        fc.array(docsOf, { minLength: 1, maxLength: 4 }),
        fc.nat(4),
        fc.boolean(),
        (groups, every, positions) => {
          const settings = sparseSettings({ analyzer: plainAnalyzer.id, positions });
          const isKept = (ord: number): boolean => every === 0 || ord % (every + 1) !== 0;
          const merged = new TestSections();
          mergeSparseSegments(
            groups.map((docs) => {
              const keep = Bitset.full(docs.length);
              for (const ord of docs.keys()) if (!isKept(ord)) keep.remove(ord);
              return {
                segment: openSparseSegment(build(docs, settings)),
                keep: every === 0 ? null : keep,
              };
            }),
            merged,
          );
          const atOnce = build(
            groups.flatMap((docs) => docs.filter((_, ord) => isKept(ord))),
            settings,
          );
          assert.deepEqual(
            new Map([...merged.sections].sort()),
            new Map([...atOnce.sections].sort()),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("take lone surrogates for U+FFFD when building and when looking up", () => {
    const segment = openSparseSegment(build([{ title: "", text: "x\ud800 x\udfff y\ufffd" }]));
    assert.equal(segment.find("x\ud801")?.combined.df, 1);
    assert.equal(segment.termCount, 2);
    assert.equal(segment.find("z"), null);
  });

  it("find the range of terms with a prefix", () => {
    const { dictionary } = openSparseSegment(
      build([{ title: "", text: "car carbon care cat dog" }]),
    );
    const terms = (prefix: string): string[] => {
      const { from, to } = dictionary.prefixRange(termBytes(prefix));
      return Array.from({ length: to - from }, (_, i) => dictionary.term(from + i));
    };
    assert.deepEqual(terms("car"), ["car", "carbon", "care"]);
    assert.deepEqual(terms("d"), ["dog"]);
    assert.deepEqual(terms("x"), []);
    assert.equal(terms("").length, 5);
  });

  it("number terms across the analyzer's epochs as strings would", () => {
    const chain = { id: "words@1", termOf: (word: string) => word, scan: scanWhitespace };
    const analyzer = new WordAnalyzer(chain, 10);
    const settings = sparseSettings({ analyzer: analyzer.id });
    const texts = Array.from({ length: 100 }, (_, i) => `w${i % 7} w${i % 11} common w${i}`);
    const numbered = new SparseSegmentBuilder(analyzer, settings);
    const plain = new SparseSegmentBuilder({ ...plainAnalyzer, id: analyzer.id }, settings);
    for (const text of texts) {
      numbered.add("common title", text);
      plain.add("common title", text);
    }
    const [a, b] = [new TestSections(), new TestSections()];
    numbered.write(a);
    plain.write(b);
    assert.ok(analyzer.epoch > 3, "the analyzer never forgot its numbers");
    assert.deepEqual(a.sections, b.sections);
  });

  it("say what is wrong with sections of another version, length or content", () => {
    const sections = build([{ title: "", text: "red fox" }]);
    const change = (name: string, bytes: Uint8Array): TestSections => {
      const changed = new TestSections();
      for (const [key, value] of sections.sections) changed.add(key, key === name ? bytes : value);
      return changed;
    };
    const meta = (text: string) => change("sparse.meta", new TextEncoder().encode(text));
    assert.throws(() => openSparseSegment(meta("{")), CorruptIndexError);
    assert.throws(() => openSparseSegment(meta('{"format":99}')), IndexVersionError);
    const offsets = change("sparse.term-offsets", new Uint8Array(12));
    assert.throws(() => openSparseSegment(offsets).find("red"), CorruptIndexError);
    const lengths = change("sparse.lengths", new Uint8Array(8));
    assert.throws(() => openSparseSegment(lengths).lengths, CorruptIndexError);
  });

  it("refuse to merge nothing, or segments of different analyzers", () => {
    assert.throws(() => mergeSparseSegments([], new TestSections()), InputError);
    const other = build([{ title: "", text: "a" }], sparseSettings({ analyzer: "other@1" }));
    const inputs = [build([{ title: "", text: "a" }]), other].map((sections) => ({
      segment: openSparseSegment(sections),
      keep: null,
    }));
    assert.throws(() => mergeSparseSegments(inputs, new TestSections()), InputError);
  });
});
