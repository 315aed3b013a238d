/*
 * The normal and Student's t distribution to nearly full float64 precision, in the tails too.
 * Equations by number of the NIST Digital Library of Mathematical Functions (DLMF).
 */

/** P(Z <= x) of the standard normal distribution. */
export function normalCdf(x: number): number {
  return complementaryErrorFunction(-x / Math.SQRT2) / 2;
}

/** The x with `normalCdf(x) = probability`; -Infinity for 0, Infinity for 1, NaN outside [0, 1]. */
export function normalQuantile(probability: number): number {
  if (!(probability >= 0 && probability <= 1)) return Number.NaN;
  if (probability > 0.5) return -normalQuantile(1 - probability);
  return -upperTailQuantile((x) => normalCdf(-x), probability);
}

/** P(T <= t) of Student's t distribution; `degreesOfFreedom` > 0, not necessarily an integer. */
export function studentTCdf(t: number, degreesOfFreedom: number): number {
  const tail = studentTTail(Math.abs(t), degreesOfFreedom);
  return t > 0 ? 1 - tail : tail;
}

/** P(T > t) without the cancellation of `1 - studentTCdf(t)`. */
export function studentTSurvival(t: number, degreesOfFreedom: number): number {
  return studentTCdf(-t, degreesOfFreedom);
}

/** The t with `studentTCdf(t) = probability`; -Infinity for 0, Infinity for 1, NaN outside [0, 1]. */
export function studentTQuantile(probability: number, degreesOfFreedom: number): number {
  if (!(probability >= 0 && probability <= 1)) return Number.NaN;
  if (probability > 0.5) return -studentTQuantile(1 - probability, degreesOfFreedom);
  return -upperTailQuantile((t) => studentTTail(t, degreesOfFreedom), probability);
}

/** P(T > t) for t >= 0: half of I_x(df/2, 1/2) with x = df / (df + t²) (DLMF 8.17). */
function studentTTail(t: number, degreesOfFreedom: number): number {
  if (t === Number.POSITIVE_INFINITY) return 0;
  const squares = degreesOfFreedom + t * t;
  // t² / squares is 1 - x without its cancellation.
  const x = degreesOfFreedom / squares;
  return regularizedIncompleteBeta(degreesOfFreedom / 2, 0.5, x, (t * t) / squares) / 2;
}

/**
 * I_x(a, b), the share of the beta function up to x, by its continued fraction (DLMF 8.17.22).
 *
 * @param complement 1 - x, given apart because the caller may know it more precisely
 */
export function regularizedIncompleteBeta(
  a: number,
  b: number,
  x: number,
  complement: number = 1 - x,
): number {
  if (Number.isNaN(x) || Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
  if (x <= 0) return 0;
  if (complement <= 0) return 1;
  // The fraction converges quickly below the mean only; above it the other side is computed.
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedIncompleteBeta(b, a, complement, x);
  const logFront =
    a * Math.log(x) + b * Math.log(complement) + logGamma(a + b) - logGamma(a) - logGamma(b);
  const fraction = continuedFraction((n) => {
    const m = n >> 1;
    return n % 2 === 0
      ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
      : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
  });
  return Math.exp(logFront) / a / fraction;
}

/** ln Γ(x) for x > 0: Stirling's series (DLMF 5.11.1) from 12 up, reached by Γ(x + 1) = x Γ(x). */
export function logGamma(x: number): number {
  let shift = 1;
  let z = x;
  while (z < 12) {
    shift *= z;
    z++;
  }
  const inverse = 1 / z;
  const square = inverse * inverse;
  const series =
    inverse *
    (1 / 12 -
      square *
        (1 / 360 -
          square *
            (1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - (square * 691) / 360360)))));
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - Math.log(shift);
}

/** erfc(x) = 1 - erf(x): series near 0 (DLMF 7.6.2), continued fraction further out (DLMF 7.9.1). */
export function complementaryErrorFunction(x: number): number {
  if (x < 0) return 2 - complementaryErrorFunction(-x);
  if (Number.isNaN(x)) return Number.NaN;
  if (x > 30) return 0; // below the smallest float64
  const square = x * x;
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; term > sum * 1e-18; n++) {
      term *= (2 * square) / (2 * n + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-square) * sum;
  }
  const fraction = continuedFraction((n) => n / (2 * square));
  return Math.exp(-square) / (x * Math.sqrt(Math.PI) * fraction);
}

/**
 * 1 + c(1)/(1 + c(2)/(1 + c(3)/(1 + …))), evaluated forwards by the modified Lentz method
 * (Thompson, Barnett, Journal of Computational Physics 64, 1986).
 */
function continuedFraction(coefficient: (n: number) => number): number {
  const tiny = 1e-300;
  let value = 1;
  let ratio = 1;
  let inverseRatio = 0;
  for (let n = 1; n < 10_000; n++) {
    const c = coefficient(n);
    inverseRatio = 1 / nonZero(1 + c * inverseRatio, tiny);
    ratio = nonZero(1 + c / ratio, tiny);
    const step = ratio * inverseRatio;
    value *= step;
    if (Math.abs(step - 1) < 1e-16) break;
  }
  return value;
}

function nonZero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

/** The x >= 0 where the decreasing `tail` falls to `probability` <= tail(0), by bisection. */
function upperTailQuantile(tail: (x: number) => number, probability: number): number {
  if (probability === 0) return Number.POSITIVE_INFINITY;
  let low = 0;
  let high = 1;
  while (tail(high) > probability && high < Number.MAX_VALUE / 2) {
    low = high;
    high *= 2;
  }
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    if (tail(middle) > probability) low = middle;
    else high = middle;
  }
}
