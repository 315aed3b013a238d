import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { JsonlLog } from "../../src/experiments/jsonl-log.js";

let folder = "";
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "braid-jsonl-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function entriesOf(file: string): Promise<unknown[]> {
  const entries: unknown[] = [];
  const log = await JsonlLog.open(file, (entry) => entries.push(entry));
  await log.close();
  return entries;
}

describe("a log of JSON Lines", () => {
  it("gives back what was appended", async () => {
    const file = path.join(folder, "a.jsonl");
    const log = await JsonlLog.open(file, () => assert.fail("there is nothing yet"));
    await log.append({ a: 1 });
    await log.append("b");
    await log.close();
    assert.deepEqual(await entriesOf(file), [{ a: 1 }, "b"]);
  });

  it("cuts a line that a kill left unfinished, wherever it was cut", async () => {
    const whole = '{"a":1}\n{"b":2}\n';
    for (let length = 0; length <= whole.length; length++) {
      const file = path.join(folder, `cut-${length}.jsonl`);
      writeFileSync(file, whole.slice(0, length));
      const expected = length < 8 ? [] : length < 16 ? [{ a: 1 }] : [{ a: 1 }, { b: 2 }];
      assert.deepEqual(await entriesOf(file), expected);
      assert.equal(readFileSync(file, "utf8"), whole.slice(0, 8 * expected.length));
    }
  });

  it("cuts an unfinished line longer than a block", async () => {
    const file = path.join(folder, "long.jsonl");
    writeFileSync(file, `1\n"${"x".repeat(200_000)}`);
    assert.deepEqual(await entriesOf(file), [1]);
  });

  it("names the line that is not JSON", async () => {
    const file = path.join(folder, "bad.jsonl");
    writeFileSync(file, '1\nnot json\n{"a":1}\n');
    await assert.rejects(entriesOf(file), /bad\.jsonl:2, got not json/);
  });
});
