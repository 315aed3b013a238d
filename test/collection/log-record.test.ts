import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeLogRecord, encodeLogRecord } from "../../src/collection/log-record.js";
import { CorruptIndexError } from "../../src/errors.js";

describe("log record", () => {
  it("gives back documents with the vectors of every slot", () => {
    const documents = ['{"_id":"ä"}', "", "{}"].map((text) => Buffer.from(text));
    const vectors = new Map([
      ["main", { count: 3, dimension: 2, values: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ["next", { count: 3, dimension: 1, values: Float32Array.of(-1, 0.5, 1e-30) }],
    ]);
    const decoded = decodeLogRecord(encodeLogRecord({ kind: "upsert", documents, vectors }), "log");
    assert.ok(decoded.kind === "upsert");
    assert.deepEqual(
      decoded.documents.map((json) => Buffer.from(json).toString()),
      ['{"_id":"ä"}', "", "{}"],
    );
    assert.deepEqual(decoded.vectors, vectors);
  });

  it("gives back deleted ids", () => {
    const record = { kind: "delete" as const, docIds: ["a", "\u{1f600}"] };
    assert.deepEqual(decodeLogRecord(encodeLogRecord(record), "log"), record);
  });

  it("refuses what is none", () => {
    const record = encodeLogRecord({ kind: "delete", docIds: ["abc", "def"] });
    for (let length = 0; length < record.length; length++) {
      assert.throws(() => decodeLogRecord(record.subarray(0, length), "log"), CorruptIndexError);
    }
    assert.throws(() => decodeLogRecord(Uint8Array.of(9), "log"), /asks for kind 9/);
  });
});
