import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { openCorpus } from "../corpus/open-corpus.js";
import { InputError, NotFoundError } from "../errors.js";
import { parseMeasure } from "../evaluation/measure.js";
import type { ModelPool } from "../pipeline/model-pool.js";
import { SearchableCollection } from "../pipeline/searchable-collection.js";
import { readQrels } from "../run/qrels.js";
import { readTopics } from "../run/topics.js";
import { datasetFiles } from "./dataset-files.js";
import { evaluateSystems, type System } from "./evaluate-systems.js";

/** A published figure with the way to get it here. */
export interface Reproduction {
  readonly name: string;
  readonly title: string;
  /** `beir/<name>`. */
  readonly dataset: string;
  readonly split: string;
  readonly system:
    | { readonly kind: "sparse"; readonly k1: number; readonly b: number }
    | { readonly kind: "dense"; readonly model: string }
    | {
        readonly kind: "rerank";
        readonly k1: number;
        readonly b: number;
        readonly model: string;
        readonly depth: number;
      };
  /** By measure. */
  readonly expected: Readonly<Record<string, number>>;
  /** By measure: how far from the published figure is still the same. */
  readonly tolerance: Readonly<Record<string, number>>;
  /** Who published the figures, and where. */
  readonly source: string;
  readonly command: string;
  /** What came out when it was last run for this file; absent where it was not run. */
  readonly measured?:
    | { readonly values: Readonly<Record<string, number>>; readonly on: string }
    | undefined;
}

const figures = z.record(z.string(), z.number());
const bm25 = { k1: z.number().min(0), b: z.number().min(0).max(1) };

const reproductionSchema: z.ZodType<Reproduction, unknown> = z.strictObject({
  name: z.string().regex(/^[a-z0-9.-]+$/),
  title: z.string(),
  dataset: z.string().regex(/^beir\/[a-z0-9.-]+$/),
  split: z.string(),
  system: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("sparse"), ...bm25 }),
    z.strictObject({ kind: z.literal("dense"), model: z.string() }),
    z.strictObject({
      kind: z.literal("rerank"),
      ...bm25,
      model: z.string(),
      depth: z.int().min(1),
    }),
  ]),
  expected: figures,
  tolerance: figures,
  source: z.string(),
  command: z.string(),
  measured: z.strictObject({ values: figures, on: z.string() }).optional(),
});

const fileSchema = z.strictObject({
  format: z.literal("braid-reproductions@1"),
  reproductions: z.array(reproductionSchema),
});

/**
 * The published figures that this package claims to reach, from `scripts/reproductions.json`.
 *
 * @throws {InputError} the file is not of its form
 */
export function readReproductions(
  file: string | URL = new URL("../../scripts/reproductions.json", import.meta.url),
): Reproduction[] {
  const parsed = fileSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError(`${String(file)}: ${issue?.path.join(".")}: ${issue?.message}`, {
      path: String(file),
    });
  }
  return parsed.data.reproductions;
}

/** One figure set against the published one. */
export interface ReproducedFigure {
  readonly measure: string;
  readonly expected: number;
  readonly tolerance: number;
  readonly got: number;
  /** Whether they differ by no more than the tolerance, rounding of the published one included. */
  readonly reached: boolean;
}

export interface ReproductionResult {
  readonly name: string;
  readonly figures: readonly ReproducedFigure[];
  readonly reached: boolean;
  readonly queryCount: number;
}

export interface ReproduceOptions {
  /** Folder of the data set, in the BEIR layout. */
  readonly dataset: string;
  readonly models: ModelPool;
  /** Name or folder of the model that stands for the recipe's; needed for dense and rerank. */
  readonly model: string | null;
  readonly onProgress?: (what: string, done: number, total?: number) => void;
}

/** Published figures have three decimals, so half of the last one is no difference. */
const publishedRounding = 0.0005;

/**
 * Builds a collection of the data set in a folder of its own, runs the recipe's system over its
 * judged queries, and compares. As BEIR does, a document whose id is the query's is left out.
 *
 * @throws {NotFoundError} no data set there; {InputError} the recipe needs a model and none is given
 */
export async function reproduce(
  recipe: Reproduction,
  { dataset, models, model, onProgress }: ReproduceOptions,
): Promise<ReproductionResult> {
  const { system } = recipe;
  if (system.kind !== "sparse" && model === null) {
    throw new InputError(`${recipe.name} needs the model ${system.model}`, { name: recipe.name });
  }
  if (!existsSync(path.join(dataset, "corpus.jsonl"))) {
    throw new NotFoundError(`expected a data set with corpus.jsonl in ${dataset}, found none`, {
      path: dataset,
    });
  }
  const files = datasetFiles(dataset, recipe.split);
  const scratch = await mkdtemp(path.join(tmpdir(), "braid-reproduce-"));
  try {
    const collection = await SearchableCollection.create(path.join(scratch, "collection"), {
      models,
      encoder: system.kind === "dense" ? model : null,
      settings: system.kind === "dense" ? {} : { bm25: { k1: system.k1, b: system.b } },
    });
    try {
      await collection.addAll(openCorpus(dataset), {
        onProgress: ({ documents }) => onProgress?.("documents indexed", documents),
      });
      const measures = Object.keys(recipe.expected).map(parseMeasure);
      const [evaluated] = await evaluateSystems(
        collection,
        await readTopics(files.topics),
        (await readQrels(files.qrels)).qrels,
        [searched(recipe, model)],
        measures,
        {
          depth: 1000,
          keepIdentical: false,
          onProgress: (done, total) => onProgress?.("queries", done, total),
        },
      );
      const mean = evaluated?.evaluation.mean ?? {};
      const compared = Object.entries(recipe.expected).map(
        ([measure, expected]): ReproducedFigure => {
          const tolerance = recipe.tolerance[measure] ?? 0;
          const got = mean[parseMeasure(measure).name] ?? 0;
          const reached = Math.abs(got - expected) <= tolerance + publishedRounding;
          return { measure, expected, tolerance, got, reached };
        },
      );
      return {
        name: recipe.name,
        figures: compared,
        reached: compared.every(({ reached }) => reached),
        queryCount: evaluated?.evaluation.queryCount ?? 0,
      };
    } finally {
      await collection.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function searched({ name, system }: Reproduction, model: string | null): System {
  switch (system.kind) {
    case "sparse":
      return { name, request: { mode: "sparse" } };
    case "dense":
      return { name, request: { mode: "dense" } };
    case "rerank":
      return {
        name,
        request: { mode: "sparse", rerank: { model: model ?? system.model, depth: system.depth } },
      };
    default:
      throw system satisfies never;
  }
}
