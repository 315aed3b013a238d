import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Embeddings, Encoder, EncoderIdentity } from "../../src/dense/encoder.js";
import { EncodingJob } from "../../src/dense/encoding-job.js";
import { CorruptIndexError, EncoderMismatchError, InputError } from "../../src/errors.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const identity: EncoderIdentity = {
  name: "lengths",
  fingerprint: "sha256:lengths",
  dimension: 2,
  similarity: "dot",
};

function encoderOf(encoded: string[]): Encoder {
  const encode = (texts: readonly string[]): Promise<Embeddings> => {
    encoded.push(...texts);
    const values = Float32Array.from(texts.flatMap((text) => [text.length, 1]));
    return Promise.resolve({ count: texts.length, dimension: 2, values });
  };
  return {
    identity,
    encodeQueries: encode,
    encodeDocuments: encode,
    close: () => Promise.resolve(),
  };
}

function scratch(t: TestContext): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "braid-job-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const texts = Array.from({ length: 95 }, (_, i) => "x".repeat(i));

function assertComplete(job: EncodingJob): void {
  assert.deepEqual(job.progress(), {
    shardsDone: 10,
    shardCount: 10,
    textsDone: 95,
    textCount: 95,
  });
  const cache = job.openCache();
  const row = new Float32Array(2);
  for (const text of texts) {
    assert.ok(cache.get(text, row));
    assert.deepEqual([...row], [text.length, 1]);
  }
  cache.close();
}

describe("EncodingJob", () => {
  it("is done once by several workers side by side", async (t) => {
    const directory = scratch(t);
    const job = await EncodingJob.create(directory, identity, texts, { textsPerShard: 10 });
    const encoded: string[][] = [[], [], []];
    const seen: number[] = [];
    await Promise.all(
      encoded.map((list) =>
        EncodingJob.open(directory).work(encoderOf(list), {
          pollMs: 10,
          onProgress: ({ shardsDone }) => seen.push(shardsDone),
        }),
      ),
    );
    assert.equal(encoded.flat().length, 95);
    assert.equal(new Set(encoded.flat()).size, 95);
    assert.equal(Math.max(...seen), 10);
    assertComplete(job);
    assert.deepEqual(
      readdirSync(directory).filter((name) => /claim|tmp/.test(name)),
      [],
    );
  });

  it("goes on where a killed process stopped, without doing again what it had done", async (t) => {
    const directory = scratch(t);
    const job = await EncodingJob.create(directory, identity, texts, { textsPerShard: 10 });
    const script = `
      const { EncodingJob } = await import("./src/dense/encoding-job.ts");
      let shards = 0;
      const encoder = {
        identity: ${JSON.stringify(identity)},
        encodeDocuments(texts) {
          if (++shards === 4) { console.log("stuck"); return new Promise(() => setInterval(() => {}, 1000)); }
          return { count: texts.length, dimension: 2, values: Float32Array.from(texts.flatMap((t) => [t.length, 1])) };
        },
      };
      await EncodingJob.open(${JSON.stringify(directory)}).work(encoder);`;
    const child = spawn(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", script],
      { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
    );
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    assert.equal(job.progress().shardsDone, 3);
    const encoded: string[] = [];
    await job.work(encoderOf(encoded), { pollMs: 10 });
    assert.equal(encoded.length, 65);
    assertComplete(job);
  });

  it("refuses another encoder, a second job in its place and changed texts", async (t) => {
    const directory = scratch(t);
    const job = await EncodingJob.create(directory, identity, texts, { textsPerShard: 50 });
    const other = { ...encoderOf([]), identity: { ...identity, fingerprint: "sha256:other" } };
    await assert.rejects(job.work(other), EncoderMismatchError);
    await assert.rejects(EncodingJob.create(directory, identity, texts), InputError);
    writeFileSync(path.join(directory, "shard-00001.json"), "[]");
    await assert.rejects(job.work(encoderOf([])), CorruptIndexError);
    assert.equal(job.progress().shardsDone, 1);
  });
});
