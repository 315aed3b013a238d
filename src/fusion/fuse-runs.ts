import { InputError } from "../errors.js";
import type { QueryId, Ranking, Run } from "../run/ranking.js";
import { fuse } from "./fuse.js";
import type { Fusion } from "./fusion.js";
import type { FusionLeg } from "./fusion-leg.js";

/** A run with the name that its weight goes by. */
export interface NamedRun {
  readonly name: string;
  readonly run: Run;
}

/**
 * Fuses runs query by query, ours or not. A query that a run lacks is an empty leg there. Queries
 * come in the order in which the runs first name them.
 *
 * A run's depth is the length of its longest ranking. A shorter ranking was not cut: it holds all
 * that the system found, so what it lacks scores 0 there, if all its scores are above 0 as those of
 * lexical systems are.
 *
 * @throws {InputError} no run; what {@link fuse} refuses, with the query
 */
export function fuseRuns(runs: readonly NamedRun[], fusion: Fusion): Run {
  if (runs.length === 0) throw new InputError("expected at least one run to fuse, got none");
  const queryIds = new Set<QueryId>();
  for (const { run } of runs) for (const queryId of run.keys()) queryIds.add(queryId);
  const depths = runs.map(({ run }) => {
    let depth = 0;
    for (const ranking of run.values()) depth = Math.max(depth, ranking.length);
    return depth;
  });
  const fused = new Map<QueryId, Ranking>();
  for (const queryId of queryIds) {
    const legs = runs.map(({ name, run }, r) =>
      legOf(name, run.get(queryId) ?? [], depths[r] ?? 0),
    );
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

function legOf(name: string, ranking: Ranking, depth: number): FusionLeg {
  const complete = ranking.length < depth && (ranking.at(-1)?.score ?? 0) > 0;
  return complete ? { name, ranking, absentScore: 0 } : { name, ranking };
}
