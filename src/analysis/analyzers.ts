/**
 * The analyzers by name. An entry never changes its terms: a better chain gets a new version.
 *
 * - `english@1`: Lucene's EnglishAnalyzer (Unicode words, possessives, lower case, 33 stop words,
 *   Porter), with the departures listed in `word-scanner.ts` and `fold-word.ts`.
 * - `english-code@1`: the same, and identifiers are found by their parts too.
 * - a language: Unicode words, folding, stop words, Snowball stemmer; French and Italian lose
 *   elided articles (`l'`, `dell'`), as in Lucene.
 * - `standard@1`: Unicode words, folded; no stop words, no stemming: for mixed or other languages.
 * - `whitespace@1`: runs between white space, unchanged, for text that is analysed already.
 */
import { InputError } from "../errors.js";
import type { NumberingAnalyzer } from "./analyzer.js";
import { foldWord } from "./fold-word.js";
import { scanIdentifiers } from "./identifier-scanner.js";
import { naturalStemmer, type Stem, snowballStemmer } from "./stemmer.js";
import * as stopWords from "./stop-words.js";
import { scanWhitespace } from "./whitespace-scanner.js";
import { WordAnalyzer, type WordChain } from "./word-analyzer.js";

type TermOf = WordChain["termOf"];

/** Steps of a language between folding and stemming. */
interface Language {
  readonly stop: stopWords.StopWords;
  readonly stemmer: () => Stem;
  /** Articles and pronouns that lose their vowel before another word: the part before `'`. */
  readonly elided?: ReadonlySet<string>;
}

const frenchElisions = new Set("l m t qu n s j d c jusqu quoiqu lorsqu puisqu".split(" "));
const italianElisions = new Set(
  "c l all dall dell nell sull coll gl agl dagl degl negl sugl un m t s v d".split(" "),
);

const languages: Readonly<Record<string, Language>> = {
  danish: { stop: stopWords.danish, stemmer: () => snowballStemmer("danish") },
  dutch: { stop: stopWords.dutch, stemmer: () => naturalStemmer("_nl") },
  finnish: { stop: stopWords.finnish, stemmer: () => snowballStemmer("finnish") },
  french: { stop: stopWords.french, stemmer: () => naturalStemmer("_fr"), elided: frenchElisions },
  german: { stop: stopWords.german, stemmer: () => naturalStemmer("_de") },
  hungarian: { stop: stopWords.hungarian, stemmer: () => snowballStemmer("hungarian") },
  italian: {
    stop: stopWords.italian,
    stemmer: () => naturalStemmer("_it"),
    elided: italianElisions,
  },
  norwegian: { stop: stopWords.norwegian, stemmer: () => naturalStemmer("_no") },
  portuguese: { stop: stopWords.portuguese, stemmer: () => naturalStemmer("_pt") },
  romanian: { stop: stopWords.romanian, stemmer: () => snowballStemmer("romanian") },
  russian: { stop: stopWords.russian, stemmer: () => snowballStemmer("russian") },
  spanish: { stop: stopWords.spanish, stemmer: () => naturalStemmer("_es") },
  swedish: { stop: stopWords.swedish, stemmer: () => naturalStemmer("_sv") },
  turkish: { stop: stopWords.turkish, stemmer: () => snowballStemmer("turkish") },
};

const chains: Readonly<Record<string, () => Omit<WordChain, "id">>> = {
  "english@1": () => ({ termOf: englishTerms() }),
  "english-code@1": () => ({ termOf: englishTerms(), scan: scanIdentifiers }),
  "standard@1": () => ({ termOf: foldWord }),
  "whitespace@1": () => ({ termOf: wellFormed, scan: scanWhitespace }),
  ...Object.fromEntries(
    Object.entries(languages).map(([name, language]) => [
      `${name}@1`,
      () => ({ termOf: languageTerms(language) }),
    ]),
  ),
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
  const analyzer = new WordAnalyzer({ id, ...chain() });
  built.set(id, analyzer);
  return analyzer;
}

/** Names of all analyzers, sorted. */
export function analyzerIds(): string[] {
  return Object.keys(chains).sort();
}

function englishTerms(): TermOf {
  const stem = naturalStemmer("");
  return (word) => {
    const folded = withoutPossessive(foldWord(word));
    return stopWords.english.has(folded) ? "" : stem(folded);
  };
}

/** Lucene's EnglishPossessiveFilter: a final `'s` falls away. */
function withoutPossessive(word: string): string {
  return word.endsWith("'s") ? word.slice(0, -2) : word;
}

function languageTerms({ stop, stemmer, elided }: Language): TermOf {
  const stem = stemmer();
  return (word) => {
    const folded = foldWord(word);
    const bare = elided === undefined ? folded : withoutElision(folded, elided);
    if (stop.has(bare)) return "";
    // A stemmer that eats the whole word would make it unfindable.
    return stem(bare) || bare;
  };
}

/** Lucene's ElisionFilter: `l'homme` -> `homme`. */
function withoutElision(word: string, elided: ReadonlySet<string>): string {
  const apostrophe = word.indexOf("'");
  return apostrophe > 0 && elided.has(word.slice(0, apostrophe))
    ? word.slice(apostrophe + 1)
    : word;
}

/** Half a surrogate pair cannot be written as UTF-8: the replacement character stands for it. */
function wellFormed(word: string): string {
  return word.replace(/\p{Surrogate}/gu, "\ufffd");
}
