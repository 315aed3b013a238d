import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { NotFoundError } from "../../errors.js";
import { parseGates } from "../../evaluation/gate.js";
import {
  evaluateSystems,
  type System,
  type SystemEvaluation,
} from "../../experiments/evaluate-systems.js";
import type { SearchMode } from "../../pipeline/search-request.js";
import { readQrels } from "../../run/qrels.js";
import { readTopics } from "../../run/topics.js";
import { writeTrecRun } from "../../run/trec-run-writer.js";
import { countOption, listOption } from "../options.js";
import { printJson, printText, SilentFailure, say, textTable, UsageError } from "../output.js";
import { ProgressLine } from "../progress.js";
import { type ReadOptions, readMode, withCollection } from "../session.js";
import { checkGates, type SystemGateResult, withGateMeasures } from "./eval-gates.js";
import { measuresOption, perQueryOf, sayMissing } from "./run-commands.js";
import { type RequestOptions, requestOf } from "./search-command.js";

interface EvalOptions extends ReadOptions, RequestOptions {
  readonly dataset?: string;
  readonly split: string;
  readonly topics?: string;
  readonly qrels?: string;
  readonly systems?: string;
  readonly slot?: string;
  readonly measures?: string;
  readonly runs?: string;
  readonly perQuery?: boolean;
  readonly keepIdentical?: boolean;
  readonly baseline?: string;
  readonly failIf?: readonly string[];
}

/** Hits per query of a run, the depth of AP@1000 and R@1000. */
const runDepth = 1000;

/** `braid eval <collection>`: measures of each system over judged queries. */
export async function evalCommand(options: EvalOptions, name: string): Promise<void> {
  const files = judgedFiles(options);
  const gates = (options.failIf ?? []).flatMap(parseGates);
  if (options.baseline !== undefined && gates.length === 0) {
    throw new UsageError(
      '--baseline is compared by --fail-if, e.g. "nDCG@10 drop > 0.01 p < 0.05"',
    );
  }
  const measures = withGateMeasures(measuresOption(options.measures), gates);
  const topics = await readTopics(files.topics);
  const { qrels } = await readQrels(files.qrels);
  const progress = new ProgressLine(options);
  await withCollection(options, name, readMode(options), async (collection) => {
    const hasDense = options.slot !== undefined || collection.collection.encoderIdentity !== null;
    const systems = systemsOf(options, hasDense);
    const depth = Math.max(runDepth, countOption("--depth", options.depth, 1) ?? 0);
    const own = [...qrels.keys()].filter((queryId) => collection.snapshot().locate(queryId)).length;
    if (own > 0 && options.keepIdentical !== true) {
      say(
        options,
        `${own} queries have the id of a document: it is left out of their hits, as BEIR does ` +
          "(--keep-identical keeps it)",
      );
    }
    const answering = options.slot === undefined ? collection : collection.inSlot(options.slot);
    const evaluations = await evaluateSystems(answering, topics, qrels, systems, measures, {
      depth,
      keepIdentical: options.keepIdentical ?? false,
      onProgress: (done, total) => progress.update("queries", done, done / total),
    });
    progress.finish();
    for (const { name: system, evaluation } of evaluations) sayMissing(options, system, evaluation);
    if (options.runs !== undefined) {
      await mkdir(options.runs, { recursive: true });
      for (const { name: system, run } of evaluations) {
        await writeTrecRun(path.join(options.runs, `${system}.trec`), run, `braid-${system}`);
      }
    }
    const results = await checkGates(
      gates,
      options.baseline,
      evaluations,
      qrels,
      options.keepIdentical ?? false,
    );
    if (options.json === true) {
      printJson({
        dataset: files.name,
        systems: Object.fromEntries(
          evaluations.map((evaluation) => [evaluation.name, asJson(evaluation, options)]),
        ),
        ...(gates.length === 0 ? {} : { gates: results.map(gateAsJson) }),
      });
    } else {
      printText(
        evaluationTable(
          evaluations,
          measures.map((measure) => measure.name),
        ),
      );
    }
    for (const { system, message } of results) say(options, `${system}: ${message}`);
    if (results.some(({ failed }) => failed)) throw new SilentFailure();
  });
}

/** A system's figures as `braid eval --json` prints them. */
function asJson(
  { evaluation, p50Ms, p95Ms }: SystemEvaluation,
  { perQuery }: EvalOptions,
): Record<string, unknown> {
  return {
    ...evaluation.mean,
    queryCount: evaluation.queryCount,
    p50Ms,
    p95Ms,
    ...(perQuery === true ? { perQuery: perQueryOf(evaluation) } : {}),
  };
}

function gateAsJson({
  system,
  gate,
  failed,
  observed,
  value,
  baselineValue,
  pValue,
}: SystemGateResult): Record<string, unknown> {
  return { system, gate: gate.text, failed, observed, value, baselineValue, pValue };
}

/** Systems as rows, measures and latencies as columns. */
export function evaluationTable(
  evaluations: readonly SystemEvaluation[],
  measures: readonly string[],
): string {
  return textTable(
    [
      { title: "system" },
      ...[...measures, "queries", "p50 ms", "p95 ms"].map((title) => ({
        title,
        align: "right" as const,
      })),
    ],
    evaluations.map(({ name, evaluation, p50Ms, p95Ms }) => [
      name,
      ...measures.map((measure) => (evaluation.mean[measure] ?? 0).toFixed(4)),
      String(evaluation.queryCount),
      p50Ms.toFixed(1),
      p95Ms.toFixed(1),
    ]),
  );
}

/** Options that name topics and judgements. */
export interface JudgedOptions {
  readonly dataset?: string;
  readonly split: string;
  readonly topics?: string;
  readonly qrels?: string;
}

/** Files of the options, or of the BEIR folder that they name. */
export function judgedFiles(options: JudgedOptions): {
  name: string;
  topics: string;
  qrels: string;
} {
  const { dataset, split } = options;
  let { topics, qrels } = options;
  if (dataset !== undefined) {
    topics ??= firstThere(dataset, ["queries.jsonl", "queries.jsonl.gz"]);
    qrels ??= firstThere(path.join(dataset, "qrels"), [`${split}.tsv`, `${split}.tsv.gz`]);
  }
  if (topics === undefined || qrels === undefined) {
    throw new UsageError("give --dataset DIR, or --topics FILE and --qrels FILE");
  }
  return { name: path.basename(path.resolve(dataset ?? path.dirname(qrels))), topics, qrels };
}

function firstThere(folder: string, names: readonly string[]): string {
  const found = names.find((name) => existsSync(path.join(folder, name)));
  if (found === undefined) {
    throw new NotFoundError(`expected ${names.join(" or ")} in ${folder}, found neither`, {
      path: folder,
    });
  }
  return path.join(folder, found);
}

function systemsOf(options: EvalOptions, hasDense: boolean): System[] {
  const known: readonly SearchMode[] = ["sparse", "dense", "hybrid"];
  const asked = listOption(options.systems) ?? (hasDense ? known : ["sparse"]);
  const wrong = asked.find((name) => !known.some((mode) => mode === name));
  if (wrong !== undefined || asked.length === 0) {
    throw new UsageError(`--systems must be some of ${known.join(", ")}, got "${wrong ?? ""}"`);
  }
  const request = requestOf(options);
  return known
    .filter((mode) => asked.includes(mode))
    .map((mode) => ({ name: mode, request: { ...request, mode } }));
}
