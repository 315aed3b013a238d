import type { NumberingAnalyzer } from "../analysis/analyzer.js";
import { bootstrapInterval } from "../evaluation/bootstrap-interval.js";
import { kendallTauB } from "../evaluation/ranking-similarity.js";
import type { Qrels, QueryId } from "../run/ranking.js";
import type { Topics } from "../run/topics.js";

/** Texts and statistics of the documents behind runs. */
export interface TextSource {
  readonly analyzer: NumberingAnalyzer;
  readonly documentCount: number;
  documentFrequency(term: string): number;
  document(docId: string): { readonly title: string; readonly text: string } | null;
}

/** What a query is like, read off its words, its judgements and the documents. */
export interface QueryFeatures {
  /** Distinct analysed terms. */
  readonly termCount: number;
  /** Mean inverse document frequency of the terms, ln(1 + (N - df + .5) / (df + .5)). */
  readonly rarity: number;
  /** Share of the terms that no document holds. */
  readonly unknownShare: number;
  /** Share of the terms that a relevant document holds, mean over the relevant documents. */
  readonly overlap: number | null;
  readonly relevantCount: number;
}

/** How a feature is called and what it means, in the order of the report. */
export const featureNames: readonly {
  readonly key: keyof QueryFeatures;
  readonly name: string;
  readonly meaning: string;
}[] = [
  {
    key: "overlap",
    name: "word overlap with the relevant documents",
    meaning:
      "share of the query's terms that a relevant document holds; low means the documents paraphrase the query",
  },
  { key: "termCount", name: "query length", meaning: "distinct terms after analysis" },
  {
    key: "rarity",
    name: "rarity of the words",
    meaning: "mean inverse document frequency of the query's terms",
  },
  {
    key: "unknownShare",
    name: "share of unknown words",
    meaning: "share of the query's terms that no document holds",
  },
  {
    key: "relevantCount",
    name: "relevant documents",
    meaning: "documents judged relevant to the query",
  },
];

/** Features of every judged query that has a text. */
export function queryFeatures(
  topics: Topics,
  qrels: Qrels,
  texts: TextSource,
): Map<QueryId, QueryFeatures> {
  const features = new Map<QueryId, QueryFeatures>();
  for (const [queryId, grades] of qrels) {
    const query = topics.get(queryId);
    if (query === undefined) continue;
    const terms = [...new Set(texts.analyzer.terms(query))];
    const frequencies = terms.map((term) => texts.documentFrequency(term));
    const idfs = frequencies.map((df) => Math.log1p((texts.documentCount - df + 0.5) / (df + 0.5)));
    const relevant = [...grades].filter(([, grade]) => grade >= 1).map(([docId]) => docId);
    const overlaps = relevant.flatMap((docId) => {
      const document = texts.document(docId);
      if (document === null || terms.length === 0) return [];
      const held = new Set(texts.analyzer.terms(`${document.title} ${document.text}`));
      return [terms.filter((term) => held.has(term)).length / terms.length];
    });
    features.set(queryId, {
      termCount: terms.length,
      rarity: mean(idfs),
      unknownShare:
        terms.length === 0 ? 0 : frequencies.filter((df) => df === 0).length / terms.length,
      overlap: overlaps.length === 0 ? null : mean(overlaps),
      relevantCount: relevant.length,
    });
  }
  return features;
}

/** Queries alike in one feature, and how two systems differ on them. */
export interface FeatureBin {
  readonly low: number;
  readonly high: number;
  readonly queryCount: number;
  /** First minus second. */
  readonly meanDifference: number;
  /** Bootstrap interval, or null with fewer than two queries. */
  readonly interval: { readonly low: number; readonly high: number } | null;
}

export interface FeatureEffect {
  readonly name: string;
  readonly meaning: string;
  readonly bins: readonly FeatureBin[];
  /** Kendall's tau-b of feature and difference; null where the feature never varies. */
  readonly tau: number | null;
}

/**
 * How the difference of two systems goes with each feature: queries in up to three groups of like
 * size, equal values together.
 *
 * @param differences first minus second per query
 */
export function featureEffects(
  features: ReadonlyMap<QueryId, QueryFeatures>,
  differences: ReadonlyMap<QueryId, number>,
  seed: number,
): FeatureEffect[] {
  return featureNames.flatMap(({ key, name, meaning }) => {
    const pairs: { value: number; difference: number }[] = [];
    for (const [queryId, difference] of differences) {
      const value = features.get(queryId)?.[key];
      if (value !== undefined && value !== null) pairs.push({ value, difference });
    }
    if (pairs.length < 2) return [];
    pairs.sort((a, b) => a.value - b.value);
    const bins = inGroups(pairs, 3).map((group): FeatureBin => {
      const own = group.map(({ difference }) => difference);
      return {
        low: group[0]?.value ?? 0,
        high: group.at(-1)?.value ?? 0,
        queryCount: group.length,
        meanDifference: mean(own),
        interval: own.length < 2 ? null : bootstrapInterval(own, { seed }),
      };
    });
    const tau =
      bins.length < 2
        ? null
        : kendallTauB(
            pairs.map(({ value }) => value),
            pairs.map(({ difference }) => difference),
          );
    return [{ name, meaning, bins, tau: tau === null || Number.isNaN(tau) ? null : tau }];
  });
}

/** Up to `count` groups of like size of sorted pairs; equal values are never parted. */
function inGroups<Pair extends { readonly value: number }>(
  pairs: readonly Pair[],
  count: number,
): Pair[][] {
  const cuts = new Set<number>();
  for (let g = 1; g < count; g++) {
    const cut = pairs[Math.ceil((g * pairs.length) / count) - 1];
    if (cut !== undefined) cuts.add(cut.value);
  }
  const groups: Pair[][] = [];
  const bounds = [...cuts, Number.POSITIVE_INFINITY];
  let at = 0;
  for (const bound of bounds) {
    const group: Pair[] = [];
    while (at < pairs.length && pairs[at]!.value <= bound) group.push(pairs[at++]!); // in bounds: checked
    if (group.length > 0) groups.push(group);
  }
  return groups;
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
