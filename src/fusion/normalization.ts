import { InputError } from "../errors.js";
import { clampFinite, type FusionLeg, type LegColumn } from "./fusion-leg.js";

/** Ways to bring the scores of different legs onto one scale; each keeps a leg's order. */
export const normalizations = [
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
 * Scores of one leg on a common scale, one per candidate of the union. With `lo` and `hi` the lowest
 * and highest score of the leg's ranking and n its length:
 *
 * | name | normalised score | reads |
 * | --- | --- | --- |
 * | `unit` | s where the leg's similarity is cosine, else as `max` | the top score |
 * | `theoretical` | (s - lower) / (upper - lower) over the bounds of the formula | no candidate |
 * | `min-max` | (s - lo) / (hi - lo) | the ranking |
 * | `max` | s / max(\|hi\|, \|lo\|), which is s / hi where no score is negative | the top score |
 * | `sum` | (s - lo) / Σ (s - lo) | the ranking |
 * | `z-score` | (s - mean) / sd, population, of `statistics` or else of the ranking | the ranking |
 * | `distribution` | 1/2 + z-score / 6: mean ± 3 sd onto 0..1, not clipped | the ranking |
 * | `rank` | 1 - (rank - 1) / n, tied scores share their rank | the ranking |
 * | `none` | s | nothing |
 *
 * Where all scores of the ranking are equal, min-max and sum give 1 and 1/n, z-score 0,
 * distribution 1/2. A document whose score in this leg is unknown gets 0, but never more than the
 * worst listed one: if that is not above 0 it gets the same, or 1 less if all listed ones are equal,
 * so that a leg with one hit never vanishes.
 *
 * Theoretical bounds: Bruch, Gai, Ingber, TOIS 2023, section 3.2 (doi:10.1145/3596512), with the
 * upper bound of the query instead of the highest score; distribution: Mazzeschi 2023 (Qdrant's DBSF);
 * the others: Montague, Aslam, CIKM 2001 (doi:10.1145/502585.502657); Renda, Straccia, SAC 2003.
 *
 * @throws {InputError} `theoretical` without bounds of the leg
 */
export function normalize(column: LegColumn, normalization: Normalization): Float64Array {
  const { scores, ranks, listedCount, leg } = column;
  const count = scores.length;
  const normalized = new Float64Array(count);
  if (normalization === "rank") {
    for (let i = 0; i < count; i++) {
      const rank = ranks[i]!;
      if (rank > 0) normalized[i] = 1 - (rank - 1) / listedCount;
    }
    return normalized;
  }
  const { factor, origin, shift } = affineMap(leg, normalization);
  const { ranking } = leg;
  const highest = apply(ranking[0]?.score ?? 0, factor, origin, shift);
  const lowest = apply(ranking.at(-1)?.score ?? 0, factor, origin, shift);
  const unknown = lowest > 0 ? 0 : highest > lowest ? lowest : clampFinite(lowest - 1);
  for (let i = 0; i < count; i++) {
    const score = scores[i]!;
    normalized[i] = Number.isNaN(score) ? unknown : apply(score, factor, origin, shift);
  }
  return normalized;
}

/** normalised = (s - origin) · factor + shift. */
interface AffineMap {
  readonly origin: number;
  readonly factor: Factor;
  readonly shift: number;
}

/** Divisors are kept as such: multiplying by a rounded inverse would turn 1 into 0.999…. */
interface Factor {
  readonly divisor: number;
  /** Both sides are scaled by this first where differences could overflow or underflow. */
  readonly scale: number;
}

function apply(score: number, { divisor, scale }: Factor, origin: number, shift: number): number {
  return clampFinite((score * scale - origin) / divisor + shift);
}

function affineMap(leg: FusionLeg, normalization: Exclude<Normalization, "rank">): AffineMap {
  const { ranking } = leg;
  const hi = ranking[0]?.score ?? 0;
  const lo = ranking.at(-1)?.score ?? 0;
  switch (normalization) {
    case "none":
      return identity;
    case "unit":
      return leg.similarity === "cosine" ? identity : divideBy(hi, lo);
    case "max":
      return divideBy(hi, lo);
    case "theoretical": {
      const bounds = leg.bounds ?? (leg.similarity === "cosine" ? cosineBounds : undefined);
      if (bounds === undefined) {
        throw new InputError(
          `normalization theoretical needs the bounds of leg ${leg.name}, which it has not: ` +
            "name another normalization",
          { leg: leg.name, normalization },
        );
      }
      return between(bounds.lower, bounds.upper);
    }
    case "min-max":
      return between(lo, hi);
    case "sum": {
      const count = ranking.length;
      if (hi === lo) return level(hi, 1 / count, count);
      const { scale, origin } = spread(lo, hi);
      let sum = 0;
      for (const { score } of ranking) sum += (score * scale - origin) / count;
      return { origin, factor: { divisor: sum * count, scale }, shift: 0 };
    }
    case "z-score":
      return standardize(leg, 1, 0);
    case "distribution":
      return standardize(leg, 6, 0.5);
    default:
      return normalization satisfies never;
  }
}

const identity: AffineMap = { origin: 0, factor: { divisor: 1, scale: 1 }, shift: 0 };
const cosineBounds = { lower: -1, upper: 1 };

function divideBy(hi: number, lo: number): AffineMap {
  const magnitude = Math.max(Math.abs(hi), Math.abs(lo));
  return magnitude === 0
    ? identity
    : { origin: 0, factor: { divisor: magnitude, scale: 1 }, shift: 0 };
}

/** `lower` to 0 and `upper` to 1; both to 1 if they are the same. */
function between(lower: number, upper: number): AffineMap {
  if (!(upper > lower)) return level(upper, 1, 1);
  const { scale, origin, divisor } = spread(lower, upper);
  return { origin, factor: { divisor, scale }, shift: 0 };
}

/**
 * For a ranking without spread: its one score becomes `value`. Exact scores of unlisted documents
 * are still to be told apart: they are measured in that score's magnitude.
 */
function level(score: number, value: number, divisor: number): AffineMap {
  const magnitude = Math.abs(score) || 1;
  const scale = magnitude > 1e140 ? 2 ** -512 : 1;
  return {
    origin: score * scale,
    factor: { divisor: magnitude * scale * divisor, scale },
    shift: value,
  };
}

function spread(lower: number, upper: number): { scale: number; origin: number; divisor: number } {
  const scale = Number.isFinite(upper - lower) ? 1 : 2 ** -8;
  return { scale, origin: lower * scale, divisor: upper * scale - lower * scale };
}

function standardize(leg: FusionLeg, width: number, shift: number): AffineMap {
  const { ranking, statistics } = leg;
  if (statistics !== undefined) {
    const { mean, standardDeviation } = statistics;
    if (!Number.isFinite(mean) || !(standardDeviation >= 0 && standardDeviation < Infinity)) {
      throw new InputError(
        `expected finite statistics of leg ${leg.name}, got mean ${mean}, standard deviation ${standardDeviation}`,
        { leg: leg.name },
      );
    }
    return {
      origin: mean,
      factor: { divisor: standardDeviation === 0 ? 1 : width * standardDeviation, scale: 1 },
      shift,
    };
  }
  const hi = ranking[0]?.score ?? 0;
  const lo = ranking.at(-1)?.score ?? 0;
  if (hi === lo) return level(hi, shift, width);
  // Squares of very large or small scores leave float64's range: work on scores of magnitude 1.
  const magnitude = Math.max(Math.abs(hi), Math.abs(lo));
  const scale = magnitude > 1e140 || magnitude < 1e-140 ? 2 ** -exponentOf(magnitude) : 1;
  let sum = 0;
  for (const { score } of ranking) sum += score * scale;
  const mean = sum / ranking.length;
  let squares = 0;
  for (const { score } of ranking) squares += (score * scale - mean) ** 2;
  const deviation = Math.sqrt(squares / ranking.length);
  return {
    origin: mean,
    factor: { divisor: width * deviation, scale },
    shift,
  };
}

/** floor(log2(magnitude)), at least -1000 so that its power of two can be inverted. */
function exponentOf(magnitude: number): number {
  return Math.max(-1000, Math.floor(Math.log2(magnitude)));
}
