import { compareDocIds } from "../run/ranking.js";
import type { LiveStatistics, SparseSnapshotPart } from "./snapshot.js";
import type { FuzzyClause, PrefixClause } from "./sparse-query.js";
import type { SparseSettings } from "./sparse-settings.js";
import { type TermDictionary, termBytes } from "./term-dictionary.js";

/** Terms that one prefix or misspelling stands for, at most; the most frequent ones. */
export const maxVariants = 64;

/** An indexed term that a clause stands for; `boost` multiplies its tf. */
export interface TermVariant {
  readonly term: string;
  readonly boost: number;
  readonly df: number;
}

/**
 * Indexed terms that a prefix or fuzzy clause stands for: fewest edits first, then most frequent,
 * then by term. Depends on the live documents only.
 */
export function expandTerms(
  clause: PrefixClause | FuzzyClause,
  parts: readonly SparseSnapshotPart[],
  statistics: LiveStatistics,
  boosts: SparseSettings["boosts"],
): TermVariant[] {
  const edits = new Map<string, number>();
  for (const { segment } of parts) {
    if (segment.termCount === 0) continue;
    if (clause.kind === "prefix") addPrefixed(segment.dictionary, clause.prefix, edits);
    else addSimilar(segment.dictionary, clause.term, clause.maxEdits, edits);
  }
  const variants = [...edits]
    .map(([term, distance]) => ({
      term,
      distance,
      df: statistics.documentFrequency(term, clause.field, boosts),
      boost: clause.kind === "prefix" ? 1 : fuzzyBoost(clause.term, term, distance),
    }))
    .filter(({ df }) => df > 0);
  variants.sort((a, b) => a.distance - b.distance || b.df - a.df || compareDocIds(a.term, b.term));
  return variants.slice(0, maxVariants).map(({ term, boost, df }) => ({ term, boost, df }));
}

function addPrefixed(dictionary: TermDictionary, prefix: string, edits: Map<string, number>): void {
  const { from, to } = dictionary.prefixRange(termBytes(prefix));
  for (let ord = from; ord < to; ord++) edits.set(dictionary.term(ord), 0);
}

/** 1 for the term itself, less the more of the shorter word had to be edited. */
function fuzzyBoost(asked: string, term: string, distance: number): number {
  return 1 - distance / Math.max(1, Math.min([...asked].length, [...term].length));
}

/**
 * Walks the sorted terms; where no word with a term's beginning can be within reach, the walk jumps
 * behind all terms with that beginning.
 */
function addSimilar(
  dictionary: TermDictionary,
  asked: string,
  maxEdits: number,
  edits: Map<string, number>,
): void {
  const distance = new EditDistance(asked, maxEdits);
  for (let ord = 0; ord < dictionary.count; ) {
    const term = dictionary.term(ord);
    const { value, deadEnd } = distance.to(term);
    // A word with every letter edited is another word.
    if (value <= maxEdits && fuzzyBoost(asked, term, value) > 0) edits.set(term, value);
    if (deadEnd === null) ord++;
    else ord = Math.max(ord + 1, dictionary.prefixRange(termBytes(deadEnd)).to);
  }
}

/**
 * Insertions, deletions, replacements and swaps of neighbours (optimal string alignment) between
 * one word and others, in code points.
 */
export class EditDistance {
  readonly #asked: readonly string[];
  readonly #maxEdits: number;

  constructor(asked: string, maxEdits: number) {
    this.#asked = [...asked];
    this.#maxEdits = maxEdits;
  }

  /**
   * The number of edits, or something greater than the maximum; then `deadEnd` may be a beginning
   * of the word that no word within the maximum has.
   */
  to(word: string): { readonly value: number; readonly deadEnd: string | null } {
    const asked = this.#asked;
    const width = asked.length + 1;
    let beforePrevious: number[] = [];
    let previous = Array.from({ length: width }, (_, i) => i);
    let last = "";
    let beginning = "";
    let row = 0;
    for (const letter of word) {
      row++;
      beginning += letter;
      const current = [row];
      let least = row;
      for (let i = 1; i < width; i++) {
        const askedLetter = asked[i - 1];
        const same = letter === askedLetter ? 0 : 1;
        let best = Math.min(previous[i]! + 1, current[i - 1]! + 1, previous[i - 1]! + same);
        if (row > 1 && i > 1 && letter === asked[i - 2] && last === askedLetter) {
          best = Math.min(best, beforePrevious[i - 2]! + 1);
        }
        current.push(best);
        if (best < least) least = best;
      }
      // A swap reaches back two rows, so a beginning is dead only if the row before was too.
      if (least > this.#maxEdits && Math.min(...previous) >= this.#maxEdits) {
        return { value: this.#maxEdits + 1, deadEnd: beginning };
      }
      beforePrevious = previous;
      previous = current;
      last = letter;
    }
    return { value: previous[width - 1]!, deadEnd: null };
  }
}
