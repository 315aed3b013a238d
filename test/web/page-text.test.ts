import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { curlCommand } from "../../src/web/curl-command.js";
import { markedPieces } from "../../src/web/marked-text.js";
import { millisecondsText, partTexts, scoreText } from "../../src/web/number-text.js";

describe("texts of the page", () => {
  it("reads a passage back to text and marks", () => {
    assert.deepEqual(markedPieces("a &lt;b&gt; <mark>fox&#39;s</mark> &amp;lt; c"), [
      { text: "a <b> ", marked: false },
      { text: "fox's", marked: true },
      { text: " &lt; c", marked: false },
    ]);
  });

  it("shows parts that add up to the shown sum", () => {
    // .33335 each: rounded alone 3 · .3334 = 1.0002, while the sum 1.00005 is shown as 1.0001.
    assert.deepEqual(partTexts([0.33335, 0.33335, 0.33335]), ["0.3334", "0.3334", "0.3333"]);
    const part = fc.double({ min: 0, max: 50, noNaN: true });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const shown = partTexts(parts).reduce(
          (sum, text) => sum + Math.round(Number(text) * 1e4),
          0,
        );
        assert.equal(shown, Math.round(parts.reduce((sum, one) => sum + one, 0) / 1e-4));
      }),
      { numRuns: 300 },
    );
  });

  it("writes times and scores by their size", () => {
    assert.deepEqual([0.42, 12.3, 2345].map(millisecondsText), ["0.4 ms", "12 ms", "2.3 s"]);
    assert.deepEqual([0, 0.5, 0.00012, null].map(scoreText), ["0.0000", "0.5000", "1.20e-4", "–"]);
  });

  it("quotes a request for any shell", () => {
    assert.equal(
      curlCommand("http://h/v1", { query: "fox's" }, true),
      `curl -s 'http://h/v1' -H 'Content-Type: application/json' -H "Authorization: Bearer $BRAID_KEY" -d '{"query":"fox'\\''s"}'`,
    );
  });
});
