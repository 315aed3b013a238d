import { InputError } from "../errors.js";
import { bootstrapInterval } from "./bootstrap-interval.js";
import type { Evaluation } from "./evaluate-run.js";
import { bonferroni, holm } from "./multiple-comparisons.js";
import { type Interval, pairedTTest } from "./paired-t-test.js";
import {
  pairedDifferences,
  pairedEffectSize,
  pairValues,
  type WinsTiesLosses,
  winsTiesLosses,
} from "./paired-values.js";
import { randomizationTest } from "./randomization-test.js";
import { wilcoxonSignedRank } from "./wilcoxon-signed-rank.js";

export interface CompareOptions {
  /** Test behind `pValue`; randomization when absent. */
  readonly test?: "randomization" | "t" | "wilcoxon";
  /** Correction over all pairs; Holm when absent. */
  readonly correction?: "holm" | "bonferroni" | "none";
  /** Corrected p values below it are significant; 0.05 when absent. */
  readonly level?: number;
  /** Confidence of the bootstrap intervals; 0.95 when absent. */
  readonly confidence?: number;
  /** Seed of randomisation and bootstrap; 42 when absent. */
  readonly seed?: number;
}

/** One system against another under one measure; differences are `first - second`. */
export interface SystemPair {
  readonly first: string;
  readonly second: string;
  readonly meanDifference: number;
  /** Bootstrap (BCa) interval of the mean difference. */
  readonly interval: Interval;
  /** Cohen's d_z. */
  readonly effectSize: number;
  readonly queries: WinsTiesLosses;
  readonly pValue: number;
  readonly correctedPValue: number;
  readonly significant: boolean;
}

export interface SystemComparison {
  readonly measure: string;
  readonly test: "randomization" | "t" | "wilcoxon";
  readonly correction: "holm" | "bonferroni" | "none";
  readonly level: number;
  readonly pairCount: number;
  /** Every pair once, in the order of the systems. */
  readonly pairs: readonly SystemPair[];
  /** Systems that each system is significantly better than: the letters of a measure table. */
  readonly betterThan: ReadonlyMap<string, readonly string[]>;
}

/**
 * Compares every pair of systems under one measure, p values corrected over the pairs.
 *
 * @param systems evaluations over the same judgements, in the order of the report
 * @throws {InputError} fewer than two systems, fewer than two queries, different queries, the
 *   measure not evaluated, a level outside (0, 1)
 */
export function compareSystems(
  systems: ReadonlyMap<string, Evaluation>,
  measure: string,
  options: CompareOptions = {},
): SystemComparison {
  const { test = "randomization", correction = "holm", level = 0.05 } = options;
  const { confidence = 0.95, seed = 42 } = options;
  if (systems.size < 2) {
    throw new InputError(`expected two or more systems to compare, got ${systems.size}`);
  }
  if (!(level > 0 && level < 1)) {
    throw new InputError(`expected a level above 0 and below 1, got ${level}`, { level });
  }
  const names = [...systems.keys()];
  const uncorrected: Omit<SystemPair, "correctedPValue" | "significant">[] = [];
  for (const [i, first] of names.entries()) {
    for (const second of names.slice(i + 1)) {
      const { values, baseline } = pairValues(
        columnOf(systems, first, measure),
        columnOf(systems, second, measure),
      );
      const differences = pairedDifferences(values, baseline, 2);
      uncorrected.push({
        first,
        second,
        meanDifference: differences.reduce((sum, value) => sum + value, 0) / differences.length,
        interval: bootstrapInterval(differences, { confidence, seed }),
        effectSize: pairedEffectSize(values, baseline),
        queries: winsTiesLosses(values, baseline),
        pValue: pValueOf(test, values, baseline, seed),
      });
    }
  }
  const corrected = correct(
    correction,
    uncorrected.map(({ pValue }) => pValue),
  );
  const pairs = uncorrected.map((pair, i) => {
    const correctedPValue = corrected[i]!; // one for each pair
    return { ...pair, correctedPValue, significant: correctedPValue < level };
  });
  const betterThan = new Map(
    names.map((name) => [
      name,
      names.filter((other) =>
        pairs.some(
          ({ first, second, meanDifference, significant }) =>
            significant &&
            ((first === name && second === other && meanDifference > 0) ||
              (first === other && second === name && meanDifference < 0)),
        ),
      ),
    ]),
  );
  return { measure, test, correction, level, pairCount: pairs.length, pairs, betterThan };
}

function columnOf(systems: ReadonlyMap<string, Evaluation>, system: string, measure: string) {
  const column = systems.get(system)?.perQuery.get(measure);
  if (column === undefined) {
    throw new InputError(`expected ${measure} among the measures of ${system}, got none`, {
      system,
      measure,
    });
  }
  return column;
}

function pValueOf(
  test: SystemComparison["test"],
  values: Float64Array,
  baseline: Float64Array,
  seed: number,
): number {
  switch (test) {
    case "randomization":
      return randomizationTest(values, baseline, { seed }).pValue;
    case "t":
      return pairedTTest(values, baseline).pValue;
    case "wilcoxon":
      return wilcoxonSignedRank(values, baseline).pValue;
    default:
      throw test satisfies never;
  }
}

function correct(correction: SystemComparison["correction"], pValues: readonly number[]): number[] {
  switch (correction) {
    case "holm":
      return holm(pValues);
    case "bonferroni":
      return bonferroni(pValues);
    case "none":
      return [...pValues];
    default:
      throw correction satisfies never;
  }
}
