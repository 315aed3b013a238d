import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it, type TestContext } from "node:test";
import { cachedEncoder, EmbeddingCache } from "../../src/dense/embedding-cache.js";
import type { Embeddings, Encoder, EncoderIdentity } from "../../src/dense/encoder.js";
import { InputError } from "../../src/errors.js";

const identity: EncoderIdentity = {
  name: "lengths",
  fingerprint: "sha256:lengths",
  dimension: 2,
  similarity: "dot",
};

function scratch(t: TestContext): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "braid-cache-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function vectorsOf(texts: readonly string[]): Embeddings {
  const values = Float32Array.from(texts.flatMap((text) => [text.length, text.charCodeAt(0) || 0]));
  return { count: texts.length, dimension: 2, values };
}

function get(cache: EmbeddingCache, text: string): number[] | null {
  const row = new Float32Array(2);
  return cache.get(text, row) ? [...row] : null;
}

function filesOf(directory: string): string[] {
  const folder = path.join(directory, readdirSync(directory)[0] ?? "");
  return readdirSync(folder).map((name) => path.join(folder, name));
}

describe("EmbeddingCache", () => {
  it("gives back what was put, after closing and opening too, under this fingerprint only", (t) => {
    const directory = scratch(t);
    const cache = EmbeddingCache.open(directory, identity);
    assert.equal(get(cache, "abc"), null);
    const texts = Array.from({ length: 3000 }, (_, i) => `text ${i}`);
    cache.put(texts, vectorsOf(texts));
    cache.put(["", "abc"], vectorsOf(["", "abc"]));
    assert.deepEqual(get(cache, "abc"), [3, 97]);
    cache.close();
    const again = EmbeddingCache.open(directory, identity);
    t.after(() => again.close());
    assert.equal(again.stats().entries, 3002);
    assert.deepEqual(get(again, "text 2999"), [9, 116]);
    assert.deepEqual(get(again, ""), [0, 0]);
    const other = EmbeddingCache.open(directory, { ...identity, fingerprint: "sha256:other" });
    t.after(() => other.close());
    assert.equal(get(other, "abc"), null);
    assert.throws(() => again.put(["a"], vectorsOf(["a", "b"])), InputError);
  });

  it("recovers from a torn tail and goes on behind it", (t) => {
    const directory = scratch(t);
    const cache = EmbeddingCache.open(directory, identity);
    cache.put(["one", "two"], vectorsOf(["one", "two"]));
    cache.close();
    const [keys = "", vectors = ""] = filesOf(directory);
    // A crash in the middle of a record, and vectors without keys behind it.
    truncateSync(keys, readFileSync(keys).length - 7);
    appendFileSync(vectors, Buffer.alloc(5));
    const again = EmbeddingCache.open(directory, identity);
    assert.deepEqual([get(again, "one"), get(again, "two")], [[3, 111], null]);
    again.put(["three"], vectorsOf(["three"]));
    again.close();
    const third = EmbeddingCache.open(directory, identity);
    t.after(() => third.close());
    assert.deepEqual(
      [get(third, "one"), get(third, "three")],
      [
        [3, 111],
        [5, 116],
      ],
    );
    assert.equal(third.stats().entries, 2);
  });

  it("treats a damaged vector as unknown", (t) => {
    const directory = scratch(t);
    const cache = EmbeddingCache.open(directory, identity);
    cache.put(["one", "two"], vectorsOf(["one", "two"]));
    cache.close();
    const vectors = filesOf(directory).find((name) => name.endsWith(".vectors")) ?? "";
    const bytes = readFileSync(vectors);
    bytes[0] = 255;
    writeFileSync(vectors, bytes);
    const again = EmbeddingCache.open(directory, identity);
    t.after(() => again.close());
    assert.deepEqual([get(again, "one"), get(again, "two")], [null, [3, 116]]);
    assert.equal(again.stats().damaged, 1);
  });

  it("lets two writers work side by side and sees what the other added", (t) => {
    const directory = scratch(t);
    const first = EmbeddingCache.open(directory, identity);
    const second = EmbeddingCache.open(directory, identity);
    t.after(() => first.close());
    t.after(() => second.close());
    first.put(["one"], vectorsOf(["one"]));
    second.put(["two"], vectorsOf(["two"]));
    first.put(["three"], vectorsOf(["three"]));
    first.refresh();
    second.refresh();
    for (const cache of [first, second]) {
      assert.deepEqual(
        ["one", "two", "three"].map((text) => get(cache, text)?.[0]),
        [3, 3, 5],
      );
    }
  });
});

describe("cachedEncoder", () => {
  it("encodes each text once, keeps order, and resumes after an interruption", async (t) => {
    const directory = scratch(t);
    let encoded: string[] = [];
    let failAfter = Number.POSITIVE_INFINITY;
    const encoder: Encoder = {
      identity,
      encodeQueries: (texts) => Promise.resolve(vectorsOf(texts)),
      encodeDocuments: (texts) => {
        if (encoded.length >= failAfter) return Promise.reject(new Error("killed"));
        encoded.push(...texts);
        return Promise.resolve(vectorsOf(texts));
      },
      close: () => Promise.resolve(),
    };
    const texts = Array.from({ length: 40 }, (_, i) => "x".repeat(i % 20));
    failAfter = 10;
    const cut = cachedEncoder(encoder, EmbeddingCache.open(directory, identity), 5);
    await assert.rejects(cut.encodeDocuments(texts), /killed/);
    await cut.close();
    assert.equal(encoded.length, 10);
    failAfter = Number.POSITIVE_INFINITY;
    const again = cachedEncoder(encoder, EmbeddingCache.open(directory, identity), 5);
    const { values } = await again.encodeDocuments(texts);
    await again.close();
    assert.deepEqual([...values], [...vectorsOf(texts).values]);
    assert.equal(encoded.length, 20);
    assert.equal(new Set(encoded).size, 20);
    encoded = [];
  });
});
