import { normalCdf } from "../numeric/distributions.js";
import { pairedDifferences } from "./paired-values.js";

export interface WilcoxonTest {
  /** The smaller of the two rank sums. */
  readonly statistic: number;
  /** Two-sided. */
  readonly pValue: number;
  /** How the p value was computed. */
  readonly method: "exact" | "normal";
  /** Pairs that differ: what was ranked. */
  readonly usedCount: number;
  /** Pairs that do not differ; they are left out. */
  readonly zeroCount: number;
}

/** Up to here `auto` counts exactly: without zeros and ties, and with them. As scipy 1.17 decides. */
const EXACT_PAIRS = 50;
const EXACT_PAIRS_WITH_TIES = 13;
/** The exact count takes n² · (n + 1) steps; at 2,000 pairs a normal distribution is as good. */
const MAX_EXACT_PAIRS = 2000;

/**
 * Wilcoxon's signed-rank test, two-sided. Differences of 0 are left out, absolute differences are
 * ranked (ties share their mean rank), and W+ is the sum of ranks of positive differences.
 *
 *  - `exact`: W+ against its distribution over all signs, given the ranks as they are;
 *  - `normal`: z = (W+ - n(n+1)/4) / sd with the variance corrected for ties, no continuity
 *    correction;
 *  - `auto` (the default) is exact up to 50 pairs without zeros and ties, or 13 pairs with, and
 *    normal above.
 *
 * No pair that differs: p = 1.
 *
 * @throws {InputError} lengths differ or no pairs
 * @see Wilcoxon, Biometrics Bulletin 1(6), 1945; scipy.stats.wilcoxon(zero_method="wilcox")
 */
export function wilcoxonSignedRank(
  values: ArrayLike<number>,
  baseline: ArrayLike<number>,
  options: { readonly method?: "auto" | "exact" | "normal" } = {},
): WilcoxonTest {
  const all = pairedDifferences(values, baseline);
  const differences = all.filter((difference) => difference !== 0);
  const n = differences.length;
  const zeroCount = all.length - n;
  const { doubledRanks, tieTerm } = rankDoubled(differences.map(Math.abs));
  let positive = 0;
  for (let i = 0; i < n; i++) if (differences[i]! > 0) positive += doubledRanks[i]!;
  const doubledTotal = n * (n + 1);
  const statistic = Math.min(positive, doubledTotal - positive) / 2;

  const plain = zeroCount === 0 && tieTerm === 0;
  const exactByItself = all.length <= (plain ? EXACT_PAIRS : EXACT_PAIRS_WITH_TIES);
  const wanted = options.method ?? "auto";
  const exact =
    n <= MAX_EXACT_PAIRS && (wanted === "exact" || (wanted === "auto" && exactByItself));
  if (n === 0) {
    return { statistic, pValue: 1, method: exact ? "exact" : "normal", usedCount: 0, zeroCount };
  }
  const pValue = exact
    ? exactPValue(doubledRanks, positive)
    : normalPValue(n, positive / 2, tieTerm);
  return { statistic, pValue, method: exact ? "exact" : "normal", usedCount: n, zeroCount };
}

/** Twice the mean ranks (whole numbers), and Σ over groups of ties of t³ - t. */
function rankDoubled(sizes: Float64Array): {
  readonly doubledRanks: Uint32Array;
  readonly tieTerm: number;
} {
  const order = Array.from(sizes.keys()).sort((a, b) => sizes[a]! - sizes[b]!);
  const doubledRanks = new Uint32Array(sizes.length);
  let tieTerm = 0;
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && sizes[order[end]!] === sizes[order[start]!]) end++;
    // Ranks start + 1 .. end have the mean (start + 1 + end) / 2.
    for (let i = start; i < end; i++) doubledRanks[order[i]!] = start + 1 + end;
    const count = end - start;
    tieTerm += count ** 3 - count;
    start = end;
  }
  return { doubledRanks, tieTerm };
}

/** Twice the smaller tail of W+ over all 2^n signs, by adding one rank after the other. */
function exactPValue(doubledRanks: Uint32Array, positive: number): number {
  const total = doubledRanks.reduce((sum, rank) => sum + rank, 0);
  const probability = new Float64Array(total + 1);
  probability[0] = 1;
  let reached = 0;
  for (const rank of doubledRanks) {
    reached += rank;
    for (let sum = reached; sum >= 0; sum--) {
      const without = probability[sum]!;
      const withRank = sum >= rank ? probability[sum - rank]! : 0;
      probability[sum] = (without + withRank) / 2;
    }
  }
  let atMost = 0;
  for (let sum = 0; sum <= positive; sum++) atMost += probability[sum]!;
  let atLeast = 0;
  for (let sum = total; sum >= positive; sum--) atLeast += probability[sum]!;
  return Math.min(1, 2 * Math.min(atMost, atLeast));
}

function normalPValue(n: number, positive: number, tieTerm: number): number {
  const mean = (n * (n + 1)) / 4;
  const variance = (n * (n + 1) * (2 * n + 1) - tieTerm / 2) / 24;
  return Math.min(1, 2 * normalCdf(-Math.abs(positive - mean) / Math.sqrt(variance)));
}
