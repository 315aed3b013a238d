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
