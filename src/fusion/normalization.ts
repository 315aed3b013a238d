import { InputError } from "../errors.js";
import { clampFinite, type FusionLeg, type LegColumn } from "./fusion-leg.js";

/** Ways to bring the scores of different legs onto one scale; each keeps a leg's order. */
export const normalizations = [
  "bounded",
  "unit",
  "theoretical",
  "min-max",
  "max",
  "sum",
  "z-score",
  "distribution",
  "rank",
  "none",
] as const;
export type Normalization = (typeof normalizations)[number];

/**
 * Scores of one leg on a common scale, one per candidate of the union. The leg's known scores are
 * those of its ranking and, where they are given, the exact ones of other legs' documents; `lo`,
 * `hi`, mean and sd are theirs.
 *
 * | name | normalised score | reads |
 * | --- | --- | --- |
 * | `bounded` | as `theoretical` where the leg has bounds, else as `min-max` | as those |
 * | `unit` | s where the leg's similarity is cosine, else as `max` | the top score |
 * | `theoretical` | (s - lower) / (upper - lower) over the bounds of the formula | no candidate |
 * | `min-max` | (s - lo) / (hi - lo) | all known scores |
 * | `max` | s / max(\|hi\|, \|lo\|), which is s / hi where no score is negative | the top score |
 * | `sum` | (s - lo) / Σ (s - lo) | all known scores |
 * | `z-score` | (s - mean) / sd, population; those of `statistics` where given | all known scores |
 * | `distribution` | 1/2 + z-score / 6: mean ± 3 sd onto 0..1, not clipped | all known scores |
 * | `rank` | 1 - (rank - 1) / n over the n ranked ones, tied scores share their rank | the ranking |
 * | `none` | s | nothing |
 *
 * Where all known scores are equal, min-max gives 1, sum 1/n, z-score 0, distribution 1/2.
 *
 * A document whose score is unknown, because the ranking was cut above it, counts as a little less
 * than the worst of the n known ones: with H and L the highest and lowest normalised score it gets
 * min(L, max(0, L - H / n)), or L - |H| / n where H is not above 0. So it is near the worst one of a
 * long list and 0 beside a single hit: a leg with one hit does not vanish, and a raised score never
 * raises the unknown ones by more. `rank` gives 0.
 *
 * Theoretical bounds: Bruch, Gai, Ingber, TOIS 2023, section 3.2 (doi:10.1145/3596512), with the
 * upper bound of the query instead of the highest score; distribution: Mazzeschi 2023 (Qdrant's DBSF);
 * the others: Montague, Aslam, CIKM 2001 (doi:10.1145/502585.502657); Renda, Straccia, SAC 2003.
 *
 * @throws {InputError} `theoretical` without bounds of the leg
 */
export function normalize(column: LegColumn, normalization: Normalization): Float64Array {
  const { scores, ranks, listedCount } = column;
  const count = scores.length;
  const normalized = new Float64Array(count);
  if (normalization === "rank") {
    for (let i = 0; i < count; i++) {
      const rank = ranks[i]!;
      if (rank > 0) normalized[i] = 1 - (rank - 1) / listedCount;
    }
    return normalized;
  }
  const known = knownRange(column);
  const { scale, origin, divisor, shift } = affineMap(column, known, normalization);
  const lowest = clampFinite((known.lo * scale - origin) / divisor + shift);
  const highest = clampFinite((known.hi * scale - origin) / divisor + shift);
  const unknown = unknownScore(lowest, highest, known.count, normalization);
  for (let i = 0; i < count; i++) {
    const score = scores[i]!;
    if (Number.isNaN(score)) normalized[i] = unknown;
    else {
      // The two ends were clamped, and all others lie between them.
      const value = (score * scale - origin) / divisor + shift;
      normalized[i] = Math.min(highest, Math.max(lowest, value));
    }
  }
  return normalized;
}

function unknownScore(
  lowest: number,
  highest: number,
  count: number,
  normalization: Normalization,
): number {
  if (highest > 0) return Math.min(lowest, Math.max(0, lowest - highest / count));
  // A top score of 0 has no magnitude to take a part of; that of z-scores is the deviation, 1.
  const least = normalization === "z-score" ? 1 : 1e-9;
  return clampFinite(lowest - Math.max(least, -highest) / count);
}

/** Lowest and highest known score and how many there are. */
interface KnownRange {
  readonly lo: number;
  readonly hi: number;
  readonly count: number;
}

function knownRange({ scores }: LegColumn): KnownRange {
  let lo = Number.POSITIVE_INFINITY;
  let hi = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (Number.isNaN(score)) continue;
    if (score < lo) lo = score;
    if (score > hi) hi = score;
    count++;
  }
  return { lo, hi, count };
}

/**
 * normalised = (s · scale - origin) / divisor + shift. The scale, a power of two, keeps differences
 * and squares in float64's range; the divisor is not inverted, which would turn 1 into 0.999….
 */
interface AffineMap {
  readonly scale: number;
  readonly origin: number;
  readonly divisor: number;
  readonly shift: number;
}

function affineMap(
  { leg, scores }: LegColumn,
  known: KnownRange,
  normalization: Exclude<Normalization, "rank">,
): AffineMap {
  switch (normalization) {
    case "none":
      return identity;
    case "unit":
      return leg.similarity === "cosine" ? identity : divideByMax(known);
    case "max":
      return divideByMax(known);
    case "bounded":
    case "theoretical": {
      const bounds = leg.bounds ?? (leg.similarity === "cosine" ? cosineBounds : undefined);
      if (bounds === undefined) {
        if (normalization === "bounded") return ontoUnit(known.lo, known.hi);
        throw new InputError(
          `normalization theoretical needs the bounds of leg ${leg.name}, which it has not: ` +
            "name another normalization",
          { leg: leg.name, normalization },
        );
      }
      if (!Number.isFinite(bounds.lower) || !Number.isFinite(bounds.upper)) {
        throw new InputError(
          `expected finite bounds of leg ${leg.name}, got ${bounds.lower} to ${bounds.upper}`,
          { leg: leg.name },
        );
      }
      return ontoUnit(bounds.lower, bounds.upper);
    }
    case "min-max":
      return ontoUnit(known.lo, known.hi);
    case "sum":
      return divideBySum(scores, known);
    case "z-score":
      return standardize(leg, scores, known, 1, 0);
    case "distribution":
      return standardize(leg, scores, known, 6, 0.5);
    default:
      return normalization satisfies never;
  }
}

const identity: AffineMap = { scale: 1, origin: 0, divisor: 1, shift: 0 };
const cosineBounds = { lower: -1, upper: 1 };

function divideByMax({ lo, hi }: KnownRange): AffineMap {
  const magnitude = Math.max(Math.abs(hi), Math.abs(lo));
  return magnitude === 0 ? identity : { ...identity, divisor: magnitude };
}

/** `lower` to 0 and `upper` to 1. */
function ontoUnit(lower: number, upper: number): AffineMap {
  if (!(upper > lower)) return level(upper, 1);
  const scale = Number.isFinite(upper - lower) ? 1 : 2 ** -8;
  const origin = lower * scale;
  return { scale, origin, divisor: upper * scale - origin, shift: 0 };
}

function divideBySum(scores: Float64Array, { lo, hi, count }: KnownRange): AffineMap {
  if (hi === lo) return level(hi, 1 / count);
  const scale = Number.isFinite((hi - lo) * count) ? 1 : 2 ** -64;
  const origin = lo * scale;
  let sum = 0;
  for (const score of scores) if (!Number.isNaN(score)) sum += score * scale - origin;
  return { scale, origin, divisor: sum, shift: 0 };
}

function standardize(
  leg: FusionLeg,
  scores: Float64Array,
  { lo, hi, count }: KnownRange,
  width: number,
  shift: number,
): AffineMap {
  if (leg.statistics !== undefined) {
    const { mean, standardDeviation } = leg.statistics;
    if (!Number.isFinite(mean) || !(standardDeviation >= 0 && standardDeviation < Infinity)) {
      throw new InputError(
        `expected finite statistics of leg ${leg.name}, got mean ${mean}, standard deviation ${standardDeviation}`,
        { leg: leg.name },
      );
    }
    return { scale: 1, origin: mean, divisor: width * standardDeviation || 1, shift };
  }
  if (hi === lo) return level(hi, shift);
  const magnitude = Math.max(Math.abs(hi), Math.abs(lo));
  const ordinary = magnitude < 1e140 && magnitude > 1e-140;
  const scale = ordinary ? 1 : 2 ** -Math.max(-1000, Math.floor(Math.log2(magnitude)));
  let sum = 0;
  for (const score of scores) if (!Number.isNaN(score)) sum += score * scale;
  const mean = sum / count;
  let squares = 0;
  for (const score of scores) if (!Number.isNaN(score)) squares += (score * scale - mean) ** 2;
  const deviation = Math.sqrt(squares / count);
  // 0 where the scores differ in digits that the squares lost.
  if (deviation === 0) return level(hi, shift);
  return { scale, origin: mean, divisor: width * deviation, shift };
}

/** Where all known scores are the same: all of them become `value`. */
function level(score: number, value: number): AffineMap {
  return { scale: 1, origin: score, divisor: 1, shift: value };
}
