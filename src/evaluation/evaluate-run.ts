import { InputError } from "../errors.js";
import type { Qrels, QueryId, Ranking, Run } from "../run/ranking.js";
import {
  inTrecEvalOrder,
  type JudgedRanking,
  judgeRanking,
  unjudgedAsRelevant,
} from "./judged-ranking.js";
import type { Measure } from "./measure.js";

/** What a run is worth by its judgements. Maps are keyed by `Measure.name`. */
export interface Evaluation {
  /** Value per measure and judged query, in the order of the judgements. */
  readonly perQuery: ReadonlyMap<string, ReadonlyMap<QueryId, number>>;
  /** Mean per measure over all judged queries. */
  readonly mean: Readonly<Record<string, number>>;
  /** Judged queries: what the means are over. */
  readonly queryCount: number;
  /** Judged queries that the run does not have or has without hits; they count 0 everywhere. */
  readonly missingQueries: readonly QueryId[];
  /** Queries of the run without judgements; they are left out. */
  readonly unjudgedQueries: readonly QueryId[];
  /** Judged queries without one document of grade >= 1; they stay in the means, with 0. */
  readonly queriesWithoutRelevant: readonly QueryId[];
}

export interface EvaluationOptions {
  /**
   * `trec_eval` (the default) orders each ranking as trec_eval would: score as float32 descending,
   * ties by document id descending. `given` takes rankings as they stand: right for rankings of
   * this process, whose float64 scores decide (`writeTrecRun` keeps that order for trec_eval).
   */
  readonly order?: "trec_eval" | "given";
  /**
   * What a retrieved document without a judgement counts as: `non-relevant` (the default, as
   * trec_eval), or `relevant` with the query's highest grade within the measure's cut-off. The two
   * together are the range in which further judgements could move a result.
   */
  readonly unjudgedAs?: "non-relevant" | "relevant";
}

/**
 * Evaluates a run, equal to trec_eval -c: every judged query counts, a query that the run lacks
 * with 0. A query whose judged documents are all non-relevant also counts 0.
 *
 * @throws {InputError} no measure, the same measure twice, no judged query, a document twice in a ranking
 */
export function evaluateRun(
  qrels: Qrels,
  run: Run,
  measures: readonly Measure[],
  options: EvaluationOptions = {},
): Evaluation {
  const evaluator = new RunEvaluator(qrels, measures, options);
  for (const [queryId, ranking] of run) evaluator.add(queryId, ranking);
  return evaluator.finish();
}

/**
 * Evaluates rankings as they come, one query at a time, such as `streamTrecRun` gives them: memory
 * holds one ranking however large the run is.
 *
 * @throws {InputError} as `evaluateRun`; a query twice
 */
export async function evaluateRankings(
  qrels: Qrels,
  rankings: AsyncIterable<readonly [QueryId, Ranking]>,
  measures: readonly Measure[],
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  const evaluator = new RunEvaluator(qrels, measures, options);
  for await (const [queryId, ranking] of rankings) evaluator.add(queryId, ranking);
  return evaluator.finish();
}

const NOTHING_RETRIEVED: Ranking = [];

class RunEvaluator {
  readonly #qrels: Qrels;
  readonly #measures: readonly Measure[];
  readonly #order: "trec_eval" | "given";
  readonly #unjudgedAs: "non-relevant" | "relevant";
  readonly #values = new Map<QueryId, Float64Array>();
  readonly #unjudgedQueries: QueryId[] = [];

  constructor(qrels: Qrels, measures: readonly Measure[], options: EvaluationOptions) {
    const names = measures.map(({ name }) => name);
    if (names.length === 0 || new Set(names).size !== names.length) {
      throw new InputError(
        `expected one or more different measures, got ${names.length === 0 ? "none" : names.join(", ")}`,
      );
    }
    if (qrels.size === 0)
      throw new InputError("expected judgements of at least one query, got none");
    this.#qrels = qrels;
    this.#measures = measures;
    this.#order = options.order ?? "trec_eval";
    this.#unjudgedAs = options.unjudgedAs ?? "non-relevant";
  }

  add(queryId: QueryId, ranking: Ranking): void {
    const judgements = this.#qrels.get(queryId);
    if (judgements === undefined) {
      this.#unjudgedQueries.push(queryId);
      return;
    }
    if (this.#values.has(queryId)) {
      throw new InputError(`expected each query once in a run, got ${queryId} again`, { queryId });
    }
    if (ranking.length === 0) return;
    const ordered = this.#order === "given" ? ranking : inTrecEvalOrder(ranking);
    this.#values.set(queryId, this.#measure(judgeRanking(queryId, ordered, judgements)));
  }

  finish(): Evaluation {
    const missingQueries: QueryId[] = [];
    const queriesWithoutRelevant: QueryId[] = [];
    const columns = this.#measures.map(() => new Map<QueryId, number>());
    for (const [queryId, judgements] of this.#qrels) {
      let values = this.#values.get(queryId);
      if (values === undefined) {
        missingQueries.push(queryId);
        values = this.#measure(judgeRanking(queryId, NOTHING_RETRIEVED, judgements));
      }
      if (![...judgements.values()].some((grade) => grade >= 1)) {
        queriesWithoutRelevant.push(queryId);
      }
      // In bounds: one value and one column per measure.
      for (const [m, column] of columns.entries()) column.set(queryId, values[m]!);
    }
    const mean: Record<string, number> = {};
    for (const [m, { name }] of this.#measures.entries()) {
      let sum = 0;
      for (const value of columns[m]!.values()) sum += value;
      mean[name] = sum / this.#qrels.size;
    }
    return {
      perQuery: new Map(this.#measures.map(({ name }, m) => [name, columns[m]!])),
      mean,
      queryCount: this.#qrels.size,
      missingQueries,
      unjudgedQueries: this.#unjudgedQueries,
      queriesWithoutRelevant,
    };
  }

  #measure(judged: JudgedRanking): Float64Array {
    return Float64Array.from(this.#measures, ({ evaluate, cutoff, rel }) =>
      evaluate(this.#unjudgedAs === "relevant" ? unjudgedAsRelevant(judged, cutoff, rel) : judged),
    );
  }
}
