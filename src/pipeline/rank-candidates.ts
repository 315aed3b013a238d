import { fuse } from "../fusion/fuse.js";
import type { FusedRanking } from "../fusion/fused-ranking.js";
import { defaultFusion, type Fusion } from "../fusion/fusion.js";
import type { FusionLeg } from "../fusion/fusion-leg.js";
import type { DocId } from "../run/ranking.js";
import type { DenseLeg, Retrieval, SparseLeg } from "./retrieval.js";

/**
 * Fuses what the legs returned. Where a leg's cut-off list lacks a document of the other, its exact
 * score is given to fusion instead of a guess wherever it can be had for little: cosines are one
 * inner product each, and a BM25 list that holds every match leaves 0 for the rest.
 */
export function fuseLegs(retrieval: Retrieval, fusion: Fusion = defaultFusion): FusedRanking {
  const legs = fusionLegs(retrieval, usesBounds(fusion));
  return fuse(legs, withoutMissingLegs(fusion, legs));
}

/** The legs as fusion takes them; `withBounds` where a normalisation reads the formula's bounds. */
export function fusionLegs(retrieval: Retrieval, withBounds: boolean): FusionLeg[] {
  const { sparse, dense } = retrieval;
  const legs: FusionLeg[] = [];
  if (sparse !== null) legs.push(sparseFusionLeg(retrieval, sparse, withBounds));
  if (dense !== null) legs.push(denseFusionLeg(retrieval, dense, sparse));
  return legs;
}

function sparseFusionLeg(
  { snapshot, query, bm25 }: Retrieval,
  leg: SparseLeg,
  withBounds: boolean,
): FusionLeg {
  const holdsEveryMatch = leg.total === leg.ranking.length;
  return {
    name: "sparse",
    ranking: leg.ranking,
    ...(holdsEveryMatch ? { absentScore: 0 } : {}),
    ...(withBounds ? { bounds: { lower: 0, upper: snapshot.sparse.upperBound(query, bm25) } } : {}),
  };
}

function denseFusionLeg(
  { snapshot }: Retrieval,
  leg: DenseLeg,
  sparse: SparseLeg | null,
): FusionLeg {
  const similarity = snapshot.settings.encoder?.similarity;
  return {
    name: "dense",
    ranking: leg.ranking,
    missing: missingSimilarities(snapshot, leg, sparse),
    ...(similarity === undefined ? {} : { similarity }),
  };
}

/** Exact similarities of the sparse candidates that the dense list lacks. */
function missingSimilarities(
  snapshot: Retrieval["snapshot"],
  dense: DenseLeg,
  sparse: SparseLeg | null,
): ReadonlyMap<DocId, number> {
  const missing = new Map<DocId, number>();
  const searcher = snapshot.dense;
  if (sparse === null || searcher === null) return missing;
  const listed = new Set<DocId>();
  for (const { docId } of dense.ranking) listed.add(docId);
  for (const { docId, segmentOrd, docOrd } of sparse.ranking) {
    if (listed.has(docId)) continue;
    missing.set(docId, searcher.score(dense.queryVector, segmentOrd, docOrd));
  }
  return missing;
}

function usesBounds(fusion: Fusion): boolean {
  if (!("normalization" in fusion)) return false;
  const { normalization } = fusion;
  if (typeof normalization !== "string") return true;
  return normalization === "theoretical" || normalization === "bounded";
}

/** A leg that failed takes its weight with it, so that the rest is still a fusion of what is there. */
function withoutMissingLegs(fusion: Fusion, legs: readonly FusionLeg[]): Fusion {
  if (fusion.weights === undefined) return fusion;
  const names = new Set(legs.map(({ name }) => name));
  const given = Object.entries(fusion.weights);
  const kept = given.filter(([name]) => names.has(name) || (name !== "sparse" && name !== "dense"));
  return kept.length === given.length ? fusion : { ...fusion, weights: Object.fromEntries(kept) };
}
