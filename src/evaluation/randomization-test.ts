import { InputError } from "../errors.js";
import { SeededRandom } from "../numeric/seeded-random.js";
import { pairedDifferences } from "./paired-values.js";

export interface RandomizationTest {
  /** Mean of `values - baseline`. */
  readonly meanDifference: number;
  /** Two-sided. */
  readonly pValue: number;
  /** `exact`: all 2^n signs; `sampled`: `randomizationCount` random ones. */
  readonly method: "exact" | "sampled";
  readonly randomizationCount: number;
  readonly seed: number;
}

export interface RandomizationOptions {
  /** How many sign patterns are drawn; 10,000 when absent. */
  readonly randomizationCount?: number;
  /** 42 when absent. */
  readonly seed?: number;
}

/**
 * Fisher's randomisation test for paired values: if the two systems were one, each query's two
 * values could as well be swapped. p is the share of sign patterns whose mean difference is at least
 * as far from 0 as the observed one. All 2^n patterns are counted if they are no more than
 * `randomizationCount`; otherwise patterns are drawn and p = (hits + 1) / (draws + 1), which counts
 * the observed pattern and is never 0.
 *
 * @throws {InputError} lengths differ, no pairs, `randomizationCount` not an integer >= 1
 * @see Smucker, Allan, Carterette, CIKM 2007, doi:10.1145/1321440.1321528;
 *   Phipson, Smyth, Stat. Appl. Genet. Mol. Biol. 9(1), 2010 (the + 1)
 */
export function randomizationTest(
  values: ArrayLike<number>,
  baseline: ArrayLike<number>,
  options: RandomizationOptions = {},
): RandomizationTest {
  const differences = pairedDifferences(values, baseline);
  const randomizationCount = options.randomizationCount ?? 10_000;
  const seed = options.seed ?? 42;
  if (!Number.isSafeInteger(randomizationCount) || randomizationCount < 1) {
    throw new InputError(
      `expected randomizationCount to be an integer >= 1, got ${randomizationCount}`,
      { randomizationCount },
    );
  }
  const n = differences.length;
  let sum = 0;
  let size = 0;
  for (const difference of differences) {
    sum += difference;
    size += Math.abs(difference);
  }
  // Sums of one multiset in another order differ by rounding: such a pattern is as far, not nearer.
  const threshold = Math.abs(sum) - size * 1e-12;
  const meanDifference = sum / n;
  if (n < 31 && 2 ** n <= randomizationCount) {
    const hits = countAllPatterns(differences, threshold);
    return {
      meanDifference,
      pValue: hits / 2 ** n,
      method: "exact",
      randomizationCount: 2 ** n,
      seed,
    };
  }
  const hits = countDrawnPatterns(differences, threshold, randomizationCount, seed);
  return {
    meanDifference,
    pValue: (hits + 1) / (randomizationCount + 1),
    method: "sampled",
    randomizationCount,
    seed,
  };
}

function countAllPatterns(differences: Float64Array, threshold: number): number {
  let hits = 0;
  for (let pattern = 0; pattern < 2 ** differences.length; pattern++) {
    let sum = 0;
    for (let i = 0; i < differences.length; i++) {
      sum += (pattern >>> i) & 1 ? -differences[i]! : differences[i]!;
    }
    if (Math.abs(sum) >= threshold) hits++;
  }
  return hits;
}

function countDrawnPatterns(
  differences: Float64Array,
  threshold: number,
  randomizationCount: number,
  seed: number,
): number {
  const random = new SeededRandom(seed);
  const n = differences.length;
  let hits = 0;
  for (let draw = 0; draw < randomizationCount; draw++) {
    let sum = 0;
    for (let start = 0; start < n; start += 32) {
      let signs = random.uint32();
      const end = Math.min(start + 32, n);
      for (let i = start; i < end; i++) {
        // Without a branch: random branches are mispredicted half the time.
        sum += differences[i]! * (1 - 2 * (signs & 1));
        signs >>>= 1;
      }
    }
    if (Math.abs(sum) >= threshold) hits++;
  }
  return hits;
}
