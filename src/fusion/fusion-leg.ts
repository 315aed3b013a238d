import { InputError } from "../errors.js";
import type { Ranking } from "../run/ranking.js";

/** What one leg brings into fusion. Only `name` and `ranking` are needed by every method. */
export interface FusionLeg {
  /** `sparse`, `dense`, or the tag of a run; unique among the legs, and the key of its weight. */
  readonly name: string;
  /** Best first, cut at the leg's depth, finite scores, no document twice. */
  readonly ranking: Ranking;
  /**
   * Exact scores of documents that the cut-off ranking lacks but other legs returned. Methods that
   * read scores use them instead of a guess; methods that read ranks do not.
   */
  readonly missing?: ReadonlyMap<string, number>;
  /**
   * The exact score of every document in neither `ranking` nor `missing`, where it is known: 0 for
   * BM25 when the ranking holds every match. It must not lie above the ranking's last score.
   */
  readonly absentScore?: number;
  /** Smallest and largest score that the formula can give to this query, for `theoretical`. */
  readonly bounds?: { readonly lower: number; readonly upper: number };
  /** `cosine`: scores lie in [-1, 1] whatever the query, so that they can be compared as they are. */
  readonly similarity?: "cosine" | "dot";
  /** Mean and standard deviation of the leg's scores over all documents, for `z-score`. */
  readonly statistics?: { readonly mean: number; readonly standardDeviation: number };
}

/**
 * Largest magnitude of a contribution. It is far beyond every normalised score of a real run and
 * keeps sums, products with counts and weights finite for every finite input.
 */
const LARGEST = 1e300;

export function clampFinite(value: number): number {
  return Math.max(-LARGEST, Math.min(LARGEST, value));
}

/** One leg as columns over the union of all candidates; `i` counts the union. */
export interface LegColumn {
  readonly leg: FusionLeg;
  /** > 0. */
  readonly weight: number;
  /** Score of candidate i, exact where `missing` or `absentScore` tells it; NaN: unknown. */
  readonly scores: Float64Array;
  /** 1 + the number of better scores in the ranking; tied scores share their rank; 0: not listed. */
  readonly ranks: Uint32Array;
  /** Ranked documents. */
  readonly listedCount: number;
}

/** The union of the candidates of all legs that count: weight above 0 and at least one hit. */
export interface CandidateTable {
  readonly docIds: string[];
  readonly ordOf: ReadonlyMap<string, number>;
  /** In the order of their names, so that sums do not depend on the order of the arguments. */
  readonly columns: readonly LegColumn[];
}

/**
 * Lays the legs side by side.
 *
 * @throws {InputError} a score that is NaN or infinite, a ranking that is not best first, a document
 *   twice in one ranking, two legs of one name
 */
export function candidateTable(
  legs: readonly FusionLeg[],
  weightOf: (leg: FusionLeg) => number,
): CandidateTable {
  const ordered = [...legs].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (let l = 1; l < ordered.length; l++) {
    const name = ordered[l]?.name ?? "";
    if (ordered[l - 1]?.name === name) {
      throw new InputError(`expected one leg of each name, got "${name}" twice`, { leg: name });
    }
  }
  const docIds: string[] = [];
  const ordOf = new Map<string, number>();
  const counted: { leg: FusionLeg; weight: number; ords: Uint32Array }[] = [];
  for (const leg of ordered) {
    // Checked even if the leg has no weight: a broken leg is a fault, whatever it is worth.
    const weight = weightOf(leg);
    checkRanking(leg);
    if (weight === 0 || leg.ranking.length === 0) continue;
    counted.push({ leg, weight, ords: enter(leg, docIds, ordOf) });
  }
  const columns = counted.map(({ leg, weight, ords }) =>
    column(leg, weight, ords, docIds, counted.length === 1),
  );
  return { docIds, ordOf, columns };
}

function checkRanking({ name, ranking, missing, absentScore }: FusionLeg): void {
  let previous = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ranking.length; i++) {
    // In bounds: i < length.
    const { docId, score } = ranking[i]!;
    // `score - score` is 0 for finite numbers only.
    if (score - score !== 0) refuseScore(name, docId, score);
    if (score > previous) {
      throw new InputError(
        `expected leg ${name} best first, got score ${score} of ${docId} after ${previous}: sort it`,
        { leg: name, docId, position: i + 1 },
      );
    }
    previous = score;
  }
  if (absentScore !== undefined && !(absentScore <= previous)) {
    throw new InputError(
      `expected absentScore of leg ${name} at most its last score ${previous}, got ${absentScore}`,
      { leg: name, absentScore },
    );
  }
  if (absentScore !== undefined && !Number.isFinite(absentScore)) {
    refuseScore(name, "absent documents", absentScore);
  }
  if (missing === undefined) return;
  for (const [docId, score] of missing) {
    if (!Number.isFinite(score)) refuseScore(name, docId, score);
  }
}

function refuseScore(leg: string, docId: string, score: number): never {
  throw new InputError(`expected finite scores in leg ${leg}, got ${score} for ${docId}`, {
    leg,
    docId,
    score: String(score),
  });
}

/** Adds the leg's documents to the union; returns where each stands in it. */
function enter({ name, ranking }: FusionLeg, docIds: string[], ordOf: Map<string, number>) {
  const known = docIds.length;
  const ords = new Uint32Array(ranking.length);
  const seen = known === 0 ? null : new Uint8Array(known);
  for (let i = 0; i < ranking.length; i++) {
    const { docId } = ranking[i]!;
    let ord = ordOf.get(docId);
    if (ord === undefined) {
      ord = docIds.length;
      docIds.push(docId);
      ordOf.set(docId, ord);
    } else if (ord >= known || seen === null || seen[ord] === 1) {
      throw new InputError(`expected a document once in leg ${name}, got ${docId} twice`, {
        leg: name,
        docId,
      });
    } else {
      seen[ord] = 1;
    }
    ords[i] = ord;
  }
  return ords;
}

function column(
  leg: FusionLeg,
  weight: number,
  ords: Uint32Array,
  docIds: readonly string[],
  alone: boolean,
): LegColumn {
  const { ranking, missing, absentScore } = leg;
  const scores = new Float64Array(docIds.length).fill(absentScore ?? Number.NaN);
  const ranks = new Uint32Array(docIds.length);
  let rank = 0;
  let previous = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ords.length; i++) {
    const ord = ords[i]!;
    const { score } = ranking[i]!;
    if (score < previous) rank = i + 1;
    previous = score;
    scores[ord] = score;
    ranks[ord] = rank;
  }
  if (missing !== undefined && missing.size > 0 && !alone) {
    for (let ord = 0; ord < ranks.length; ord++) {
      if (ranks[ord] === 0) {
        const score = missing.get(docIds[ord]!);
        if (score !== undefined) scores[ord] = score;
      }
    }
  }
  return { leg, weight, scores, ranks, listedCount: ranking.length };
}
