/**
 * How fast does text become terms? Tokens per CPU second of each chain over a BEIR corpus, with the
 * memo of words cold (first pass of a fresh thread) and warm.
 *
 *   npx tsx scripts/bench/analysis.ts [BEIR folder] [analyzer …]
 */
import { analyzerNamed } from "../../src/analysis/analyzers.js";
import { openCorpus } from "../../src/corpus/open-corpus.js";

const [folder = "../shared/data/scifact", ...named] = process.argv.slice(2);
const ids = named.length > 0 ? named : ["english@1", "english-code@1", "standard@1", "german@1"];
const texts: string[] = [];
for await (const { title, text } of openCorpus(folder)) texts.push(`${title} ${text}`);

function cpuMicroseconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

console.log(`${texts.length} documents of ${folder}; M tokens per CPU second, median of nine`);
for (const id of ids) {
  const analyzer = analyzerNamed(id);
  let tokenCount = 0;
  const cold = cpuMicroseconds(() => {
    for (const text of texts) tokenCount += analyzer.numberTerms(text);
  });
  const median = (work: () => void): string => {
    const times = Array.from({ length: 9 }, () => cpuMicroseconds(work)).sort((a, b) => a - b);
    return (tokenCount / (times[4] as number)).toFixed(2);
  };
  const numbers = median(() => {
    for (const text of texts) analyzer.numberTerms(text);
  });
  const terms = median(() => {
    for (const text of texts) analyzer.terms(text);
  });
  console.log(
    `${id.padEnd(16)} cold ${(tokenCount / cold).toFixed(2)}  numberTerms ${numbers}  terms ${terms}`,
  );
}
