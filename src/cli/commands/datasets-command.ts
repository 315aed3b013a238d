import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import type { CorpusFormat } from "../../corpus/open-corpus.js";
import {
  type AddedDataset,
  addBeirDataset,
  importDataset,
  isDataset,
} from "../../experiments/datasets/add-dataset.js";
import type { Checksum } from "../../experiments/datasets/download-file.js";
import { knownDatasets } from "../../experiments/datasets/known-datasets.js";
import type { TopicField } from "../../run/topics.js";
import { defined } from "../options.js";
import {
  type CommonOptions,
  formatCount,
  printJson,
  printText,
  say,
  textTable,
  UsageError,
} from "../output.js";
import { ProgressLine } from "../progress.js";

interface DatasetOptions extends CommonOptions {
  readonly to?: string;
  readonly address?: string;
  readonly checksum?: string;
  readonly corpus?: string;
  readonly corpusFormat: CorpusFormat | "msmarco";
  readonly topics?: string;
  readonly topicField: TopicField;
  readonly qrels?: string;
  readonly split: string;
}

/** Folder of the data sets: `--to`, else `BRAID_DATASETS`, else `datasets` here. */
export function datasetsDirectory(to: string | undefined): string {
  return path.resolve(to ?? process.env["BRAID_DATASETS"] ?? "datasets");
}

/** `braid datasets add beir/<name>`, or any name with `--corpus`, `--topics` and `--qrels`. */
export async function addDatasetCommand(options: DatasetOptions, source: string): Promise<void> {
  const to = datasetsDirectory(options.to);
  const progress = new ProgressLine(options);
  const shared = {
    to,
    onProgress: (done: number, total: number | null) =>
      progress.update("bytes", done, total === null ? undefined : done / total),
  };
  let added: AddedDataset;
  try {
    added = source.startsWith("beir/")
      ? await addBeirDataset(source.slice("beir/".length), {
          ...shared,
          ...defined({ address: options.address ?? process.env["BRAID_BEIR_ADDRESS"] }),
          ...(options.checksum === undefined ? {} : { checksum: checksumOption(options.checksum) }),
        })
      : await importDataset(source, partsOf(options, source), shared);
  } finally {
    progress.finish();
  }
  for (const { address, verified } of added.sources) {
    if (!verified)
      say(options, `${address}: not verified, there is no published checksum to compare with`);
  }
  if (options.json === true) printJson(added);
  else {
    const splits = Object.entries(added.splits).map(
      ([split, count]) => `${split} ${formatCount(count)}`,
    );
    printText(
      `${added.folder}: ${formatCount(added.documentCount)} documents, ${formatCount(added.queryCount)} queries, judged: ${splits.join(", ")}`,
    );
  }
}

function partsOf(options: DatasetOptions, name: string) {
  const { corpus, corpusFormat, topics, topicField, qrels, split } = options;
  if (corpus === undefined || topics === undefined || qrels === undefined) {
    throw new UsageError(
      `give beir/${name} for a data set of BEIR, or --corpus, --topics and --qrels`,
    );
  }
  return { corpus, corpusFormat, topics, topicField, qrels, split };
}

function checksumOption(text: string): Checksum | null {
  if (text === "none") return null;
  const match = /^(?:md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$/.exec(text.toLowerCase());
  if (match === null)
    throw new UsageError(`--checksum must be md5:HEX, sha256:HEX or none, got "${text}"`);
  return match[0] as Checksum;
}

/** `braid datasets list`: what can be fetched by name, and what is here. */
export async function listDatasetsCommand(options: DatasetOptions): Promise<void> {
  const to = datasetsDirectory(options.to);
  const here = existsSync(to)
    ? readdirSync(to).filter((name) => isDataset(path.join(to, name)))
    : [];
  const rows = [
    ...knownDatasets.map(({ name, documentCount, queryCount }) => ({
      source: `beir/${name}`,
      documents: documentCount,
      queries: queryCount,
      here: here.includes(name),
    })),
    ...here
      .filter((name) => !knownDatasets.some((known) => known.name === name))
      .map((name) => ({ source: name, documents: "", queries: null, here: true })),
  ];
  if (options.json === true) {
    printJson({ folder: to, datasets: rows });
    return;
  }
  printText(
    textTable(
      [
        { title: "data set" },
        { title: "documents", align: "right" },
        { title: "test queries", align: "right" },
        { title: "here" },
      ],
      rows.map((row) => [
        row.source,
        row.documents,
        row.queries === null ? "" : formatCount(row.queries),
        row.here ? path.join(to, row.source.replace(/^beir\//, "")) : "",
      ]),
    ),
  );
}
