import type { Analyzer } from "../analysis/analyzer.js";
import { FeatureUnavailableError, InputError } from "../errors.js";
import { Bitset } from "../numeric/bitset.js";
import { TopKHeap } from "../numeric/top-k-heap.js";
import type { LegHits } from "../run/doc-names.js";
import { compareDocIds } from "../run/ranking.js";
import { type Bm25Parameters, bm25Parameters } from "./bm25.js";
import { containsPhrase } from "./phrase-match.js";
import { type Condition, type ScoringPlan, scoringPlan } from "./scoring-plan.js";
import { LiveStatistics, type SparseSnapshotPart } from "./snapshot.js";
import type { QueryField, SparseQuery } from "./sparse-query.js";
import type { SparseSettings } from "./sparse-settings.js";
import { fieldLength, termMatches } from "./term-matches.js";

export interface SparseSearchOptions {
  /** How many hits at most, >= 1. */
  readonly depth: number;
  /** Per segment of the snapshot the documents that may be hits; null or absent: all of them. */
  readonly accept?: readonly (Bitset | null)[];
  /** Another member of the BM25 family or other k1, b, delta for this query. */
  readonly bm25?: Partial<Bm25Parameters>;
  /** Count all matches even where pruning need not look at them. Default false. */
  readonly countTotal?: boolean;
}

/** Hits of the sparse leg. Scores are float32 values. */
export interface SparseHits extends LegHits {
  /** Matching documents: all of them if `totalIsExact`, else at least so many. */
  readonly total: number;
  readonly totalIsExact: boolean;
  /** Score of the best hit, 0 without hits. */
  readonly topScore: number;
}

/** Why a document has its score: the terms' scores add up to it, to float32 rounding. */
export interface SparseExplanation {
  readonly score: number;
  /** False if the document is deleted, not accepted by the query's conditions, or has no term of it. */
  readonly matches: boolean;
  readonly terms: readonly TermExplanation[];
}

export interface TermExplanation {
  readonly term: string;
  readonly field: QueryField;
  /** Occurrences in the field; weighted by the boosts where the query names no field. */
  readonly tf: number;
  readonly df: number;
  readonly idf: number;
  readonly score: number;
}

/** Gives the stored fields of a document, to verify phrases where no positions are stored. */
export interface StoredText {
  readonly analyzer: Analyzer;
  textOf(segmentOrd: number, docOrd: number): { readonly title: string; readonly text: string };
}

/**
 * BM25 over one snapshot. score(d) = fround(Σ weight(t) · factor(tf(t, d), length(d))), summed in
 * float64 in the plan's order. Statistics are those of the live documents, so scores do not depend
 * on how documents are spread over segments or what was deleted before. Ties: docId descending.
 */
export class SparseSearcher {
  readonly statistics: LiveStatistics;
  readonly #parts: readonly SparseSnapshotPart[];
  readonly #settings: SparseSettings;
  readonly #storedText: StoredText | null;

  constructor(
    parts: readonly SparseSnapshotPart[],
    settings: SparseSettings,
    storedText: StoredText | null = null,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#storedText = storedText;
    this.statistics = new LiveStatistics(parts);
  }

  /**
   * The best `depth` matches.
   *
   * @throws {InputError} depth not a positive integer, `accept` of another shape, bm25 out of range
   * @throws {FeatureUnavailableError} a phrase, but neither positions nor stored text
   */
  search(query: SparseQuery, options: SparseSearchOptions): SparseHits {
    return this.searchExhaustive(query, options);
  }

  /** The plain twin of `search`: scores every match of every term. */
  searchExhaustive(query: SparseQuery, options: SparseSearchOptions): SparseHits {
    checkOptions(this.#parts, options);
    const plan = this.#plan(query, options.bm25);
    const heap = this.#heap(options.depth);
    let total = 0;
    for (let ord = 0; ord < this.#parts.length; ord++) {
      const { matches, scores } = this.#scoreSegment(ord, plan);
      this.#restrict(matches, ord, plan, options.accept?.[ord] ?? null);
      for (let doc = matches.next(0); doc >= 0; doc = matches.next(doc + 1)) {
        heap.push(Math.fround(scores[doc]!), ord, doc);
        total++;
      }
    }
    return toHits(heap, total, true);
  }

  /** Per segment all documents that match the query, for totals and facets. */
  matches(query: SparseQuery, accept?: readonly (Bitset | null)[]): Bitset[] {
    const plan = this.#plan(query, undefined);
    return this.#parts.map((_, ord) => {
      const { matches } = this.#scoreSegment(ord, plan);
      this.#restrict(matches, ord, plan, accept?.[ord] ?? null);
      return matches;
    });
  }

  /**
   * Why the document at this place has its score, whether or not it would be among the best.
   *
   * @throws {InputError} no such segment or document in the snapshot
   */
  explain(
    query: SparseQuery,
    segmentOrd: number,
    docOrd: number,
    bm25?: Partial<Bm25Parameters>,
  ): SparseExplanation {
    const part = this.#parts[segmentOrd];
    if (part === undefined || !(docOrd >= 0 && docOrd < part.segment.docCount)) {
      throw new InputError(`no document ${docOrd} in segment ${segmentOrd} of the snapshot`, {
        segmentOrd,
        docOrd,
      });
    }
    const plan = this.#plan(query, bm25);
    const { boosts } = this.#settings;
    let sum = 0;
    const terms: TermExplanation[] = [];
    for (const { term, field, df, idf, weight, factor } of plan.terms) {
      const found = termMatches(part.segment, term, field, boosts);
      const at = found.docs.subarray(0, found.count).indexOf(docOrd);
      if (at < 0) continue;
      const tf = found.tfs[at]!;
      const score = weight * factor.factor(tf, fieldLength(part.segment, docOrd, field, boosts));
      sum += score;
      terms.push({ term, field, tf, df, idf, score });
    }
    const matches = new Bitset(part.segment.docCount);
    if (terms.length > 0) matches.add(docOrd);
    this.#restrict(matches, segmentOrd, plan, null);
    return { score: Math.fround(sum), matches: matches.has(docOrd), terms };
  }

  /** Σ weight · limit: no document, however long it repeats the query, scores above this. */
  upperBound(query: SparseQuery, bm25?: Partial<Bm25Parameters>): number {
    let bound = 0;
    for (const { weight, factor } of this.#plan(query, bm25).terms) bound += weight * factor.limit;
    return bound;
  }

  #plan(query: SparseQuery, bm25: Partial<Bm25Parameters> | undefined): ScoringPlan {
    const parameters = bm25Parameters(bm25, this.#settings.bm25);
    return scoringPlan(query, this.statistics, this.#settings, parameters);
  }

  #heap(depth: number): TopKHeap {
    const parts = this.#parts;
    const { docCount } = this.statistics;
    return new TopKHeap(
      Math.min(depth, Math.max(docCount, 1)),
      (aMajor, aMinor, bMajor, bMinor) => {
        const a = parts[aMajor]!.names;
        const b = parts[bMajor]!.names;
        if (aMajor === bMajor) return a.idRank[bMinor]! - a.idRank[aMinor]!;
        return compareDocIds(b.docId(bMinor), a.docId(aMinor));
      },
    );
  }

  #scoreSegment(ord: number, plan: ScoringPlan): { matches: Bitset; scores: Float64Array } {
    const { segment } = this.#parts[ord]!;
    const { boosts } = this.#settings;
    const matches = new Bitset(segment.docCount);
    const scores = new Float64Array(segment.docCount);
    for (const { term, field, weight, factor } of plan.terms) {
      const found = termMatches(segment, term, field, boosts);
      for (let i = 0; i < found.count; i++) {
        const doc = found.docs[i]!;
        matches.add(doc);
        scores[doc]! +=
          weight * factor.factor(found.tfs[i]!, fieldLength(segment, doc, field, boosts));
      }
    }
    return { matches, scores };
  }

  /** Takes from `matches` what is deleted, not accepted or fails a condition. */
  #restrict(matches: Bitset, ord: number, plan: ScoringPlan, accept: Bitset | null): void {
    const { deleted } = this.#parts[ord]!;
    if (deleted !== null) matches.subtract(deleted);
    if (accept !== null) matches.intersectWith(accept);
    for (const condition of plan.required)
      matches.intersectWith(this.#holding(condition, ord, matches));
    for (const condition of plan.excluded) matches.subtract(this.#holding(condition, ord, matches));
  }

  /** Those of `candidates` that hold a condition. */
  #holding(condition: Condition, ord: number, candidates: Bitset): Bitset {
    const { segment } = this.#parts[ord]!;
    const terms = condition.kind === "term" ? [condition] : condition.terms;
    const holding = candidates.clone();
    for (const { term } of terms) {
      const found = termMatches(segment, term, condition.field, { title: 1, text: 1 });
      const docs = new Bitset(segment.docCount);
      for (let i = 0; i < found.count; i++) docs.add(found.docs[i]!);
      holding.intersectWith(docs);
    }
    if (condition.kind === "term") return holding;
    for (const doc of holding) {
      if (!this.#hasPhrase(condition, ord, doc)) holding.remove(doc);
    }
    return holding;
  }

  #hasPhrase(phrase: Condition & { kind: "phrase" }, ord: number, doc: number): boolean {
    if (this.#storedText === null) {
      throw new FeatureUnavailableError(
        "phrases need word positions or the stored text, and this searcher was opened with neither",
        { feature: "phrase" },
      );
    }
    const { title, text } = this.#storedText.textOf(ord, doc);
    const { analyzer } = this.#storedText;
    return (
      (phrase.field !== "text" && containsPhrase(analyzer.tokens(title), phrase.terms)) ||
      (phrase.field !== "title" && containsPhrase(analyzer.tokens(text), phrase.terms))
    );
  }
}

function checkOptions(parts: readonly SparseSnapshotPart[], options: SparseSearchOptions): void {
  const { depth, accept } = options;
  if (!Number.isInteger(depth) || depth < 1) {
    throw new InputError(`depth must be an integer >= 1, got ${depth}`, {
      field: "depth",
      value: depth,
    });
  }
  if (accept === undefined) return;
  const fits =
    accept.length === parts.length &&
    accept.every((set, ord) => set === null || set.size === parts[ord]?.segment.docCount);
  if (!fits) {
    throw new InputError(
      `accept must hold one bitset or null per segment (${parts.length}) of that segment's size`,
      { field: "accept", count: accept.length },
    );
  }
}

function toHits(heap: TopKHeap, total: number, totalIsExact: boolean): SparseHits {
  const { scores, majors, minors } = heap.drain();
  return {
    count: scores.length,
    segmentOrds: majors,
    docOrds: minors,
    scores,
    total,
    totalIsExact,
    topScore: scores[0] ?? 0,
  };
}
