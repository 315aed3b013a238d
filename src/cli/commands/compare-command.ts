import { readFileSync } from "node:fs";
import path from "node:path";
import { collectionDirectory } from "../../collection/collection-home.js";
import {
  type ComparedSystem,
  collectionFacts,
  collectSystems,
  textsOfCollection,
} from "../../experiments/collect-systems.js";
import { buildComparison, type ComparedDataset } from "../../experiments/comparison.js";
import { textsOfCorpus } from "../../experiments/corpus-texts.js";
import { type DatasetFiles, datasetFiles, fileSha256 } from "../../experiments/dataset-files.js";
import { writeComparison } from "../../experiments/write-comparison.js";
import { parseFusion } from "../../fusion/fusion-text.js";
import { ModelPool } from "../../pipeline/model-pool.js";
import { SearchableCollection } from "../../pipeline/searchable-collection.js";
import { readQrels } from "../../run/qrels.js";
import type { Qrels, QueryId } from "../../run/ranking.js";
import { readTopics, type Topics } from "../../run/topics.js";
import { countOption, homeDirectory, numberOption } from "../options.js";
import { type CommonOptions, printJson, printText, say, UsageError } from "../output.js";
import { ProgressLine } from "../progress.js";
import { sayRecovery } from "../session.js";
import { measuresOption, readRuns } from "./run-commands.js";

interface CompareOptions extends CommonOptions {
  readonly out: string;
  readonly dataset?: readonly string[];
  readonly split: string;
  readonly topics?: string;
  readonly qrels?: string;
  readonly corpus?: string;
  readonly runs?: readonly string[];
  readonly pair?: readonly string[];
  readonly measures?: string;
  readonly fusion?: readonly string[];
  readonly rerank?: string;
  readonly rerankDepth?: string;
  readonly depth?: string;
  readonly margin?: string;
  readonly level?: string;
  readonly seed?: string;
  readonly examples?: string;
  readonly keepIdentical?: boolean;
}

/** Judged queries with the collections that are searched for them. */
interface Plan {
  readonly files: Partial<DatasetFiles> & { readonly name: string; readonly qrels: string };
  readonly collections: readonly string[];
}

/** `braid compare [collections...]`: a report over systems, from collections, run files or both. */
export async function compareCommand(options: CompareOptions, ...names: string[]): Promise<void> {
  const startedMs = performance.now();
  const plans = plansOf(options, names);
  const measures = measuresOption(options.measures);
  const settings = {
    measures,
    seed: countOption("--seed", options.seed, 0) ?? 42,
    level: numberOption("--level", options.level) ?? 0.05,
    margin: numberOption("--margin", options.margin) ?? 0.02,
    exampleCount: countOption("--examples", options.examples, 0) ?? 10,
  };
  const models = new ModelPool();
  const opened: SearchableCollection[] = [];
  try {
    const datasets: ComparedDataset[] = [];
    for (const plan of plans) datasets.push(await comparedDataset(plan, options, models, opened));
    const report = buildComparison(datasets, settings, {
      command: commandLine(),
      braidVersion: packageVersion(),
      nodeVersion: process.version,
      platform: `${process.platform} ${process.arch}`,
      createdAt: new Date().toISOString(),
      files: await fingerprints(plans, options),
    });
    const written = await writeComparison(options.out, report, datasets);
    const seconds = (performance.now() - startedMs) / 1000;
    say(options, `${written.length} files written to ${options.out} in ${seconds.toFixed(1)} s`);
    if (options.json === true) {
      printJson({
        out: options.out,
        headline: report.headline,
        files: written,
        datasets: Object.fromEntries(
          report.datasets.map(({ name, systems }) => [
            name,
            Object.fromEntries(systems.map((system) => [system.name, system.mean])),
          ]),
        ),
      });
    } else printText(report.headline);
  } finally {
    for (const collection of opened) await collection.close();
    await models.close();
  }
}

function plansOf(options: CompareOptions, names: readonly string[]): Plan[] {
  const given = options.dataset ?? [];
  if (given.length > 1 && (options.topics !== undefined || options.qrels !== undefined)) {
    throw new UsageError(
      "--topics and --qrels go with one data set; give one --dataset each instead",
    );
  }
  const datasets: Plan["files"][] = given.map((text) => {
    const { name, folder } = nameAndFolder(text);
    const files = datasetFiles(folder, options.split, name);
    return {
      ...files,
      topics: options.topics ?? files.topics,
      qrels: options.qrels ?? files.qrels,
    };
  });
  if (datasets.length === 0) {
    if (options.qrels === undefined) {
      throw new UsageError(
        "give --dataset DIR (may be repeated), or --topics FILE and --qrels FILE",
      );
    }
    const { topics, qrels } = options;
    const folder = path.dirname(path.resolve(qrels));
    // BEIR folders keep their judgements in a folder qrels.
    const named = path.basename(folder) === "qrels" ? path.dirname(folder) : folder;
    const name = names[0] ?? path.basename(named);
    datasets.push({ name, qrels, ...(topics === undefined ? {} : { topics }) });
  }
  const twice = datasets.find(
    ({ name }, i) => datasets.findIndex((other) => other.name === name) !== i,
  );
  if (twice !== undefined)
    throw new UsageError(`two data sets are named ${twice.name}: give --dataset NAME=DIR`);
  if (names.length > 0) {
    const unsearched = names.map((name) => [name, datasetOf(name, datasets)] as const);
    const plans = datasets.map((files) => ({
      files,
      collections: unsearched
        .filter(([, dataset]) => dataset === files.name)
        .map(([name]) => name.split("@")[0] ?? name),
    }));
    const idle = plans.find(({ collections }) => collections.length === 0);
    if (idle !== undefined) {
      throw new UsageError(
        `no collection is named for data set ${idle.files.name}: add one, or COLLECTION@${idle.files.name}`,
      );
    }
    for (const { files, collections } of plans) {
      if (collections.length > 0 && files.topics === undefined)
        throw new UsageError("collections are searched: give --topics FILE");
    }
    if (options.runs !== undefined && plans.length > 1)
      throw new UsageError("--runs goes with one data set");
    return plans;
  }
  if (options.runs === undefined || options.runs.length === 0) {
    throw new UsageError("nothing to compare: name collections, or give --runs FILE FILE");
  }
  if (datasets.length > 1) throw new UsageError("--runs goes with one data set");
  return datasets.map((files) => ({ files, collections: [] }));
}

/** `name=DIR` or `DIR`. */
function nameAndFolder(text: string): { readonly name?: string; readonly folder: string } {
  const parts = /^([^=/\\]+)=(.+)$/.exec(text);
  return parts === null ? { folder: text } : { name: parts[1] ?? "", folder: parts[2] ?? "" };
}

/**
 * The data set a collection belongs to: the only one; the one behind `@`; the one of its name; or
 * the longest name that it begins with, parted from the rest by a sign (`scifact-gtr`).
 */
function datasetOf(collection: string, datasets: readonly { readonly name: string }[]): string {
  const [bare, explicit] = collection.split("@");
  const wanted = datasets.find(({ name }) => name === (explicit ?? bare));
  if (wanted !== undefined) return wanted.name;
  if (explicit === undefined) {
    if (datasets.length === 1) return datasets[0]?.name ?? "";
    const [longest] = datasets
      .filter(
        ({ name }) =>
          collection.startsWith(name) && /^[^\p{L}\p{N}]/u.test(collection.slice(name.length)),
      )
      .sort((a, b) => b.name.length - a.name.length);
    if (longest !== undefined) return longest.name;
  }
  throw new UsageError(
    `no data set for collection ${bare}: write ${bare}@NAME with one of ${datasets.map(({ name }) => name).join(", ")}`,
  );
}

async function comparedDataset(
  { files, collections }: Plan,
  options: CompareOptions,
  models: ModelPool,
  opened: SearchableCollection[],
): Promise<ComparedDataset> {
  const { qrels } = await readQrels(files.qrels);
  const topics =
    files.topics === undefined ? null : judgedTopics(await readTopics(files.topics), qrels);
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    say(options, `${files.name}: ${text}`);
  };
  const missing = topics === null ? 0 : qrels.size - topics.size;
  if (missing > 0) note(`${missing} judged queries have no topic and count 0.`);
  const systems: ComparedSystem[] = [];
  const own: SearchableCollection[] = [];
  const progress = new ProgressLine(options);
  for (const name of collections) {
    const directory = collectionDirectory(homeDirectory(options), name);
    const collection = await SearchableCollection.open(directory, { models });
    opened.push(collection);
    own.push(collection);
    sayRecovery(options, collection);
    const found = await collectSystems(collection, topics ?? new Map(), {
      depth: countOption("--depth", options.depth, 1) ?? 1000,
      keepIdentical: options.keepIdentical ?? false,
      fusions: (options.fusion ?? []).map(parseFusion),
      ...(collections.length > 1 ? { label: name } : {}),
      ...(options.rerank === undefined
        ? {}
        : {
            rerank: {
              model: options.rerank,
              depth: countOption("--rerank-depth", options.rerankDepth, 1) ?? 50,
            },
          }),
      onProgress: (done, total) => progress.update(`queries of ${name}`, done, done / total),
    });
    // Several encoders over one corpus share their sparse leg: it is shown once.
    for (const system of found) {
      const known = systems.some(
        (other) => other.kind === "sparse" && other.description === system.description,
      );
      if (!(system.kind === "sparse" && known)) systems.push(system);
    }
  }
  progress.finish();
  for (const { name, run } of await readRuns(options, options.runs ?? [])) {
    systems.push({ name, kind: "run", run, description: "run file", latency: null });
  }
  const first = own[0];
  if (first !== undefined && options.keepIdentical !== true) {
    const snapshot = first.snapshot();
    const identical = [...qrels.keys()].filter(
      (queryId) => snapshot.locate(queryId) !== null,
    ).length;
    if (identical > 0) {
      note(
        `${identical} queries have the id of a document: it is left out of their hits, as BEIR does (--keep-identical keeps it).`,
      );
    }
  }
  const corpus = options.corpus ?? files.corpus ?? null;
  const texts =
    first !== undefined
      ? textsOfCollection(first)
      : corpus !== null && topics !== null
        ? await textsOfCorpus(corpus, shownDocuments(qrels, systems))
        : null;
  return {
    name: files.name,
    systems,
    qrels,
    topics,
    texts,
    collections: own.map(collectionFacts),
    notes,
    pairs: (options.pair ?? []).map(pairOf),
  };
}

function pairOf(text: string): readonly [string, string] {
  const [first, second, ...rest] = text.split(",").map((name) => name.trim());
  if (
    first === undefined ||
    second === undefined ||
    first === "" ||
    second === "" ||
    rest.length > 0
  ) {
    throw new UsageError(`--pair must be two systems parted by a comma, got "${text}"`);
  }
  return [first, second];
}

function judgedTopics(topics: Topics, qrels: Qrels): Topics {
  const judged = new Map<QueryId, string>();
  for (const queryId of qrels.keys()) {
    const query = topics.get(queryId);
    if (query !== undefined) judged.set(queryId, query);
  }
  return judged;
}

/** Documents whose texts a report may show: the judged ones and the first hits of each run. */
function shownDocuments(qrels: Qrels, systems: readonly ComparedSystem[]): Set<string> {
  const wanted = new Set<string>();
  for (const grades of qrels.values()) for (const docId of grades.keys()) wanted.add(docId);
  for (const { run } of systems) {
    for (const ranking of run.values())
      for (const { docId } of ranking.slice(0, 100)) wanted.add(docId);
  }
  return wanted;
}

async function fingerprints(
  plans: readonly Plan[],
  options: CompareOptions,
): Promise<{ path: string; sha256: string }[]> {
  const paths = plans.flatMap(({ files }) => [files.topics, files.qrels]);
  const files: { path: string; sha256: string }[] = [];
  for (const file of [...paths, ...(options.runs ?? [])]) {
    if (file !== undefined && file !== "-")
      files.push({ path: file, sha256: await fileSha256(file) });
  }
  return files;
}

/** The command as it was typed, arguments quoted for a shell where they need it. */
export function commandLine(argv: readonly string[] = process.argv.slice(2)): string {
  const quoted = argv.map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  );
  return ["braid", ...quoted].join(" ");
}

/** Version of this package. */
export function packageVersion(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
