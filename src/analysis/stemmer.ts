import { createRequire } from "node:module";

/** Cuts a lower-case word to the form that it shares with its inflections. Pure. */
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
