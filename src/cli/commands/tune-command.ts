import { describeTuning, type TuningQuery, tuneFusion } from "../../experiments/tune-fusion.js";
import type { FusionLeg } from "../../fusion/fusion-leg.js";
import { fusionName } from "../../fusion/fusion-text.js";
import type { Normalization } from "../../fusion/normalization.js";
import { normalizations } from "../../fusion/normalization.js";
import { fusionLegs } from "../../pipeline/rank-candidates.js";
import { retrieve } from "../../pipeline/retrieval.js";
import { parseSearchRequest } from "../../pipeline/search-request.js";
import type { SearchableCollection } from "../../pipeline/searchable-collection.js";
import { StageClock } from "../../pipeline/stage-clock.js";
import { withoutIdenticalId } from "../../run/identical-ids.js";
import { readQrels } from "../../run/qrels.js";
import type { QueryId } from "../../run/ranking.js";
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
}

/**
 * `braid tune <collection>`: the fusion weight that judged queries ask for, by nested
 * cross-validation. Saved in the collection only if it is better than the default, significantly.
 */
export async function tuneCommand(options: TuneOptions, name: string): Promise<void> {
  if (options.reset === true) {
    await withCollection(options, name, { mode: "write" }, async ({ collection }) => {
      await collection.setSearchDefaults(null);
    });
    if (options.json === true) printJson({ collection: name, saved: null });
    else say(options, `${name}: searches use the default fusion again`);
    return;
  }
  const files = judgedFiles(options);
  const topics = await readTopics(files.topics);
  const { qrels } = await readQrels(files.qrels);
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
    if (saves) {
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
