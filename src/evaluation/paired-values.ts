import { InputError } from "../errors.js";
import type { QueryId } from "../run/ranking.js";

/** Values of two systems on the same queries, in the same order. */
export interface PairedValues {
  readonly queryIds: readonly QueryId[];
  readonly values: Float64Array;
  readonly baseline: Float64Array;
}

/**
 * Pairs two columns of `Evaluation.perQuery` by query.
 *
 * @throws {InputError} the columns are not over the same queries
 */
export function pairValues(
  values: ReadonlyMap<QueryId, number>,
  baseline: ReadonlyMap<QueryId, number>,
): PairedValues {
  const queryIds = [...values.keys()];
  const stranger = queryIds.find((queryId) => !baseline.has(queryId));
  if (stranger !== undefined || values.size !== baseline.size) {
    throw new InputError(
      `expected two evaluations over the same queries, got ${values.size} and ${baseline.size}` +
        (stranger === undefined ? "" : `, query ${stranger} in one only`),
      { queryCount: values.size, baselineQueryCount: baseline.size },
    );
  }
  return {
    queryIds,
    values: Float64Array.from(values.values()),
    baseline: Float64Array.from(queryIds, (queryId) => baseline.get(queryId) ?? Number.NaN),
  };
}

/**
 * `values[i] - baseline[i]`: positive where the first system is better.
 *
 * @throws {InputError} lengths differ, fewer than `atLeast` pairs, a value that is not finite
 */
export function pairedDifferences(
  values: ArrayLike<number>,
  baseline: ArrayLike<number>,
  atLeast = 1,
): Float64Array {
  if (values.length !== baseline.length || values.length < atLeast) {
    throw new InputError(
      `expected two columns of the same length, at least ${atLeast}, got ${values.length} and ${baseline.length}`,
      { length: values.length, baselineLength: baseline.length },
    );
  }
  const differences = new Float64Array(values.length);
  for (let i = 0; i < differences.length; i++) {
    differences[i] = values[i]! - baseline[i]!; // in bounds: lengths are equal
    if (!Number.isFinite(differences[i])) {
      throw new InputError(
        `expected finite values, got ${values[i]} and ${baseline[i]} at position ${i}`,
        { position: i },
      );
    }
  }
  return differences;
}

/** Queries on which the first system is better, as good, or worse. */
export interface WinsTiesLosses {
  readonly wins: number;
  readonly ties: number;
  readonly losses: number;
}

/**
 * @param tolerance differences up to this size are ties; >= 0
 * @throws {InputError} lengths differ or nothing to count
 */
export function winsTiesLosses(
  values: ArrayLike<number>,
  baseline: ArrayLike<number>,
  tolerance = 0,
): WinsTiesLosses {
  let wins = 0;
  let losses = 0;
  const differences = pairedDifferences(values, baseline);
  for (const difference of differences) {
    if (difference > tolerance) wins++;
    else if (difference < -tolerance) losses++;
  }
  return { wins, ties: differences.length - wins - losses, losses };
}

/**
 * Cohen's d for pairs (d_z) = mean difference / standard deviation of the differences (n - 1).
 * 0 if all differences are 0, ±Infinity if they are all the same otherwise.
 *
 * @throws {InputError} lengths differ or fewer than two pairs
 * @see Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, section 2.3.5
 */
export function pairedEffectSize(values: ArrayLike<number>, baseline: ArrayLike<number>): number {
  const { mean, standardDeviation } = meanAndDeviation(pairedDifferences(values, baseline, 2));
  return mean === 0 ? 0 : mean / standardDeviation;
}

/** Mean and standard deviation (divisor n - 1) in two passes. */
export function meanAndDeviation(sample: Float64Array): {
  readonly mean: number;
  readonly standardDeviation: number;
} {
  let sum = 0;
  for (const value of sample) sum += value;
  const mean = sum / sample.length;
  let squares = 0;
  let constant = true;
  for (const value of sample) {
    squares += (value - mean) ** 2;
    if (value !== sample[0]) constant = false;
  }
  // All the same: the rounding of the mean must not look like a spread.
  if (constant) return { mean: sample[0] ?? Number.NaN, standardDeviation: 0 };
  return { mean, standardDeviation: Math.sqrt(squares / (sample.length - 1)) };
}
