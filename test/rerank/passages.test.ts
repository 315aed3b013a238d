import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InputError } from "../../src/errors.js";
import { splitPassages } from "../../src/rerank/index.js";

describe("passages", () => {
  it("cuts at white space near the end of a passage and shares the overlap", () => {
    const text = "alpha beta gamma delta epsilon zeta";
    assert.deepEqual(splitPassages(text, { chars: 20, overlap: 0, limit: 9 }), [
      "alpha beta gamma ",
      "delta epsilon zeta",
    ]);
    // The second one begins at the last word start 4 to 8 units before the cut, the third inside a
    // word, since no word starts there.
    assert.deepEqual(splitPassages(text, { chars: 20, overlap: 4, limit: 9 }), [
      "alpha beta gamma ",
      "gamma delta epsilon ",
      "lon zeta",
    ]);
  });

  it("leaves a text that fits as it is, the empty one too, and stops at the limit", () => {
    assert.deepEqual(splitPassages("short"), ["short"]);
    assert.deepEqual(splitPassages(""), [""]);
    assert.equal(
      splitPassages("word ".repeat(10_000), { chars: 100, overlap: 10, limit: 3 }).length,
      3,
    );
  });

  it("covers every text, in pieces that fit, whole characters each", () => {
    const units = fc.constantFrom("a", "b", " ", "\n", "é", "\u{1f600}", "漢");
    fc.assert(
      fc.property(
        fc.array(units, { maxLength: 300 }).map((parts) => parts.join("")),
        fc.integer({ min: 8, max: 60 }),
        fc.double({ min: 0, max: 0.2, noNaN: true }),
        (text, chars, share) => {
          const overlap = Math.floor(chars * share);
          const passages = splitPassages(text, { chars, overlap, limit: 1000 });
          let covered = 0;
          for (const passage of passages) {
            assert.ok(passage.length <= chars);
            assert.ok(!/^[\udc00-\udfff]|[\ud800-\udbff]$/.test(passage), "half a character");
            let at = covered;
            while (at >= 0 && !text.startsWith(passage, at)) at--;
            assert.ok(at >= 0, "a gap");
            covered = at + passage.length;
          }
          assert.equal(covered, text.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("refuses settings that make no passages", () => {
    for (const wrong of [
      { chars: 0, overlap: 0, limit: 1 },
      { chars: 100, overlap: 21, limit: 1 },
      { chars: 100, overlap: -1, limit: 1 },
      { chars: 100, overlap: 0, limit: 0 },
      { chars: 10.5, overlap: 0, limit: 1 },
    ]) {
      assert.throws(() => splitPassages("text", wrong), InputError);
    }
  });
});
