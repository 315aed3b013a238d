import { InputError } from "../errors.js";
import { Bitset } from "../numeric/bitset.js";
import { TopKSelector } from "../numeric/top-k-selector.js";
import type { LegHits } from "../run/doc-names.js";
import { compareDocIds } from "../run/ranking.js";
import { blockSize } from "./block-codec.js";
import { type Bm25Parameters, bm25Parameters, type TermFrequencyFactor } from "./bm25.js";
import { FactorTable } from "./factor-table.js";
import { restrictToConditions, type StoredText } from "./match-conditions.js";
import { MaterialisedCursor } from "./materialised-cursor.js";
import { PostingsCursor, type WindowCursor } from "./postings-cursor.js";
import { type PruningCounters, searchSegment } from "./pruned-search.js";
import { type LengthNorms, type ScoringPlan, scoringPlan, termScore } from "./scoring-plan.js";
import { searchMemory } from "./search-memory.js";
import { LiveStatistics, type SparseSnapshotPart } from "./snapshot.js";
import type { SparseEngine } from "./sparse-engine.js";
import type { QueryField, SparseQuery } from "./sparse-query.js";
import type { SparseSegment } from "./sparse-segment.js";
import type { SparseSettings } from "./sparse-settings.js";
import { addMatches, fieldLength, scoringFrequency, scoringMatches } from "./term-matches.js";

export interface SparseSearchOptions {
  /** How many hits at most, >= 1. */
  readonly depth: number;
  /** Per segment of the snapshot the documents that may be hits; null or absent: all of them. */
  readonly accept?: readonly (Bitset | null)[];
  /** Another member of the BM25 family or other k1, b, delta for this query. */
  readonly bm25?: Partial<Bm25Parameters>;
  /** Count all matches even where pruning need not look at them. Default false. */
  readonly countTotal?: boolean;
  /**
   * `lucene` scores as Lucene 9 does, bit for bit, with its one-byte lengths: for comparison, and
   * without pruning. Default `exact`.
   */
  readonly norms?: LengthNorms;
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

/**
 * BM25 over one snapshot. score(d) = fround(Σ weight(t) · factor(tf(t, d), length(d))), summed in
 * float64 in the plan's order. Statistics are those of the live documents, so scores do not depend
 * on how documents are spread over segments or what was deleted before. Ties: docId descending.
 */
export class SparseSearcher implements SparseEngine {
  readonly statistics: LiveStatistics;
  readonly #parts: readonly SparseSnapshotPart[];
  readonly #settings: SparseSettings;
  readonly #storedText: StoredText | null;
  /** Segment ordinals, most documents first: the threshold rises soonest there. */
  readonly #greatestFirst: readonly number[];
  readonly #tables = new Map<string, FactorTable>();

  constructor(
    parts: readonly SparseSnapshotPart[],
    settings: SparseSettings,
    storedText: StoredText | null = null,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#storedText = storedText;
    this.statistics = new LiveStatistics(parts);
    this.#greatestFirst = [...parts.keys()].sort(
      (a, b) => parts[b]!.segment.docCount - parts[a]!.segment.docCount,
    );
  }

  /**
   * The best `depth` matches.
   *
   * @throws {InputError} depth not a positive integer, `accept` of another shape, bm25 out of range
   * @throws {FeatureUnavailableError} a phrase, but neither positions nor stored text
   */
  search(query: SparseQuery, options: SparseSearchOptions): SparseHits {
    return this.#searchPruned(query, options, null);
  }

  /** `search`, and how much of the snapshot it looked at. */
  searchCounted(
    query: SparseQuery,
    options: SparseSearchOptions,
  ): { readonly hits: SparseHits; readonly counters: PruningCounters } {
    const counters = { windows: 0, skippedWindows: 0, candidates: 0, blocks: 0 };
    return { hits: this.#searchPruned(query, options, counters), counters };
  }

  /** The plain twin of `search`: scores every match of every term. */
  searchExhaustive(query: SparseQuery, options: SparseSearchOptions): SparseHits {
    checkOptions(this.#parts, options);
    const plan = this.#plan(query, options.bm25, options.norms);
    const best = this.#selector(options.depth, plan);
    let total = 0;
    for (let ord = 0; ord < this.#parts.length; ord++) {
      const { matches, scores } = this.#scoreSegment(ord, plan);
      this.#restrict(matches, ord, plan, options.accept?.[ord] ?? null);
      for (let doc = matches.next(0); doc >= 0; doc = matches.next(doc + 1)) {
        best.push(Math.fround(scores[doc]!), ord, doc);
        total++;
      }
    }
    return toHits(best, total, true);
  }

  /** Per segment all documents that match the query, for totals and facets. */
  matches(query: SparseQuery, accept?: readonly (Bitset | null)[]): Bitset[] {
    const plan = this.#plan(query, undefined);
    return this.#parts.map((_, ord) => this.#matching(ord, plan, accept?.[ord] ?? null));
  }

  /**
   * Per segment the members of `sets` that fulfil the query's conditions (required and excluded
   * terms and phrases), whether or not they hold a scoring term: what another leg may return.
   */
  satisfying(query: SparseQuery, sets: readonly Bitset[]): Bitset[] {
    const plan = this.#plan(query, undefined);
    return sets.map((set, ord) => {
      const kept = set.clone();
      this.#restrict(kept, ord, plan, null);
      return kept;
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
    for (const scoring of plan.terms) {
      const { term, field, df, idf } = scoring;
      const tf = scoringFrequency(part.segment, scoring, docOrd, boosts);
      if (tf <= 0) continue;
      const score = termScore(scoring, tf, fieldLength(part.segment, docOrd, field, boosts));
      sum += score;
      terms.push({ term, field, tf, df, idf, score });
    }
    const matches = new Bitset(part.segment.docCount);
    if (terms.length > 0) matches.add(docOrd);
    this.#restrict(matches, segmentOrd, plan, null);
    return { score: Math.fround(sum), matches: matches.has(docOrd), terms };
  }

  /** The indexed terms that score in a query, those of prefixes and misspellings too, with their idf. */
  scoringTerms(query: SparseQuery): { term: string; field: QueryField; idf: number }[] {
    return this.#plan(query, undefined).terms.flatMap(({ term, variants, field, idf }) =>
      (variants ?? [{ term }]).map((variant) => ({ term: variant.term, field, idf })),
    );
  }

  /** Σ weight · limit: no document, however long it repeats the query, scores above this. */
  upperBound(query: SparseQuery, bm25?: Partial<Bm25Parameters>): number {
    return greatestScore(this.#plan(query, bm25));
  }

  #searchPruned(
    query: SparseQuery,
    options: SparseSearchOptions,
    counters: PruningCounters | null,
  ): SparseHits {
    const { accept, depth, countTotal = false } = options;
    checkOptions(this.#parts, options);
    const plan = this.#plan(query, options.bm25, options.norms);
    const best = this.#selector(depth, plan);
    const isPositive = plan.terms.every(({ weight }) => weight > 0);
    for (const ord of this.#greatestFirst) {
      const { segment, deleted } = this.#parts[ord]!;
      const given = accept?.[ord] ?? null;
      let allowed = given;
      let rejected = deleted;
      if (plan.required.length > 0 || plan.excluded.length > 0) {
        allowed = given === null ? Bitset.full(segment.docCount) : given.clone();
        if (deleted !== null) allowed.subtract(deleted);
        rejected = null;
        restrictToConditions(allowed, plan, segment, ord, this.#storedText);
      }
      const cursors = this.#cursors(segment, plan);
      const { docCount } = segment;
      searchSegment(
        cursors,
        isPositive,
        docCount,
        allowed,
        rejected,
        best,
        ord,
        searchMemory(),
        counters,
      );
    }
    const isComplete = best.size < best.capacity || best.capacity >= this.statistics.docCount;
    if (isComplete || !countTotal) return toHits(best, best.size, isComplete);
    const total = this.#count(plan, accept);
    return toHits(best, total, true);
  }

  #count(plan: ScoringPlan, accept: SparseSearchOptions["accept"]): number {
    let total = 0;
    for (let ord = 0; ord < this.#parts.length; ord++) {
      total += this.#matching(ord, plan, accept?.[ord] ?? null).count();
    }
    return total;
  }

  /** Documents with at least one of the plan's terms that may be hits. */
  #matching(ord: number, plan: ScoringPlan, accept: Bitset | null): Bitset {
    const { segment } = this.#parts[ord]!;
    const matches = new Bitset(segment.docCount);
    for (const scoring of plan.terms) {
      addMatches(segment, scoring, this.#settings.boosts, matches);
    }
    this.#restrict(matches, ord, plan, accept);
    return matches;
  }

  #plan(
    query: SparseQuery,
    bm25: Partial<Bm25Parameters> | undefined,
    norms: LengthNorms = "exact",
  ): ScoringPlan {
    const parameters = bm25Parameters(bm25, this.#settings.bm25);
    return scoringPlan(query, this.#parts, this.statistics, this.#settings, parameters, norms);
  }

  #selector(depth: number, plan: ScoringPlan): TopKSelector {
    const parts = this.#parts;
    const { docCount } = this.statistics;
    return new TopKSelector(Math.min(depth, Math.max(docCount, 1)), greatestScore(plan), {
      rank: (ord, doc) => parts[ord]!.names.idRank[doc]!,
      compare: (aOrd, aDoc, bOrd, bDoc) =>
        compareDocIds(parts[bOrd]!.names.docId(bDoc), parts[aOrd]!.names.docId(aDoc)),
    });
  }

  /** Scores every match of every term, before conditions. */
  #scoreSegment(ord: number, plan: ScoringPlan): { matches: Bitset; scores: Float64Array } {
    const { segment } = this.#parts[ord]!;
    const { boosts } = this.#settings;
    const matches = new Bitset(segment.docCount);
    const scores = new Float64Array(segment.docCount);
    for (const scoring of plan.terms) {
      const { field } = scoring;
      const found = scoringMatches(segment, scoring, boosts);
      for (let i = 0; i < found.count; i++) {
        const doc = found.docs[i]!;
        matches.add(doc);
        scores[doc]! += termScore(scoring, found.tfs[i]!, fieldLength(segment, doc, field, boosts));
      }
    }
    return { matches, scores };
  }

  /** Takes from `matches` what is deleted, not accepted or fails a condition. */
  #restrict(matches: Bitset, ord: number, plan: ScoringPlan, accept: Bitset | null): void {
    const part = this.#parts[ord]!;
    if (part.deleted !== null) matches.subtract(part.deleted);
    if (accept !== null) matches.intersectWith(accept);
    restrictToConditions(matches, plan, part.segment, ord, this.#storedText);
  }

  #tableOf(factor: TermFrequencyFactor): FactorTable {
    const { variant, k1, b, delta } = factor.parameters;
    const key = `${variant} ${k1} ${b} ${delta} ${factor.averageLength}`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      if (this.#tables.size >= maxTables) this.#tables.clear();
      table = new FactorTable(factor);
      this.#tables.set(key, table);
    }
    return table;
  }

  /** Cursors over the plan's terms that the segment has, in the plan's order. */
  #cursors(segment: SparseSegment, plan: ScoringPlan): WindowCursor[] {
    const { boosts } = this.#settings;
    const memory = searchMemory();
    const titleAddress = () => memory.lengthsAddress(segment.titleLengths, segment.maximumLength);
    const allAddress = () => memory.lengthsAddress(segment.lengths, segment.maximumLength);
    const usesTitles = plan.terms.some(({ field }) => field === "title");
    // Copying lengths may move the memory or drop earlier copies: all of it before any cursor.
    allAddress();
    if (usesTitles) {
      titleAddress();
      allAddress();
    }
    memory.begin();
    const cursors: WindowCursor[] = [];
    for (const scoring of plan.terms) {
      const { field, factor, weight } = scoring;
      if (scoring.variants !== null || scoring.lucene !== null) {
        cursors.push(new MaterialisedCursor(segment, scoring, boosts));
        continue;
      }
      const found = segment.find(scoring.term);
      if (found === null) continue;
      if (!isStoredList(field, boosts, segment.statistics.totalTitleLength)) {
        cursors.push(new MaterialisedCursor(segment, scoring, boosts));
        continue;
      }
      const list = field === "title" ? found.title : found.combined;
      if (list === null) continue;
      const lengths = field === "title" ? segment.titleLengths : segment.lengths;
      const bounds =
        list.df >= blockSize
          ? segment.blockBounds.of(list, segment.postings, segment.docCount, factor)
          : null;
      const table = this.#tableOf(factor);
      cursors.push(
        new PostingsCursor(
          list,
          segment.postings,
          lengths,
          table,
          weight,
          bounds,
          memory,
          field === "title" ? titleAddress() : allAddress(),
        ),
      );
    }
    return cursors;
  }
}

const maxTables = 8;

/** Whether tf and length of the field are those of a stored list, so that blocks can be skipped. */
function isStoredList(
  field: QueryField,
  boosts: SparseSettings["boosts"],
  totalTitleLength: number,
): boolean {
  if (field === "title") return true;
  if (totalTitleLength === 0) return field === "text" || boosts.text === 1;
  return field === "all" && boosts.title === 1 && boosts.text === 1;
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

function greatestScore(plan: ScoringPlan): number {
  let bound = 0;
  for (const { weight, factor } of plan.terms) bound += weight * factor.limit;
  return bound;
}

function toHits(best: TopKSelector, total: number, totalIsExact: boolean): SparseHits {
  const { scores, majors, minors } = best.drain();
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
