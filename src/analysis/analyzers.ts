import { InputError } from "../errors.js";
import type { NumberingAnalyzer } from "./analyzer.js";
import { foldWord } from "./fold-word.js";
import { naturalStemmer } from "./stemmer.js";
import { english } from "./stop-words.js";
import { WordAnalyzer, type WordChain } from "./word-analyzer.js";

/** Name -> how to build it. An entry never changes its terms: a better chain is a new version. */
const chains: Readonly<Record<string, () => WordChain>> = {
  "english@1": () => {
    const stem = naturalStemmer("");
    return {
      id: "english@1",
      termOf(word) {
        const folded = withoutPossessive(foldWord(word));
        return english.has(folded) ? "" : stem(folded);
      },
    };
  },
};

const built = new Map<string, NumberingAnalyzer>();

/**
 * The analyzer of that name and version, for instance `english@1`. One instance per thread: its
 * memo of words is shared by all who use it.
 *
 * @throws {InputError} no such analyzer
 */
export function analyzerNamed(id: string): NumberingAnalyzer {
  const known = built.get(id);
  if (known !== undefined) return known;
  const chain = Object.hasOwn(chains, id) ? chains[id] : undefined;
  if (chain === undefined) {
    throw new InputError(
      `expected an analyzer (one of ${analyzerIds().join(", ")}), got ${JSON.stringify(id)}`,
      { field: "analyzer", value: id },
    );
  }
  const analyzer = new WordAnalyzer(chain());
  built.set(id, analyzer);
  return analyzer;
}

/** Names of all analyzers, sorted. */
export function analyzerIds(): string[] {
  return Object.keys(chains).sort();
}

/** Lucene's EnglishPossessiveFilter: a final `'s` falls away. */
function withoutPossessive(word: string): string {
  return word.endsWith("'s") ? word.slice(0, -2) : word;
}
