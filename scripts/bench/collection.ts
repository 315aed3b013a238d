/**
 * What does durability cost? Building, opening, changing and verifying one collection, sparse leg
 * only, over a seeded Zipfian corpus on the disk of the temporary folder.
 *
 *   npx tsx scripts/bench/collection.ts [documents, default 100000]
 *
 * CPU time is of the whole process, threads included; waits for the disk are wall time.
 */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import type { Document } from "../../src/corpus/document.js";
import type { DocId } from "../../src/run/ranking.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
import { type FileSystem, nodeFileSystem } from "../../src/store/file-system.js";

const documentCount = Number(process.argv[2] ?? 100_000);
const termsPerDocument = 77;
const vocabularySize = 50_000;
const folder = mkdtempSync(path.join(os.tmpdir(), "braid-bench-collection-"));
const directory = path.join(folder, "collection");

let state = 42;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

function* documents(count: number, prefix: string): Generator<Document> {
  for (let i = 0; i < count; i++) {
    const words = Array.from(
      { length: termsPerDocument },
      () => `w${Math.floor(vocabularySize ** random()).toString(36)}`,
    );
    const _id = `${prefix}${i}` as DocId;
    yield { _id, title: "", text: words.join(" "), year: 2000 + (i % 20) };
  }
}

interface Cost {
  readonly cpuS: number;
  readonly wallS: number;
}

async function measured<Result>(work: () => Promise<Result> | Result): Promise<[Cost, Result]> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  return [{ cpuS: (user + system) / 1e6, wallS: (performance.now() - start) / 1000 }, result];
}

function line(what: string, { cpuS, wallS }: Cost, count: number, extra = ""): void {
  const perSecond = Math.round(count / cpuS).toLocaleString("en");
  console.log(
    `${what.padEnd(44)} ${(cpuS * 1000).toFixed(1).padStart(10)} ms CPU ${(wallS * 1000).toFixed(1).padStart(10)} ms wall ` +
      `${perSecond.padStart(12)} per CPU s  ${extra}`,
  );
}

/** Counts what opening and searching read. */
function countingFileSystem(): FileSystem & { bytesRead: number } {
  return {
    ...nodeFileSystem,
    bytesRead: 0,
    read(descriptor, target, position) {
      const count = nodeFileSystem.read(descriptor, target, position);
      this.bytesRead += count;
      return count;
    },
  };
}

/** Median time of one small write with its sync: the floor of a durable change. */
function syncFloorMs(): number {
  const file = openSync(path.join(folder, "sync"), "w");
  const times = Array.from({ length: 101 }, () => {
    const start = performance.now();
    writeSync(file, Buffer.alloc(600));
    fsyncSync(file);
    return performance.now() - start;
  });
  closeSync(file);
  return times.sort((a, b) => a - b)[50] ?? 0;
}

try {
  console.log(
    `${documentCount} documents of ${termsPerDocument} terms, vocabulary ${vocabularySize}; Node ` +
      `${process.version}, ${os.cpus().length} x ${os.cpus()[0]?.model}; one sync ${syncFloorMs().toFixed(2)} ms`,
  );
  const [generation] = await measured(() => {
    for (const _ of documents(documentCount, "d"));
  });
  line("generating them (part of what follows)", generation, documentCount);
  const writer = await createCollection(directory);
  const [build] = await measured(() =>
    writer.bulkBuild(documents(documentCount, "d"), { mode: "replace" }),
  );
  const peakMiB = process.resourceUsage().maxRSS >> 10;
  const bytes = writer.stats().totalBytes;
  const size = `${(bytes / documentCount).toFixed(0)} B a document, peak ${peakMiB} MiB`;
  line("bulk build, one segment", build, documentCount, size);
  await writer.close();

  const counting = countingFileSystem();
  const [opening, reader] = await measured(() =>
    openCollection(directory, { fileSystem: counting }),
  );
  line("open for reading", opening, 1, `${counting.bytesRead} bytes read`);
  const search = (): number =>
    reader.snapshot().sparse.search(bagOfWords(["w5", "wz"]), { depth: 10 }).count;
  const [first] = await measured(search);
  line("first query", first, 1, `${counting.bytesRead} of ${bytes} bytes read so far`);
  const [fetching] = await measured(() => {
    for (let i = 0; i < 1000; i++) reader.snapshot().document(`d${i * 7}`);
  });
  line("1,000 documents by id", fetching, 1000);
  const [verifying, report] = await measured(() => reader.verify());
  line("verify", verifying, documentCount, report.ok ? "nothing found" : "PROBLEMS");
  await reader.close();

  const again = await openCollection(directory, { mode: "write" });
  const single = [...documents(200, "s")];
  const [one] = await measured(async () => {
    for (const document of single) await again.upsert([document]);
  });
  line(
    "200 durable upserts, one by one",
    one,
    200,
    `${((one.wallS * 1000) / 200).toFixed(2)} ms each`,
  );
  const many = [...documents(5000, "c")];
  const [together] = await measured(() =>
    Promise.all(many.map((document) => again.upsert([document]))),
  );
  line("5,000 durable upserts at once", together, 5000);
  const batches = Array.from({ length: 20 }, (_, i) => [...documents(500, `b${i}-`)]);
  const [batched] = await measured(async () => {
    for (const batch of batches) await again.upsert(batch);
  });
  line("10,000 upserts in batches of 500", batched, 10_000);
  const replacing = [...documents(5000, "d")];
  const [replaced] = await measured(async () => {
    for (let i = 0; i < 5000; i += 500) await again.upsert(replacing.slice(i, i + 500));
  });
  line("5,000 replacements in batches of 500", replaced, 5000);
  const [compacted] = await measured(() => again.compact());
  line("compact", compacted, documentCount + 15_200);
  await again.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
