import { InputError } from "../errors.js";
import { studentTQuantile, studentTSurvival } from "../numeric/distributions.js";
import { meanAndDeviation, pairedDifferences } from "./paired-values.js";

/** Which way the first system is claimed to differ from the baseline. */
export type Alternative = "two-sided" | "greater" | "less";

/** An interval that covers the true value with the stated confidence. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly confidence: number;
}

export interface PairedTTest {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  readonly pValue: number;
  /** Mean of `values - baseline`. */
  readonly meanDifference: number;
  /** Two-sided, of the mean difference, whatever the alternative. */
  readonly interval: Interval;
}

/**
 * Student's paired t test: t = mean(d) / (sd(d) / √n) with n - 1 degrees of freedom over the
 * differences d = values - baseline. All differences 0: t = 0, p = 1. All the same but not 0:
 * t = ±Infinity.
 *
 * @throws {InputError} lengths differ, fewer than two pairs, confidence outside (0, 1)
 * @see Smucker, Allan, Carterette, CIKM 2007, doi:10.1145/1321440.1321528
 */
export function pairedTTest(
  values: ArrayLike<number>,
  baseline: ArrayLike<number>,
  options: { readonly alternative?: Alternative; readonly confidence?: number } = {},
): PairedTTest {
  const differences = pairedDifferences(values, baseline, 2);
  const confidence = checkConfidence(options.confidence ?? 0.95);
  const { mean, standardDeviation } = meanAndDeviation(differences);
  const degreesOfFreedom = differences.length - 1;
  const standardError = standardDeviation / Math.sqrt(differences.length);
  const statistic = mean === 0 ? 0 : mean / standardError;
  const reach = standardError * studentTQuantile((1 + confidence) / 2, degreesOfFreedom);
  return {
    statistic,
    degreesOfFreedom,
    pValue: pValueOf(statistic, degreesOfFreedom, options.alternative ?? "two-sided"),
    meanDifference: mean,
    interval: { low: mean - reach, high: mean + reach, confidence },
  };
}

export interface EquivalenceTest {
  /** The larger of the two one-sided p values: small means equivalent within the margin. */
  readonly pValue: number;
  /** P value against "worse by the margin or more", and against "better by the margin or more". */
  readonly pValueAgainstWorse: number;
  readonly pValueAgainstBetter: number;
  readonly margin: number;
  readonly meanDifference: number;
  /** Equivalent at level α exactly if this interval, of confidence 1 - 2α, lies inside ±margin. */
  readonly interval: Interval;
}

/**
 * Equivalence by two one-sided paired t tests (TOST): "no difference" as a claim, that the true mean
 * difference lies inside (-margin, margin).
 *
 * @param margin smallest difference that matters, in the measure's units; > 0
 * @throws {InputError} lengths differ, fewer than two pairs, margin not above 0, level outside (0, 0.5)
 * @see Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987, doi:10.1007/BF01068419
 */
export function equivalenceTest(
  values: ArrayLike<number>,
  baseline: ArrayLike<number>,
  margin: number,
  options: { readonly level?: number } = {},
): EquivalenceTest {
  if (!(margin > 0 && Number.isFinite(margin))) {
    throw new InputError(`expected an equivalence margin above 0, got ${margin}`, { margin });
  }
  const level = options.level ?? 0.05;
  if (!(level > 0 && level < 0.5)) {
    throw new InputError(`expected a level above 0 and below 0.5, got ${level}`, { level });
  }
  const differences = pairedDifferences(values, baseline, 2);
  const { mean, standardDeviation } = meanAndDeviation(differences);
  const degreesOfFreedom = differences.length - 1;
  const standardError = standardDeviation / Math.sqrt(differences.length);
  const againstWorse = studentTSurvival(ratio(mean + margin, standardError), degreesOfFreedom);
  const againstBetter = studentTSurvival(ratio(margin - mean, standardError), degreesOfFreedom);
  const reach = standardError * studentTQuantile(1 - level, degreesOfFreedom);
  return {
    pValue: Math.max(againstWorse, againstBetter),
    pValueAgainstWorse: againstWorse,
    pValueAgainstBetter: againstBetter,
    margin,
    meanDifference: mean,
    interval: { low: mean - reach, high: mean + reach, confidence: 1 - 2 * level },
  };
}

/** @throws {InputError} not in (0, 1) */
export function checkConfidence(confidence: number): number {
  if (!(confidence > 0 && confidence < 1)) {
    throw new InputError(`expected a confidence above 0 and below 1, got ${confidence}`, {
      confidence,
    });
  }
  return confidence;
}

function pValueOf(statistic: number, degreesOfFreedom: number, alternative: Alternative): number {
  switch (alternative) {
    case "two-sided":
      return 2 * studentTSurvival(Math.abs(statistic), degreesOfFreedom);
    case "greater":
      return studentTSurvival(statistic, degreesOfFreedom);
    case "less":
      return studentTSurvival(-statistic, degreesOfFreedom);
    default:
      throw alternative satisfies never;
  }
}

/** A difference in standard errors; 0/0 (exactly at the margin, no spread) stays undecided at 0. */
function ratio(difference: number, standardError: number): number {
  return difference === 0 ? 0 : difference / standardError;
}
