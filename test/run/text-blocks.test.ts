import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { readTextLines } from "../../src/run/text-blocks.js";

describe("text blocks", () => {
  it("lines and their numbers do not depend on where the chunks end, gzipped or not", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "braid-text-"));
    try {
      const lines = ["one", "", "zwölf 😀", "x".repeat(50), "last"];
      const text = `\ufeff${lines.join("\n")}`;
      writeFileSync(path.join(folder, "plain"), text);
      writeFileSync(path.join(folder, "zipped"), gzipSync(text));
      const expected = lines.map((line, i) => ({ text: line, line: i + 1 }));
      for (const name of ["plain", "zipped"]) {
        for (const chunkBytes of [64, 65, 71, 1 << 20]) {
          const got = [];
          for await (const line of readTextLines(path.join(folder, name), { chunkBytes })) {
            got.push(line);
          }
          assert.deepEqual(got, expected, `${name} in chunks of ${chunkBytes}`);
        }
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
