/**
 * Seeded synthetic corpora for the sparse benchmarks: a vocabulary of 300,000 words under Zipf's law
 * (exponent 1.05) mixed with 800 topics that prefer words of their own, about 77.5 words a document.
 * Words are drawn, not text: analysis is white space for every engine, so that indexes are compared
 * and not tokenizers.
 *
 *   tsx scripts/bench/sparse-corpus.ts FOLDER [documents=1000000]
 *
 * writes FOLDER/<documents>/corpus.txt (one document a line) and topic.txt, hard.txt (one query a
 * line): `topic` queries have 3 to 8 words of one topic, `hard` ones up to 8 words of one document,
 * the most frequent words left in.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import path from "node:path";

const vocabularySize = 300_000;
const topicCount = 800;
const wordsPerTopic = 400;
const topicShare = 0.35;
const queryCount = 1000;

/** Mulberry32: 32 bits of state, enough for data that only has to be spread and repeatable. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws 0 .. size - 1 with probability proportional to 1 / (rank + 1)^exponent. */
function zipf(size: number, exponent: number, random: () => number): () => number {
  const cumulative = new Float64Array(size);
  let sum = 0;
  for (let rank = 0; rank < size; rank++) {
    sum += (rank + 1) ** -exponent;
    cumulative[rank] = sum;
  }
  return () => {
    const target = random() * sum;
    let low = 0;
    let high = size - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] ?? 0) < target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** A word of two to four syllables' length, distinct per rank. */
function wordOf(rank: number): string {
  const consonants = "bcdfghjklmnprstvwz";
  const vowels = "aeiou";
  let rest = rank;
  let word = "";
  do {
    word += (consonants[rest % 18] ?? "") + (vowels[Math.floor(rest / 18) % 5] ?? "");
    rest = Math.floor(rest / 90);
  } while (rest > 0);
  return `${word}n`;
}

class SyntheticCorpus {
  readonly #random = seededRandom(20_260_101);
  readonly #words: readonly string[];
  readonly #general = zipf(vocabularySize, 1.05, this.#random);
  readonly #special = zipf(wordsPerTopic, 0.9, this.#random);
  readonly #topics: readonly Uint32Array[];

  constructor() {
    this.#words = Array.from({ length: vocabularySize }, (_, rank) => wordOf(rank));
    this.#topics = Array.from({ length: topicCount }, () =>
      Uint32Array.from({ length: wordsPerTopic }, () => {
        // Topic words are neither the commonest nor the rarest: log-uniform over ranks 200 .. 300,000.
        return Math.floor(200 * (vocabularySize / 200) ** this.#random());
      }),
    );
  }

  document(): string[] {
    const random = this.#random;
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const length = Math.max(4, Math.round(68.5 * Math.exp(0.5 * normal)));
    const topic = this.#topics[Math.floor(random() * topicCount)] ?? new Uint32Array(1);
    return Array.from({ length }, () => {
      const rank = random() < topicShare ? (topic[this.#special()] ?? 0) : this.#general();
      return this.#words[rank] ?? "";
    });
  }

  topicQuery(): string[] {
    const topic = this.#topics[Math.floor(this.#random() * topicCount)] ?? new Uint32Array(1);
    const length = 3 + Math.floor(this.#random() * 6);
    return Array.from({ length }, () => this.#words[topic[this.#special()] ?? 0] ?? "");
  }

  hardQuery(): string[] {
    const words = this.document();
    const length = 1 + Math.floor(this.#random() * 8);
    return Array.from(
      { length: Math.min(length, words.length) },
      () => words[Math.floor(this.#random() * words.length)] ?? "",
    );
  }
}

/** Writes the corpus unless it is there; returns its folder. */
export function ensureCorpus(folder: string, documentCount: number): string {
  const target = path.join(folder, String(documentCount));
  if (existsSync(path.join(target, "hard.txt"))) return target;
  mkdirSync(target, { recursive: true });
  const corpus = new SyntheticCorpus();
  writeLines(path.join(target, "corpus.txt"), documentCount, () => corpus.document().join(" "));
  writeLines(path.join(target, "topic.txt"), queryCount, () => corpus.topicQuery().join(" "));
  writeLines(path.join(target, "hard.txt"), queryCount, () => corpus.hardQuery().join(" "));
  return target;
}

function writeLines(file: string, count: number, line: () => string): void {
  const descriptor = openSync(`${file}.part`, "w");
  let pending: string[] = [];
  for (let i = 0; i < count; i++) {
    pending.push(line());
    if (pending.length === 4096 || i === count - 1) {
      writeSync(descriptor, `${pending.join("\n")}\n`);
      pending = [];
    }
  }
  closeSync(descriptor);
  renameSync(`${file}.part`, file);
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const [folder, documents = "1000000"] = process.argv.slice(2);
  if (folder === undefined) {
    console.error("usage: tsx scripts/bench/sparse-corpus.ts FOLDER [documents]");
    process.exit(2);
  }
  console.log(ensureCorpus(folder, Number(documents)));
}
