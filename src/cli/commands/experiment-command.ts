import { readFile } from "node:fs/promises";
import path from "node:path";
import { NotFoundError } from "../../errors.js";
import { analyseExperiment } from "../../experiments/experiment-analysis.js";
import { experimentCsv } from "../../experiments/experiment-csv.js";
import { choiceSentence, experimentHtml, warnings } from "../../experiments/experiment-html.js";
import { type ExperimentPlan, parsePlan } from "../../experiments/experiment-plan.js";
import { runExperiment } from "../../experiments/run-experiment.js";
import { writeWhole } from "../../experiments/write-comparison.js";
import { ModelPool } from "../../pipeline/model-pool.js";
import { isMissing, storageError } from "../../store/file-system.js";
import { homeDirectory } from "../options.js";
import { type CommonOptions, printJson, printText, SilentFailure, say } from "../output.js";
import { ProgressLine } from "../progress.js";
import { commandLine, packageVersion } from "./compare-command.js";

interface ExperimentCommandOptions extends CommonOptions {
  readonly out: string;
  readonly check?: boolean;
}

/** `braid experiment <plan.yaml>`: runs a grid, or what is missing of it, and reports on it. */
export async function experimentCommand(
  options: ExperimentCommandOptions,
  file: string,
): Promise<void> {
  const plan = parsePlan(await readPlan(file), file);
  for (const { name, dev } of plan.datasets) {
    if (dev === null)
      say(options, `${name}: no dev queries, so settings are chosen on TEST queries`);
  }
  if (options.check === true) {
    if (options.json === true) printJson({ plan: file, cells: cellCount(plan), valid: true });
    else printText(`${file}: ${cellCount(plan)} configurations, no fault found`);
    return;
  }
  const models = new ModelPool();
  const progress = new ProgressLine(options);
  try {
    const result = await runExperiment(plan, {
      directory: options.out,
      home: homeDirectory(options),
      models,
      onProgress: (what, done, total) => progress.update(what, done, done / total),
    });
    progress.finish();
    const analysis = analyseExperiment(result);
    const page = experimentHtml(result, analysis, {
      command: commandLine(),
      braidVersion: packageVersion(),
      nodeVersion: process.version,
      platform: `${process.platform} ${process.arch}`,
      createdAt: new Date().toISOString(),
      files: [],
    });
    await writeWhole(path.join(options.out, "report.html"), page);
    await writeWhole(path.join(options.out, "results.csv"), experimentCsv(result, analysis));
    say(
      options,
      `${result.cells.length} results (${result.cachedCount} known from before) in ${options.out}: results.jsonl, results.csv, report.html`,
    );
    for (const { dataset, reranker, code, message } of result.failures) {
      say(
        options,
        `failed: ${dataset}${reranker === null ? "" : `, ${reranker}`}: ${code}: ${message}`,
      );
    }
    if (options.json === true) {
      printJson({
        out: options.out,
        results: result.cells.length,
        cached: result.cachedCount,
        warnings: warnings(result.datasets),
        failures: result.failures,
        chosen: analysis.choices,
        depths: analysis.curves,
      });
    } else {
      for (const choice of analysis.choices) printText(choiceSentence(choice, analysis.measure));
      for (const warning of warnings(result.datasets)) say(options, `warning: ${warning}`);
    }
    if (result.failures.length > 0) throw new SilentFailure();
  } finally {
    progress.finish();
    await models.close();
  }
}

function cellCount({
  datasets,
  firstStages,
  rerankers,
  rerankDepths,
  weights,
}: ExperimentPlan): number {
  return (
    datasets.length *
    firstStages.length *
    (1 + rerankers.length * rerankDepths.length * weights.length)
  );
}

async function readPlan(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const refused = storageError("read", file, cause);
    if (!isMissing(refused)) throw refused;
    throw new NotFoundError(`there is no plan ${file}`, { path: file }, { cause });
  }
}
