import { existsSync } from "node:fs";
import path from "node:path";
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { InputError } from "../errors.js";
import { type Measure, parseMeasure } from "../evaluation/measure.js";
import type { Fusion } from "../fusion/fusion.js";
import { parseFusion } from "../fusion/fusion-text.js";
import { type DatasetFiles, datasetFiles } from "./dataset-files.js";

/** What is reranked: one leg, or both fused (null: by the collection's own fusion). */
export type FirstStage =
  | { readonly name: string; readonly kind: "sparse" }
  | { readonly name: string; readonly kind: "dense" }
  | { readonly name: string; readonly kind: "hybrid"; readonly fusion: Fusion | null };

/** Judged queries and the collection that answers them. */
export interface PlannedDataset {
  readonly name: string;
  readonly collection: string;
  readonly test: DatasetFiles;
  /**
   * Queries that settings are chosen on: a split of their own; `half` of the test queries, which are
   * then reported on the other half; or null: settings are chosen on the test queries, and the
   * report says so in red.
   */
  readonly dev: DatasetFiles | "half" | null;
  /** At most so many queries of dev, drawn with the plan's seed; all when null. */
  readonly devQueries: number | null;
}

/** A grid: every data set × first stage × reranker × rerank depth × weight. */
export interface ExperimentPlan {
  readonly path: string;
  readonly text: string;
  readonly name: string;
  readonly datasets: readonly PlannedDataset[];
  readonly firstStages: readonly FirstStage[];
  /** A cross-encoder's name or folder, or `late-interaction`. */
  readonly rerankers: readonly string[];
  /** Ascending, without repetition. */
  readonly rerankDepths: readonly number[];
  /** 1: the reranker decides; less: mixed with the first stage's scores. */
  readonly weights: readonly number[];
  /** The first one decides. */
  readonly measures: readonly Measure[];
  /** Candidates per leg. */
  readonly depth: number;
  readonly seed: number;
}

const name = z.string().min(1).max(200);
const split = z.string().regex(/^[\w.-]+$/, "must be the name of a split, such as train");

const planSchema = z.strictObject({
  name: name.optional(),
  datasets: z
    .array(
      z.strictObject({
        name: name.optional(),
        folder: name,
        collection: name,
        test: split.default("test"),
        dev: split.optional(),
        devQueries: z.int().min(2).optional(),
      }),
    )
    .min(1),
  firstStages: z.array(parsedBy(firstStageOf)).min(1),
  rerankers: z.array(name).default([]),
  rerankDepths: z.array(z.int().min(1).max(1000)).min(1).default([10, 20, 50, 100]),
  weights: z.array(z.number().min(0).max(1)).min(1).default([1]),
  measures: z
    .array(parsedBy(parseMeasure))
    .min(1)
    .default([parseMeasure("nDCG@10")]),
  cutoffs: z.array(z.int().min(1).max(1000)).default([]),
  depth: z.int().min(1).max(100_000).default(1000),
  seed: z.int().min(0).default(42),
});

/** A text that a parser of ours reads; what it complains about becomes the issue. */
function parsedBy<Value>(parse: (text: string) => Value) {
  return z.string().transform((text, context): Value => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({
        code: "custom",
        message: error instanceof Error ? error.message : String(error),
      });
      return z.NEVER;
    }
  });
}

function firstStageOf(text: string): FirstStage {
  const plain = text.trim();
  if (plain === "sparse" || plain === "dense") return { name: plain, kind: plain };
  if (plain === "hybrid") return { name: plain, kind: "hybrid", fusion: null };
  try {
    return { name: plain, kind: "hybrid", fusion: parseFusion(plain) };
  } catch (cause) {
    throw new InputError(
      `expected sparse, dense, hybrid or a fusion such as rrf(k=60): ${cause instanceof Error ? cause.message : cause}`,
      { firstStage: text },
      { cause },
    );
  }
}

/**
 * Reads and checks a whole plan before anything runs. Folders in it are relative to the plan's own.
 *
 * @param file the plan's path, for messages and for its folder
 * @throws {InputError} with every problem and its line: not YAML, unknown or missing fields, wrong
 *   types, unknown measures and fusions, files that are not there, two of one name
 */
export function parsePlan(text: string, file: string): ExperimentPlan {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems: Problem[] = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    message: error.message,
  }));
  if (problems.length > 0) refuse(file, problems);
  const parsed = planSchema.safeParse(plainValue(document, file));
  if (!parsed.success) {
    refuse(
      file,
      parsed.error.issues.map((issue) => problemOf(document, lines, issue)),
    );
  }
  const { data } = parsed;
  const folder = path.dirname(path.resolve(file));
  const at = (...place: PropertyKey[]): number => lineOf(document, lines, place);
  const datasets = data.datasets.map((dataset, d): PlannedDataset | null => {
    try {
      const root = path.resolve(folder, dataset.folder);
      if (!existsSync(root)) throw new InputError(`there is no folder ${root}`);
      const named = dataset.name ?? path.basename(root);
      const test = datasetFiles(root, dataset.test, named);
      const { dev } = dataset;
      const sameAsTest = dev === undefined || dev === dataset.test;
      return {
        name: named,
        collection: dataset.collection,
        test,
        dev: sameAsTest ? null : dev === "half" ? "half" : datasetFiles(root, dev, named),
        devQueries: dataset.devQueries ?? null,
      };
    } catch (error) {
      problems.push({
        line: at("datasets", d, "folder"),
        message: `datasets.${d}: ${error instanceof Error ? error.message : error}`,
      });
      return null;
    }
  });
  const [primary] = data.measures;
  const measures = [...data.measures];
  for (const [c, cutoff] of data.cutoffs.entries()) {
    const base = primary?.name.replace(/@.*$/, "") ?? "nDCG";
    try {
      measures.push(parseMeasure(`${base}@${cutoff}`));
    } catch (error) {
      problems.push({
        line: at("cutoffs", c),
        message: `cutoffs.${c}: ${error instanceof Error ? error.message : error}`,
      });
    }
  }
  const repeated = (what: string, names: readonly string[]): void => {
    const twice = names.findIndex((value, i) => names.indexOf(value) !== i);
    if (twice >= 0)
      problems.push({
        line: at(what, twice),
        message: `${what}.${twice}: "${names[twice]}" comes twice`,
      });
  };
  repeated(
    "datasets",
    datasets.map((dataset, d) => dataset?.name ?? `${d}`),
  );
  repeated(
    "firstStages",
    data.firstStages.map((stage) => stage.name),
  );
  repeated("rerankers", data.rerankers);
  if (problems.length > 0) refuse(file, problems);
  return {
    path: file,
    text,
    name: data.name ?? path.basename(file).replace(/\.ya?ml$/, ""),
    datasets: datasets.filter((dataset) => dataset !== null),
    firstStages: data.firstStages,
    rerankers: data.rerankers,
    rerankDepths: [...new Set(data.rerankDepths)].sort((a, b) => a - b),
    weights: [...new Set(data.weights)].sort((a, b) => b - a),
    measures: measures.filter(
      ({ name: own }, i) => measures.findIndex((other) => other.name === own) === i,
    ),
    depth: data.depth,
    seed: data.seed,
  };
}

/** The plan's plain value; aliases may not multiply it beyond sense. */
function plainValue(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return refuse(file, [
      { line: 1, message: error instanceof Error ? error.message : String(error) },
    ]);
  }
}

interface Problem {
  readonly line: number;
  readonly message: string;
}

function refuse(file: string, problems: readonly Problem[]): never {
  const sorted = [...problems].sort((a, b) => a.line - b.line);
  throw new InputError(
    `experiment plan: ${sorted.map(({ line, message }) => `${file}:${line}: ${message}`).join("; ")}`,
    { path: file, line: sorted[0]?.line ?? 1, problemCount: problems.length },
  );
}

function problemOf(document: Document, lines: LineCounter, issue: z.core.$ZodIssue): Problem {
  const place = issue.path.map(String).join(".");
  const prefix = place === "" ? "" : `${place}: `;
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    return {
      line: lineOf(document, lines, [...issue.path, key], true),
      message: `${prefix}there is no field ${issue.keys.map((unknown) => `"${unknown}"`).join(", ")}`,
    };
  }
  return { line: lineOf(document, lines, issue.path), message: `${prefix}${issue.message}` };
}

/** Line of the value at a path, or of what is nearest above it where the value is missing. */
function lineOf(
  document: Document,
  lines: LineCounter,
  place: readonly PropertyKey[],
  ofKey = false,
): number {
  for (let length = place.length; length > 0; length--) {
    const parent = document.getIn(place.slice(0, length - 1), true);
    const key = place[length - 1];
    if (ofKey && length === place.length && isMap(parent)) {
      const pair = parent.items.find(
        (item) => isPair(item) && isScalar(item.key) && item.key.value === key,
      );
      if (isNode(pair?.key) && pair.key.range) return lines.linePos(pair.key.range[0]).line;
    }
    const node = document.getIn(place.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
