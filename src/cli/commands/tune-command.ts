import { describeTuning, type TuningQuery, tuneFusion } from "../../experiments/tune-fusion.js";
import {
  describeReranking,
  type RerankedQuery,
  tuneReranking,
} from "../../experiments/tune-reranking.js";
import type { FusionLeg } from "../../fusion/fusion-leg.js";
import { fusionName } from "../../fusion/fusion-text.js";
import type { Normalization } from "../../fusion/normalization.js";
import { normalizations } from "../../fusion/normalization.js";
import { fusionLegs } from "../../pipeline/rank-candidates.js";
import { documentOf } from "../../pipeline/rerank-candidates.js";
import { retrieve } from "../../pipeline/retrieval.js";
import { rankFirstStage } from "../../pipeline/search.js";
import { withRerank } from "../../pipeline/search-defaults.js";
import type { RerankRequest } from "../../pipeline/search-request.js";
import { parseSearchRequest } from "../../pipeline/search-request.js";
import type { SearchableCollection } from "../../pipeline/searchable-collection.js";
import { StageClock } from "../../pipeline/stage-clock.js";
import { defaultPassages } from "../../rerank/passages.js";
import { rerank } from "../../rerank/rerank.js";
import { withoutIdenticalId } from "../../run/identical-ids.js";
import { readQrels } from "../../run/qrels.js";
import type { Qrels, QueryId } from "../../run/ranking.js";
import { readTopics } from "../../run/topics.js";
import { countOption, defined, listOption } from "../options.js";
import { type CommonOptions, printJson, printText, say, UsageError } from "../output.js";
import { ProgressLine } from "../progress.js";
import { withCollection } from "../session.js";
import { type JudgedOptions, judgedFiles } from "./eval-command.js";

interface TuneOptions extends CommonOptions, JudgedOptions {
  readonly measure?: string;
  readonly normalizations?: string;
  readonly depth?: string;
  readonly dryRun?: boolean;
  readonly reset?: boolean;
  readonly keepIdentical?: boolean;
  readonly rerank?: string;
}

/**
 * `braid tune <collection>`: the fusion weight that judged queries ask for, by nested
 * cross-validation. Saved in the collection only if it is better than the default, significantly.
 * With `--rerank MODEL` instead whether, and from which depth, reranking helps: see `tuneRerank`.
 */
export async function tuneCommand(options: TuneOptions, name: string): Promise<void> {
  if (options.reset === true) {
    await withCollection(options, name, { mode: "write" }, async ({ collection }) => {
      await collection.setSearchDefaults(null);
    });
    if (options.json === true) printJson({ collection: name, saved: null });
    else say(options, `${name}: searches use the default fusion again, and are not reranked`);
    return;
  }
  const files = judgedFiles(options);
  const topics = await readTopics(files.topics);
  const { qrels } = await readQrels(files.qrels);
  if (options.rerank !== undefined) {
    await tuneRerank(options, name, { dataset: files.name, topics, qrels, model: options.rerank });
    return;
  }
  const choices = normalizationsOf(options);
  const depth = countOption("--depth", options.depth, 1) ?? 1000;
  const mode = options.dryRun === true ? "read" : "write";
  const progress = new ProgressLine(options);
  await withCollection(options, name, { mode }, async (collection) => {
    const queries: TuningQuery[] = [];
    for (const queryId of qrels.keys()) {
      const query = topics.get(queryId);
      if (query === undefined || query.trim() === "") continue;
      progress.update("queries", queries.length, queries.length / qrels.size);
      const legs = await legsOf(collection, query, depth);
      queries.push({ queryId, legs: options.keepIdentical ? legs : withoutOwn(queryId, legs) });
    }
    progress.finish();
    const tuned = tuneFusion(queries, qrels, {
      ...defined({ measure: options.measure }),
      ...(choices === undefined ? {} : { normalizations: choices }),
    });
    const saves = tuned.verdict === "better" && options.dryRun !== true;
    const forgets = saves && collection.defaultRerank() !== null;
    if (saves) {
      // Saved reranking goes: it was measured over another first stage.
      // Through JSON, so that what is absent is not there as undefined.
      await collection.collection.setSearchDefaults(
        JSON.parse(JSON.stringify({ fusion: tuned.fusion })),
      );
    }
    if (options.json === true) {
      printJson({ collection: name, dataset: files.name, ...tuned, saved: saves });
      return;
    }
    printText(describeTuning(tuned));
    printText(
      saves
        ? `saved: searches of ${name} that name no fusion use ${fusionName(tuned.fusion)} (--reset undoes it)`
        : "nothing saved",
    );
    if (forgets) printText("the saved reranking is forgotten: tune it again over the new fusion");
  });
}

interface JudgedQueries {
  readonly dataset: string | undefined;
  readonly topics: ReadonlyMap<QueryId, string>;
  readonly qrels: Qrels;
  readonly model: string;
}

/**
 * Reranks every judged query's top and saves the best depth and weight if, cross-validated, they are
 * surely better than the first stage; else forgets what was saved of reranking before.
 */
async function tuneRerank(
  options: TuneOptions,
  name: string,
  { dataset, topics, qrels, model }: JudgedQueries,
): Promise<void> {
  const depths = [5, 10, 20, 50];
  const depth = countOption("--depth", options.depth, 1) ?? 1000;
  const mode = options.dryRun === true ? "read" : "write";
  const progress = new ProgressLine(options);
  await withCollection(options, name, { mode }, async (collection) => {
    const reranker = await collection.reranker(model);
    const snapshot = collection.snapshot();
    const queries: RerankedQuery[] = [];
    for (const queryId of qrels.keys()) {
      const query = topics.get(queryId);
      if (query === undefined || query.trim() === "") continue;
      progress.update("queries", queries.length, queries.length / qrels.size);
      const request = parseSearchRequest({
        query,
        syntax: "plain",
        depth: { sparse: depth, dense: depth },
      });
      const clock = new StageClock();
      const retrieval = await retrieve(collection, request, clock);
      const first = await rankFirstStage(collection, retrieval, request, clock);
      const ranking = options.keepIdentical
        ? first.ranking
        : withoutIdenticalId(queryId, first.ranking);
      const head = ranking.slice(0, Math.max(...depths));
      const { scores } = await rerank(
        head,
        query,
        (docIds) => docIds.map((docId) => documentOf(snapshot, docId)),
        reranker,
        { depth: head.length, passages: defaultPassages },
      );
      // Complete without a budget, so every document of the head has a score.
      queries.push({ queryId, ranking, scores: head.map(({ docId }) => scores.get(docId)!) });
    }
    progress.finish();
    const tuned = tuneReranking(queries, qrels, {
      depths,
      ...defined({ measure: options.measure }),
    });
    const saved: RerankRequest | null =
      tuned.verdict === "better" ? { model, depth: tuned.depth, weight: tuned.weight } : null;
    const before = collection.defaultRerank();
    if (options.dryRun !== true && (saved !== null || before !== null)) {
      const { searchDefaults } = collection.collection;
      await collection.collection.setSearchDefaults(withRerank(searchDefaults, saved));
    }
    if (options.json === true) {
      printJson({
        collection: name,
        dataset,
        model,
        ...tuned,
        saved: options.dryRun ? null : saved,
      });
      return;
    }
    printText(describeReranking(tuned));
    if (options.dryRun === true) printText("nothing saved");
    else if (saved !== null) {
      printText(
        `saved: searches of ${name} that say nothing of their own are reranked by ${model} to depth ` +
          `${saved.depth} at weight ${saved.weight} (--reset undoes it)`,
      );
    } else printText(before === null ? "nothing saved" : "the saved reranking is forgotten");
  });
}

async function legsOf(
  collection: SearchableCollection,
  query: string,
  depth: number,
): Promise<readonly FusionLeg[]> {
  const request = parseSearchRequest({
    query,
    mode: "hybrid",
    syntax: "plain",
    depth: { sparse: depth, dense: depth },
  });
  return fusionLegs(await retrieve(collection, request, new StageClock()), true);
}

function withoutOwn(queryId: QueryId, legs: readonly FusionLeg[]): readonly FusionLeg[] {
  return legs.map((leg) => ({ ...leg, ranking: withoutIdenticalId(queryId, leg.ranking) }));
}

function normalizationsOf(options: TuneOptions): readonly Normalization[] | undefined {
  const names = listOption(options.normalizations);
  if (names === undefined) return undefined;
  const wrong = names.find((name) => !normalizations.some((known) => known === name));
  if (wrong !== undefined || names.length === 0) {
    throw new UsageError(
      `--normalizations must be some of ${normalizations.join(", ")}, got "${wrong ?? ""}"`,
    );
  }
  return normalizations.filter((known) => names.includes(known));
}
