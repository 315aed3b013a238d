import { encodedText } from "../dense/encoder.js";
import { InputError, ModelFailedError, SearchError } from "../errors.js";
import { nextBelow } from "../numeric/next-float.js";
import { compareScoredDocs, type DocId, type Ranking, type ScoredDoc } from "../run/ranking.js";
import { type PassageSettings, splitPassages } from "./passages.js";
import type { Reranker } from "./reranker.js";
import { type ScoreCache, scoreKey } from "./score-cache.js";

/** What a reranker reads of a document. */
export interface RerankDocument {
  readonly title: string;
  readonly text: string;
}

export interface RerankOptions {
  /** How many of the best candidates are reranked, >= 0. */
  readonly depth: number;
  /** Milliseconds after which the best order so far is the answer. Default: none. */
  readonly budgetMs?: number | undefined;
  /**
   * `replace`: the reranker's score alone decides. `{ weight }`: (1 - weight) · first + weight ·
   * reranked, both min-max normalised over the reranked documents; weight from 0 to 1.
   */
  readonly combine?: "replace" | { readonly weight: number } | undefined;
  /** Score the passages of long documents and take the best. Default: the text as the model cuts it. */
  readonly passages?: PassageSettings | undefined;
  readonly cache?: ScoreCache | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Texts per call of the reranker. Default 16. */
  readonly batchSize?: number | undefined;
  /** Milliseconds, ever growing; for tests. Default `performance.now`. */
  readonly now?: (() => number) | undefined;
}

export interface Reranked {
  /** The documents of the first stage, no more and no fewer, best first. */
  readonly ranking: Ranking;
  /** The reranker's own score of each document that it reached. */
  readonly scores: ReadonlyMap<DocId, number>;
  /** How many of the best candidates were reranked. */
  readonly reachedDepth: number;
  /** Why there were not more: all that were asked for, or time was up. */
  readonly reason: "complete" | "budget";
  /** Texts (passages) that were scored by the model, and that the cache knew. */
  readonly scoredCount: number;
  readonly cachedCount: number;
  readonly ms: number;
}

/** One passage of one candidate. */
interface Passage {
  readonly candidate: number;
  readonly text: string;
  readonly key: string | null;
}

/**
 * Puts the first `depth` documents of a ranking into the order of a reranker. Never adds or drops a
 * document, and leaves the rest in their order below.
 *
 * - Documents are scored in rank order, in batches; inside a batch the model sorts by length. So
 *   what time allows is always the top of the first stage. A batch that, by the speed so far, would
 *   not end in time is made smaller or not begun; one that overruns is given up.
 * - A reranked document has the combined score. One below has a score that says only its place: the
 *   lowest combined one less 1, less its distance to the best one below.
 * - Equal combined scores are ordered by docId descending, as everywhere.
 *
 * @param textsOf title and text per document, in the order asked for
 * @throws {InputError} depth, budget or weight out of range
 * @throws {ModelFailedError} the reranker failed, or gave scores that are not finite or not one per
 *   text; the caller still has the first stage's ranking
 * @throws the signal's reason when it is aborted
 */
export async function rerank(
  ranking: Ranking,
  query: string,
  textsOf: (
    docIds: readonly DocId[],
  ) => readonly RerankDocument[] | Promise<readonly RerankDocument[]>,
  reranker: Reranker,
  options: RerankOptions,
): Promise<Reranked> {
  checkOptions(options);
  const now = options.now ?? (() => performance.now());
  const startedMs = now();
  const head = ranking.slice(0, options.depth);
  const deadline = new Deadline(startedMs, options, now);
  try {
    const documents = await textsOf(head.map(({ docId }) => docId));
    if (documents.length !== head.length) {
      throw new Error(`asked for ${head.length} documents, got ${documents.length}`);
    }
    const run = new ScoringRun(query, reranker, options, deadline);
    const scores = await run.score(documents);
    const reached = scores.length;
    return {
      ranking: reordered(ranking, scores, options.combine ?? "replace"),
      scores: new Map(scores.map((score, i) => [head[i]!.docId, score])),
      reachedDepth: reached,
      reason: reached === head.length ? "complete" : "budget",
      scoredCount: run.scoredCount,
      cachedCount: run.cachedCount,
      ms: now() - startedMs,
    };
  } finally {
    deadline.clear();
  }
}

function checkOptions({ depth, budgetMs, combine, batchSize }: RerankOptions): void {
  const refuse = (field: string, expected: string, value: unknown): never => {
    throw new InputError(`expected ${field} ${expected}, got ${String(value)}`, {
      field,
      value: String(value),
    });
  };
  if (!Number.isInteger(depth) || depth < 0) refuse("rerank depth", "an integer >= 0", depth);
  if (budgetMs !== undefined && !(budgetMs > 0)) refuse("budgetMs", "above 0", budgetMs);
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize >= 1)) {
    refuse("batchSize", "an integer >= 1", batchSize);
  }
  if (typeof combine === "object" && !(combine.weight >= 0 && combine.weight <= 1)) {
    refuse("rerank weight", "from 0 to 1", combine.weight);
  }
}

/** When to stop, and the signal that says so to a batch under way. */
class Deadline {
  readonly #now: () => number;
  readonly #endMs: number;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #caller: AbortSignal | undefined;
  readonly #onCallerAbort = (): void => this.#controller.abort(this.#caller?.reason);
  readonly signal: AbortSignal = this.#controller.signal;

  constructor(startedMs: number, { budgetMs, signal }: RerankOptions, now: () => number) {
    this.#now = now;
    this.#endMs = startedMs + (budgetMs ?? Number.POSITIVE_INFINITY);
    this.#caller = signal;
    if (signal?.aborted) this.#onCallerAbort();
    signal?.addEventListener("abort", this.#onCallerAbort, { once: true });
    if (budgetMs !== undefined) {
      this.#timer = setTimeout(() => this.#controller.abort(timeIsUp), Math.ceil(budgetMs));
    }
  }

  remainingMs(): number {
    return this.#endMs - this.#now();
  }

  /** Whether the caller, not the clock, ended it. */
  throwIfCallerAborted(): void {
    this.#caller?.throwIfAborted();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#onCallerAbort);
  }
}

const timeIsUp = new DOMException("the budget of the reranker is spent", "TimeoutError");

/** Texts of the first batch under a budget: small, to learn the speed at little risk. */
const probeSize = 4;

/** Scores documents from the top down until all are done or time is up. */
class ScoringRun {
  readonly #query: string;
  readonly #reranker: Reranker;
  readonly #options: RerankOptions;
  readonly #deadline: Deadline;
  readonly #now: () => number;
  scoredCount = 0;
  cachedCount = 0;
  /** Slowest batch so far, per unit of text: the next one is expected to be no slower. */
  #msPerChar = 0;

  constructor(query: string, reranker: Reranker, options: RerankOptions, deadline: Deadline) {
    this.#query = query;
    this.#reranker = reranker;
    this.#options = options;
    this.#deadline = deadline;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Scores of the documents reached: a prefix of the candidates. */
  async score(documents: readonly RerankDocument[]): Promise<number[]> {
    const passages: Passage[] = [];
    const missing: Passage[] = [];
    const scoreOf = new Map<Passage, number>();
    for (const [candidate, document] of documents.entries()) {
      for (const text of this.#textsOf(document)) {
        const passage = { candidate, text, key: this.#key(text) };
        passages.push(passage);
        const known = passage.key === null ? undefined : this.#options.cache?.get(passage.key);
        if (known === undefined) missing.push(passage);
        else {
          scoreOf.set(passage, known);
          this.cachedCount++;
        }
      }
    }
    await this.#scoreMissing(missing, scoreOf);
    return bestPassages(passages, scoreOf, documents.length);
  }

  #textsOf(document: RerankDocument): string[] {
    const { passages } = this.#options;
    if (passages === undefined) return [encodedText(document)];
    const { title } = document;
    return splitPassages(document.text, passages).map((text) => encodedText({ title, text }));
  }

  #key(text: string): string | null {
    return this.#options.cache === undefined
      ? null
      : scoreKey(this.#reranker.identity.fingerprint, this.#query, text);
  }

  async #scoreMissing(missing: readonly Passage[], scoreOf: Map<Passage, number>): Promise<void> {
    let at = 0;
    while (at < missing.length) {
      this.#deadline.throwIfCallerAborted();
      const size = this.#nextBatchSize(missing, at);
      if (size === 0) return;
      const batch = missing.slice(at, at + size);
      const scores = await this.#scoreBatch(batch);
      if (scores === null) return;
      for (const [i, passage] of batch.entries()) {
        const score = scores[i]!;
        scoreOf.set(passage, score);
        if (passage.key !== null) this.#options.cache?.set(passage.key, score);
      }
      at += size;
    }
  }

  /** How many of the next passages are expected to be done in time. */
  #nextBatchSize(missing: readonly Passage[], at: number): number {
    const full = Math.min(this.#options.batchSize ?? 16, missing.length - at);
    const { budgetMs } = this.#options;
    if (budgetMs === undefined) return full;
    const remainingMs = this.#deadline.remainingMs();
    if (remainingMs <= 0) return 0;
    if (at === 0) return Math.min(full, probeSize);
    let chars = 0;
    let size = 0;
    for (; size < full; size++) {
      chars += this.#charsOf(missing[at + size]!);
      if (chars * this.#msPerChar > remainingMs) break;
    }
    return size;
  }

  #charsOf({ text }: Passage): number {
    // The query is read with every text; 16 stands for the work that no text is too short for.
    return text.length + this.#query.length + 16;
  }

  /** Scores of one batch, or null if time was up before it was done. */
  async #scoreBatch(batch: readonly Passage[]): Promise<Float32Array | null> {
    const startedMs = this.#now();
    let scores: Float32Array;
    try {
      scores = await this.#reranker.score(
        this.#query,
        batch.map(({ text }) => text),
        this.#deadline.signal,
      );
    } catch (cause) {
      this.#deadline.throwIfCallerAborted();
      if (this.#deadline.signal.aborted) return null;
      if (cause instanceof SearchError) throw cause;
      throw new ModelFailedError(
        `reranker ${this.#reranker.identity.name} failed: ${String(cause)}`,
        { model: this.#reranker.identity.name, scoredCount: this.scoredCount },
        { cause },
      );
    }
    this.#check(batch, scores);
    this.scoredCount += batch.length;
    let chars = 0;
    for (const passage of batch) chars += this.#charsOf(passage);
    this.#msPerChar = Math.max(this.#msPerChar, (this.#now() - startedMs) / chars);
    return scores;
  }

  #check(batch: readonly Passage[], scores: Float32Array): void {
    const { name } = this.#reranker.identity;
    if (scores.length !== batch.length) {
      throw new ModelFailedError(
        `expected ${batch.length} scores of reranker ${name}, got ${scores.length}`,
        { model: name, expected: batch.length, got: scores.length },
      );
    }
    const wrong = scores.findIndex((score) => !Number.isFinite(score));
    if (wrong >= 0) {
      throw new ModelFailedError(
        `expected finite scores of reranker ${name}, got ${scores[wrong]} for "${batch[wrong]?.text.slice(0, 60)}"`,
        { model: name, score: String(scores[wrong]) },
      );
    }
  }
}

/** The best passage of each document, up to the first document with one that was not reached. */
function bestPassages(
  passages: readonly Passage[],
  scoreOf: ReadonlyMap<Passage, number>,
  documentCount: number,
): number[] {
  const best: number[] = new Array(documentCount).fill(Number.NEGATIVE_INFINITY);
  let reached = documentCount;
  for (const passage of passages) {
    const score = scoreOf.get(passage);
    if (score === undefined) reached = Math.min(reached, passage.candidate);
    else best[passage.candidate] = Math.max(best[passage.candidate]!, score);
  }
  return best.slice(0, reached);
}

/**
 * The ranking that `rerank` makes of scores: the first `scores.length` documents by their combined
 * score, then the rest in their order.
 *
 * @param scores one of each of the first documents, finite
 */
export function reordered(
  ranking: Ranking,
  scores: readonly number[],
  combine: "replace" | { readonly weight: number },
): Ranking {
  const reached = scores.length;
  if (reached === 0) return ranking;
  const head = combined(ranking.slice(0, reached), scores, combine).sort(compareScoredDocs);
  const below = ranking.slice(reached);
  const lowest = head.at(-1)!.score;
  const reference = below[0]?.score ?? 0;
  let above = lowest;
  let previous: ScoredDoc | undefined;
  for (const hit of below) {
    const { docId } = hit;
    const tied = previous !== undefined && previous.score === hit.score;
    const place = lowest - 1 - (reference - hit.score);
    // Rounding may not make a tie of what was none.
    if (!tied) above = Math.min(place, nextBelow(above));
    head.push({ docId, score: above });
    previous = hit;
  }
  return head;
}

function combined(
  head: Ranking,
  scores: readonly number[],
  combine: "replace" | { readonly weight: number },
): ScoredDoc[] {
  if (combine === "replace") return head.map(({ docId }, i) => ({ docId, score: scores[i]! }));
  const { weight } = combine;
  const first = minMax(head.map(({ score }) => score));
  const second = minMax(scores);
  return head.map(({ docId }, i) => ({
    docId,
    score: (1 - weight) * first[i]! + weight * second[i]!,
  }));
}

/** (s - lo) / (hi - lo); all 0 where there is no spread. Halved first, so that it cannot overflow. */
function minMax(values: readonly number[]): number[] {
  let lo = Number.POSITIVE_INFINITY;
  let hi = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    lo = Math.min(lo, value);
    hi = Math.max(hi, value);
  }
  const range = hi / 2 - lo / 2;
  return values.map((value) => (range > 0 ? (value / 2 - lo / 2) / range : 0));
}
