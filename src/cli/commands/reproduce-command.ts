import { existsSync } from "node:fs";
import path from "node:path";
import { addBeirDataset } from "../../experiments/datasets/add-dataset.js";
import { decimals, signed } from "../../experiments/decimals.js";
import { type Reproduction, readReproductions, reproduce } from "../../experiments/reproduction.js";
import { ModelPool } from "../../pipeline/model-pool.js";
import { homeDirectory } from "../options.js";
import {
  type CommonOptions,
  printJson,
  printText,
  SilentFailure,
  say,
  textTable,
  UsageError,
} from "../output.js";
import { ProgressLine } from "../progress.js";
import { datasetsDirectory } from "./datasets-command.js";

interface ReproduceOptions extends CommonOptions {
  readonly dataset?: string;
  readonly datasets?: string;
  readonly model?: string;
}

/** `braid reproduce [name]`: the list, or one published figure run here. */
export async function reproduceCommand(options: ReproduceOptions, name?: string): Promise<void> {
  const recipes = readReproductions();
  if (name === undefined) {
    list(options, recipes);
    return;
  }
  const recipe = recipes.find((candidate) => candidate.name === name);
  if (recipe === undefined) {
    throw new UsageError(`no reproduction is named ${name}: braid reproduce lists them`);
  }
  const progress = new ProgressLine(options);
  const models = new ModelPool({ embeddingsDir: path.join(homeDirectory(options), ".embeddings") });
  try {
    const dataset = await datasetOf(recipe, options, progress);
    const model = await modelOf(recipe, options);
    const result = await reproduce(recipe, {
      dataset,
      models,
      model,
      onProgress: (what, done, total) =>
        progress.update(what, done, total === undefined ? undefined : done / total),
    });
    progress.finish();
    if (options.json === true) printJson({ ...result, title: recipe.title, source: recipe.source });
    else {
      printText(
        textTable(
          [
            { title: "measure" },
            ...["published", "here", "difference", "allowed"].map((title) => ({
              title,
              align: "right" as const,
            })),
            { title: "" },
          ],
          result.figures.map(({ measure, expected, got, tolerance, reached }) => [
            measure,
            decimals(expected),
            decimals(got, 4),
            signed(got - expected),
            `±${decimals(tolerance)}`,
            reached ? "reached" : "NOT reached",
          ]),
        ),
      );
    }
    say(
      options,
      `${recipe.title} on ${recipe.dataset}, ${result.queryCount} queries; published: ${recipe.source}`,
    );
    if (!result.reached) throw new SilentFailure();
  } finally {
    progress.finish();
    await models.close();
  }
}

function list(options: ReproduceOptions, recipes: readonly Reproduction[]): void {
  if (options.json === true) {
    printJson({ reproductions: recipes });
    return;
  }
  printText(
    textTable(
      [
        { title: "name" },
        { title: "system" },
        { title: "published" },
        { title: "when last run for this list" },
      ],
      recipes.map(({ name, title, expected, measured }) => [
        name,
        title,
        figuresText(expected),
        measured === undefined ? "not run" : `${figuresText(measured.values)} (${measured.on})`,
      ]),
    ),
  );
}

function figuresText(figures: Readonly<Record<string, number>>): string {
  return Object.entries(figures)
    .map(([measure, value]) => `${measure} ${decimals(value)}`)
    .join(", ");
}

/** The folder that is named, else the data set's among those here, fetched if it is missing. */
async function datasetOf(
  { dataset }: Reproduction,
  options: ReproduceOptions,
  progress: ProgressLine,
): Promise<string> {
  if (options.dataset !== undefined) return options.dataset;
  const name = dataset.replace(/^beir\//, "");
  const to = datasetsDirectory(options.datasets);
  const folder = path.join(to, name);
  if (existsSync(folder)) return folder;
  say(options, `fetching ${dataset} into ${folder}`);
  const address = process.env["BRAID_BEIR_ADDRESS"];
  await addBeirDataset(name, {
    to,
    ...(address === undefined ? {} : { address }),
    onProgress: (done, total) =>
      progress.update("bytes", done, total === null ? undefined : done / total),
  });
  progress.finish();
  return folder;
}

/** The model that is named, else the recipe's, fetched and imported if it is missing. */
async function modelOf(
  { system }: Reproduction,
  options: ReproduceOptions,
): Promise<string | null> {
  if (system.kind === "sparse") return null;
  if (options.model !== undefined) return options.model;
  const { modelsDirectory } = await import("../../models/model-folder.js");
  const { knownModels } = await import("../../models/known-models.js");
  const known = knownModels.find(({ hubId }) => hubId === system.model);
  const name = known?.name ?? path.posix.basename(system.model).toLowerCase();
  if (existsSync(path.join(modelsDirectory(), name, "model.json"))) return name;
  say(options, `fetching ${system.model} as ${name}`);
  const { addModel } = await import("../../models/add-model.js");
  await addModel(system.model, { name });
  return name;
}
