/**
 * The passage of a text that shows best why it is a hit, with the words of the query marked.
 *
 * A passage is worth Σ over the query terms in it of weight · tf / (tf + 1): another term counts
 * more than a repetition. All windows that begin with a match and are at most `length` units long
 * are compared in one sweep; the best one then grows to whole sentences, or at least whole words.
 */
import type { NumberingAnalyzer } from "./analyzer.js";
import { passageEnd, passageStart } from "./passage-bounds.js";

export interface HighlightOptions {
  /** Longest passage in UTF-16 units, at least 40; `Infinity` shows all. Default 240. */
  readonly length?: number;
  /** Most passages; they never overlap. Default 1. */
  readonly count?: number;
}

/** A piece of a text, `text.slice(start, end)`, with UTF-16 offsets into the whole text. */
export interface Passage {
  readonly start: number;
  readonly end: number;
  /** Worth of the passage; 0 without a match. */
  readonly score: number;
  /** The words to mark, as offsets into the whole text, ascending, merged where they touch. */
  readonly marks: readonly Mark[];
  /**
   * The piece as HTML: everything of the text escaped, `<mark>` around the marked words, `…` where
   * the text goes on. The only tags in it are `<mark>` and `</mark>`.
   */
  readonly html: string;
}

export interface Mark {
  readonly start: number;
  readonly end: number;
}

/** Units of a text that are analysed, some 10 ms of work: beyond, nothing is marked. */
export const maxHighlightLength = 1_000_000;

const minLength = 40;

/**
 * Best passages of a text, best first, equal ones in text order. A text without a match gives its
 * beginning, unmarked; an empty text gives nothing.
 *
 * @param weights analysed query terms (with expansions of prefixes and misspellings) and what each
 *   is worth, for instance its idf; terms not worth more than 0 are not marked
 */
export function highlight(
  analyzer: NumberingAnalyzer,
  weights: ReadonlyMap<string, number>,
  text: string,
  options: HighlightOptions = {},
): Passage[] {
  const length = Math.max(options.length ?? 240, minLength);
  const count = options.count ?? 1;
  if (text === "" || count < 1) return [];
  const matches = findMatches(analyzer, weights, text);
  const whole = { from: 0, to: matches.length, left: 0, right: text.length };
  if (matches.length === 0) {
    const end = passageEnd(text, 0, 0, length, text.length);
    return [toPassage(text, matches, whole, 0, end, 0)];
  }
  const passages: Passage[] = [];
  const free = [whole];
  while (passages.length < count) {
    const best = bestWindow(matches, free, length);
    if (best === undefined) break;
    const { gap, first, last, score } = best;
    const from = matches[first] as Match;
    const to = matches[last] as Match;
    const start = passageStart(text, from.start, to.end, length, gap.left);
    const end = passageEnd(text, start, to.end, length, gap.right);
    passages.push(toPassage(text, matches, gap, start, end, score));
    free.splice(free.indexOf(gap), 1, ...remaining(matches, gap, start, end));
  }
  return passages;
}

/** `text` as HTML text: nothing in it is markup any more, nor a broken character. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'\0]|\p{Surrogate}/gu, (unit) => entities[unit] ?? "\ufffd");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

interface Match extends Mark {
  /** 0-based number of the query term. */
  readonly term: number;
  readonly weight: number;
}

function findMatches(
  analyzer: NumberingAnalyzer,
  weights: ReadonlyMap<string, number>,
  text: string,
): Match[] {
  const terms = new Map<string, { term: number; weight: number }>();
  for (const [term, weight] of weights) {
    if (weight > 0) terms.set(term, { term: terms.size, weight: Math.min(weight, 1e9) });
  }
  const matches: Match[] = [];
  if (terms.size === 0) return matches;
  const isCut = text.length > maxHighlightLength;
  const count = analyzer.numberTerms(isCut ? text.slice(0, maxHighlightLength) : text);
  for (let i = 0; i < count; i++) {
    const known = terms.get(analyzer.termOf(analyzer.termNumbers[i] as number));
    if (known === undefined) continue;
    const end = analyzer.endOf(i);
    // The last word may be the beginning of a longer one.
    if (isCut && end >= maxHighlightLength) break;
    matches.push({ start: analyzer.startOf(i), end, ...known });
  }
  return matches;
}

/** A stretch of text without a passage yet: matches `from` to `to`, offsets `left` to `right`. */
interface Gap {
  readonly from: number;
  readonly to: number;
  readonly left: number;
  readonly right: number;
}

interface Window {
  readonly gap: Gap;
  readonly first: number;
  readonly last: number;
  readonly score: number;
}

function bestWindow(
  matches: readonly Match[],
  gaps: readonly Gap[],
  length: number,
): Window | undefined {
  let best: Window | undefined;
  for (const gap of gaps) {
    const window = bestWindowIn(matches, gap, length);
    if (window !== undefined && (best === undefined || window.score > best.score)) best = window;
  }
  return best;
}

function bestWindowIn(matches: readonly Match[], gap: Gap, length: number): Window | undefined {
  let best: Window | undefined;
  const frequencies: number[] = [];
  let score = 0;
  // What the match adds to the score when its term's frequency becomes `tf`.
  const gain = ({ weight }: Match, tf: number): number => weight / (tf * (tf + 1));
  let end = gap.from;
  for (let first = gap.from; first < gap.to; first++) {
    const left = matches[first] as Match;
    for (; end < gap.to; end++) {
      const match = matches[end] as Match;
      if (end > first && match.end - left.start > length) break;
      const tf = (frequencies[match.term] ?? 0) + 1;
      frequencies[match.term] = tf;
      score += gain(match, tf);
    }
    // Rounding of the running sum must not prefer a later window of equal worth.
    if (best === undefined || score > best.score * (1 + 1e-9)) {
      best = { gap, first, last: end - 1, score };
    }
    const tf = frequencies[left.term] as number;
    frequencies[left.term] = tf - 1;
    score -= gain(left, tf);
  }
  return best;
}

/** What is left of a gap beside a passage, in text order. */
function remaining(matches: readonly Match[], gap: Gap, start: number, end: number): Gap[] {
  let before = gap.from;
  while (before < gap.to && (matches[before] as Match).end <= start) before++;
  let after = before;
  while (after < gap.to && (matches[after] as Match).start < end) after++;
  return [
    { from: gap.from, to: before, left: gap.left, right: start },
    { from: after, to: gap.to, left: end, right: gap.right },
  ];
}

function toPassage(
  text: string,
  matches: readonly Match[],
  gap: Gap,
  start: number,
  end: number,
  score: number,
): Passage {
  const marks: Mark[] = [];
  for (let i = gap.from; i < gap.to; i++) {
    const match = matches[i] as Match;
    if (match.start < start || match.end > end) continue;
    const last = marks.at(-1);
    if (last === undefined || match.start > last.end) {
      marks.push({ start: match.start, end: match.end });
    } else if (match.end > last.end) {
      marks[marks.length - 1] = { start: last.start, end: match.end };
    }
  }
  const pieces: string[] = start > 0 ? ["…"] : [];
  let from = start;
  for (const mark of marks) {
    pieces.push(escapeHtml(text.slice(from, mark.start)));
    pieces.push("<mark>", escapeHtml(text.slice(mark.start, mark.end)), "</mark>");
    from = mark.end;
  }
  pieces.push(escapeHtml(text.slice(from, end)));
  if (end < text.length) pieces.push("…");
  return { start, end, score, marks, html: pieces.join("") };
}
