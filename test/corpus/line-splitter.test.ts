import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import { firstInvalidByte, LineSplitter } from "../../src/corpus/line-splitter.js";

/** The lines of `bytes` given in pieces of these lengths. */
function split(bytes: Buffer, cuts: readonly number[] = [], maxBytes = 1000) {
  const splitter = new LineSplitter(maxBytes);
  const lines = [];
  let from = 0;
  for (const cut of cuts) {
    lines.push(...splitter.push(bytes.subarray(from, from + cut)));
    from += cut;
  }
  lines.push(...splitter.push(bytes.subarray(from)), ...splitter.end());
  return lines;
}

describe("LineSplitter", () => {
  it("gives the same lines however the bytes are cut", () => {
    const text = fc.array(fc.constantFrom("a", "é", "😀", "\n", "\r\n", "\r", "\ufeff"), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(text, fc.array(fc.nat(6), { maxLength: 10 }), (parts, cuts) => {
        const whole = parts.join("");
        const expected = whole.split("\n").map((line) => line.replace(/\r$/, ""));
        if (whole === "" || whole.endsWith("\n")) expected.pop();
        if (expected[0]?.startsWith("\ufeff")) expected[0] = expected[0].slice(1);
        const lines = split(Buffer.from(whole), cuts);
        assert.deepEqual(
          lines.map((line) => line.text),
          expected,
        );
        assert.deepEqual(
          lines.map((line) => line.number),
          expected.map((_, i) => i + 1),
        );
        assert.ok(lines.every((line) => line.fault === ""));
      }),
    );
  });

  it("names the offset of the first byte that is not UTF-8 and goes on with the next line", () => {
    // "ok\n" is 3 bytes, "aé" 3 more: the bad byte stands at 6.
    const bytes = Buffer.concat([
      Buffer.from("ok\naé"),
      Buffer.from([0xff]),
      Buffer.from("x\nnext\n"),
    ]);
    for (const cuts of [[], [1, 1, 1, 1, 1, 1, 1, 1]]) {
      const lines = split(bytes, cuts);
      assert.deepEqual(
        lines.map((line) => line.text),
        ["ok", "", "next"],
      );
      assert.match(lines[1]?.fault ?? "", /invalid byte at offset 6/);
    }
  });

  it("passes over a line that is too long, without holding it, and counts on", () => {
    const lines = split(Buffer.from(`a\n${"x".repeat(50)}\nb\n`), [3, 3, 3, 30], 10);
    assert.deepEqual(
      lines.map(({ number, text }) => [number, text]),
      [
        [1, "a"],
        [2, ""],
        [3, "b"],
      ],
    );
    assert.match(lines[1]?.fault ?? "", /at most 10 bytes, got 50/);
  });
});

describe("firstInvalidByte", () => {
  it("finds the first bad byte, as a decoder that replaces each bad sequence does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.string({ unit: "binary" }), (tail, text) => {
        const bytes = Buffer.concat([Buffer.from(text), tail]);
        const at = firstInvalidByte(bytes);
        const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
        if (at < 0) decoder.decode(bytes);
        else {
          decoder.decode(bytes.subarray(0, at));
          assert.throws(() => decoder.decode(bytes.subarray(0, Math.min(bytes.length, at + 4))));
          assert.throws(() => decoder.decode(bytes.subarray(at)));
        }
      }),
    );
  });
});
