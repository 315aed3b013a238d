import { createWriteStream, existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type CorpusFormat, openCorpus } from "../../corpus/open-corpus.js";
import { AlreadyExistsError, InputError } from "../../errors.js";
import { readQrels } from "../../run/qrels.js";
import { readTextLines } from "../../run/text-blocks.js";
import { readTopics, type TopicField } from "../../run/topics.js";
import { type Checksum, type DownloadOptions, downloadFile, hashFile } from "./download-file.js";
import { beirAddress, knownDatasets } from "./known-datasets.js";
import { readZipDirectory, unpackEntry, type ZipEntry, type ZipLimits } from "./zip-archive.js";

/** What was brought in; also written as `dataset.json` beside the files. */
export interface AddedDataset {
  readonly name: string;
  readonly folder: string;
  readonly documentCount: number;
  readonly queryCount: number;
  /** Judged queries per split. */
  readonly splits: Readonly<Record<string, number>>;
  readonly sources: readonly {
    readonly address: string;
    readonly checksum: string;
    readonly verified: boolean;
  }[];
}

export interface AddOptions
  extends Partial<Pick<DownloadOptions, "env" | "onProgress" | "signal" | "idleMs">> {
  /** Folder that holds data sets; the new one gets a folder in it. */
  readonly to: string;
}

/**
 * Downloads a data set of the BEIR benchmark, checks its checksum, unpacks its corpus, queries and
 * judgements, reads all of them once, and gives the folder its name when everything is well.
 *
 * @param options.address where the archive is, `{name}` standing for the name; the official place by default
 * @param options.checksum of the archive; the published one by default; null checks nothing
 * @throws {AlreadyExistsError} there is such a folder
 * @throws {InputError} unknown name without an address, an unsafe archive, one without a data set
 * @throws what {@link downloadFile} throws
 */
export async function addBeirDataset(
  name: string,
  options: AddOptions & {
    readonly address?: string;
    readonly checksum?: Checksum | null;
    readonly zipLimits?: ZipLimits;
  },
): Promise<AddedDataset> {
  checkDatasetName(name);
  const known = knownDatasets.find((dataset) => dataset.name === name);
  if (known === undefined && options.address === undefined) {
    throw new InputError(
      `expected a data set of BEIR (${knownDatasets.map((dataset) => dataset.name).join(", ")}) or an address, got "${name}"`,
      { name },
    );
  }
  const address = (options.address ?? beirAddress).replaceAll("{name}", name);
  const checksum = options.checksum === undefined ? (known?.checksum ?? null) : options.checksum;
  return assembled(name, options.to, async (folder) => {
    const archive = path.join(options.to, `.${name}.zip`);
    if (!existsSync(archive)) await downloadFile(address, archive, { ...options, checksum });
    try {
      const entries = await readZipDirectory(archive, options.zipLimits);
      const wanted = datasetEntries(entries);
      if (wanted.length === 0) {
        throw new InputError(
          `expected corpus.jsonl, queries.jsonl and qrels/ in ${address}, found ${entries.length} other files`,
          { address },
        );
      }
      for (const { entry, place } of wanted) {
        await unpackEntry(archive, entry, path.join(folder, place));
      }
      const found: Checksum = `sha256:${await hashFile(archive, "sha256")}`;
      return [{ address, checksum: checksum ?? found, verified: checksum !== null }];
    } finally {
      // Kept, a bad archive would be taken up again instead of the mended one.
      await rm(archive, { force: true });
    }
  });
}

/** Corpus, queries and judgements of an archive, with their places in a BEIR folder. */
function datasetEntries(entries: readonly ZipEntry[]): { entry: ZipEntry; place: string }[] {
  const found = entries.flatMap((entry) => {
    const match = /^((?:[^/]+\/)*?)(corpus\.jsonl|queries\.jsonl|qrels\/[\w.-]+\.tsv)$/.exec(
      entry.name,
    );
    return match === null || /(?:^|\/)(?:__MACOSX|\.)/.test(entry.name)
      ? []
      : [{ entry, root: match[1] ?? "", place: match[2] ?? "" }];
  });
  const roots = [...new Set(found.map(({ root }) => root))];
  if (roots.length > 1) {
    // Several data sets in one archive (CQADupStack): each in a folder of its own.
    return found.map(({ entry, root, place }) => ({
      entry,
      place: path.posix.join(path.posix.basename(root), place),
    }));
  }
  return found;
}

/** Files that together are a data set, each a path or an http(s) address. */
export interface DatasetParts {
  readonly corpus: string;
  /** `msmarco`: lines of id TAB text, or of id TAB address TAB title TAB text, without a header. */
  readonly corpusFormat: CorpusFormat | "msmarco";
  readonly topics: string;
  /** Part of a TREC topic that is the query. */
  readonly topicField: TopicField;
  readonly qrels: string;
  readonly split: string;
}

/**
 * Brings a data set of other formats (MS MARCO's TSV, TREC documents, topics and qrels, CSV …) into
 * the BEIR layout.
 *
 * @throws {AlreadyExistsError} there is such a folder
 * @throws {InputError} a line that cannot be read, with its place
 */
export async function importDataset(
  name: string,
  parts: DatasetParts,
  options: AddOptions,
): Promise<AddedDataset> {
  checkDatasetName(name);
  if (!/^[\w.-]+$/.test(parts.split))
    throw new InputError(`expected the name of a split, got "${parts.split}"`, {
      split: parts.split,
    });
  return assembled(name, options.to, async (folder) => {
    const sources: { address: string; checksum: string; verified: boolean }[] = [];
    const local = async (source: string): Promise<string> => {
      if (!/^https?:\/\//.test(source)) {
        sources.push({ address: source, checksum: "", verified: false });
        return source;
      }
      const file = path.join(
        folder,
        ".parts",
        path.posix.basename(new URL(source).pathname) || "part",
      );
      await downloadFile(source, file, { ...options, checksum: null });
      sources.push({
        address: source,
        checksum: `sha256:${await hashFile(file, "sha256")}`,
        verified: false,
      });
      return file;
    };
    const corpus = await local(parts.corpus);
    await writeJsonLines(
      path.join(folder, "corpus.jsonl"),
      parts.corpusFormat === "msmarco"
        ? msmarcoDocuments(corpus)
        : openCorpus(corpus, { format: parts.corpusFormat }),
    );
    const topics = await readTopics(await local(parts.topics), { field: parts.topicField });
    await writeJsonLines(
      path.join(folder, "queries.jsonl"),
      [...topics].map(([queryId, text]) => ({ _id: queryId, text })),
    );
    const { qrels } = await readQrels(await local(parts.qrels));
    await mkdir(path.join(folder, "qrels"), { recursive: true });
    const lines = [...qrels].flatMap(([queryId, grades]) =>
      [...grades].map(([docId, grade]) => `${queryId}\t${docId}\t${grade}\n`),
    );
    await pipeline(
      Readable.from(["query-id\tcorpus-id\tscore\n", ...lines]),
      createWriteStream(path.join(folder, "qrels", `${parts.split}.tsv`)),
    );
    await rm(path.join(folder, ".parts"), { recursive: true, force: true });
    return sources;
  });
}

async function* msmarcoDocuments(file: string): AsyncGenerator<Record<string, string>> {
  for await (const { text, line } of readTextLines(file)) {
    const row = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (row === "") continue;
    const columns = row.split("\t");
    const [id = "", second = "", title = "", ...body] = columns;
    if (id === "" || columns.length < 2 || columns.length === 3) {
      throw new InputError(
        `expected id TAB text, or id TAB address TAB title TAB text, got ${columns.length} columns at ${file}:${line}`,
        { path: file, line },
      );
    }
    yield columns.length === 2
      ? { _id: id, title: "", text: second }
      : { _id: id, title, text: body.join(" "), url: second };
  }
}

async function writeJsonLines(
  file: string,
  rows: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<void> {
  async function* lines(): AsyncGenerator<string> {
    for await (const row of rows) yield `${JSON.stringify(row)}\n`;
  }
  await pipeline(Readable.from(lines()), createWriteStream(file));
}

/** Makes a data set in an unfinished folder, reads all of it, and only then gives it its name. */
async function assembled(
  name: string,
  to: string,
  fill: (folder: string) => Promise<AddedDataset["sources"]>,
): Promise<AddedDataset> {
  const target = path.join(to, name);
  if (existsSync(target)) {
    throw new AlreadyExistsError(`${target} is there already: use it, or delete it first`, {
      path: target,
    });
  }
  const unfinished = path.join(to, `.${name}.${process.pid}.unfinished`);
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  try {
    const sources = await fill(unfinished);
    const counted = await countDataset(unfinished);
    const added: AddedDataset = { name, folder: target, ...counted, sources };
    await writeFile(
      path.join(unfinished, "dataset.json"),
      `${JSON.stringify({ ...added, folder: undefined }, null, 2)}\n`,
    );
    await rename(unfinished, target);
    return added;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Reads every document, query and judgement once, so that a bad line is found now, not in a year. */
async function countDataset(
  folder: string,
): Promise<Pick<AddedDataset, "documentCount" | "queryCount" | "splits">> {
  const roots = existsSync(path.join(folder, "corpus.jsonl"))
    ? [folder]
    : (await readdir(folder)).map((name) => path.join(folder, name));
  let documentCount = 0;
  let queryCount = 0;
  const splits: Record<string, number> = {};
  for (const root of roots) {
    for await (const _document of openCorpus(path.join(root, "corpus.jsonl"))) documentCount++;
    queryCount += (await readTopics(path.join(root, "queries.jsonl"))).size;
    for (const file of await readdir(path.join(root, "qrels"))) {
      const { qrels } = await readQrels(path.join(root, "qrels", file));
      const split = file.replace(/\.tsv$/, "");
      splits[split] = (splits[split] ?? 0) + qrels.size;
    }
  }
  return { documentCount, queryCount, splits };
}

function checkDatasetName(name: string): void {
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name) || name.includes("..")) {
    throw new InputError(
      `expected a data set's name of lower-case letters, digits, ., _ and -, got "${name}"`,
      { name },
    );
  }
}

/** Whether a folder holds a data set already. */
export function isDataset(folder: string): boolean {
  return existsSync(path.join(folder, "queries.jsonl")) && existsSync(path.join(folder, "qrels"));
}
