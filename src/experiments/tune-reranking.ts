import { InputError } from "../errors.js";
import { bootstrapInterval } from "../evaluation/bootstrap-interval.js";
import { judgeRanking } from "../evaluation/judged-ranking.js";
import { parseMeasure } from "../evaluation/measure.js";
import { type Interval, pairedTTest } from "../evaluation/paired-t-test.js";
import { SeededRandom } from "../numeric/seeded-random.js";
import { reordered } from "../rerank/rerank.js";
import type { DocId, Qrels, QueryId, Ranking } from "../run/ranking.js";
import { split, without } from "./folds.js";

/** The first stage's ranking of a judged query, and what a reranker says of its top. */
export interface RerankedQuery {
  readonly queryId: QueryId;
  readonly ranking: Ranking;
  /** Scores of the first documents of `ranking`, in its order: as many as the greatest depth. */
  readonly scores: readonly number[];
}

export interface TuneRerankingOptions {
  /** Depths to choose from. Default 5, 10, 20, 50. */
  readonly depths?: readonly number[];
  /** Weights of the reranker to choose from; 1 replaces the first stage. Default .25, .5, 1. */
  readonly weights?: readonly number[];
  /** Name of an ir-measures measure. Default `nDCG@10`. */
  readonly measure?: string;
  /** Default 5. */
  readonly folds?: number;
  /** How often the folds are drawn. Default 10. */
  readonly repeats?: number;
  /** Default 42. */
  readonly seed?: number;
}

/** Cross-validated mean less the first stage's, over the same queries. */
export interface RerankingDifference {
  readonly mean: number;
  /** 95 %, bootstrap over queries. */
  readonly interval: Interval;
  readonly pValue: number;
}

export interface RerankingDepth {
  readonly depth: number;
  /** The best weight at this depth over all queries. */
  readonly weight: number;
  /** With the weight chosen on other queries. */
  readonly difference: RerankingDifference;
}

export interface TunedReranking {
  /** The best depth and weight over all queries. */
  readonly depth: number;
  readonly weight: number;
  readonly measure: string;
  readonly queryCount: number;
  /** Mean of the first stage. */
  readonly baseline: number;
  /** Mean over queries that had no part in the choice of their depth and weight. */
  readonly crossValidated: number;
  readonly difference: RerankingDifference;
  readonly byDepth: readonly RerankingDepth[];
  /** The smallest depth that is surely better than no reranking; null if none is. */
  readonly helpsFrom: number | null;
  /** `better` and `worse`: the interval of `difference` lies above or below 0. */
  readonly verdict: "better" | "not distinguishable from the first stage" | "worse";
}

/** Values of one choice, per query. */
interface Candidate {
  readonly depth: number;
  readonly weight: number;
  readonly values: Float64Array;
}

/** Below this many queries a fold has too few of them to choose by. */
const fewestQueries = 10;

/**
 * Whether reranking helps on judged queries, and from which depth.
 *
 * Depth and weight are chosen on four of five folds and judged on the fifth, so the difference to
 * the first stage contains what choosing costs. Values of a query over the repeats are averaged
 * before testing: queries are the sample, folds are not. Equal means: the smaller depth, then the
 * smaller weight.
 *
 * @throws {InputError} fewer than 10 judged queries with hits, no depth or weight to choose from,
 *   or what `parseMeasure` refuses
 */
export function tuneReranking(
  queries: readonly RerankedQuery[],
  qrels: Qrels,
  options: TuneRerankingOptions = {},
): TunedReranking {
  const { folds = 5, repeats = 10, seed = 42 } = options;
  const { depths = [5, 10, 20, 50], weights = [0.25, 0.5, 1] } = options;
  const measure = parseMeasure(options.measure ?? "nDCG@10");
  if (depths.length === 0 || weights.length === 0) {
    throw new InputError("expected at least one depth and one weight to choose from");
  }
  const judged = queries.filter(({ queryId, ranking }) => qrels.has(queryId) && ranking.length > 0);
  if (judged.length < Math.max(fewestQueries, folds)) {
    throw new InputError(
      `expected at least ${Math.max(fewestQueries, folds)} judged queries with hits to tune on, got ` +
        `${judged.length}: judge more queries, or leave reranking to each request`,
      { queryCount: judged.length },
    );
  }
  const qualityOf = ({ queryId }: RerankedQuery, ranking: Ranking): number => {
    const judgements: ReadonlyMap<DocId, number> = qrels.get(queryId) ?? new Map();
    return measure.evaluate(judgeRanking(queryId, ranking, judgements));
  };
  const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
  const candidates = ascending(depths).flatMap((depth) =>
    ascending(weights).map((weight): Candidate => {
      const combine = weight === 1 ? "replace" : { weight };
      const values = Float64Array.from(judged, (query) =>
        qualityOf(query, reordered(query.ranking, query.scores.slice(0, depth), combine)),
      );
      return { depth, weight, values };
    }),
  );
  const baseline = Float64Array.from(judged, (query) => qualityOf(query, query.ranking));
  const all = Uint32Array.from(judged, (_, i) => i);
  const heldOutOf = (some: readonly Candidate[]): Float64Array =>
    crossValidate(some, all, folds, repeats, new SeededRandom(seed));
  const best = bestOf(candidates, all);
  const heldOut = heldOutOf(candidates);
  const difference = differenceOf(heldOut, baseline, seed);
  const byDepth = ascending(depths).map((depth): RerankingDepth => {
    const some = candidates.filter((candidate) => candidate.depth === depth);
    const { weight } = bestOf(some, all);
    return { depth, weight, difference: differenceOf(heldOutOf(some), baseline, seed) };
  });
  return {
    depth: best.depth,
    weight: best.weight,
    measure: measure.name,
    queryCount: judged.length,
    baseline: mean(baseline),
    crossValidated: mean(heldOut),
    difference,
    byDepth,
    helpsFrom: byDepth.find((one) => one.difference.interval.low > 0)?.depth ?? null,
    verdict:
      difference.interval.low > 0
        ? "better"
        : difference.interval.high < 0
          ? "worse"
          : "not distinguishable from the first stage",
  };
}

/** The highest mean over some of the queries; of equal ones the first. */
function bestOf(candidates: readonly Candidate[], queries: Uint32Array): Candidate {
  let best = candidates[0]!; // checked: there is at least one
  let bestSum = Number.NEGATIVE_INFINITY;
  for (const candidate of candidates) {
    let sum = 0;
    for (const query of queries) sum += candidate.values[query]!;
    if (sum > bestSum + 1e-9) {
      best = candidate;
      bestSum = sum;
    }
  }
  return best;
}

/** Per query the mean, over the repeats, of its value under a choice made without it. */
function crossValidate(
  candidates: readonly Candidate[],
  all: Uint32Array,
  folds: number,
  repeats: number,
  random: SeededRandom,
): Float64Array {
  const sums = new Float64Array(all.length);
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const part of split(all, folds, random)) {
      const { values } = bestOf(candidates, without(all, part));
      for (const query of part) sums[query]! += values[query]!;
    }
  }
  return sums.map((sum) => sum / repeats);
}

function differenceOf(
  values: Float64Array,
  baseline: Float64Array,
  seed: number,
): RerankingDifference {
  return {
    mean: mean(values) - mean(baseline),
    interval: bootstrapInterval(
      values.map((value, i) => value - baseline[i]!),
      { seed },
    ),
    pValue: pairedTTest(values, baseline).pValue,
  };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The result in lines for people. */
export function describeReranking(tuned: TunedReranking): string {
  const signed = (value: number): string => `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
  const written = ({ mean: value, interval, pValue }: RerankingDifference): string =>
    `${signed(value)} [${signed(interval.low)}, ${signed(interval.high)}], p = ${pValue.toFixed(3)}`;
  return [
    ...tuned.byDepth.map(
      ({ depth, weight, difference }) =>
        `depth ${depth}, weight ${weight}: ${tuned.measure} ${written(difference)}`,
    ),
    tuned.helpsFrom === null
      ? `reranking surely helps at no depth (${tuned.queryCount} queries)`
      : `reranking helps from depth ${tuned.helpsFrom} (${tuned.queryCount} queries)`,
    `depth and weight chosen on other queries: ${tuned.crossValidated.toFixed(4)}, first stage ` +
      `${tuned.baseline.toFixed(4)}: ${written(tuned.difference)}`,
    `verdict: ${tuned.verdict}`,
  ].join("\n");
}
