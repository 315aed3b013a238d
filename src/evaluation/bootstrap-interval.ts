import { InputError } from "../errors.js";
import { normalCdf, normalQuantile } from "../numeric/distributions.js";
import { SeededRandom } from "../numeric/seeded-random.js";
import { checkConfidence, type Interval } from "./paired-t-test.js";

export interface BootstrapOptions {
  /** `bca` (the default) corrects the percentiles for bias and skewness; `percentile` does not. */
  readonly method?: "bca" | "percentile";
  /** 0.95 when absent. */
  readonly confidence?: number;
  /** How many resamples are drawn; 10,000 when absent. */
  readonly resampleCount?: number;
  /** 42 when absent. */
  readonly seed?: number;
}

/**
 * Bootstrap interval of a mean: queries are drawn with replacement, as many as there are. Give it
 * one measure's values for the interval of the mean, or differences for that of the difference.
 *
 * @throws {InputError} fewer than two values, one that is not finite, options out of range
 * @see Efron, Journal of the American Statistical Association 82(397), 1987 (BCa);
 *   Sakai, SIGIR 2006, doi:10.1145/1148170.1148261 (in retrieval)
 */
export function bootstrapInterval(
  sample: ArrayLike<number>,
  options: BootstrapOptions = {},
): Interval {
  const values = Float64Array.from(sample);
  if (values.length < 2 || !values.every(Number.isFinite)) {
    throw new InputError(`expected two or more finite values, got ${values.length} values`, {
      length: values.length,
    });
  }
  const confidence = checkConfidence(options.confidence ?? 0.95);
  const resampleCount = options.resampleCount ?? 10_000;
  if (!Number.isSafeInteger(resampleCount) || resampleCount < 100) {
    throw new InputError(`expected resampleCount to be an integer >= 100, got ${resampleCount}`, {
      resampleCount,
    });
  }
  const means = resampledMeans(values, resampleCount, new SeededRandom(options.seed ?? 42));
  return (options.method ?? "bca") === "percentile"
    ? percentileInterval(means, confidence)
    : biasCorrectedInterval(means, values, confidence);
}

/** Means of resamples, ascending. */
function resampledMeans(
  values: Float64Array,
  resampleCount: number,
  random: SeededRandom,
): Float64Array {
  const n = values.length;
  const means = new Float64Array(resampleCount);
  for (let r = 0; r < resampleCount; r++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[random.below(n)]!;
    means[r] = sum / n;
  }
  return means.sort();
}

/** The middle part of a bootstrap distribution, `means` ascending. */
export function percentileInterval(means: Float64Array, confidence: number): Interval {
  const tail = (1 - confidence) / 2;
  return { low: quantile(means, tail), high: quantile(means, 1 - tail), confidence };
}

/**
 * Bias-corrected and accelerated interval from a bootstrap distribution of the mean: percentiles at
 * Φ(z0 + (z0 ± z) / (1 - a (z0 ± z))), with z0 from the share of `means` below the sample's mean
 * (half of those equal to it) and the acceleration a from the jackknife's skewness. A sample without
 * spread gives its only value.
 *
 * @param means the bootstrap distribution, ascending
 */
export function biasCorrectedInterval(
  means: Float64Array,
  values: Float64Array,
  confidence: number,
): Interval {
  const n = values.length;
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / n;
  let below = 0;
  let equal = 0;
  for (const resampled of means) {
    if (resampled < mean) below++;
    else if (resampled === mean) equal++;
  }
  const bias = normalQuantile((below + equal / 2) / means.length);
  // Jackknife means are (sum - value) / (n - 1); their deviations are (value - mean) / (n - 1) with
  // the sign turned, and the factor n - 1 cancels in the ratio.
  let squares = 0;
  let cubes = 0;
  for (const value of values) {
    squares += (value - mean) ** 2;
    cubes += (value - mean) ** 3;
  }
  if (squares === 0 || !Number.isFinite(bias)) return percentileInterval(means, confidence);
  const acceleration = cubes / (6 * squares ** 1.5);
  const at = (z: number) => normalCdf(bias + (bias + z) / (1 - acceleration * (bias + z)));
  const z = normalQuantile((1 + confidence) / 2);
  return { low: quantile(means, at(-z)), high: quantile(means, at(z)), confidence };
}

/** The value at `probability` of an ascending sample, between neighbours in proportion. */
function quantile(ascending: Float64Array, probability: number): number {
  const position = probability * (ascending.length - 1);
  const index = Math.floor(position);
  const low = ascending[index]!; // in bounds: probability is in [0, 1]
  const high = ascending[Math.min(index + 1, ascending.length - 1)]!;
  return low + (high - low) * (position - index);
}
