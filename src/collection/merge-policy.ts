/** A segment as the merge policy sees it. */
export interface MergeCandidate {
  readonly docCount: number;
  readonly liveCount: number;
}

export interface MergePolicy {
  /** So many segments of one tier become one of the next. */
  readonly segmentsPerTier: number;
  /** Live documents of the largest segment of the lowest tier; tiers grow by `segmentsPerTier`. */
  readonly smallestTierDocs: number;
  /** A segment with a larger share of deleted documents is rewritten. */
  readonly deletedShare: number;
  /** Segments of more live documents are only merged when the user compacts. */
  readonly largestMergeDocs: number;
}

/** Segments in memory: every document is merged log8(n) times until its segment is flushed. */
export const memoryMergePolicy: MergePolicy = {
  segmentsPerTier: 8,
  smallestTierDocs: 1,
  deletedShare: 0.5,
  largestMergeDocs: 1 << 20,
};

/** Segments on disk. */
export const diskMergePolicy: MergePolicy = {
  segmentsPerTier: 8,
  smallestTierDocs: 10_000,
  deletedShare: 0.3,
  largestMergeDocs: 5_000_000,
};

/**
 * Tiered merging: of the first tier that is full, as many as make one of the next are merged; if
 * none is full, a segment with many deleted documents is rewritten.
 *
 * @returns positions of the segments to merge, ascending, or null if there is nothing to do
 */
export function pickMerge(
  candidates: readonly MergeCandidate[],
  policy: MergePolicy,
): readonly number[] | null {
  const tiers = new Map<number, number[]>();
  for (const [position, { liveCount }] of candidates.entries()) {
    if (liveCount > policy.largestMergeDocs) continue;
    const tier = tierOf(liveCount, policy);
    const members = tiers.get(tier) ?? [];
    members.push(position);
    tiers.set(tier, members);
  }
  for (const tier of [...tiers.keys()].sort((a, b) => a - b)) {
    const members = tiers.get(tier) ?? [];
    // Not more at once: merging compares the heads of all inputs for every term.
    if (members.length >= policy.segmentsPerTier) return members.slice(0, policy.segmentsPerTier);
  }
  for (const [position, { docCount, liveCount }] of candidates.entries()) {
    if (docCount - liveCount > policy.deletedShare * docCount) return [position];
  }
  return null;
}

function tierOf(liveCount: number, { smallestTierDocs, segmentsPerTier }: MergePolicy): number {
  let tier = 0;
  for (let limit = smallestTierDocs; liveCount > limit; limit *= segmentsPerTier) tier++;
  return tier;
}
