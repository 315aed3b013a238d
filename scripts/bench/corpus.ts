/**
 * How fast do documents come in? CPU time of reading, of parsing lines as JSON, and of checking
 * them by hand against a zod schema of the same rules.
 *
 *   npx tsx scripts/bench/corpus.ts [BEIR folder]
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { openCorpus } from "../../src/corpus/open-corpus.js";
import { parseDocument } from "../../src/corpus/parse-document.js";

const folder = process.argv[2] ?? "../shared/data/scifact";
const lines = readFileSync(path.join(folder, "corpus.jsonl"), "utf8").trim().split("\n");
const values = lines.map((line) => JSON.parse(line) as unknown);
const schema = z
  .looseObject({
    _id: z.union([z.string().min(1).max(512), z.int()]).transform(String),
    title: z.string().nullish(),
    text: z.string().nullish(),
  })
  .catchall(z.json());

async function cpuMs(work: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 9; round++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  }
  return times.sort((a, b) => a - b)[4] as number;
}

const rows: [string, () => unknown][] = [
  ["JSON.parse of each line", () => lines.map((line) => JSON.parse(line))],
  ["parseDocument", () => values.map((value) => parseDocument(value, "bench:1"))],
  ["zod schema", () => values.map((value) => schema.parse(value))],
  [
    "openCorpus, one by one",
    async () => {
      for await (const _ of openCorpus(folder));
    },
  ],
  [
    "openCorpus, in batches",
    async () => {
      for await (const _ of openCorpus(folder).batches());
    },
  ],
];
console.log(`${lines.length} documents of ${folder}; median CPU of nine rounds`);
for (const [name, work] of rows) {
  const ms = await cpuMs(work);
  console.log(
    `${name.padEnd(26)} ${ms.toFixed(1).padStart(8)} ms ${((1000 * ms) / lines.length).toFixed(2).padStart(8)} µs a document`,
  );
}
