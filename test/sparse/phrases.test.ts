import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Analyzer } from "../../src/analysis/analyzer.js";
import { FeatureUnavailableError, InputError } from "../../src/errors.js";
import { Bitset } from "../../src/numeric/bitset.js";
import { mergeSparseSegments } from "../../src/sparse/merge-segments.js";
import { parseSparseQuery } from "../../src/sparse/parse-query.js";
import type { SparseSnapshotPart } from "../../src/sparse/snapshot.js";
import { SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { openSparseSegment } from "../../src/sparse/sparse-segment.js";
import { sparseSettings } from "../../src/sparse/sparse-settings.js";
import {
  buildPart,
  buildSegment,
  namesOf,
  plainAnalyzer,
  plainSettings,
  type TestDoc,
  TestSections,
} from "./tiny-collection.js";

const withPositions = sparseSettings({ analyzer: plainAnalyzer.id, positions: true });
const word = fc.constantFrom("a", "b", "c", "d");
const words = fc.array(word, { maxLength: 8 }).map((list) => list.join(" "));
const docsOf = fc.array(fc.record({ title: words, text: words }), { minLength: 1, maxLength: 20 });
const phrase = fc.record({
  sign: fc.constantFrom("", "+", "-"),
  scope: fc.constantFrom("", "title:", "text:"),
  words: fc.array(word, { minLength: 2, maxLength: 3 }),
});

const numbered = (bodies: readonly { title: string; text: string }[]): TestDoc[] =>
  bodies.map((body, i) => ({ id: `d${i}`, ...body }));

/** Names of the matches, in order of names. */
function matches(parts: readonly SparseSnapshotPart[], query: string, docs?: readonly TestDoc[]) {
  const storedText = docs && {
    analyzer: plainAnalyzer,
    textOf: (_: number, docOrd: number) => docs[docOrd] ?? { title: "", text: "" },
  };
  const searcher = new SparseSearcher(parts, plainSettings, storedText ?? null);
  const hits = searcher.search(parseSparseQuery(query, plainAnalyzer), { depth: 100 });
  return [...hits.docOrds]
    .map((docOrd, i) => parts[hits.segmentOrds[i] ?? -1]?.names.docId(docOrd) ?? "")
    .sort();
}

/** White space at the ends, so that a phrase is found by looking for its text. */
const padded = (text: string): string => ` ${text} `;

describe("phrases", () => {
  it("match what the text says, with positions, merged positions, or the stored text", () => {
    fc.assert(
      fc.property(docsOf, phrase, fc.nat(20), (bodies, { sign, scope, words }, cut) => {
        const docs = numbered(bodies);
        const query = `a b ${sign}${scope}"${words.join(" ")}"`;
        const holds = (doc: TestDoc): boolean => {
          const text = padded(words.join(" "));
          return (
            (scope !== "text:" && padded(doc.title).includes(text)) ||
            (scope !== "title:" && padded(doc.text).includes(text))
          );
        };
        const scores = (doc: TestDoc): boolean => {
          const has = (text: string, word: string) => padded(text).includes(padded(word));
          const anywhere = ["a", "b"].some((w) => has(doc.title, w) || has(doc.text, w));
          return anywhere || (sign !== "-" && holds(doc));
        };
        const expected = docs
          .filter((doc) => (sign === "-" ? !holds(doc) : holds(doc)) && scores(doc))
          .map(({ id }) => id)
          .sort();
        assert.deepEqual(matches([buildPart(docs, [], withPositions)], query), expected);
        assert.deepEqual(matches([buildPart(docs)], query, docs), expected);

        const halves = [docs.slice(0, cut), docs.slice(cut)];
        const inputs = halves.map((half) => ({
          segment: buildSegment(half, withPositions),
          keep: null,
        }));
        const sections = new TestSections();
        mergeSparseSegments(inputs, sections);
        const merged = { names: namesOf(docs), deleted: null, corrections: null };
        assert.deepEqual(
          matches([{ segment: openSparseSegment(sections), ...merged }], query),
          expected,
        );
      }),
      { numRuns: 300 },
    );
  });

  it("are found beyond the first block of a list, after a merge that dropped documents", () => {
    const docs = numbered(
      Array.from({ length: 700 }, (_, i) => ({
        title: i % 3 === 0 ? "a c" : "",
        text: i % 50 === 7 ? "c b a c b" : "b c a b",
      })),
    );
    const keep = Bitset.full(700);
    for (let i = 0; i < 700; i += 5) keep.remove(i);
    const sections = new TestSections();
    mergeSparseSegments([{ segment: buildSegment(docs, withPositions), keep }], sections);
    const kept = docs.filter((_, i) => keep.has(i));
    const part = {
      segment: openSparseSegment(sections),
      names: namesOf(kept),
      deleted: null,
      corrections: null,
    };
    const found = matches([part], 'text:"b a c"');
    assert.deepEqual(
      found,
      kept
        .filter(({ text }) => text.includes("b a c"))
        .map(({ id }) => id)
        .sort(),
    );
    assert.ok(found.length > 5);
  });

  it("keep the gaps of removed stop words", () => {
    const analyzer: Analyzer = {
      ...plainAnalyzer,
      tokens: (text) => plainAnalyzer.tokens(text).filter(({ term }) => term !== "the"),
    };
    const query = parseSparseQuery('"over the moon"', analyzer);
    assert.deepEqual(query.clauses[0], {
      kind: "phrase",
      field: "all",
      occur: "must",
      terms: [
        { term: "over", offset: 0 },
        { term: "moon", offset: 2 },
      ],
    });
  });

  it("are refused where neither positions nor text are at hand, and mixed segments are not merged", () => {
    const docs = numbered([{ title: "", text: "a b" }]);
    assert.throws(() => matches([buildPart(docs)], '"a b"'), FeatureUnavailableError);
    const inputs = [plainSettings, withPositions].map((settings) => ({
      segment: buildSegment(docs, settings),
      keep: null,
    }));
    assert.throws(() => mergeSparseSegments(inputs, new TestSections()), InputError);
  });
});
