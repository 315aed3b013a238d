import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { TermTable } from "../../src/analysis/term-table.js";

/** Words around the length of 8 and the unit 255, where the table's forms meet; few letters collide. */
const word = fc
  .array(fc.constantFrom("a", "b", "\0", "ÿ", "Ā", "😀"), { minLength: 1, maxLength: 12 })
  .map((letters) => letters.join(""));

describe("term table", () => {
  it("numbers terms as a map would, by order of appearance, wherever words stand in a text", () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        const table = new TermTable((text) => (text.startsWith("b") ? "" : text.slice(0, 9)), 1000);
        const numbers = new Map<string, number>();
        for (const text of words) {
          const term = text.startsWith("b") ? "" : text.slice(0, 9);
          if (term !== "" && !numbers.has(term)) numbers.set(term, numbers.size);
          const expected = term === "" ? -1 : numbers.get(term);
          assert.equal(table.numberOf(`..${text}..`, 2, 2 + text.length), expected);
        }
        assert.deepEqual(table.terms, [...numbers.keys()]);
      }),
    );
  });

  it("keeps its numbers while it grows, and starts afresh when it is trimmed", () => {
    const table = new TermTable((text) => text, 10_000);
    const words = Array.from(
      { length: 12_000 },
      (_, i) => `${i % 3 === 0 ? "longer-word-" : "w"}${i}`,
    );
    for (const [i, text] of words.entries()) assert.equal(table.numberOf(text, 0, text.length), i);
    for (const [i, text] of words.entries()) assert.equal(table.numberOf(text, 0, text.length), i);
    const { epoch } = table;
    table.trim();
    assert.equal(table.epoch, epoch + 1);
    assert.equal(table.numberOf("w5", 0, 2), 0);
  });
});
