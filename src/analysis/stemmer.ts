import { createRequire } from "node:module";

/** Cuts a folded word to the form that it shares with its inflections. Pure; may give "". */
export type Stem = (word: string) => string;

const load = createRequire(import.meta.url);

/**
 * A stemmer of `natural` by the ending of its file: "" is Porter's for English, "_de" German ….
 * Only the single file is loaded: natural's main entry opens database drivers, reads `.env` and
 * prints to stdout.
 */
export function naturalStemmer(ending: string): Stem {
  const stemmer = load(`natural/lib/natural/stemmers/porter_stemmer${ending}.js`) as {
    stem(word: string): string;
  };
  return (word) => stemmer.stem(word);
}

/**
 * A stemmer compiled from the Snowball project's sources, for the languages that natural lacks, and
 * for Russian, where natural's agrees with Snowball's on 86 % of words only (others: 98-100 %).
 */
export function snowballStemmer(language: string): Stem {
  const { stemmer } = load(`@orama/stemmers/${language}`) as { stemmer: Stem };
  return stemmer;
}
