import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { readMarkdownSections } from "../../src/corpus/markdown-sections.js";

/** `heading path: text` of every section, for short expectations. */
function outline(markdown: string): string[] {
  return readMarkdownSections(markdown).map(
    (section) => `${section.headings.join(" / ")}: ${section.text}`,
  );
}

describe("readMarkdownSections", () => {
  it("splits at ATX headings and keeps the path of headings above", () => {
    assert.deepEqual(outline("before\n# A\none\n## B ##\ntwo\n### C\n## D\nfour"), [
      ": before",
      "A: one",
      "A / B: two",
      "A / B / C: ",
      "A / D: four",
    ]);
  });

  it("splits at setext headings, also of two lines, but not at a rule after a blank line", () => {
    assert.deepEqual(
      outline("1.2.0 / 2024-05-06\n===\n\n  * deps\n\nTwo\nlines\n---\nx\n\n---\ny"),
      ["1.2.0 / 2024-05-06:   * deps", "1.2.0 / 2024-05-06 / Two lines: x\n\ny"],
    );
  });

  it("takes centred HTML headings and folded summaries as headings", () => {
    assert.deepEqual(
      outline(
        '<h1 align="center"><a href="x">Zed</a></h1>\nz\n<details><summary>Why `no`?</summary><br>\n\nBecause.\n</details>',
      ),
      ["Zed: z", "Zed / Why no?: Because."],
    );
  });

  it("finds no heading in fenced code and keeps the code as it is", () => {
    assert.deepEqual(
      outline("# A\n```sh\n# not a heading\n*a* <b> [x](y)\n```\n  ~~~\n## nor this\n  ~~~"),
      ["A: # not a heading\n*a* <b> [x](y)\n## nor this"],
    );
  });

  it("lets only a fence of the same kind and at least the same length close a block", () => {
    assert.deepEqual(outline("````\n```\n# code\n~~~~\n````\n# Heading"), [
      ": ```\n# code\n~~~~",
      "Heading: ",
    ]);
  });

  it("takes off links, images, tags, emphasis, comments and reference definitions", () => {
    assert.deepEqual(
      outline(
        [
          "[![npm](i.svg)][npm] **Bold** and _soft_ [a `b()` (c)](https://x.org/(y)) <kbd>k</kbd>",
          "[ref][npm], [npm] and snake_case_name <!-- gone",
          "gone --> &lt;tag&gt; \\*star\\* &amp; &#65; <https://example.org>",
          "",
          "[npm]: https://example.org",
          "",
          "- [Only a link](#only)",
        ].join("\n"),
      ),
      [
        ":  Bold and soft a b() (c) k\nref, npm and snake_case_name\n <tag> *star* & A https://example.org",
      ],
    );
  });

  it("makes anchors as code hosts do, and tells equal headings apart", () => {
    assert.deepEqual(
      readMarkdownSections(
        "# API\n## parse(str, [opts])\n## Options\n## Options\n## Été_1!\n# $",
      ).map((section) => section.slug),
      ["api", "parsestr-opts", "options", "options-1", "été_1", "section"],
    );
  });

  it("folds headings that start no section into the text", () => {
    const sections = readMarkdownSections("# Log\n## 1.1.0\n### Fixed\n- a\n## 1.0.0\n- b", {
      startsSection: (heading) => /\d/.test(heading),
    });
    assert.deepEqual(
      sections.map(({ slug, text }) => [slug, text]),
      [
        ["", "Log"],
        ["110", "Fixed\n\n- a"],
        ["100", "- b"],
      ],
    );
  });

  it("reads a byte order mark, CRLF and lone CR as they come, and counts lines from 1", () => {
    const sections = readMarkdownSections("\uFEFF# A\r\nx\r\n\r\n# B\ry");
    assert.deepEqual(
      sections.map(({ line, text }) => [line, text]),
      [
        [1, "x"],
        [4, "y"],
      ],
    );
  });

  it("gives no section for an empty page, and survives fences and comments left open", () => {
    assert.deepEqual(readMarkdownSections(" \n\n"), []);
    assert.deepEqual(outline("# A\n<!-- open\n# B"), ["A: "]);
    assert.deepEqual(outline("# A\n```\n# B"), ["A: # B"]);
  });

  it("stays fast on a long run of any markup character", () => {
    // 200,000 characters each: a quadratic pattern would need minutes, not the suite's seconds.
    for (const run of ["[", "*", "`", "<", "_", "(", "![", "&", "[a](", "<!--", "~", "\\"]) {
      readMarkdownSections(run.repeat(200_000 / run.length));
    }
  });

  it("never throws, never repeats an anchor, and puts every anchor into the page's order", () => {
    const piece = fc.constantFrom(
      "# ",
      "## ",
      "---",
      "===",
      "```",
      "~~~",
      "<!--",
      "-->",
      "\n",
      "\n\n",
      "a",
      "b c",
      "[",
      "](#x)",
      "`",
      "**",
      "_",
      "<b>",
      "<h2>t</h2>",
      "\u0000",
      "\uE0001\uE001",
      "\r",
      "- ",
      "    ",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const sections = readMarkdownSections(pieces.join(""));
        const slugs = sections.map((section) => section.slug);
        assert.equal(new Set(slugs).size, slugs.length);
        const lines = sections.map((section) => section.line);
        assert.deepEqual(
          lines,
          [...lines].sort((a, b) => a - b),
        );
        const text = sections.map((section) => section.text).join("");
        for (const mark of ["\u0000", "\uE000", "\uE001"]) assert.ok(!text.includes(mark));
      }),
      { numRuns: 2000 },
    );
  });
});
