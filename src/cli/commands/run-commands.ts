import { type Evaluation, evaluateRun } from "../../evaluation/evaluate-run.js";
import { DEFAULT_MEASURES, type Measure, parseMeasure } from "../../evaluation/measure.js";
import { fuseRuns, type NamedRun } from "../../fusion/fuse-runs.js";
import { fusionName, parseFusion } from "../../fusion/fusion-text.js";
import { readQrels } from "../../run/qrels.js";
import { readTrecRun } from "../../run/trec-run.js";
import { formatTrecRanking, writeTrecRun } from "../../run/trec-run-writer.js";
import { countOption, measureListOption, numberOption } from "../options.js";
import { type CommonOptions, printJson, printText, say, textTable, UsageError } from "../output.js";

interface FuseOptions extends CommonOptions {
  readonly fusion: string;
  readonly weights?: string;
  readonly depth: string;
  readonly out?: string;
  readonly tag?: string;
}

/** `braid fuse <run...>`: any TREC runs into one. */
export async function fuseCommand(options: FuseOptions, ...files: string[]): Promise<void> {
  const depth = countOption("--depth", options.depth, 1) ?? 1000;
  const runs = await readRuns(options, files);
  const names = runs.map(({ name }) => name);
  let fusion = parseFusion(options.fusion);
  if (options.weights !== undefined) {
    const weights = options.weights.split(",").map((weight) => numberOption("--weights", weight));
    if (weights.length !== runs.length) {
      throw new UsageError(
        `--weights must hold one number per run (${runs.length}), got ${weights.length}`,
      );
    }
    fusion = {
      ...fusion,
      weights: Object.fromEntries(names.map((name, i) => [name, weights[i] ?? 0])),
    };
  }
  const fused = fuseRuns(runs, fusion);
  const cut = [...fused].map(([queryId, ranking]) => [queryId, ranking.slice(0, depth)] as const);
  const tag = options.tag ?? fusionName(fusion).replace(/\s+/g, "");
  if (options.out === undefined) {
    for (const [queryId, ranking] of cut) {
      if (options.json === true) printJson({ queryId, hits: ranking });
      else process.stdout.write(formatTrecRanking(queryId, ranking, tag));
    }
    return;
  }
  await writeTrecRun(options.out, cut, tag);
  say(options, `fused ${names.join(", ")} by ${fusionName(fusion)} into ${options.out}`);
  if (options.json === true) {
    printJson({ out: options.out, fusion: fusionName(fusion), queries: cut.length });
  }
}

interface ScoreOptions extends CommonOptions {
  readonly measures?: string;
  readonly perQuery?: boolean;
}

/** `braid score <qrels> <run...>`: measures of any TREC runs. */
export async function scoreCommand(
  options: ScoreOptions,
  qrelsFile: string,
  ...files: string[]
): Promise<void> {
  const measures = measuresOption(options.measures);
  const { qrels, report } = await readQrels(qrelsFile);
  if (report.duplicateCount > 0) {
    say(options, `${qrelsFile}: ${report.duplicateCount} judgements are repeated`);
  }
  const runs = await readRuns(options, files);
  const evaluations = runs.map(({ name, run }) => ({
    name,
    evaluation: evaluateRun(qrels, run, measures),
  }));
  for (const { name, evaluation } of evaluations) sayMissing(options, name, evaluation);
  if (options.json === true) {
    printJson({
      qrels: qrelsFile,
      runs: Object.fromEntries(
        evaluations.map(({ name, evaluation }) => [
          name,
          {
            ...evaluation.mean,
            queryCount: evaluation.queryCount,
            ...(options.perQuery === true ? { perQuery: perQueryOf(evaluation) } : {}),
          },
        ]),
      ),
    });
    return;
  }
  const columns = [
    { title: "run" },
    ...(options.perQuery === true ? [{ title: "query" }] : []),
    ...measures.map(({ name }) => ({ title: name, align: "right" as const })),
  ];
  const rows: string[][] = [];
  for (const { name, evaluation } of evaluations) {
    const mean = measures.map((measure) => (evaluation.mean[measure.name] ?? 0).toFixed(4));
    if (options.perQuery === true) {
      for (const [queryId, values] of Object.entries(perQueryOf(evaluation))) {
        rows.push([name, queryId, ...measures.map((m) => (values[m.name] ?? 0).toFixed(4))]);
      }
      rows.push([name, "all", ...mean]);
    } else rows.push([name, ...mean]);
  }
  printText(textTable(columns, rows));
}

/** Measures by name, or the default ones. */
export function measuresOption(list: string | undefined): readonly Measure[] {
  return (measureListOption(list) ?? DEFAULT_MEASURES).map(parseMeasure);
}

/** Values by query, then by measure, as JSON wants them. */
export function perQueryOf(evaluation: Evaluation): Record<string, Record<string, number>> {
  const byQuery: Record<string, Record<string, number>> = {};
  for (const [measure, values] of evaluation.perQuery) {
    for (const [queryId, value] of values) {
      byQuery[queryId] ??= {};
      byQuery[queryId][measure] = value;
    }
  }
  return byQuery;
}

/** Says which queries count as zero, so that nobody takes a gap for a bad ranking. */
export function sayMissing(options: CommonOptions, name: string, evaluation: Evaluation): void {
  const { missingQueries, unjudgedQueries, queryCount } = evaluation;
  if (missingQueries.length > 0) {
    say(
      options,
      `${name}: ${missingQueries.length} of ${queryCount} judged queries have no hits and count 0`,
    );
  }
  if (unjudgedQueries.length > 0) {
    say(options, `${name}: ${unjudgedQueries.length} queries have no judgements and are left out`);
  }
}

/** Runs under their tags; equal tags get the file's place behind them. */
export async function readRuns(
  options: CommonOptions,
  files: readonly string[],
): Promise<NamedRun[]> {
  const runs: NamedRun[] = [];
  const used = new Set<string>();
  for (const file of files) {
    const { run, report } = await readTrecRun(file);
    if (report.unsortedQueryCount > 0) {
      say(
        options,
        `${file}: ${report.unsortedQueryCount} queries were out of order and are sorted`,
      );
    }
    let name = report.tag;
    for (let copy = 2; used.has(name); copy++) name = `${report.tag}-${copy}`;
    used.add(name);
    runs.push({ name, run });
  }
  return runs;
}
