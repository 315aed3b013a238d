import fc from "fast-check";
import {
  type Fusion,
  type FusionLeg,
  fusionSchema,
  normalizations,
} from "../../src/fusion/index.js";
import { compareScoredDocs, type DocId, type ScoredDoc } from "../../src/run/ranking.js";

export function doc(docId: string, score: number): ScoredDoc {
  return { docId: docId as DocId, score };
}

/** Best first under THE tie rule. */
export function ranked(docs: readonly ScoredDoc[]): ScoredDoc[] {
  return [...docs].sort(compareScoredDocs);
}

/** Scores as retrieval gives them and as it never should: ties, signs, extremes, denormals. */
const anyScores = fc.oneof(
  fc.double({ min: 0, max: 30, noNaN: true }),
  fc.integer({ min: -3, max: 3 }),
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc.constantFrom(
    0,
    -0,
    1e308,
    -1e308,
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
    5e-324,
    -5e-324,
    1e-310,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

const docIds = fc.constantFrom(
  ...["a", "b", "c", "d", "e", "f", "g", "aa", "10", "9", "é", "\u{1f600}", "\uffee", "__proto__"],
);

/** Scores without extremes, where rounding is far below every difference. */
export const ordinaryScores: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -20, max: 30 }),
  fc.integer({ min: -100, max: 100 }).map((hundredths) => hundredths / 100),
);

export interface LegOptions {
  readonly minLength?: number;
  readonly scores?: fc.Arbitrary<number>;
}

/** A leg's ranking over a small pool of ids, so that legs overlap. */
export function rankings({
  minLength = 0,
  scores = anyScores,
}: LegOptions = {}): fc.Arbitrary<ScoredDoc[]> {
  return fc
    .uniqueArray(fc.tuple(docIds, scores), {
      selector: ([docId]) => docId,
      minLength,
      maxLength: 10,
    })
    .map((pairs) => ranked(pairs.map(([docId, score]) => doc(docId, score))));
}

/** A leg with what it may know of its scores, consistent with its ranking. */
export function legs(name: string, options: LegOptions = {}): fc.Arbitrary<FusionLeg> {
  return fc
    .record({
      ranking: rankings(options),
      similarity: fc.constantFrom("cosine", "dot", undefined),
      knowsAbsent: fc.boolean(),
      missing: fc.dictionary(docIds, anyScores, { maxKeys: 4 }),
      knowsMissing: fc.boolean(),
    })
    .map(({ ranking, similarity, knowsAbsent, missing, knowsMissing }) => {
      const worst = ranking.at(-1)?.score ?? 0;
      const listed = new Set<string>(ranking.map(({ docId }) => docId));
      // Exact scores of documents below the cut lie at or below the last listed one.
      const below = Object.entries(missing)
        .filter(([docId]) => !listed.has(docId))
        .map(([docId, score]): [string, number] => [docId, Math.min(score, worst)]);
      return {
        name,
        ranking,
        bounds: { lower: Math.min(0, worst), upper: Math.max(1, ranking[0]?.score ?? 1) },
        ...(similarity === undefined ? {} : { similarity: similarity as "cosine" | "dot" }),
        ...(knowsAbsent ? { absentScore: worst } : {}),
        ...(knowsMissing ? { missing: new Map(below) } : {}),
      };
    });
}

export const legNames = ["dense", "sparse", "title"] as const;

/** One to three legs of different names, in any order. */
export const legSets: fc.Arbitrary<FusionLeg[]> = fc
  .subarray([...legNames], { minLength: 1 })
  .chain((names) => fc.tuple(...names.map((name) => legs(name))))
  .chain((made) => fc.shuffledSubarray(made, { minLength: made.length }));

const methods = [
  { method: "rrf" },
  { method: "rrf", rankConstant: 0 },
  ...normalizations.flatMap((normalization) => [
    { method: "weighted", normalization },
    { method: "combsum", normalization },
    { method: "combmnz", normalization },
    { method: "combanz", normalization },
  ]),
  { method: "isr" },
  { method: "logisr" },
  { method: "borda" },
  { method: "condorcet" },
].map((value): Fusion => fusionSchema.parse(value));

/** Every method under every normalisation. */
export const everyFusion: readonly Fusion[] = methods;

export const fusions: fc.Arbitrary<Fusion> = fc.constantFrom(...methods);

/** Weights above 0 for the given legs, adding up to 1 or not. */
export function weightsFor(names: readonly string[]): fc.Arbitrary<Record<string, number>> {
  return fc
    .tuple(...names.map(() => fc.constantFrom(0.1, 0.3, 0.5, 1, 2, 1000)))
    .map((weights) => Object.fromEntries(names.map((name, n) => [name, weights[n] ?? 1])));
}
