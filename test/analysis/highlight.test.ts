import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { analyzerNamed } from "../../src/analysis/analyzers.js";
import { escapeHtml, type HighlightOptions, highlight } from "../../src/analysis/highlight.js";

const english = analyzerNamed("english@1");

function passages(query: string, text: string, options?: HighlightOptions) {
  const weights = new Map(english.terms(query).map((term) => [term, 1]));
  return highlight(english, weights, text, options);
}

function html(query: string, text: string, options?: HighlightOptions): string[] {
  return passages(query, text, options).map((passage) => passage.html);
}

describe("highlight", () => {
  it("marks the words that have a query term, as they stand in the text", () => {
    assert.deepEqual(html("running cats", "The cat RUNS, a cat’s run."), [
      "The <mark>cat</mark> <mark>RUNS</mark>, a <mark>cat’s</mark> <mark>run</mark>.",
    ]);
  });

  it("escapes everything that the text brings along", () => {
    assert.deepEqual(html("script", `<script>alert("x" & 'y')</script>`), [
      "&lt;<mark>script</mark>&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/<mark>script</mark>&gt;",
    ]);
    assert.deepEqual(html("b", "a</mark> b\u0000\ud800"), [
      "a&lt;/mark&gt; <mark>b</mark>\ufffd\ufffd",
    ]);
  });

  it("prefers the passage with more of the terms to the one with more repetitions", () => {
    // First sentence: weight · 3/4 = 0.75; second: 1/2 + 1/2 = 1.
    const text = `Alpha alpha alpha. ${"filler words stand here ".repeat(10)}. Alpha meets beta.`;
    const [passage] = passages("alpha beta", text, { length: 60 });
    assert.equal(passage?.score, 1);
    assert.equal(passage?.html, "…<mark>Alpha</mark> meets <mark>beta</mark>.");
  });

  it("gives heavier terms the passage", () => {
    const text = `common. ${"x ".repeat(100)}. rare.`;
    const weights = new Map([
      ["common", 1],
      ["rare", 5],
    ]);
    const [passage] = highlight(english, weights, text, { length: 40 });
    assert.match(passage?.html ?? "", /<mark>rare<\/mark>/);
  });

  it("grows to sentences, then to words, and shows by an ellipsis that the text goes on", () => {
    const text = "First one. Second has the needle inside it. Third is long enough to be cut off.";
    assert.deepEqual(html("needle", text, { length: 50 }), [
      "…Second has the <mark>needle</mark> inside it.…",
    ]);
    const long = `${"before ".repeat(30)}needle ${"after ".repeat(30)}`;
    const [passage] = passages("needle", long, { length: 60 });
    assert.ok((passage?.end ?? 99) - (passage?.start ?? 0) <= 60);
    assert.match(passage?.html ?? "", /^…(before )+<mark>needle<\/mark>( after)+…$/);
  });

  it("gives several passages, best first, that never overlap", () => {
    const text = `One needle. ${"hay ".repeat(40)}. Needle and thread. ${"hay ".repeat(40)}. The thread.`;
    const found = passages("needle thread", text, { length: 40, count: 5 });
    assert.deepEqual(
      found.map((passage) => text.slice(passage.start, passage.end)),
      [
        "Needle and thread. hay hay hay hay hay",
        "One needle. hay hay hay hay hay hay hay",
        "The thread.",
      ],
    );
    assert.deepEqual(
      found.map((passage) => passage.score),
      [1, 0.5, 0.5],
    );
  });

  it("shows the beginning, unmarked, where nothing matches, and nothing of nothing", () => {
    assert.deepEqual(html("absent", "Some text. More of it, and more, and more words."), [
      "Some text. More of it, and more, and more words.",
    ]);
    assert.deepEqual(
      html("absent", "Some text and words that go on and on and on", { length: 40 }),
      ["Some text and words that go on and on…"],
    );
    assert.deepEqual(html("x", ""), []);
    assert.deepEqual(html("x", "x", { count: 0 }), []);
  });

  it("merges marks that overlap, as bigrams do", () => {
    const weights = new Map(english.terms("東京都").map((term) => [term, 1]));
    assert.equal(highlight(english, weights, "新東京都庁")[0]?.html, "新<mark>東京都</mark>庁");
  });

  it("cuts text without spaces between characters", () => {
    const text = `${"語".repeat(100)}東京${"👩‍👩‍👧".repeat(50)}`;
    const weights = new Map([["東京", 1]]);
    const [passage] = highlight(english, weights, text, { length: 60 });
    assert.match(passage?.html ?? "", /^…語+<mark>東京<\/mark>(👩‍👩‍👧)+…$/u);
  });

  it("marks nothing for terms without worth", () => {
    const weights = new Map([
      ["a1", 0],
      ["b1", Number.NaN],
    ]);
    assert.deepEqual(highlight(english, weights, "a1 b1")[0]?.marks, []);
  });

  it("keeps its promises whatever the text", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "needle ",
        "thread. ",
        "<b>",
        "hay ",
        "\n",
        "👩‍👩‍👧",
        "é",
        "東京",
        "!",
        "&amp;",
        "\ud800",
      ),
      fc.string({ unit: "binary", maxLength: 5 }),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join("")),
        fc.integer({ min: 40, max: 120 }),
        fc.integer({ min: 1, max: 4 }),
        (text, length, count) => {
          const found = passages("needle thread 東京", text, { length, count });
          assert.ok(found.length <= count && (text === "" || found.length > 0));
          for (const { start, end, marks, html } of found) {
            assert.ok(start >= 0 && end <= text.length && start <= end);
            assert.ok(end - start <= length);
            let expected = start > 0 ? "…" : "";
            let from = start;
            for (const mark of marks) {
              assert.ok(mark.start >= from && mark.end <= end && mark.start < mark.end);
              expected += `${escapeHtml(text.slice(from, mark.start))}<mark>${escapeHtml(text.slice(mark.start, mark.end))}</mark>`;
              from = mark.end;
            }
            expected += escapeHtml(text.slice(from, end)) + (end < text.length ? "…" : "");
            assert.equal(html, expected);
            assert.doesNotMatch(html.replace(/<\/?mark>/g, ""), /[<>"'\0]|\p{Surrogate}/u);
          }
          const ordered = found.toSorted((a, b) => a.start - b.start);
          for (let i = 1; i < ordered.length; i++) {
            assert.ok((ordered[i - 1]?.end ?? 0) <= (ordered[i]?.start ?? 0), "no overlap");
          }
          for (let i = 1; i < found.length; i++) {
            assert.ok((found[i - 1]?.score ?? 0) >= (found[i]?.score ?? 0) - 1e-9, "best first");
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("marks nothing beyond the first million units, and no word cut there", () => {
    const text = `${"xxxxxxxxx ".repeat(99_999)}needles and needle`;
    assert.equal(text.indexOf("needles"), 999_990);
    const marked = passages("needle", text, { length: 100, count: 3 }).flatMap(
      ({ marks }) => marks,
    );
    assert.deepEqual(marked, [{ start: 999_990, end: 999_997 }]);
  });
});
