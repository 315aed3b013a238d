/**
 * Inner product Σ a[i]·b[i] of two float32 vectors: THE score of the dense leg. Products of float32
 * are exact in float64; they are added in four fixed lanes, so the result is the same on every
 * machine and for every path that reports a score.
 *
 * @param a vector starting at `aStart`, of `dimension` values
 * @param b vector starting at `bStart`
 */
export function dotProduct(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  bStart: number,
  dimension: number,
): number {
  let lane0 = 0;
  let lane1 = 0;
  let lane2 = 0;
  let lane3 = 0;
  const whole = dimension - (dimension & 3);
  let i = 0;
  // Indices stay inside both vectors: callers pass starts of whole rows.
  for (; i < whole; i += 4) {
    lane0 += a[aStart + i]! * b[bStart + i]!;
    lane1 += a[aStart + i + 1]! * b[bStart + i + 1]!;
    lane2 += a[aStart + i + 2]! * b[bStart + i + 2]!;
    lane3 += a[aStart + i + 3]! * b[bStart + i + 3]!;
  }
  // The rest goes on in the lanes, as if both vectors had zeros up to a multiple of four.
  if (i < dimension) lane0 += a[aStart + i]! * b[bStart + i]!;
  if (i + 1 < dimension) lane1 += a[aStart + i + 1]! * b[bStart + i + 1]!;
  if (i + 2 < dimension) lane2 += a[aStart + i + 2]! * b[bStart + i + 2]!;
  return lane0 + lane1 + (lane2 + lane3);
}
