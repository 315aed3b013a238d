import { InputError } from "../errors.js";
import { bootstrapInterval } from "../evaluation/bootstrap-interval.js";
import { compareSystems, type SystemPair } from "../evaluation/compare-systems.js";
import { complementarity, oracleCeiling } from "../evaluation/complementarity.js";
import { type Evaluation, evaluateRun } from "../evaluation/evaluate-run.js";
import { type Measure, parseMeasure } from "../evaluation/measure.js";
import { equivalenceTest } from "../evaluation/paired-t-test.js";
import { pairValues } from "../evaluation/paired-values.js";
import type { Qrels, QueryId } from "../run/ranking.js";
import type { Topics } from "../run/topics.js";
import {
  type CollectionFacts,
  type ComparedSystem,
  type Latency,
  runFingerprint,
  type SystemKind,
} from "./collect-systems.js";
import { decimals, pValueText } from "./decimals.js";
import { type DepthCurves, depthCurves } from "./depth-curves.js";
import {
  type FeatureEffect,
  featureEffects,
  type QueryFeatures,
  queryFeatures,
  type TextSource,
} from "./query-features.js";
import { type WorkedExample, workedExamples } from "./worked-examples.js";

/** Runs over one set of judged queries. */
export interface ComparedDataset {
  readonly name: string;
  readonly systems: readonly ComparedSystem[];
  readonly qrels: Qrels;
  /** Null: worked examples and features of queries are left out. */
  readonly topics: Topics | null;
  readonly texts: TextSource | null;
  readonly collections: readonly CollectionFacts[];
  /** What a reader of the figures must know, a sentence each. */
  readonly notes: readonly string[];
  /** Pairs of systems to set against each other in detail; chosen by {@link detailedPairs} when empty. */
  readonly pairs: readonly (readonly [string, string])[];
}

export interface ComparisonSettings {
  /** The first one decides the headline and the detailed sections. */
  readonly measures: readonly Measure[];
  readonly seed: number;
  readonly level: number;
  /** Differences up to this size are called no difference when a test allows it. */
  readonly margin: number;
  readonly exampleCount: number;
}

export interface SystemReport {
  readonly name: string;
  readonly kind: SystemKind;
  readonly description: string;
  readonly mean: Readonly<Record<string, number>>;
  /** Bootstrap interval of the first measure. */
  readonly interval: { readonly low: number; readonly high: number };
  /** Documents without judgement among the first `cutoff`, and how far the first measure could rise. */
  readonly unjudged: {
    readonly cutoff: number;
    readonly share: number;
    readonly low: number;
    readonly high: number;
  };
  readonly queriesWithoutHits: number;
  readonly latency: Latency | null;
  readonly runFingerprint: string;
  /** Per measure the systems that it is significantly better than. */
  readonly betterThan: Readonly<Record<string, readonly string[]>>;
}

/** Two systems under the first measure, with the test of no difference. */
export interface PairReport extends SystemPair {
  readonly equivalence: {
    readonly pValue: number;
    readonly margin: number;
    readonly equivalent: boolean;
  };
}

/** Relevant documents by who found them within `depth`. */
export interface FoundReport {
  readonly depth: number;
  readonly both: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly neither: number;
  readonly firstRecall: number;
  readonly secondRecall: number;
  readonly unionRecall: number;
}

/** Everything about two systems, query by query. */
export interface HeadToHead {
  readonly first: string;
  readonly second: string;
  readonly queries: readonly {
    readonly queryId: string;
    readonly first: number;
    readonly second: number;
    readonly features: QueryFeatures | null;
  }[];
  readonly overlap: {
    readonly depths: readonly number[];
    readonly jaccard: readonly number[];
    readonly rbo: readonly number[];
  };
  readonly found: readonly FoundReport[];
  /** Mean of the better of the two per query: what choosing right each time would give. */
  readonly oracle: number;
  readonly features: readonly FeatureEffect[];
  readonly firstWins: readonly WorkedExample[];
  readonly secondWins: readonly WorkedExample[];
}

export interface DatasetReport {
  readonly name: string;
  readonly headline: string;
  readonly notes: readonly string[];
  readonly queryCount: number;
  readonly queriesWithoutRelevant: number;
  readonly judgementCount: number;
  readonly systems: readonly SystemReport[];
  readonly pairs: readonly PairReport[];
  readonly depths: readonly number[];
  /** Mean recall per system, by depth. */
  readonly recall: Readonly<Record<string, readonly number[]>>;
  /** Mean of the best of all systems per query. */
  readonly oracle: number;
  readonly headToHead: readonly HeadToHead[];
  readonly collections: readonly CollectionFacts[];
}

/** The whole comparison as data; what `report.json` holds and the other forms are made from. */
export interface ComparisonReport {
  readonly format: "braid-comparison@1";
  readonly headline: string;
  readonly measures: readonly string[];
  readonly test: string;
  readonly seed: number;
  readonly level: number;
  readonly margin: number;
  readonly datasets: readonly DatasetReport[];
  readonly provenance: Provenance;
}

/** What is needed to make the report again; the only part that differs between two equal runs is times. */
export interface Provenance {
  readonly command: string;
  readonly braidVersion: string;
  readonly nodeVersion: string;
  readonly platform: string;
  readonly createdAt: string;
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
}

/**
 * Compares systems on one or several data sets.
 *
 * @throws {InputError} fewer than two systems or queries somewhere, a pair that names no system
 */
export function buildComparison(
  datasets: readonly ComparedDataset[],
  settings: ComparisonSettings,
  provenance: Provenance,
): ComparisonReport {
  const primary = primaryMeasure(settings);
  const reports = datasets.map((dataset) => datasetReport(dataset, settings));
  return {
    format: "braid-comparison@1",
    headline: capitalised(overallHeadline(reports, primary.name)),
    measures: settings.measures.map(({ name }) => name),
    test: "Fisher's randomisation test, two-sided, 10,000 sign patterns, Holm's correction over the pairs of a data set",
    seed: settings.seed,
    level: settings.level,
    margin: settings.margin,
    datasets: reports,
    provenance,
  };
}

function primaryMeasure({ measures }: ComparisonSettings): Measure {
  const [primary] = measures;
  if (primary === undefined) throw new InputError("expected at least one measure, got none");
  return primary;
}

function datasetReport(dataset: ComparedDataset, settings: ComparisonSettings): DatasetReport {
  const { systems, qrels } = dataset;
  const primary = primaryMeasure(settings);
  if (systems.length < 2) {
    throw new InputError(
      `expected two or more systems to compare on ${dataset.name}, got ${systems.length}: ` +
        "name a collection with vectors, several collections, or runs",
      { dataset: dataset.name, systems: systems.length },
    );
  }
  const evaluations = new Map(
    systems.map(({ name, run, kind }) => [
      name,
      evaluateRun(qrels, run, settings.measures, orderOf(kind)),
    ]),
  );
  const byMeasure = new Map(
    settings.measures.map(({ name }) => [
      name,
      compareSystems(evaluations, name, { seed: settings.seed, level: settings.level }),
    ]),
  );
  const curves = depthCurves(systems, qrels);
  const column = (system: string): ReadonlyMap<QueryId, number> =>
    valuesOf(evaluations, system, primary.name);
  const features =
    dataset.topics === null || dataset.texts === null
      ? new Map<QueryId, QueryFeatures>()
      : queryFeatures(dataset.topics, qrels, dataset.texts);
  const systemReports = systems.map((system): SystemReport => {
    const evaluation = evaluations.get(system.name)!; // made above, one per system
    return {
      name: system.name,
      kind: system.kind,
      description: system.description,
      mean: evaluation.mean,
      interval: bootstrapInterval([...column(system.name).values()], { seed: settings.seed }),
      unjudged: unjudgedRange(system, qrels, primary, evaluation.mean[primary.name] ?? 0),
      queriesWithoutHits: evaluation.missingQueries.length,
      latency: system.latency,
      runFingerprint: runFingerprint(system.run),
      betterThan: Object.fromEntries(
        [...byMeasure].map(([name, { betterThan }]) => [name, betterThan.get(system.name) ?? []]),
      ),
    };
  });
  const pairs = (byMeasure.get(primary.name)?.pairs ?? []).map((pair): PairReport => {
    const { values, baseline } = pairValues(column(pair.first), column(pair.second));
    const { pValue } = equivalenceTest(values, baseline, settings.margin, {
      level: settings.level,
    });
    return {
      ...pair,
      equivalence: { pValue, margin: settings.margin, equivalent: pValue < settings.level },
    };
  });
  const [anyEvaluation] = evaluations.values();
  return {
    name: dataset.name,
    headline: datasetHeadline(dataset.name, systemReports, pairs, primary.name, qrels.size),
    notes: dataset.notes,
    queryCount: qrels.size,
    queriesWithoutRelevant: anyEvaluation?.queriesWithoutRelevant.length ?? 0,
    judgementCount: [...qrels.values()].reduce((sum, grades) => sum + grades.size, 0),
    systems: systemReports,
    pairs,
    depths: curves.depths,
    recall: curves.recall,
    oracle: oracleCeiling(systems.map(({ name }) => column(name))).mean,
    headToHead: detailedPairs(dataset).map(([first, second]) =>
      headToHead(dataset, first, second, { column, curves, features, settings }),
    ),
    collections: dataset.collections,
  };
}

/** Rankings of this process decide by their float64 scores; those from files as trec_eval reads them. */
function orderOf(kind: SystemKind): { readonly order: "given" | "trec_eval" } {
  return { order: kind === "run" ? "trec_eval" : "given" };
}

function valuesOf(
  evaluations: ReadonlyMap<string, Evaluation>,
  system: string,
  measure: string,
): ReadonlyMap<QueryId, number> {
  return evaluations.get(system)?.perQuery.get(measure) ?? new Map();
}

/** Most pairs that get the detailed sections unasked. */
const unaskedPairCount = 3;

/**
 * Pairs shown in detail: those asked for, else every sparse system with every dense one, else the
 * first two systems.
 */
export function detailedPairs({
  systems,
  pairs,
  name,
}: Pick<ComparedDataset, "systems" | "pairs" | "name">): (readonly [
  ComparedSystem,
  ComparedSystem,
])[] {
  const named = (wanted: string): ComparedSystem => {
    const found = systems.find((system) => system.name === wanted);
    if (found === undefined) {
      throw new InputError(
        `expected a pair of the systems of ${name} (${systems.map((system) => system.name).join(", ")}), got "${wanted}"`,
        { system: wanted },
      );
    }
    return found;
  };
  if (pairs.length > 0)
    return pairs.map(([first, second]) => [named(first), named(second)] as const);
  const ofKind = (kind: SystemKind): ComparedSystem[] =>
    systems.filter((system) => system.kind === kind);
  const crossed = ofKind("sparse").flatMap((sparse) =>
    ofKind("dense").map((dense) => [sparse, dense] as const),
  );
  if (crossed.length > 0) return crossed.slice(0, unaskedPairCount);
  const [first, second] = systems;
  return first === undefined || second === undefined ? [] : [[first, second]];
}

/** How far unjudged documents could lift the measure, if all within its cut-off were relevant. */
function unjudgedRange(
  system: ComparedSystem,
  qrels: Qrels,
  measure: Measure,
  value: number,
): SystemReport["unjudged"] {
  const cutoff = Number.isFinite(measure.cutoff) ? measure.cutoff : 10;
  const judged = parseMeasure(`Judged@${cutoff}`);
  const order = orderOf(system.kind);
  const { mean, missingQueries, queryCount } = evaluateRun(qrels, system.run, [judged], order);
  // A query without hits has nothing unjudged among them.
  const answeredCount = Math.max(1, queryCount - missingQueries.length);
  const share = 1 - ((mean[judged.name] ?? 0) * queryCount) / answeredCount;
  const high =
    evaluateRun(qrels, system.run, [measure], { ...order, unjudgedAs: "relevant" }).mean[
      measure.name
    ] ?? value;
  return { cutoff, share, low: Math.min(value, high), high: Math.max(value, high) };
}

interface HeadToHeadParts {
  readonly column: (system: string) => ReadonlyMap<QueryId, number>;
  readonly curves: DepthCurves;
  readonly features: ReadonlyMap<QueryId, QueryFeatures>;
  readonly settings: ComparisonSettings;
}

function headToHead(
  { qrels, topics, texts }: ComparedDataset,
  first: ComparedSystem,
  second: ComparedSystem,
  { column, curves, features, settings }: HeadToHeadParts,
): HeadToHead {
  const firstValues = column(first.name);
  const secondValues = column(second.name);
  const differences = new Map<QueryId, number>();
  for (const [queryId, value] of firstValues)
    differences.set(queryId, value - (secondValues.get(queryId) ?? 0));
  const examples = (winner: ComparedSystem, loser: ComparedSystem): WorkedExample[] =>
    topics === null || texts === null
      ? []
      : workedExamples(
          winner,
          loser,
          { winner: column(winner.name), loser: column(loser.name) },
          { topics, qrels, texts },
          settings.exampleCount,
        );
  return {
    first: first.name,
    second: second.name,
    queries: [...firstValues].map(([queryId, value]) => ({
      queryId,
      first: value,
      second: secondValues.get(queryId) ?? 0,
      features: features.get(queryId) ?? null,
    })),
    overlap: curves.overlap(first, second),
    found: [10, 100, 1000]
      .filter((depth) => depth <= curves.longest)
      .map((depth) => {
        const { total, firstRecall, secondRecall, unionRecall } = complementarity(
          qrels,
          first.run,
          second.run,
          { depth },
        );
        return { depth, ...total, firstRecall, secondRecall, unionRecall };
      }),
    oracle: oracleCeiling([firstValues, secondValues]).mean,
    features: featureEffects(features, differences, settings.seed),
    firstWins: examples(first, second),
    secondWins: examples(second, first),
  };
}

/** One sentence on one data set: which system is best, by how much, and whether that is chance. */
function datasetHeadline(
  dataset: string,
  systems: readonly SystemReport[],
  pairs: readonly PairReport[],
  measure: string,
  queryCount: number,
): string {
  const ranked = [...systems].sort((a, b) => (b.mean[measure] ?? 0) - (a.mean[measure] ?? 0));
  const [best, next] = ranked;
  if (best === undefined || next === undefined) return "";
  const value = (system: SystemReport): string => decimals(system.mean[measure] ?? 0);
  const others = ranked
    .slice(1)
    .map((system) => `${system.name} ${value(system)}`)
    .join(", ");
  const pair = pairs.find(
    ({ first, second }) =>
      (first === best.name && second === next.name) ||
      (first === next.name && second === best.name),
  );
  const opening = `On ${dataset}, ${best.name} has the best ${measure}, ${value(best)} (${others})`;
  if (pair === undefined) return `${opening}.`;
  const gain = decimals(Math.abs(pair.meanDifference));
  if (pair.significant) {
    return `${opening}; its lead of ${gain} over ${next.name} is more than chance on ${queryCount} queries (${pValueText(pair.correctedPValue)}).`;
  }
  if (pair.equivalence.equivalent) {
    return `${opening}; the lead of ${gain} over ${next.name} is no real difference: it is within ±${decimals(pair.equivalence.margin)} (${pValueText(pair.equivalence.pValue)}).`;
  }
  return `${opening}; its lead of ${gain} over ${next.name} may be chance (${pValueText(pair.correctedPValue)}, ${queryCount} queries).`;
}

function overallHeadline(reports: readonly DatasetReport[], measure: string): string {
  if (reports.length === 1) return reports[0]?.headline ?? "";
  const winners = reports.map(({ systems }) =>
    systems.reduce((best, system) =>
      (system.mean[measure] ?? 0) > (best.mean[measure] ?? 0) ? system : best,
    ),
  );
  const counts = new Map<string, { datasets: string[]; significant: number }>();
  for (const [i, winner] of winners.entries()) {
    const report = reports[i]!; // one winner per report
    const entry = counts.get(winner.name) ?? { datasets: [], significant: 0 };
    entry.datasets.push(report.name);
    const others = report.systems.filter(({ name }) => name !== winner.name);
    const beaten = winner.betterThan[measure] ?? [];
    if (others.every(({ name }) => beaten.includes(name))) entry.significant++;
    counts.set(winner.name, entry);
  }
  const parts = [...counts]
    .sort(([, a], [, b]) => b.datasets.length - a.datasets.length)
    .map(([name, { datasets, significant }]) => {
      const where =
        datasets.length === reports.length
          ? `all ${reports.length} data sets`
          : datasets.join(" and ");
      const sure =
        significant === datasets.length
          ? "ahead of every other system by more than chance"
          : significant === 0
            ? "though never ahead of every other system by more than chance"
            : `ahead of every other system by more than chance on ${significant} of ${datasets.length}`;
      return `${name} has the best ${measure} on ${where}, ${sure}`;
    });
  const figures = reports.map(({ name, systems }) => {
    const values = systems.map((system) => `${system.name} ${decimals(system.mean[measure] ?? 0)}`);
    return `${name}: ${values.join(", ")}`;
  });
  return `${parts.join("; ")} (${figures.join("; ")}).`;
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
