import { InputError } from "../errors.js";
import { bootstrapInterval } from "../evaluation/bootstrap-interval.js";
import { judgeRanking } from "../evaluation/judged-ranking.js";
import { type Measure, parseMeasure } from "../evaluation/measure.js";
import { type Interval, pairedTTest } from "../evaluation/paired-t-test.js";
import { fuse } from "../fusion/fuse.js";
import { defaultFusion, type Fusion, fusionSchema } from "../fusion/fusion.js";
import type { FusionLeg } from "../fusion/fusion-leg.js";
import { fusionName } from "../fusion/fusion-text.js";
import type { Normalization } from "../fusion/normalization.js";
import { SeededRandom } from "../numeric/seeded-random.js";
import type { DocId, Qrels, QueryId } from "../run/ranking.js";
import { split, without } from "./folds.js";

/** What the legs returned for one judged query. */
export interface TuningQuery {
  readonly queryId: QueryId;
  readonly legs: readonly FusionLeg[];
}

export interface TuneOptions {
  /** Leg whose weight is tuned; the other legs share the rest. Default `dense`. */
  readonly leg?: string;
  /** Weights to choose from. Default 0, .05 … 1. */
  readonly weights?: readonly number[];
  /** Normalisations to choose from. Default that of the default fusion alone. */
  readonly normalizations?: readonly Normalization[];
  /** Name of an ir-measures measure. Default `nDCG@10`. */
  readonly measure?: string;
  /** What the tuned fusion has to beat. Default `defaultFusion`. */
  readonly baseline?: Fusion;
  /** Folds of the outer loop, and of the inner one where there are several normalisations. Default 5. */
  readonly folds?: number;
  /** How often the outer loop is repeated with other folds. Default 10. */
  readonly repeats?: number;
  /** Default 42. */
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface TunedFusion {
  /** The best fusion over all queries. */
  readonly fusion: Fusion;
  readonly weight: number;
  /** Where 95 % of the best weights of resampled query sets lie. */
  readonly weightInterval: Interval;
  readonly measure: string;
  readonly queryCount: number;
  /** Mean of the best fusion over the queries it was chosen on: too good to be true. */
  readonly apparent: number;
  /** Mean over queries that had no part in the choice of their fusion. */
  readonly crossValidated: number;
  readonly baseline: number;
  /** Paired difference, cross-validated less baseline. */
  readonly difference: {
    readonly mean: number;
    readonly interval: Interval;
    readonly pValue: number;
  };
  /**
   * `better`: the interval of the difference lies above 0. `worse`: below. Else the data cannot tell
   * the tuned fusion from the baseline, and `recommended` is the baseline.
   */
  readonly verdict: "better" | "not distinguishable from the default" | "worse";
  readonly recommended: Fusion;
  /** Mean of the measure per weight, for the chosen normalisation. */
  readonly curve: readonly { readonly weight: number; readonly mean: number }[];
}

/** Values of one candidate fusion, per query. */
interface Candidate {
  readonly fusion: Fusion;
  readonly weight: number;
  readonly normalization: Normalization;
  readonly values: Float64Array;
}

/** Below this many queries a fold has too few of them to choose by. */
const fewestQueries = 10;

/**
 * Tunes the weight of one leg on judged queries, and says honestly whether that is worth anything.
 *
 * The estimate is nested cross-validated: in every outer fold the fusion is chosen on the other
 * folds alone, with an inner cross-validation between normalisations, and judged on the fold. So
 * the difference to the baseline contains what choosing costs. Values of a query over the repeats
 * are averaged before testing: queries are the sample, folds are not.
 *
 * @throws {InputError} fewer than 10 judged queries with hits, options out of range, or what `fuse`
 *   and `parseMeasure` refuse
 * @see Varma, Simon, BMC Bioinformatics 7:91 (2006), doi:10.1186/1471-2105-7-91 (nested);
 *   Bruch, Gai, Ingber, TOIS 2023, section 5 (one weight, few queries)
 */
export function tuneFusion(
  queries: readonly TuningQuery[],
  qrels: Qrels,
  options: TuneOptions = {},
): TunedFusion {
  const measure = parseMeasure(options.measure ?? "nDCG@10");
  const baselineFusion = options.baseline ?? defaultFusion;
  const judged = queries.filter(
    ({ queryId, legs }) => qrels.has(queryId) && legs.some(({ ranking }) => ranking.length > 0),
  );
  const { folds, repeats, seed, candidates: settings } = checkedOptions(options, baselineFusion);
  if (judged.length < Math.max(fewestQueries, folds)) {
    throw new InputError(
      `expected at least ${Math.max(fewestQueries, folds)} judged queries with hits to tune on, got ` +
        `${judged.length}: judge more queries, or keep the default`,
      { queryCount: judged.length },
    );
  }
  const candidates = settings.map((setting): Candidate => {
    options.signal?.throwIfAborted();
    return { ...setting, values: valuesOf(judged, qrels, setting.fusion, measure) };
  });
  const baseline = valuesOf(judged, qrels, baselineFusion, measure);
  const random = new SeededRandom(seed);
  const all = Uint32Array.from(judged, (_, i) => i);
  const chosen = choose(candidates, all, folds, baselineFusion, random);
  const heldOut = crossValidate(candidates, judged.length, folds, repeats, baselineFusion, random);
  const interval = bootstrapInterval(
    heldOut.map((value, i) => value - baseline[i]!),
    { seed },
  );
  const verdict =
    interval.low > 0
      ? "better"
      : interval.high < 0
        ? "worse"
        : ("not distinguishable from the default" as const);
  return {
    fusion: chosen.fusion,
    weight: chosen.weight,
    weightInterval: weightInterval(candidates, chosen.normalization, all.length, seed),
    measure: measure.name,
    queryCount: judged.length,
    apparent: mean(chosen.values),
    crossValidated: mean(heldOut),
    baseline: mean(baseline),
    difference: {
      mean: mean(heldOut) - mean(baseline),
      interval,
      pValue: pairedTTest(heldOut, baseline).pValue,
    },
    verdict,
    recommended: verdict === "better" ? chosen.fusion : baselineFusion,
    curve: candidates
      .filter(({ normalization }) => normalization === chosen.normalization)
      .map(({ weight, values }) => ({ weight, mean: mean(values) })),
  };
}

function checkedOptions(
  options: TuneOptions,
  baseline: Fusion,
): { folds: number; repeats: number; seed: number; candidates: Omit<Candidate, "values">[] } {
  const { folds = 5, repeats = 10, seed = 42, leg = "dense" } = options;
  const weights = options.weights ?? Array.from({ length: 21 }, (_, i) => i / 20);
  const ofBaseline = "normalization" in baseline ? baseline.normalization : "bounded";
  const normalizations = options.normalizations ?? [
    typeof ofBaseline === "string" ? ofBaseline : "bounded",
  ];
  if (!Number.isInteger(folds) || folds < 2 || !Number.isInteger(repeats) || repeats < 1) {
    throw new InputError(
      `expected folds >= 2 and repeats >= 1, got folds ${folds} and repeats ${repeats}`,
      { folds, repeats },
    );
  }
  if (weights.length === 0 || normalizations.length === 0) {
    throw new InputError("expected at least one weight and one normalization to choose from");
  }
  for (const weight of weights) {
    if (!(weight >= 0 && weight <= 1)) {
      throw new InputError(`expected weights from 0 to 1, got ${weight}`, {
        field: "weights",
        value: String(weight),
      });
    }
  }
  const candidates = normalizations.flatMap((normalization) =>
    [...weights]
      .sort((a, b) => a - b)
      .map((weight) => ({
        weight,
        normalization,
        fusion: fusionSchema.parse({
          method: "weighted",
          // All of the weight to one leg is the rest's removal; none of it, its own.
          weights: { [leg]: weight },
          normalization,
        } as const),
      })),
  );
  return { folds, repeats, seed, candidates };
}

/** The measure of every query under one fusion. */
function valuesOf(
  queries: readonly TuningQuery[],
  qrels: Qrels,
  fusion: Fusion,
  measure: Measure,
): Float64Array {
  return Float64Array.from(queries, ({ queryId, legs }) => {
    const { ranking } = fuse(legs, fusion);
    const judgements: ReadonlyMap<DocId, number> = qrels.get(queryId) ?? new Map();
    return measure.evaluate(judgeRanking(queryId, ranking, judgements));
  });
}

/**
 * The best candidate on some of the queries: per normalisation the best weight, and among several
 * normalisations the one whose best weight does best on queries that it was not chosen on.
 */
function choose(
  candidates: readonly Candidate[],
  queries: Uint32Array,
  folds: number,
  baseline: Fusion,
  random: SeededRandom,
): Candidate {
  const groups = new Map<Normalization, Candidate[]>();
  for (const candidate of candidates) {
    const group = groups.get(candidate.normalization) ?? [];
    group.push(candidate);
    groups.set(candidate.normalization, group);
  }
  const [first] = groups.values();
  if (groups.size === 1) return bestOf(first ?? [], queries, baseline);
  const parts = split(queries, Math.min(folds, queries.length), random);
  let best: Candidate[] = first ?? [];
  let bestSum = Number.NEGATIVE_INFINITY;
  for (const group of groups.values()) {
    let sum = 0;
    for (const part of parts) {
      const { values } = bestOf(group, without(queries, part), baseline);
      for (const query of part) sum += values[query]!;
    }
    if (sum > bestSum) {
      best = group;
      bestSum = sum;
    }
  }
  return bestOf(best, queries, baseline);
}

/**
 * The candidate with the highest mean, smoothed over its neighbours in weight, because a single
 * high point of a curve over few queries is chance. Equal means: the one nearest to the baseline.
 */
function bestOf(
  candidates: readonly Candidate[],
  queries: Uint32Array,
  baseline: Fusion,
): Candidate {
  const home = baselineWeight(baseline);
  const means = candidates.map(({ values }) => {
    let sum = 0;
    for (const query of queries) sum += values[query]!;
    return sum / queries.length;
  });
  let best = 0;
  let bestMean = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < means.length; i++) {
    const left = means[Math.max(0, i - 1)]!;
    const right = means[Math.min(means.length - 1, i + 1)]!;
    const smooth = (left + 2 * means[i]! + right) / 4;
    const nearer =
      Math.abs(candidates[i]!.weight - home) < Math.abs(candidates[best]!.weight - home);
    if (smooth > bestMean + 1e-12 || (Math.abs(smooth - bestMean) <= 1e-12 && nearer)) {
      best = i;
      bestMean = smooth;
    }
  }
  return candidates[best]!;
}

function baselineWeight(baseline: Fusion): number {
  const { dense, sparse } = baseline.weights ?? {};
  return dense ?? (sparse === undefined ? 0.5 : 1 - sparse);
}

/** Per query the mean, over the repeats, of its value under a fusion chosen without it. */
function crossValidate(
  candidates: readonly Candidate[],
  queryCount: number,
  folds: number,
  repeats: number,
  baseline: Fusion,
  random: SeededRandom,
): Float64Array {
  const sums = new Float64Array(queryCount);
  const all = Uint32Array.from({ length: queryCount }, (_, i) => i);
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const part of split(all, folds, random)) {
      const { values } = choose(candidates, without(all, part), folds, baseline, random);
      for (const query of part) sums[query]! += values[query]!;
    }
  }
  return sums.map((sum) => sum / repeats);
}

/** Percentiles of the best weight over query sets drawn with replacement. */
function weightInterval(
  candidates: readonly Candidate[],
  normalization: Normalization,
  queryCount: number,
  seed: number,
): Interval {
  const group = candidates.filter((candidate) => candidate.normalization === normalization);
  const random = new SeededRandom(seed + 1);
  const drawn = new Uint32Array(queryCount);
  const weights = Array.from({ length: 1000 }, () => {
    for (let i = 0; i < queryCount; i++) drawn[i] = random.below(queryCount);
    return bestOf(group, drawn, defaultFusion).weight;
  }).sort((a, b) => a - b);
  return { low: weights[24]!, high: weights[974]!, confidence: 0.95 };
}

function mean(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** The result in three lines for people. */
export function describeTuning(tuned: TunedFusion): string {
  const { difference, weightInterval: range } = tuned;
  const signed = (value: number): string => `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
  return [
    `best of ${tuned.queryCount} queries: ${fusionName(tuned.fusion)}; 95 % of resampled query sets ` +
      `choose a weight from ${range.low} to ${range.high}`,
    `${tuned.measure} cross-validated ${tuned.crossValidated.toFixed(4)}, default ` +
      `${tuned.baseline.toFixed(4)}: ${signed(difference.mean)} ` +
      `[${signed(difference.interval.low)}, ${signed(difference.interval.high)}], p = ${difference.pValue.toFixed(3)}`,
    `verdict: ${tuned.verdict}; ${tuned.verdict === "better" ? "use the tuned fusion" : "keep the default"}`,
  ].join("\n");
}
