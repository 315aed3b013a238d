import { type Evaluation, evaluateRun } from "../evaluation/evaluate-run.js";
import type { Measure } from "../evaluation/measure.js";
import type { SearchAnswer } from "../pipeline/search-answer.js";
import type { SearchRequestInput } from "../pipeline/search-request.js";
import type { DocId, Qrels, QueryId, Ranking, Run } from "../run/ranking.js";
import type { Topics } from "../run/topics.js";

/** One way to search that is measured: a name and the request, the query left open. */
export interface System {
  readonly name: string;
  readonly request: Omit<SearchRequestInput, "query">;
}

/** A system's run with what it is worth and how long its queries took. */
export interface SystemEvaluation {
  readonly name: string;
  readonly run: Run;
  readonly evaluation: Evaluation;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Whatever answers a search request: a collection here, a service elsewhere. */
export interface Answering {
  search(request: SearchRequestInput): Promise<SearchAnswer>;
}

export interface RunOptions {
  /** Hits per query. */
  readonly depth: number;
  /** Keep a document whose id equals the query's id; BEIR leaves it out. */
  readonly keepIdentical: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Asks every topic, one after the other, as a user would. Topics are plain bags of words: quotes
 * and signs in them mean nothing, as in TREC tools. A blank topic has no hits.
 *
 * @returns the run, and the milliseconds of each query in topic order
 */
export async function runTopics(
  answering: Answering,
  topics: Topics,
  system: System,
  { depth, keepIdentical, onProgress }: RunOptions,
): Promise<{ readonly run: Run; readonly tookMs: readonly number[] }> {
  const run = new Map<QueryId, Ranking>();
  const tookMs: number[] = [];
  for (const [queryId, query] of topics) {
    onProgress?.(run.size, topics.size);
    if (query.trim() === "") {
      run.set(queryId, []);
      continue;
    }
    const answer = await answering.search({
      ...system.request,
      query,
      syntax: "plain",
      fields: [],
      // One more, in case the query's own document is among them.
      limit: keepIdentical ? depth : depth + 1,
    });
    tookMs.push(answer.tookMs);
    const hits = answer.hits.filter(({ id }) => keepIdentical || (id as string) !== queryId);
    run.set(
      queryId,
      hits.slice(0, depth).map(({ id, score }): { docId: DocId; score: number } => ({
        docId: id,
        score,
      })),
    );
  }
  return { run, tookMs };
}

/**
 * Runs and measures each system over the judged topics.
 *
 * The run is measured in the order it was served in (`order: "given"`), the order that
 * `writeTrecRun` keeps for trec_eval.
 */
export async function evaluateSystems(
  answering: Answering,
  topics: Topics,
  qrels: Qrels,
  systems: readonly System[],
  measures: readonly Measure[],
  options: RunOptions,
): Promise<SystemEvaluation[]> {
  const judged: Topics = new Map([...topics].filter(([queryId]) => qrels.has(queryId)));
  const evaluations: SystemEvaluation[] = [];
  for (const system of systems) {
    const { run, tookMs } = await runTopics(answering, judged, system, options);
    evaluations.push({
      name: system.name,
      run,
      evaluation: evaluateRun(qrels, run, measures, { order: "given" }),
      p50Ms: percentile(tookMs, 0.5),
      p95Ms: percentile(tookMs, 0.95),
    });
  }
  return evaluations;
}

/** Nearest-rank percentile; 0 without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
