import { InputError } from "../errors.js";
import type { DocId, Qrels, QueryId, Ranking, Run } from "../run/ranking.js";

/** Relevant documents of a query (or of all) by which of two runs found them. */
export interface FoundBy {
  readonly both: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly neither: number;
}

export interface Complementarity {
  readonly depth: number;
  /** Lowest grade that counts as relevant. */
  readonly rel: number;
  /** Every judged query that has a relevant document. */
  readonly perQuery: ReadonlyMap<QueryId, FoundBy>;
  readonly total: FoundBy;
  /** Mean recall of the two tops taken together: what a fusion of these depths can reach at most. */
  readonly unionRecall: number;
  readonly firstRecall: number;
  readonly secondRecall: number;
}

/**
 * Which relevant documents each of two runs finds in its top `depth` that the other does not. Means
 * are over the judged queries that have a relevant document.
 *
 * @throws {InputError} depth or rel not an integer >= 1, or no relevant document at all
 */
export function complementarity(
  qrels: Qrels,
  first: Run,
  second: Run,
  options: { readonly depth?: number; readonly rel?: number } = {},
): Complementarity {
  const depth = options.depth ?? 100;
  const rel = options.rel ?? 1;
  if (![depth, rel].every((value) => Number.isSafeInteger(value) && value >= 1)) {
    throw new InputError(`expected depth and rel to be integers >= 1, got ${depth} and ${rel}`, {
      depth,
      rel,
    });
  }
  const perQuery = new Map<QueryId, FoundBy>();
  const total = { both: 0, onlyFirst: 0, onlySecond: 0, neither: 0 };
  let unionRecall = 0;
  let firstRecall = 0;
  let secondRecall = 0;
  for (const [queryId, grades] of qrels) {
    const inFirst = topOf(first.get(queryId), depth);
    const inSecond = topOf(second.get(queryId), depth);
    const found = { both: 0, onlyFirst: 0, onlySecond: 0, neither: 0 };
    let relevant = 0;
    for (const [docId, grade] of grades) {
      if (grade < rel) continue;
      relevant++;
      if (inFirst.has(docId)) found[inSecond.has(docId) ? "both" : "onlyFirst"]++;
      else found[inSecond.has(docId) ? "onlySecond" : "neither"]++;
    }
    if (relevant === 0) continue;
    perQuery.set(queryId, found);
    for (const part of ["both", "onlyFirst", "onlySecond", "neither"] as const) {
      total[part] += found[part];
    }
    unionRecall += (relevant - found.neither) / relevant;
    firstRecall += (found.both + found.onlyFirst) / relevant;
    secondRecall += (found.both + found.onlySecond) / relevant;
  }
  const count = perQuery.size;
  if (count === 0) throw new InputError("expected judgements with a relevant document, got none");
  return {
    depth,
    rel,
    perQuery,
    total,
    unionRecall: unionRecall / count,
    firstRecall: firstRecall / count,
    secondRecall: secondRecall / count,
  };
}

function topOf(ranking: Ranking | undefined, depth: number): ReadonlySet<DocId> {
  return new Set(ranking?.slice(0, depth).map(({ docId }) => docId));
}

export interface OracleCeiling {
  /** Best value any system has, per query. */
  readonly perQuery: ReadonlyMap<QueryId, number>;
  /** Its mean: what choosing the right system for each query would give. */
  readonly mean: number;
  /** Queries on which each system has the best value, in the order given; ties count for each. */
  readonly bestCounts: readonly number[];
}

/**
 * The ceiling of choosing one of several systems per query, from one column of
 * `Evaluation.perQuery` each.
 *
 * @throws {InputError} no system, no query, or systems over different queries
 */
export function oracleCeiling(systems: readonly ReadonlyMap<QueryId, number>[]): OracleCeiling {
  const [first] = systems;
  if (first === undefined || first.size === 0) {
    throw new InputError("expected per-query values of at least one system, got none");
  }
  const perQuery = new Map<QueryId, number>();
  const bestCounts = systems.map(() => 0);
  let sum = 0;
  for (const queryId of first.keys()) {
    const values = systems.map((system) => system.get(queryId) ?? Number.NaN);
    if (values.some(Number.isNaN) || systems.some(({ size }) => size !== first.size)) {
      throw new InputError(
        `expected systems evaluated over the same queries, got query ${queryId} or its count to differ`,
        { queryId },
      );
    }
    const best = Math.max(...values);
    for (const [s, value] of values.entries()) if (value === best) bestCounts[s]!++;
    perQuery.set(queryId, best);
    sum += best;
  }
  return { perQuery, mean: sum / first.size, bestCounts };
}
