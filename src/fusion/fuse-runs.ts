import { InputError } from "../errors.js";
import type { QueryId, Ranking, Run } from "../run/ranking.js";
import { fuse } from "./fuse.js";
import type { Fusion } from "./fusion.js";

/** A run with the name that its weight goes by. */
export interface NamedRun {
  readonly name: string;
  readonly run: Run;
}

/**
 * Fuses runs query by query, ours or not. A query that a run lacks is an empty leg there. Queries
 * come in the order in which the runs first name them.
 *
 * @throws {InputError} no run; what {@link fuse} refuses, with the query
 */
export function fuseRuns(runs: readonly NamedRun[], fusion: Fusion): Run {
  if (runs.length === 0) throw new InputError("expected at least one run to fuse, got none");
  const queryIds = new Set<QueryId>();
  for (const { run } of runs) for (const queryId of run.keys()) queryIds.add(queryId);
  const fused = new Map<QueryId, Ranking>();
  for (const queryId of queryIds) {
    const legs = runs.map(({ name, run }) => ({ name, ranking: run.get(queryId) ?? [] }));
    try {
      fused.set(queryId, fuse(legs, fusion).ranking);
    } catch (cause) {
      if (!(cause instanceof InputError)) throw cause;
      throw new InputError(
        `query ${queryId}: ${cause.message}`,
        { ...cause.facts, queryId },
        { cause },
      );
    }
  }
  return fused;
}
