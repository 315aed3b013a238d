import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { collectionDirectory } from "../collection/collection-home.js";
import { manifestFileName } from "../collection/collection-manifest.js";
import { encodedText } from "../dense/encoder.js";
import { InputError, SearchError } from "../errors.js";
import { evaluateRun } from "../evaluation/evaluate-run.js";
import { fusionName } from "../fusion/fusion-text.js";
import { SeededRandom } from "../numeric/seeded-random.js";
import type { ModelPool } from "../pipeline/model-pool.js";
import { fuseLegs } from "../pipeline/rank-candidates.js";
import { retrieve } from "../pipeline/retrieval.js";
import { parseSearchRequest } from "../pipeline/search-request.js";
import { SearchableCollection } from "../pipeline/searchable-collection.js";
import { StageClock } from "../pipeline/stage-clock.js";
import { type RerankDocument, rerank } from "../rerank/rerank.js";
import type { Reranker } from "../rerank/reranker.js";
import { withoutIdenticalId } from "../run/identical-ids.js";
import { readQrels } from "../run/qrels.js";
import type { DocId, Qrels, QueryId, Ranking } from "../run/ranking.js";
import { readTopics } from "../run/topics.js";
import { fileSha256 } from "./dataset-files.js";
import { percentile } from "./evaluate-systems.js";
import type { ExperimentPlan, FirstStage, PlannedDataset } from "./experiment-plan.js";
import { JsonlLog } from "./jsonl-log.js";
import { mean } from "./query-features.js";

/** One place of the grid, over the dev or the test queries of a data set. */
export interface Cell {
  /** Content hash of everything that decides the figures; a cell is computed once per key. */
  readonly key: string;
  readonly dataset: string;
  readonly split: "dev" | "test";
  readonly firstStage: string;
  /** Null: no reranking, and then depth 0 and weight 1. */
  readonly reranker: string | null;
  readonly rerankDepth: number;
  readonly weight: number;
}

/** A cell with its figures. */
export interface CellResult extends Cell {
  readonly queryCount: number;
  readonly mean: Readonly<Record<string, number>>;
  /** The first measure per query, in the order of the judgements. */
  readonly values: readonly number[];
  /**
   * Milliseconds per query: the first stage and the scoring of the documents reranked, each scored
   * and timed once; so a document that several cells rerank costs the same in all of them.
   */
  readonly ms: { readonly mean: number; readonly p50: number; readonly p95: number };
}

/** Cells that could not be computed, and why; they are tried again at the next start. */
export interface CellFailure {
  readonly dataset: string;
  readonly firstStage: string | null;
  readonly reranker: string | null;
  readonly code: string;
  readonly message: string;
}

export interface DatasetSummary {
  readonly name: string;
  readonly testCount: number;
  readonly devCount: number;
  /** Where settings were chosen; `test` is said in red. */
  readonly chosenOn: "dev" | "test";
  /** Queries that are in dev and in test: must be 0. */
  readonly sharedCount: number;
}

export interface ExperimentResult {
  readonly plan: ExperimentPlan;
  readonly cells: readonly CellResult[];
  readonly failures: readonly CellFailure[];
  readonly datasets: readonly DatasetSummary[];
  /** Cells that were known from before. */
  readonly cachedCount: number;
}

export interface ExperimentOptions {
  /** Folder of the results; what is there is taken up again. */
  readonly directory: string;
  /** Folder of the collections. */
  readonly home: string;
  readonly models: ModelPool;
  readonly onProgress?: (what: string, done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Documents scored in one call. */
const batchSize = 16;

/**
 * Runs every cell of a plan that is not known yet. Scores of rerankers are written down query by
 * query, results cell by cell, so a run that was killed goes on where it was and gives the same
 * figures. A failure of one reranker or data set leaves the others alone.
 *
 * @throws {InputError} a collection or results that cannot be read; the signal's reason when aborted
 */
export async function runExperiment(
  plan: ExperimentPlan,
  options: ExperimentOptions,
): Promise<ExperimentResult> {
  await mkdir(path.join(options.directory, "scores"), { recursive: true });
  const known = new Map<string, CellResult>();
  const log = await JsonlLog.open(path.join(options.directory, "results.jsonl"), (entry) => {
    const cell = entry as CellResult; // written by us; a key that does not match is never looked up
    known.set(cell.key, cell);
  });
  const cells: CellResult[] = [];
  const failures: CellFailure[] = [];
  const datasets: DatasetSummary[] = [];
  let cachedCount = 0;
  try {
    for (const dataset of plan.datasets) {
      const failed = (error: unknown, firstStage: string | null, reranker: string | null): void => {
        options.signal?.throwIfAborted();
        failures.push({ dataset: dataset.name, firstStage, reranker, ...describe(error) });
      };
      try {
        const run = await DatasetRun.open(plan, dataset, options);
        try {
          datasets.push(run.summary);
          for (const reranker of [null, ...plan.rerankers]) {
            try {
              const planned = await run.cells(reranker);
              const missing = planned.filter(({ key }) => !known.has(key));
              cachedCount += planned.length - missing.length;
              if (missing.length > 0) {
                await run.prepare(reranker);
                for (const cell of missing) {
                  const result = await run.compute(cell);
                  await log.append(result);
                  known.set(cell.key, result);
                }
              }
              for (const { key } of planned) {
                const result = known.get(key);
                if (result !== undefined) cells.push(result);
              }
            } catch (error) {
              failed(error, null, reranker);
            }
          }
        } finally {
          await run.close();
        }
      } catch (error) {
        failed(error, null, null);
      }
    }
  } finally {
    await log.close();
  }
  return { plan, cells, failures, datasets, cachedCount };
}

function describe(error: unknown): { readonly code: string; readonly message: string } {
  return {
    code: error instanceof SearchError ? error.code : "UNEXPECTED",
    message: error instanceof Error ? error.message : String(error),
  };
}

/** One query with its first stages' rankings. */
interface PreparedQuery {
  readonly queryId: QueryId;
  readonly text: string;
  readonly stages: ReadonlyMap<string, { readonly ranking: Ranking; readonly ms: number }>;
}

/** A document's score by a reranker, and its share of the time of its batch. */
interface TimedScore {
  readonly score: number;
  readonly ms: number;
}

/** The work on one data set: its queries, first stages and scores. */
class DatasetRun {
  readonly #plan: ExperimentPlan;
  readonly #dataset: PlannedDataset;
  readonly #options: ExperimentOptions;
  readonly #collection: SearchableCollection;
  readonly #collectionHash: string;
  readonly #topics: ReadonlyMap<QueryId, string>;
  readonly #splits: Readonly<Record<"dev" | "test", Qrels>>;
  readonly #splitHashes: Readonly<Record<"dev" | "test", string>>;
  #prepared: Map<QueryId, PreparedQuery> | null = null;
  readonly #scores = new Map<string, Map<QueryId, Map<DocId, TimedScore>>>();
  readonly summary: DatasetSummary;

  static async open(
    plan: ExperimentPlan,
    dataset: PlannedDataset,
    options: ExperimentOptions,
  ): Promise<DatasetRun> {
    const directory = collectionDirectory(options.home, dataset.collection);
    const collection = await SearchableCollection.open(directory, { models: options.models });
    try {
      const manifest = readFileSync(path.join(directory, manifestFileName));
      const topics = await readTopics(dataset.test.topics);
      const splits = await readSplits(plan, dataset);
      const hashes = {
        test: hashOf(await fileSha256(dataset.test.qrels), [...splits.test.keys()]),
        dev: hashOf(
          dataset.dev === null || dataset.dev === "half" ? "" : await fileSha256(dataset.dev.qrels),
          [...splits.dev.keys()],
        ),
      };
      return new DatasetRun(
        plan,
        dataset,
        options,
        collection,
        hashOf(manifest.toString("utf8"), collection.snapshot().generation),
        topics,
        splits,
        hashes,
      );
    } catch (error) {
      await collection.close();
      throw error;
    }
  }

  private constructor(
    plan: ExperimentPlan,
    dataset: PlannedDataset,
    options: ExperimentOptions,
    collection: SearchableCollection,
    collectionHash: string,
    topics: ReadonlyMap<QueryId, string>,
    splits: Readonly<Record<"dev" | "test", Qrels>>,
    splitHashes: Readonly<Record<"dev" | "test", string>>,
  ) {
    this.#plan = plan;
    this.#dataset = dataset;
    this.#options = options;
    this.#collection = collection;
    this.#collectionHash = collectionHash;
    this.#topics = topics;
    this.#splits = splits;
    this.#splitHashes = splitHashes;
    const { dev, test } = splits;
    this.summary = {
      name: dataset.name,
      testCount: test.size,
      devCount: dev.size,
      chosenOn: dataset.dev === null ? "test" : "dev",
      sharedCount: [...dev.keys()].filter((queryId) => test.has(queryId)).length,
    };
  }

  close(): Promise<void> {
    return this.#collection.close();
  }

  /** The cells of one reranker (null: of the first stages alone) with their keys. */
  async cells(reranker: string | null): Promise<Cell[]> {
    const fingerprint =
      reranker === null ? "" : (await this.#reranker(reranker)).identity.fingerprint;
    const splits = this.#splits.dev.size > 0 ? (["dev", "test"] as const) : (["test"] as const);
    const depths = reranker === null ? [0] : this.#plan.rerankDepths;
    const weights = reranker === null ? [1] : this.#plan.weights;
    const texts = hashOf([...this.#topics].map(([queryId, text]) => `${queryId} ${text}`));
    return splits.flatMap((split) =>
      this.#plan.firstStages.flatMap((stage) =>
        depths.flatMap((rerankDepth) =>
          weights.map((weight): Cell => {
            const key = hashOf({
              format: "braid-cell@1",
              collection: this.#collectionHash,
              queries: this.#splitHashes[split],
              texts,
              split,
              stage: this.#stageIdentity(stage),
              fingerprint,
              rerankDepth,
              weight,
              depth: this.#plan.depth,
              kept: this.#keptDepth(),
              measures: this.#plan.measures.map((measure) => measure.name),
            });
            return {
              key,
              dataset: this.#dataset.name,
              split,
              firstStage: stage.name,
              reranker,
              rerankDepth,
              weight,
            };
          }),
        ),
      ),
    );
  }

  /** Retrieves, and scores with the reranker, what cells will need and is not there yet. */
  async prepare(reranker: string | null): Promise<void> {
    const queries = await this.#queries();
    if (reranker === null || this.#scores.has(reranker)) return;
    const model = await this.#reranker(reranker);
    const identity = hashOf({
      model: model.identity.fingerprint,
      collection: this.#collectionHash,
    });
    const scores = new Map<QueryId, Map<DocId, TimedScore>>();
    const log = await JsonlLog.open(
      path.join(this.#options.directory, "scores", `${identity.slice(0, 24)}.jsonl`),
      (entry) => readScores(entry, this.#topics, scores),
    );
    try {
      let done = 0;
      for (const query of queries.values()) {
        this.#options.signal?.throwIfAborted();
        this.#options.onProgress?.(
          `${this.#dataset.name}: queries scored by ${reranker}`,
          done++,
          queries.size,
        );
        const known = scores.get(query.queryId) ?? new Map<DocId, TimedScore>();
        scores.set(query.queryId, known);
        const missing = this.#candidates(query).filter((docId) => !known.has(docId));
        if (missing.length === 0) continue;
        const added = await this.#score(model, query, missing);
        for (const [docId, timed] of added) known.set(docId, timed);
        await log.append({
          queryId: query.queryId,
          text: hashOf(query.text).slice(0, 16),
          docIds: [...added.keys()],
          scores: [...added.values()].map(({ score }) => score),
          ms: [...added.values()].map(({ ms }) => Math.round(ms * 1000) / 1000),
        });
      }
    } finally {
      await log.close();
    }
    this.#scores.set(reranker, scores);
  }

  /** The figures of one cell; `prepare` has been called for its reranker. */
  async compute(cell: Cell): Promise<CellResult> {
    const queries = await this.#queries();
    const qrels = this.#splits[cell.split];
    const run = new Map<QueryId, Ranking>();
    const tookMs: number[] = [];
    for (const queryId of qrels.keys()) {
      const query = queries.get(queryId);
      const stage = query?.stages.get(cell.firstStage);
      if (query === undefined || stage === undefined) continue;
      if (cell.reranker === null) {
        run.set(queryId, stage.ranking);
        tookMs.push(stage.ms);
        continue;
      }
      const scores = this.#scores.get(cell.reranker)?.get(queryId) ?? new Map<DocId, TimedScore>();
      const head = stage.ranking.slice(0, cell.rerankDepth).map(({ docId }) => docId);
      const { ranking } = await rerank(
        stage.ranking,
        query.text,
        (docIds) => docIds.map((docId): RerankDocument => ({ title: "", text: `#${docId}#` })),
        knownScores(cell.reranker, scores),
        {
          depth: cell.rerankDepth,
          combine: cell.weight === 1 ? "replace" : { weight: cell.weight },
          batchSize: Math.max(1, cell.rerankDepth),
        },
      );
      run.set(queryId, ranking);
      tookMs.push(head.reduce((sum, docId) => sum + (scores.get(docId)?.ms ?? 0), stage.ms));
    }
    const evaluation = evaluateRun(qrels, run, this.#plan.measures, { order: "given" });
    const primary = this.#plan.measures[0]?.name ?? "";
    return {
      ...cell,
      queryCount: qrels.size,
      mean: evaluation.mean,
      values: [...(evaluation.perQuery.get(primary)?.values() ?? [])],
      ms: {
        mean: rounded(mean(tookMs)),
        p50: rounded(percentile(tookMs, 0.5)),
        p95: rounded(percentile(tookMs, 0.95)),
      },
    };
  }

  #stageIdentity(stage: FirstStage): string {
    if (stage.kind !== "hybrid") return stage.kind;
    return fusionName(stage.fusion ?? this.#collection.defaultFusion());
  }

  /** How much of a ranking any measure or reranker of the plan looks at. */
  #keptDepth(): number {
    const cutoffs = this.#plan.measures.map(({ cutoff }) =>
      Number.isFinite(cutoff) ? cutoff : this.#plan.depth,
    );
    const deepest = this.#plan.rerankers.length === 0 ? 0 : (this.#plan.rerankDepths.at(-1) ?? 0);
    return Math.max(deepest, ...cutoffs);
  }

  /** `late-interaction` reads with the collection's own encoder. */
  #reranker(named: string): Promise<Reranker> {
    const { models } = this.#options;
    if (named !== "late-interaction") return models.crossEncoder(named);
    const encoder = this.#collection.snapshot().settings.encoder;
    if (encoder === null) {
      throw new InputError(
        `late-interaction reads with the collection's encoder, and ${this.#dataset.collection} has none: ` +
          "build it with one, or name a cross-encoder",
        { collection: this.#dataset.collection },
      );
    }
    return models.lateInteraction(encoder.name);
  }

  async #queries(): Promise<Map<QueryId, PreparedQuery>> {
    if (this.#prepared !== null) return this.#prepared;
    const prepared = new Map<QueryId, PreparedQuery>();
    const queryIds = new Set([...this.#splits.dev.keys(), ...this.#splits.test.keys()]);
    for (const queryId of queryIds) {
      this.#options.signal?.throwIfAborted();
      this.#options.onProgress?.(
        `${this.#dataset.name}: queries retrieved`,
        prepared.size,
        queryIds.size,
      );
      const text = this.#topics.get(queryId);
      if (text === undefined || text.trim() === "") continue;
      prepared.set(queryId, await this.#retrieve(queryId, text));
    }
    this.#prepared = prepared;
    return prepared;
  }

  async #retrieve(queryId: QueryId, text: string): Promise<PreparedQuery> {
    const { depth, firstStages } = this.#plan;
    const kept = this.#keptDepth();
    const wantsDense = firstStages.some(({ kind }) => kind !== "sparse");
    const request = parseSearchRequest({
      query: text,
      syntax: "plain",
      mode: wantsDense ? "hybrid" : "sparse",
      depth: { sparse: depth, dense: depth },
    });
    const clock = new StageClock();
    const retrieval = await retrieve(this.#collection, request, clock);
    const retrievedMs = clock.tookMs();
    const ms = (name: string): number => clock.stages.find((stage) => stage.name === name)?.ms ?? 0;
    const keep = (ranking: Ranking): Ranking =>
      withoutIdenticalId(queryId, ranking)
        .slice(0, kept)
        .map(({ docId, score }) => ({ docId, score }));
    const stages = firstStages.map((stage) => {
      if (stage.kind === "sparse")
        return [
          stage.name,
          { ranking: keep(retrieval.sparse?.ranking ?? []), ms: ms("sparse") },
        ] as const;
      if (stage.kind === "dense") {
        return [
          stage.name,
          { ranking: keep(retrieval.dense?.ranking ?? []), ms: ms("encode") + ms("dense") },
        ] as const;
      }
      const startedMs = performance.now();
      const { ranking } = fuseLegs(retrieval, stage.fusion ?? this.#collection.defaultFusion());
      return [
        stage.name,
        { ranking: keep(ranking), ms: retrievedMs + performance.now() - startedMs },
      ] as const;
    });
    return { queryId, text, stages: new Map(stages) };
  }

  /** Documents that any first stage would have reranked, the best ones first. */
  #candidates({ stages }: PreparedQuery): DocId[] {
    const deepest = this.#plan.rerankDepths.at(-1) ?? 0;
    const candidates = new Set<DocId>();
    for (const { ranking } of stages.values()) {
      for (const { docId } of ranking.slice(0, deepest)) candidates.add(docId);
    }
    return [...candidates];
  }

  async #score(
    model: Reranker,
    { text }: PreparedQuery,
    docIds: readonly DocId[],
  ): Promise<Map<DocId, TimedScore>> {
    const snapshot = this.#collection.snapshot();
    const scores = new Map<DocId, TimedScore>();
    for (let start = 0; start < docIds.length; start += batchSize) {
      const batch = docIds.slice(start, start + batchSize);
      const texts = batch.map((docId) =>
        encodedText(snapshot.document(docId) ?? { title: "", text: "" }),
      );
      const startedMs = performance.now();
      const values = await model.score(text, texts, this.#options.signal);
      const ms = (performance.now() - startedMs) / batch.length;
      for (const [i, docId] of batch.entries())
        scores.set(docId, { score: values[i] ?? Number.NaN, ms });
    }
    return scores;
  }
}

/** A reranker that looks scores up by document id, so that `rerank` itself does the reordering. */
function knownScores(name: string, scores: ReadonlyMap<DocId, TimedScore>): Reranker {
  return {
    identity: { name, fingerprint: "known" },
    // The signs keep an id whole that begins or ends with a space: texts are trimmed on their way.
    score: async (_query, marked) =>
      Float32Array.from(
        marked,
        (text) => scores.get(text.slice(1, -1) as DocId)?.score ?? Number.NaN,
      ),
    close: async () => {},
  };
}

/** Takes a line of a file of scores, unless its query has another text by now. */
function readScores(
  entry: unknown,
  topics: ReadonlyMap<QueryId, string>,
  into: Map<QueryId, Map<DocId, TimedScore>>,
): void {
  const { queryId, text, docIds, scores, ms } = entry as {
    queryId: QueryId;
    text: string;
    docIds: DocId[];
    scores: number[];
    ms: number[];
  };
  const query = topics.get(queryId);
  if (query === undefined || hashOf(query).slice(0, 16) !== text) return;
  const known = into.get(queryId) ?? new Map<DocId, TimedScore>();
  into.set(queryId, known);
  for (const [i, docId] of docIds.entries()) {
    known.set(docId, { score: scores[i] ?? Number.NaN, ms: ms[i] ?? 0 });
  }
}

async function readSplits(
  { seed }: ExperimentPlan,
  { test, dev, devQueries }: PlannedDataset,
): Promise<Record<"dev" | "test", Qrels>> {
  const { qrels } = await readQrels(test.qrels);
  if (dev === null) return { dev: new Map(), test: qrels };
  if (dev === "half") {
    const halves = { dev: new Map(), test: new Map() } satisfies Record<"dev" | "test", Qrels>;
    for (const [queryId, grades] of qrels) {
      const side =
        createHash("sha256").update(`${seed} ${queryId}`).digest()[0]! % 2 === 0 ? "dev" : "test";
      halves[side].set(queryId, grades);
    }
    return { dev: drawn(halves.dev, devQueries, seed), test: halves.test };
  }
  return { dev: drawn((await readQrels(dev.qrels)).qrels, devQueries, seed), test: qrels };
}

/** At most `count` queries, drawn without replacement, in the order of the judgements. */
function drawn(qrels: Qrels, count: number | null, seed: number): Qrels {
  if (count === null || count >= qrels.size) return qrels;
  const random = new SeededRandom(seed);
  const queryIds = [...qrels.keys()];
  for (let i = queryIds.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [queryIds[i], queryIds[j]] = [queryIds[j]!, queryIds[i]!]; // in bounds: j <= i < length
  }
  const kept = new Set(queryIds.slice(0, count));
  return new Map([...qrels].filter(([queryId]) => kept.has(queryId)));
}

function hashOf(...parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
