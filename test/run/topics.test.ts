import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { InputError } from "../../src/errors.js";
import { parseTopics, readTopics } from "../../src/run/topics.js";

const plain = (topics: ReadonlyMap<string, string>) => [...topics];

describe("reading topics", () => {
  it("reads BEIR's queries.jsonl", () => {
    const text =
      '{"_id": "7", "text": "a question", "metadata": {}}\r\n\n{"_id": 8, "text": "b"}\n';
    assert.deepEqual(plain(parseTopics(text)), [
      ["7", "a question"],
      ["8", "b"],
    ]);
  });

  it("reads id<tab>text, keeps further tabs, and knows a header from a topic", () => {
    assert.deepEqual(plain(parseTopics("qid\tquery\n1\tone\ttwo\n")), [["1", "one\ttwo"]]);
    assert.deepEqual(plain(parseTopics("1\ttext\n")), [["1", "text"]]);
  });

  const trec = `<top>
<num> Number: 301
<dom> Domain: Crime
<title> International
  Organized Crime
<con> 1. crime
<desc> Description:
Identify organizations.
<narr> Narrative:
A relevant document must name one.
</top>
<TOP><NUM>2<NUM><TITLE>SHORT &amp; <B>BOLD</B></TITLE></TOP>
`;
  it("reads TREC topics with labels, open elements and elements closed by their own tag", () => {
    assert.deepEqual(plain(parseTopics(trec)), [
      ["301", "International Organized Crime"],
      ["2", "SHORT &amp; BOLD"],
    ]);
  });

  it("reads another element of TREC topics, and says which topic lacks it", () => {
    assert.throws(() => parseTopics(trec, "t", { field: "description" }), /no text for query 2/);
    const first = trec.slice(0, trec.indexOf("<TOP>"));
    assert.deepEqual(plain(parseTopics(first, "t", { field: "description" })), [
      ["301", "Identify organizations."],
    ]);
    assert.deepEqual(plain(parseTopics(first, "t", { field: "narrative" })), [
      ["301", "A relevant document must name one."],
    ]);
  });

  it("ids twice, texts missing, other formats and empty files are errors with file and line", () => {
    const wrong: [string, RegExp][] = [
      ["1\ta\n1\tb\n", /query 1 again at t:2/],
      ["1\ta\n2\t\n", /no text for query 2 at t:2/],
      ['{"_id":"1","text":"a"}\n{"_id":"2"}\n', /t:2/],
      ['{"_id":"1","text":"a"}\nnonsense\n', /one JSON object a line.*t:2/],
      ["1\ta\nno tab\n", /no tab at t:2/],
      ["just words\n", /expected topics as/],
      ["<top><num>1<title>a\n", /expected <\/top>/],
      ["\n\n", /got none/],
    ];
    for (const [text, message] of wrong) {
      assert.throws(
        () => parseTopics(text, "t"),
        (error: unknown) => error instanceof InputError && message.test(error.message),
        text,
      );
    }
  });

  it("reads gzipped files", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "braid-topics-"));
    try {
      writeFileSync(path.join(folder, "queries.jsonl.gz"), gzipSync('{"_id":"1","text":"é"}\n'));
      assert.deepEqual(plain(await readTopics(path.join(folder, "queries.jsonl.gz"))), [
        ["1", "é"],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
