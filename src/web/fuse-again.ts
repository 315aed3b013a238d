/**
 * Fuses the candidates of a comparison again in the browser, under other weights: the same sums as
 * the service's fusion, over the normalised scores and ranks that it gave.
 */

export interface LegWord {
  readonly rank: number | null;
  readonly score: number | null;
  readonly normalized: number | null;
}

export interface FusionCandidate {
  readonly id: string;
  readonly title: string;
  readonly sparse: LegWord;
  readonly dense: LegWord;
}

export interface FusionSetting {
  readonly method: "weighted" | "rrf";
  /** From 0 (sparse alone) to 1 (dense alone). */
  readonly denseWeight: number;
  readonly rankConstant: number;
}

export interface FusedCandidate extends FusionCandidate {
  /** From 1. */
  readonly place: number;
  readonly score: number;
  readonly contributions: { readonly sparse: number; readonly dense: number };
}

export interface FusedAgain {
  readonly ranking: readonly FusedCandidate[];
  /**
   * So many places at the top are certain to be those that the service would give. A document that
   * is in neither leg's candidates scores at most what the last of both would score together
   * (Fagin's threshold); places above that bound cannot change.
   */
  readonly certainCount: number;
}

/** Weights of the legs as the service takes them. Rank fusion's are 1 and 1 in the middle. */
export function legWeights({ method, denseWeight }: FusionSetting): {
  readonly sparse: number;
  readonly dense: number;
} {
  const scale = method === "rrf" ? 2 : 1;
  return { sparse: scale * (1 - denseWeight), dense: scale * denseWeight };
}

/**
 * @param depth how many of each leg were asked for
 */
export function fuseAgain(
  candidates: readonly FusionCandidate[],
  setting: FusionSetting,
  depth: number,
): FusedAgain {
  const weights = legWeights(setting);
  const scored = candidates
    // A leg without weight is not there, and what only it listed is no candidate.
    .filter(
      ({ sparse, dense }) =>
        (weights.sparse > 0 && sparse.rank !== null) || (weights.dense > 0 && dense.rank !== null),
    )
    .map((candidate) => {
      const contributions = {
        sparse: contribution(candidate.sparse, weights.sparse, setting),
        dense: contribution(candidate.dense, weights.dense, setting),
      };
      return { ...candidate, contributions, score: contributions.dense + contributions.sparse };
    })
    .sort((a, b) => b.score - a.score || compareIds(b.id, a.id));
  const bound =
    unseenBound(candidates, "sparse", weights.sparse, setting, depth) +
    unseenBound(candidates, "dense", weights.dense, setting, depth);
  const firstBelow = scored.findIndex(({ score }) => score <= bound);
  return {
    ranking: scored.map((candidate, i) => ({ ...candidate, place: i + 1 })),
    certainCount: firstBelow < 0 ? scored.length : firstBelow,
  };
}

function contribution(leg: LegWord, weight: number, setting: FusionSetting): number {
  if (weight === 0) return 0;
  if (setting.method === "rrf") {
    return leg.rank === null ? 0 : weight / (setting.rankConstant + leg.rank);
  }
  return leg.normalized === null ? 0 : weight * leg.normalized;
}

/** The most that a leg can add to a document that is not among its candidates. */
function unseenBound(
  candidates: readonly FusionCandidate[],
  name: "sparse" | "dense",
  weight: number,
  setting: FusionSetting,
  depth: number,
): number {
  if (weight === 0) return 0;
  const listed = candidates
    .map((candidate) => candidate[name])
    .filter(({ rank }) => rank !== null && rank <= depth);
  if (listed.length === 0) return 0;
  if (setting.method === "rrf") {
    const lastRank = Math.max(...listed.map(({ rank }) => rank ?? 0));
    return listed.length < depth ? 0 : weight / (setting.rankConstant + lastRank);
  }
  return weight * Math.min(...listed.map(({ normalized }) => normalized ?? 0));
}

/** Order of ids by code points, which is the order of their UTF-8 bytes. */
function compareIds(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
