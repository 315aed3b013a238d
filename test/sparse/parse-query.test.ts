import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Analyzer } from "../../src/analysis/analyzer.js";
import { parseSparseQuery, plainQueryText } from "../../src/sparse/parse-query.js";

/** Runs of letters and digits in lower case. */
const analyzer: Analyzer = {
  id: "letters@1",
  terms: (text) => analyzer.tokens(text).map(({ term }) => term),
  tokens: (text) =>
    [...text.matchAll(/[\p{L}\p{N}]+/gu)].map((match, position) => ({
      term: match[0].toLowerCase(),
      position,
      start: match.index,
      end: match.index + match[0].length,
    })),
};

/** Clauses in short: `occur field term^weight`, phrases in quotes. */
function parse(text: string, options = {}): string[] {
  return parseSparseQuery(text, analyzer, options).clauses.map((clause) => {
    const start = `${clause.occur} ${clause.field} `;
    if (clause.kind === "phrase") return `${start}"${clause.terms.map((t) => t.term).join(" ")}"`;
    if (clause.kind === "prefix") return `${start}${clause.prefix}*`;
    if (clause.kind === "fuzzy") return `${start}${clause.term}~${clause.maxEdits}`;
    return `${start}${clause.term}^${clause.weight}`;
  });
}

describe("query parser", () => {
  it("reads plain words as a bag that counts repeated ones", () => {
    assert.deepEqual(parse("red fox red"), ["should all red^2", "should all fox^1"]);
    assert.deepEqual(parse(""), []);
  });

  it("reads signs, scopes and phrases", () => {
    assert.deepEqual(parse('+red -hen title:fox +text:"blue sky" cow'), [
      "must all red^1",
      "mustNot all hen^1",
      "should title fox^1",
      'must text "blue sky"',
      "should text blue^1",
      "should text sky^1",
      "should all cow^1",
    ]);
  });

  it("requires a quoted single word, and takes a required word that splits as a phrase", () => {
    assert.deepEqual(parse('"red"'), ["must all red^1"]);
    assert.deepEqual(parse("-e-mail"), ['mustNot all "e mail"']);
  });

  it("takes punctuation of natural questions for text", () => {
    const questions = [
      "What is C++?",
      "why 3 - 1 = 2",
      'a 5" disk',
      'what is "transfer learning"?',
      "Title: the well-known + one",
      "really?! (yes) *bold* ~ish a~1 pre*",
      "-",
      '""',
      "note: see text:",
    ];
    for (const question of questions) {
      const terms = analyzer.terms(question);
      assert.deepEqual(
        parse(question).map((clause) => clause.replace(/^should all |\^\d+$/g, "")),
        [...new Set(terms)],
        question,
      );
    }
  });

  it("opens words only where asked", () => {
    const options = { prefix: true, fuzzy: true };
    assert.deepEqual(parse("Carb* -title:stee* carbon~ colour~1 carbonate~", options), [
      "should all carb*",
      "mustNot title stee*",
      "should all carbon~2",
      "should all colour~1",
      "should all carbonate~2",
    ]);
    assert.deepEqual(parse("carb*"), ["should all carb^1"]);
  });

  it("is a plain bag without operators, and never throws", () => {
    assert.deepEqual(parse("+red -hen", { operators: false }), [
      "should all red^1",
      "should all hen^1",
    ]);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'+-":*~ atitle:') }), (text) => {
        parse(text, { prefix: true, fuzzy: true });
        plainQueryText(text);
      }),
    );
  });

  it("gives an encoder the words without operators and without excluded ones", () => {
    assert.equal(plainQueryText('+red -hen title:fox "blue sky"'), "red fox blue sky");
    assert.equal(plainQueryText("-only"), "-only");
  });
});
