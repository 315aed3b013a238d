import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { collectionDirectory, dropCollection } from "../../collection/collection-home.js";
import { manifestFileName } from "../../collection/collection-manifest.js";
import { type PackageDocument, readPackageDocs } from "../../corpus/package-docs.js";
import { AlreadyExistsError } from "../../errors.js";
import { evaluateRun } from "../../evaluation/evaluate-run.js";
import { parseMeasures } from "../../evaluation/measure.js";
import { evaluateSystems, type SystemEvaluation } from "../../experiments/evaluate-systems.js";
import { ModelPool } from "../../pipeline/model-pool.js";
import type { SearchAnswer } from "../../pipeline/search-answer.js";
import type { SearchMode } from "../../pipeline/search-request.js";
import { bundledEncoder, SearchableCollection } from "../../pipeline/searchable-collection.js";
import { readQrels } from "../../run/qrels.js";
import type { Qrels, QueryId } from "../../run/ranking.js";
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

/** Collection that `braid sample` builds. */
export const sampleName = "package-docs";

/** A question of data/sample; `kind` says whether it is worded as the documentation is. */
interface Question {
  readonly _id: QueryId;
  readonly text: string;
  readonly kind: "lexical" | "paraphrase";
}

const packageRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const modes: readonly SearchMode[] = ["sparse", "dense", "hybrid"];
const measures = parseMeasures("nDCG@10,RR@10,R@10,R@100,Judged@10");
const shownHits = 5;
/**
 * Questions that are shown, picked because the modes differ on them: one in the documentation's
 * words, two in others. What is measured is all questions, not these.
 */
const shownQuestions = ["q28", "q67", "q37"];

/**
 * `braid sample`: indexes the documentation of the installed packages, asks three questions of it
 * in all modes, and measures all modes over the judged questions of `data/sample`.
 */
export async function sampleCommand(options: CommonOptions): Promise<void> {
  const directory = collectionDirectory(homeDirectory(options), sampleName);
  const models = new ModelPool();
  try {
    const collection = await openOrBuild(options, directory, models);
    try {
      const questions = readQuestions();
      const { qrels } = await readQrels(path.join(sampleFolder, "qrels", "test.tsv"));
      const examples = [];
      for (const id of shownQuestions) {
        const question = questions.find(({ _id }) => _id === id);
        if (question === undefined) continue;
        const answers = [];
        for (const mode of modes) {
          answers.push(await collection.search({ query: question.text, mode, limit: shownHits }));
        }
        examples.push({ question, answers });
      }
      const topics = new Map(questions.map(({ _id, text }) => [_id, text]));
      const systems = modes.map((mode) => ({ name: mode, request: { mode } }));
      const evaluations = await evaluateSystems(collection, topics, qrels, systems, measures, {
        depth: 100,
        keepIdentical: true,
      });
      if (options.json === true) {
        printJson({
          collection: sampleName,
          docCount: collection.snapshot().docCount,
          examples: examples.map(({ question, answers }) => ({
            query: question.text,
            hits: Object.fromEntries(
              answers.map(({ mode, hits }) => [mode, hits.map(({ id, score }) => ({ id, score }))]),
            ),
          })),
          systems: Object.fromEntries(
            evaluations.map(({ name, evaluation }) => [name, evaluation.mean]),
          ),
        });
        return;
      }
      for (const { question, answers } of examples) {
        printText(`${sideBySide(question, answers, qrels)}\n`);
      }
      printText("● answers the question, ○ helps: judged by hand, see data/sample/README.md\n\n");
      printText(measuredTable(questions, qrels, evaluations));
      printText(
        "\nlexical: asked in the documentation's words; paraphrase: in words it avoids\n\n",
      );
    } finally {
      await collection.close();
    }
  } finally {
    await models.close();
  }
}

const sampleFolder = path.join(packageRoot, "data", "sample");

/** The sample collection, built again when the installed documentation or the encoder changed. */
async function openOrBuild(
  options: CommonOptions,
  directory: string,
  models: ModelPool,
): Promise<SearchableCollection> {
  const documents = [...readPackageDocs(installedPackages())];
  const { fingerprint } = await models.describe(bundledEncoder);
  const hash = createHash("sha256").update(fingerprint);
  for (const document of documents) hash.update(JSON.stringify(document));
  const stamp = `${hash.digest("hex")}\n`;

  const stampFile = path.join(path.dirname(directory), `${sampleName}.stamp`);
  const isOurs = existsSync(stampFile);
  if (existsSync(path.join(directory, manifestFileName))) {
    if (isOurs && readFileSync(stampFile, "utf8") === stamp) {
      say(options, `${sampleName}: ${formatCount(documents.length)} sections, up to date\n`);
      return SearchableCollection.open(directory, { models });
    }
    if (!isOurs) await refuseForeign(directory);
    dropCollection(directory);
  }
  // Written before the build: one that is interrupted is then known as ours, and done anew.
  await build(options, directory, documents, models, () => writeFileSync(stampFile, "building\n"));
  writeFileSync(stampFile, stamp);
  return SearchableCollection.open(directory, { models });
}

async function build(
  options: CommonOptions,
  directory: string,
  documents: readonly PackageDocument[],
  models: ModelPool,
  onCreated: () => void,
): Promise<void> {
  const startedMs = performance.now();
  const packageCount = new Set(documents.map((document) => document.package)).size;
  say(
    options,
    `indexing ${formatCount(documents.length)} sections of the documentation of ` +
      `${packageCount} installed packages …`,
  );
  const building = await SearchableCollection.create(directory, { models });
  onCreated();
  const progress = new ProgressLine(options);
  try {
    await building.collection.bulkBuild(documents, {
      mode: "replace",
      onProgress: ({ documents: done }) =>
        progress.update("sections", done, done / documents.length),
    });
  } finally {
    progress.finish();
    await building.close();
  }
  const seconds = formatSeconds((performance.now() - startedMs) / 1000);
  say(options, `collection ${sampleName}: both indexes built in ${seconds}\n`);
}

/** @throws {AlreadyExistsError} the folder holds documents that `braid sample` did not index */
async function refuseForeign(directory: string): Promise<void> {
  const collection = await SearchableCollection.open(directory);
  const { docCount } = collection.snapshot();
  await collection.close();
  if (docCount === 0) return;
  throw new AlreadyExistsError(
    `${directory} holds a collection of ${docCount} documents that braid sample did not build: ` +
      `drop it (braid drop ${sampleName}), or name another folder with --home or BRAID_HOME`,
    { path: directory, docCount },
  );
}

/** node_modules of this checkout, or the one that this package is installed in. */
function installedPackages(): string {
  const parent = path.dirname(packageRoot);
  return path.basename(parent) === "node_modules" ? parent : path.join(packageRoot, "node_modules");
}

function readQuestions(): Question[] {
  const text = readFileSync(path.join(sampleFolder, "queries.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Question);
}

/** One question with the first hits of every mode in columns, marked with their grades. */
function sideBySide(
  { _id, text }: Question,
  answers: readonly SearchAnswer[],
  qrels: Qrels,
): string {
  const width = Math.max(24, Math.floor(((process.stdout.columns ?? 120) - 10) / modes.length));
  const rows = Array.from({ length: shownHits }, (_, i) =>
    answers.map(({ hits }) => {
      const hit = hits[i];
      if (hit === undefined) return "";
      const grade = qrels.get(_id)?.get(hit.id) ?? 0;
      const mark = grade >= 2 ? "●" : grade === 1 ? "○" : " ";
      return `${mark} ${shortTitle(String(hit.document.title), width - 2)}`;
    }),
  );
  const table = textTable(
    [{ title: "" }, ...answers.map(({ mode }) => ({ title: mode }))],
    rows.map((row, i) => [String(i + 1), ...row]),
  );
  return `“${text}”\n${table}\n`;
}

/** Package and innermost heading are what tells sections apart: the headings between go first. */
function shortTitle(title: string, width: number): string {
  const parts = title.split(" › ");
  if (title.length <= width || parts.length < 3) return ellipsis(title, width);
  return ellipsis(`${parts[0]} › … › ${parts.at(-1)}`, width);
}

function measuredTable(
  questions: readonly Question[],
  qrels: Qrels,
  evaluations: readonly SystemEvaluation[],
): string {
  const rows: string[][] = [];
  for (const kind of ["all", "lexical", "paraphrase"]) {
    const asked = questions.filter((question) => kind === "all" || question.kind === kind);
    const ids = new Set(asked.map(({ _id }) => _id));
    const judged: Qrels = new Map([...qrels].filter(([id]) => ids.has(id)));
    for (const [i, { name, run }] of evaluations.entries()) {
      const part = new Map([...run].filter(([id]) => ids.has(id)));
      const { mean, queryCount } = evaluateRun(judged, part, measures, { order: "given" });
      const values = measures.map((measure) => (mean[measure.name] ?? 0).toFixed(3));
      rows.push([i === 0 ? `${kind} (${queryCount})` : "", name, ...values]);
    }
  }
  const columns = measures.map(({ name }) => ({ title: name, align: "right" as const }));
  return textTable([{ title: "questions" }, { title: "mode" }, ...columns], rows);
}
