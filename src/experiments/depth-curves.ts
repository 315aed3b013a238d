import { jaccardAtDepth, rankBiasedOverlap } from "../evaluation/ranking-similarity.js";
import type { DocId, Qrels, Run } from "../run/ranking.js";
import type { ComparedSystem } from "./collect-systems.js";

/** How recall and overlap go with depth. */
export interface DepthCurves {
  readonly depths: readonly number[];
  /** Mean recall (grade >= 1) per system over the judged queries, by depth; as `R@depth`. */
  readonly recall: Readonly<Record<string, readonly number[]>>;
  /** Length of the longest ranking. */
  readonly longest: number;
  /**
   * Mean overlap of two systems over the judged queries. `jaccard[i]` is of the first `depths[i]`
   * documents; `rbo[i]` is rank-biased overlap for a reader who looks at `depths[i]` documents on
   * average (persistence 1 - 1 / depth; at depth 1 whether the first documents are the same).
   */
  overlap(
    first: ComparedSystem,
    second: ComparedSystem,
  ): {
    readonly depths: readonly number[];
    readonly jaccard: readonly number[];
    readonly rbo: readonly number[];
  };
}

const candidateDepths = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000];

export function depthCurves(systems: readonly ComparedSystem[], qrels: Qrels): DepthCurves {
  let longest = 1;
  for (const { run } of systems) {
    for (const ranking of run.values()) longest = Math.max(longest, ranking.length);
  }
  const depths = candidateDepths.filter((depth) => depth === 1 || depth <= longest);
  return {
    depths,
    longest,
    recall: Object.fromEntries(
      systems.map(({ name, run }) => [name, recallAt(depths, run, qrels)]),
    ),
    overlap: (first, second) => overlapAt(depths, first.run, second.run, qrels),
  };
}

function recallAt(depths: readonly number[], run: Run, qrels: Qrels): number[] {
  const sums = depths.map(() => 0);
  for (const [queryId, grades] of qrels) {
    const relevant = new Set<DocId>();
    for (const [docId, grade] of grades) if (grade >= 1) relevant.add(docId);
    if (relevant.size === 0) continue;
    const ranking = run.get(queryId) ?? [];
    let found = 0;
    let next = 0;
    for (const [d, depth] of depths.entries()) {
      for (; next < Math.min(depth, ranking.length); next++) {
        if (relevant.has(ranking[next]!.docId)) found++; // in bounds: next < length
      }
      sums[d]! += found / relevant.size;
    }
  }
  return sums.map((sum) => sum / qrels.size);
}

/** Deeper than this many expected depths, rank-biased overlap has less than e^-8 of its weight. */
const rboReach = 8;

function overlapAt(depths: readonly number[], first: Run, second: Run, qrels: Qrels) {
  const jaccard = depths.map(() => 0);
  const rbo = depths.map(() => 0);
  for (const queryId of qrels.keys()) {
    const a = first.get(queryId) ?? [];
    const b = second.get(queryId) ?? [];
    for (const [d, depth] of depths.entries()) {
      const common = jaccardAtDepth(a, b, depth);
      jaccard[d]! += common;
      rbo[d]! +=
        depth === 1
          ? common
          : rankBiasedOverlap(
              a.slice(0, depth * rboReach),
              b.slice(0, depth * rboReach),
              1 - 1 / depth,
            );
    }
  }
  const mean = (sum: number): number => sum / qrels.size;
  return { depths, jaccard: jaccard.map(mean), rbo: rbo.map(mean) };
}
