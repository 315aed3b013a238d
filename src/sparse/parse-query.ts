import type { Analyzer } from "../analysis/analyzer.js";
import {
  bagOfWords,
  type FuzzyClause,
  type Occur,
  type PhraseClause,
  type PrefixClause,
  type QueryField,
  type SparseClause,
  type SparseQuery,
} from "./sparse-query.js";

export interface ParseQueryOptions {
  /** Whether quotes, + and -, `title:` and `text:` mean anything; false: a plain bag of words. Default true. */
  readonly operators?: boolean;
  /** `word*` stands for all terms that begin so. Default false: the star is punctuation. */
  readonly prefix?: boolean;
  /** `word~`, `word~1`, `word~2` stand for similar terms. Default false. */
  readonly fuzzy?: boolean;
}

/*
 * One operand: what stands between white space, or quotes with what they enclose. The sign and the
 * scope count only where an operand starts and something follows them at once, so that "well-known",
 * "3 - 1", "C++", "Title: x" and a lone quotation mark stay ordinary text.
 */
const operand = /(?<=^|\s)([+-]?)(?:(title|text):)?(?:"([^"]*)"|([^\s"+-][^\s"]*))(?=\s|$)/gu;

/**
 * Text of a query -> clauses.
 *
 * - `words in a row`: a bag; a document needs one of them, and more score more
 * - `"exact words"`: required side by side in one field; the words score too
 * - `+word`, `-word`: required, excluded; also before a scope or a phrase
 * - `title:word`, `text:"two words"`: in that field only
 * - with the options: `word*`, all terms that begin so; `word~`, all within one edit, two for words
 *   of more than five letters (`word~1`, `word~2` say how many)
 *
 * Whatever does not have exactly this form is text. A word that the analyzer splits (`e-mail`) is
 * required or excluded as a phrase; one that it drops (a stop word) is ignored. Never throws.
 */
export function parseSparseQuery(
  text: string,
  analyzer: Analyzer,
  options: ParseQueryOptions = {},
): SparseQuery {
  if (options.operators === false) return bagOfWords(analyzer.terms(text));
  const clauses = new ClauseList();
  let plain = "";
  let end = 0;
  for (const match of text.matchAll(operand)) {
    const [whole, sign, scope, phrase, word] = match;
    const field = (scope ?? "all") as QueryField;
    const occur: Occur = sign === "-" ? "mustNot" : sign === "+" ? "must" : "should";
    const open = word === undefined ? null : openTerm(word, field, occur, analyzer, options);
    if (open === null && sign === "" && scope === undefined && phrase === undefined) continue;
    plain += `${text.slice(end, match.index)} `;
    end = match.index + whole.length;
    if (open !== null) clauses.add(open);
    else clauses.addOperand(phrase ?? word ?? "", phrase !== undefined, field, occur, analyzer);
  }
  plain += text.slice(end);
  for (const term of analyzer.terms(plain)) clauses.addTerm(term, "all", "should");
  return { clauses: clauses.list() };
}

/** A prefix or fuzzy clause, where the option is on and the word has its form. */
function openTerm(
  word: string,
  field: QueryField,
  occur: Occur,
  analyzer: Analyzer,
  options: ParseQueryOptions,
): PrefixClause | FuzzyClause | null {
  const prefix = options.prefix === true ? /^([^*]+)\*$/u.exec(word)?.[1] : undefined;
  if (prefix !== undefined) {
    return { kind: "prefix", field, occur, prefix: singleTerm(prefix, analyzer) };
  }
  const [, fuzzy, edits] = (options.fuzzy === true ? /^([^~]+)~([12]?)$/u.exec(word) : null) ?? [];
  if (fuzzy === undefined) return null;
  const term = singleTerm(fuzzy, analyzer);
  const isLong = [...term].length > 5;
  const maxEdits = edits === "1" || (edits === "" && !isLong) ? 1 : 2;
  return { kind: "fuzzy", field, occur, term, maxEdits };
}

/**
 * The word as the index may have it: its term, so that `running*` finds what is stemmed to `run`;
 * in lower case where the analyzer makes none or several of it.
 */
function singleTerm(word: string, analyzer: Analyzer): string {
  const terms = analyzer.terms(word);
  return terms.length === 1 && terms[0] !== undefined ? terms[0] : word.toLowerCase();
}

/**
 * The query without its operators, as an encoder should read it: signs, quotes and scopes go, the
 * words stay, and excluded words go with their sign, since an encoder would seek what they mean.
 */
export function plainQueryText(text: string): string {
  const plain = text.replace(
    operand,
    (whole: string, sign: string, scope?: string, phrase?: string, word?: string) => {
      if (sign === "" && scope === undefined && phrase === undefined) return whole;
      return sign === "-" ? "" : (phrase ?? word ?? "");
    },
  );
  return plain.replace(/\s+/g, " ").trim() || text;
}

/** Collects clauses in order of appearance, counting repeated terms. */
class ClauseList {
  readonly #terms = new Map<string, { at: number; weight: number }>();
  readonly #clauses: SparseClause[] = [];

  add(clause: SparseClause): void {
    this.#clauses.push(clause);
  }

  addOperand(
    text: string,
    quoted: boolean,
    field: QueryField,
    occur: Occur,
    analyzer: Analyzer,
  ): void {
    const tokens = analyzer.tokens(text);
    const first = tokens[0];
    if (first === undefined) return;
    const isPhrase = tokens.length > 1 && (quoted || occur !== "should");
    if (!isPhrase) {
      const single = quoted && occur === "should" ? "must" : occur;
      for (const { term } of tokens) this.addTerm(term, field, single);
      return;
    }
    const terms = tokens.map((token) => ({
      term: token.term,
      offset: token.position - first.position,
    }));
    const phraseOccur: PhraseClause["occur"] = occur === "mustNot" ? "mustNot" : "must";
    this.#clauses.push({ kind: "phrase", field, occur: phraseOccur, terms });
    if (phraseOccur === "must") for (const { term } of terms) this.addTerm(term, field, "should");
  }

  addTerm(term: string, field: QueryField, occur: Occur): void {
    const key = `${field} ${occur} ${term}`;
    const known = this.#terms.get(key);
    if (known === undefined) {
      this.#terms.set(key, { at: this.#clauses.length, weight: 1 });
      this.#clauses.push({ kind: "term", field, occur, term, weight: 1 });
      return;
    }
    known.weight++;
    this.#clauses[known.at] = { kind: "term", field, occur, term, weight: known.weight };
  }

  list(): readonly SparseClause[] {
    return this.#clauses;
  }
}
