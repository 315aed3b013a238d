import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseDocId, parseDocument } from "../../src/corpus/parse-document.js";
import { InputError } from "../../src/errors.js";

const where = "corpus.jsonl:7";

function refuses(value: unknown, pattern: RegExp): void {
  assert.throws(
    () => parseDocument(value, where),
    (error: unknown) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, pattern);
      assert.ok(error.message.startsWith(`${where}: `));
      assert.ok(!error.message.includes("\n"));
      return true;
    },
  );
}

describe("parseDocument", () => {
  it("keeps _id, title, text and every further field as it is", () => {
    const value = {
      year: 2020,
      _id: "a",
      text: "t",
      title: "x",
      tags: ["p", null],
      deep: { o: 1 },
    };
    assert.deepEqual(parseDocument(value, where), value);
  });

  it("takes id where _id is missing, and keeps it as metadata where it is not", () => {
    assert.deepEqual(parseDocument({ id: "a", text: "t" }, where), {
      _id: "a",
      title: "",
      text: "t",
    });
    assert.deepEqual(parseDocument({ _id: "b", id: "a", text: "t" }, where), {
      _id: "b",
      title: "",
      text: "t",
      id: "a",
    });
  });

  it("writes integer ids as digits and refuses other numbers", () => {
    assert.equal(parseDocument({ _id: 17, text: "" }, where)._id, "17");
    refuses({ _id: 1.5, text: "" }, /expected a string in "_id".*1\.5/);
    refuses({ _id: 2 ** 53, text: "" }, /expected a string/);
  });

  it("takes null and a missing one of title and text for empty, and keeps empty documents", () => {
    assert.deepEqual(parseDocument({ _id: "a", title: "x" }, where), {
      _id: "a",
      title: "x",
      text: "",
    });
    assert.deepEqual(parseDocument({ _id: "a", title: null, text: null }, where), {
      _id: "a",
      title: "",
      text: "",
    });
  });

  it("refuses a document with neither title nor text and names the fields it has", () => {
    refuses(
      { _id: "a", contents: "x" },
      /expected a field "text" or "title", got only "_id", "contents"/,
    );
  });

  it("refuses what is not an object, not a string, or not JSON", () => {
    refuses([1], /got a list of 1/);
    refuses(null, /got null/);
    refuses("x", /got "x"/);
    refuses({ _id: "a", text: 3 }, /expected a string in "text", got the number 3/);
    refuses({ _id: "a", text: "", title: ["x"] }, /expected a string in "title"/);
    refuses({ text: "" }, /expected a string in "_id" \(or "id"\), got nothing/);
    refuses(
      { _id: "a", text: "", when: new Date() },
      /JSON value in "when", got an object of Date/,
    );
    refuses({ _id: "a", text: "", n: Number.NaN }, /JSON value in "n"/);
    refuses({ _id: "a", text: "", f: [() => 1] }, /JSON value in "f", got a function/);
  });

  it("drops fields that are undefined, as JSON does", () => {
    assert.deepEqual(Object.keys(parseDocument({ _id: "a", text: "", x: undefined }, where)), [
      "_id",
      "title",
      "text",
    ]);
  });

  it("refuses metadata nested deeper than 64 and metadata that holds itself", () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    parseDocument({ _id: "a", text: "", x: nested(63) }, where);
    refuses({ _id: "a", text: "", x: nested(65) }, /nested 64 deep/);
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    refuses({ _id: "a", text: "", loop }, /nested 64 deep/);
  });

  it("keeps a field called __proto__ a field", () => {
    const document = parseDocument(JSON.parse('{"_id":"a","text":"","__proto__":{"x":1}}'), where);
    assert.equal(Object.getPrototypeOf(document), Object.prototype);
    assert.deepEqual(Object.keys(document), ["_id", "title", "text", "__proto__"]);
  });

  it("takes back what it gave, whatever JSON the metadata is", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })), (fields) => {
        const document = parseDocument({ ...fields, _id: "a", title: "t", text: "x" }, where);
        assert.deepEqual(parseDocument(document, where), document);
        // JSON writes -0 as 0, so what is written decides.
        const written = JSON.stringify(document);
        assert.equal(JSON.stringify(parseDocument(JSON.parse(written), where)), written);
      }),
      { examples: [[{ "": [-0] }]] },
    );
  });
});

describe("parseDocId", () => {
  it("allows white space and every script up to 512 bytes of UTF-8", () => {
    for (const id of ["a b", "ü", "😀", "x".repeat(512), "é".repeat(256)]) {
      assert.equal(parseDocId(id, where), id);
    }
  });

  it("refuses empty, long, broken and control characters", () => {
    for (const id of [
      "",
      "x".repeat(513),
      "é".repeat(257),
      "a\tb",
      "a\nb",
      "\u0000",
      "\ud800",
      "\u0085",
    ]) {
      assert.throws(() => parseDocId(id, where), InputError);
    }
  });
});
