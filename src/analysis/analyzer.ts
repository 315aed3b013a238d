/** One term with where it stands: `start`..`end` are UTF-16 offsets into the analysed text. */
export interface Token {
  readonly term: string;
  /** Counts every word from 0, removed stop words too, so that phrases keep their gaps. */
  readonly position: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Text -> terms: a named chain of tokenizer, filters and stemmer. Pure and deterministic: the same
 * `id` gives the same terms for ever, because collections name their analyzer by `id`.
 */
export interface Analyzer {
  /** Name and version, for instance `english@1`; written into the collection's manifest. */
  readonly id: string;
  /** Terms in text order, without offsets: the fast path of indexing and querying. */
  terms(text: string): string[];
  /** Terms with positions and offsets, for phrases and highlighting. Same terms, same order. */
  tokens(text: string): Token[];
}

/**
 * An analyzer that numbers its terms, for indexing without a string or a hash map per word:
 * ```ts
 * const count = analyzer.numberTerms(text);
 * if (analyzer.epoch !== epoch) { ids.fill(-1); epoch = analyzer.epoch; }
 * for (let i = 0; i < count; i++) ids[analyzer.termNumbers[i]] …
 * ```
 * Numbers count from 0 without gaps, so they may index an array. They hold until `epoch` changes,
 * which happens at the start of a `numberTerms`, `terms` or `tokens` call, never inside one, when
 * the analyzer's memory of words is full: compare `epoch` after `numberTerms`, before using numbers.
 */
export interface NumberingAnalyzer extends Analyzer {
  readonly epoch: number;
  /** Analyses `text` and returns how many terms it has; read them from the two columns below. */
  numberTerms(text: string): number;
  /** Term numbers of the last analysed text, in text order; valid until the next call. */
  readonly termNumbers: Int32Array;
  /** Position of each of these terms, as in `Token.position`; valid until the next call. */
  readonly termPositions: Uint32Array;
  /** Where the i-th of these terms stands in the text, as in `Token`; valid until the next call. */
  startOf(index: number): number;
  endOf(index: number): number;
  /** The term behind a number of the present epoch. */
  termOf(number: number): string;
}
