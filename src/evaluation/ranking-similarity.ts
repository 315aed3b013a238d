import { InputError } from "../errors.js";
import type { Ranking } from "../run/ranking.js";

/**
 * Jaccard index of the top `depth` of two rankings: documents in both / documents in either. Two
 * empty rankings are the same: 1.
 *
 * @throws {InputError} depth not an integer >= 1
 */
export function jaccardAtDepth(a: Ranking, b: Ranking, depth: number): number {
  if (!Number.isSafeInteger(depth) || depth < 1) {
    throw new InputError(`expected a depth that is an integer >= 1, got ${depth}`, { depth });
  }
  const top = new Set(a.slice(0, depth).map(({ docId }) => docId));
  const other = b.slice(0, depth);
  let both = 0;
  for (const { docId } of other) if (top.has(docId)) both++;
  const either = top.size + other.length - both;
  return either === 0 ? 1 : both / either;
}

/**
 * Rank-biased overlap, extrapolated (RBO_ext): agreement of two rankings at every depth, weighed by
 * p^(depth - 1), the unseen depths taken to agree as the seen end does. 1 for the same ranking, 0
 * for no common document; two empty rankings give 1, one empty gives 0. With X(d) the number of
 * common documents at depth d and s <= l the lengths,
 *
 *     (1-p)/p · (Σ d=1..l X(d)/d p^d + Σ d=s+1..l X(s)(d-s)/(s d) p^d) + ((X(l)-X(s))/l + X(s)/s) p^l
 *
 * @param persistence p in (0, 1): 0.9 gives the first ten ranks 86 % of the weight
 * @throws {InputError} persistence outside (0, 1)
 * @see Webber, Moffat, Zobel, ACM TOIS 28(4), 2010, doi:10.1145/1852102.1852106, equation 32
 */
export function rankBiasedOverlap(a: Ranking, b: Ranking, persistence = 0.9): number {
  if (!(persistence > 0 && persistence < 1)) {
    throw new InputError(`expected a persistence above 0 and below 1, got ${persistence}`, {
      persistence,
    });
  }
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  const s = short.length;
  const l = long.length;
  if (s === 0) return l === 0 ? 1 : 0;
  const seenShort = new Set<string>();
  const seenLong = new Set<string>();
  let common = 0;
  let commonAtShort = 0;
  let sum = 0;
  let weight = 1;
  for (let d = 1; d <= l; d++) {
    const fromLong = long[d - 1]!.docId; // in bounds: d <= l
    const fromShort = d <= s ? short[d - 1]!.docId : undefined;
    if (fromShort === fromLong) {
      common++;
    } else {
      if (seenShort.has(fromLong)) common++;
      if (fromShort !== undefined && seenLong.has(fromShort)) common++;
    }
    seenLong.add(fromLong);
    if (fromShort !== undefined) seenShort.add(fromShort);
    weight *= persistence;
    sum += (common / d) * weight;
    if (d === s) commonAtShort = common;
    if (d > s) sum += ((commonAtShort * (d - s)) / (s * d)) * weight;
  }
  const atEnd = (common - commonAtShort) / l + commonAtShort / s;
  return ((1 - persistence) / persistence) * sum + atEnd * weight;
}

/**
 * Kendall's tau of two rankings over the documents they share: (pairs in the same order - pairs in
 * opposite order) / all pairs. NaN for fewer than two shared documents.
 */
export function kendallTau(a: Ranking, b: Ranking): number {
  const rankInB = new Map(b.map(({ docId }, rank) => [docId, rank]));
  const ranks: number[] = [];
  for (const { docId } of a) {
    const rank = rankInB.get(docId);
    if (rank !== undefined) ranks.push(rank);
  }
  const pairCount = (ranks.length * (ranks.length - 1)) / 2;
  return pairCount === 0 ? Number.NaN : 1 - (2 * countInversions(ranks)) / pairCount;
}

/**
 * Kendall's tau-b of two columns of numbers, such as the scores of the same systems under two
 * measures: (concordant - discordant) / √((pairs - ties in x)(pairs - ties in y)). NaN when a column
 * is constant or has fewer than two entries.
 *
 * @throws {InputError} lengths differ
 * @see Kendall, Biometrika 33(3), 1945; Knight, JASA 61(314), 1966, for counting in n log n
 */
export function kendallTauB(x: ArrayLike<number>, y: ArrayLike<number>): number {
  if (x.length !== y.length) {
    throw new InputError(`expected columns of one length, got ${x.length} and ${y.length}`);
  }
  const n = x.length;
  const order = Array.from({ length: n }, (_, i) => i).sort(
    (i, j) => x[i]! - x[j]! || y[i]! - y[j]!,
  );
  const pairCount = (n * (n - 1)) / 2;
  const tiedX = countTies(order.map((i) => x[i]!));
  const tiedY = countTies(Array.from(y).sort((a, b) => a - b));
  let tiedBoth = 0;
  for (let start = 0; start < n; ) {
    let end = start + 1;
    const first = order[start]!;
    while (end < n && x[order[end]!] === x[first] && y[order[end]!] === y[first]) end++;
    tiedBoth += ((end - start) * (end - start - 1)) / 2;
    start = end;
  }
  const discordant = countInversions(order.map((i) => y[i]!));
  const untied = Math.sqrt((pairCount - tiedX) * (pairCount - tiedY));
  return untied === 0
    ? Number.NaN
    : (pairCount - tiedX - tiedY + tiedBoth - 2 * discordant) / untied;
}

function countTies(ascending: readonly number[]): number {
  let count = 0;
  let same = 0;
  for (let i = 1; i < ascending.length; i++) {
    same = ascending[i] === ascending[i - 1] ? same + 1 : 0;
    count += same;
  }
  return count;
}

/** Pairs i < j with values[i] > values[j], by merge sort. */
function countInversions(values: readonly number[]): number {
  let from = Float64Array.from(values);
  let to = new Float64Array(values.length);
  let count = 0;
  for (let width = 1; width < from.length; width *= 2) {
    for (let start = 0; start < from.length; start += 2 * width) {
      const middle = Math.min(start + width, from.length);
      const end = Math.min(start + 2 * width, from.length);
      let left = start;
      let right = middle;
      for (let out = start; out < end; out++) {
        if (left < middle && (right >= end || from[left]! <= from[right]!)) {
          to[out] = from[left++]!;
        } else {
          if (left < middle) count += middle - left;
          to[out] = from[right++]!;
        }
      }
    }
    [from, to] = [to, from];
  }
  return count;
}
