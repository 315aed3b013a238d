import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { collectionDirectory } from "../../collection/collection-home.js";
import { readPackageDocs } from "../../corpus/package-docs.js";
import { parseMeasure } from "../../evaluation/measure.js";
import { evaluateSystems, type SystemEvaluation } from "../../experiments/evaluate-systems.js";
import { ModelPool } from "../../pipeline/model-pool.js";
import type { SearchAnswer } from "../../pipeline/search-answer.js";
import type { SearchMode } from "../../pipeline/search-request.js";
import { bundledEncoder, SearchableCollection } from "../../pipeline/searchable-collection.js";
import { readQrels } from "../../run/qrels.js";
import { readTopics } from "../../run/topics.js";
import { homeDirectory } from "../options.js";
import {
  type CommonOptions,
  ellipsis,
  formatCount,
  printJson,
  printText,
  say,
  textTable,
} from "../output.js";
import { formatSeconds, ProgressLine } from "../progress.js";
import { evaluationTable } from "./eval-command.js";

/** Collection that `braid sample` builds. */
export const sampleName = "package-docs";

const packageRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const modes: readonly SearchMode[] = ["sparse", "dense", "hybrid"];
const shownHits = 3;
/** Questions that are shown: one in the documentation's words, two in others. */
const exampleQuestions = [
  "How do I parse JSON request bodies in Express?",
  "make an option mandatory on the command line",
  "check that an object has no keys I did not list",
];

/**
 * `braid sample`: indexes the documentation of the packages installed beside this one, asks three
 * questions of it in all modes, and measures all modes over the judged questions of `data/sample`.
 */
export async function sampleCommand(options: CommonOptions): Promise<void> {
  const directory = collectionDirectory(homeDirectory(options), sampleName);
  const models = new ModelPool();
  try {
    const collection = await openOrBuild(options, directory, models);
    try {
      const examples = [];
      for (const query of exampleQuestions) {
        const answers = [];
        for (const mode of modes)
          answers.push(await collection.search({ query, mode, limit: shownHits }));
        examples.push({ query, answers });
      }
      if (options.json !== true) {
        for (const { query, answers } of examples) printText(sideBySide(query, answers));
      }
      const evaluations = await measureSample(collection);
      if (options.json === true) {
        printJson({
          collection: sampleName,
          docCount: collection.snapshot().docCount,
          examples: examples.map(({ query, answers }) => ({
            query,
            hits: Object.fromEntries(
              answers.map(({ mode, hits }) => [mode, hits.map(({ id, score }) => ({ id, score }))]),
            ),
          })),
          systems: Object.fromEntries(
            evaluations.map(({ name, evaluation }) => [name, evaluation.mean]),
          ),
        });
      } else if (evaluations.length > 0) {
        const count = evaluations[0]?.evaluation.queryCount ?? 0;
        printText(`Measured over ${count} judged questions (data/sample):\n`);
        printText(`${evaluationTable(evaluations, ["nDCG@10", "RR@10", "R@100", "Judged@10"])}\n`);
      }
    } finally {
      await collection.close();
    }
  } finally {
    await models.close();
  }
}

/** The sample collection, built again when the installed packages or the encoder have changed. */
async function openOrBuild(
  options: CommonOptions,
  directory: string,
  models: ModelPool,
): Promise<SearchableCollection> {
  const stampFile = path.join(path.dirname(directory), `${sampleName}.stamp`);
  const stamp = await sampleStamp(models);
  const isThere = existsSync(path.join(directory, "manifest.json"));
  if (isThere && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) {
    return SearchableCollection.open(directory, { models });
  }
  const startedMs = performance.now();
  say(options, "indexing the documentation of the installed packages …");
  const building = isThere
    ? await SearchableCollection.open(directory, { mode: "write", models })
    : await SearchableCollection.create(directory, { models });
  const progress = new ProgressLine(options);
  try {
    await building.collection.bulkBuild(readPackageDocs(path.join(packageRoot, "node_modules")), {
      mode: "replace",
      onProgress: ({ documents }) => progress.update("sections", documents),
    });
  } finally {
    progress.finish();
    await building.close();
  }
  writeFileSync(stampFile, stamp);
  const collection = await SearchableCollection.open(directory, { models });
  say(
    options,
    `${formatCount(collection.snapshot().docCount)} sections indexed in ` +
      `${formatSeconds((performance.now() - startedMs) / 1000)}: collection ${sampleName}`,
  );
  return collection;
}

/** Changes when the lockfile or the encoder does. */
async function sampleStamp(models: ModelPool): Promise<string> {
  const hash = createHash("sha256");
  const lockfile = path.join(packageRoot, "package-lock.json");
  if (existsSync(lockfile)) hash.update(readFileSync(lockfile));
  hash.update((await models.describe(bundledEncoder)).fingerprint);
  return hash.digest("hex");
}

async function measureSample(collection: SearchableCollection): Promise<SystemEvaluation[]> {
  const folder = path.join(packageRoot, "data", "sample");
  if (!existsSync(folder)) return [];
  const topics = await readTopics(path.join(folder, "queries.jsonl"));
  const { qrels } = await readQrels(path.join(folder, "qrels", "test.tsv"));
  return evaluateSystems(
    collection,
    topics,
    qrels,
    modes.map((mode) => ({ name: mode, request: { mode } })),
    ["nDCG@10", "RR@10", "R@100", "Judged@10"].map(parseMeasure),
    { depth: 100, keepIdentical: true },
  );
}

/** One question with the first hits of every mode in columns. */
function sideBySide(query: string, answers: readonly SearchAnswer[]): string {
  const width = 36;
  const rows = Array.from({ length: shownHits }, (_, i) =>
    answers.map(({ hits }) => ellipsis(String(hits[i]?.document.title ?? ""), width)),
  );
  const table = textTable(
    [{ title: "" }, ...answers.map(({ mode }) => ({ title: mode }))],
    rows.map((row, i) => [`${i + 1}.`, ...row]),
  );
  return `\n“${query}”\n${table}\n`;
}
