import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { CollectionStats } from "../../collection/collection.js";
import {
  collectionDirectory,
  dropCollection,
  listCollections,
} from "../../collection/collection-home.js";
import { openCollection } from "../../collection/open-collection.js";
import type { Document } from "../../corpus/document.js";
import { SearchError } from "../../errors.js";
import { storageError } from "../../store/file-system.js";
import { homeDirectory } from "../options.js";
import {
  type CommonOptions,
  formatBytes,
  formatCount,
  printJson,
  printText,
  SilentFailure,
  say,
  textTable,
} from "../output.js";
import { type ReadOptions, readMode, withCollection } from "../session.js";

/** `braid list`. */
export async function listCommand(options: CommonOptions): Promise<void> {
  const home = homeDirectory(options);
  const rows = [];
  for (const { name, directory, problem } of listCollections(home)) {
    if (problem !== null) {
      rows.push({ name, problem });
      continue;
    }
    try {
      const collection = await openCollection(directory);
      const { docCount, totalBytes } = collection.stats();
      rows.push({
        name,
        docCount,
        bytes: totalBytes,
        encoder: collection.encoderIdentity?.name ?? null,
        analyzer: collection.settings.analyzer,
      });
      await collection.close();
    } catch (error) {
      rows.push({ name, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  if (options.json === true) {
    printJson({ home, collections: rows });
    return;
  }
  if (rows.length === 0) {
    say(options, `no collections in ${home}: braid index <source> --name <name> builds one`);
    return;
  }
  printText(
    textTable(
      [
        { title: "collection" },
        { title: "documents", align: "right" },
        { title: "size", align: "right" },
        { title: "encoder" },
        { title: "analyzer" },
      ],
      rows.map((row) =>
        "problem" in row
          ? [row.name, "-", "-", "-", `cannot be opened: ${row.problem}`]
          : [
              row.name,
              formatCount(row.docCount),
              formatBytes(row.bytes),
              row.encoder ?? "none",
              row.analyzer,
            ],
      ),
    ),
  );
}

/** `braid stats <collection>`. */
export async function statsCommand(options: ReadOptions, name: string): Promise<void> {
  await withCollection(options, name, readMode(options), async ({ collection }) => {
    const stats = collection.stats();
    const { statistics } = collection.snapshot().sparse;
    const { nonEmptyDocCount, totalLength, totalTitleLength } = statistics;
    const sparse = { nonEmptyDocCount, totalLength, totalTitleLength };
    if (options.json === true) printJson({ ...stats, sparse });
    else printText(describeStats(stats, totalLength));
  });
}

function describeStats(stats: CollectionStats, totalLength: number): string {
  const { settings, docCount, deletedCount, slots, segments } = stats;
  const { k1, b, variant } = settings.bm25;
  const mean = docCount === 0 ? 0 : totalLength / docCount;
  const rows: [string, string][] = [
    [
      "documents",
      `${formatCount(docCount)} (${formatCount(deletedCount)} deleted, not merged yet)`,
    ],
    ["size", `${formatBytes(stats.totalBytes)} (${formatBytes(stats.logBytes)} of it log)`],
    ["segments", String(segments.length)],
    ["analyzer", settings.analyzer],
    ["bm25", `${variant}(k1=${k1},b=${b}), mean length ${mean.toFixed(1)} terms`],
    ["fields", `title ${settings.boosts.title}, text ${settings.boosts.text}`],
    ...(settings.passages === null
      ? []
      : [
          [
            "passages",
            `${settings.passages.words} words, ${settings.passages.overlap} shared with the one before`,
          ] satisfies [string, string],
        ]),
    ["generation", String(stats.generation)],
    ["folder", stats.directory],
  ];
  for (const { name, encoder } of slots) {
    const active = name === stats.activeSlot ? "" : " (not active)";
    rows.push([
      "encoder",
      `${encoder.name}, ${encoder.dimension} dimensions, ${encoder.similarity}, ${encoder.fingerprint.slice(0, 19)}…${active}`,
    ]);
  }
  if (slots.length === 0) rows.push(["encoder", "none"]);
  if (stats.maintenanceProblem !== null) rows.push(["problem", stats.maintenanceProblem]);
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join("\n");
}

/** `braid verify <collection>`: exit status 1 if anything is wrong. */
export async function verifyCommand(options: ReadOptions, name: string): Promise<void> {
  await withCollection(options, name, readMode(options), async ({ collection }) => {
    const report = await collection.verify();
    if (options.json === true) printJson(report);
    else {
      for (const { message } of report.problems) printText(`damaged: ${message}`);
      printText(
        report.problems.length === 0
          ? `${name} is whole: ${formatCount(report.liveDocuments)} documents, ${report.checkedFiles} files, ${formatBytes(report.checkedBytes)} read and checked`
          : `${name} has ${report.problems.length} problems`,
      );
    }
    if (report.problems.length > 0) throw new SilentFailure();
  });
}

/** `braid compact <collection>`. */
export async function compactCommand(options: CommonOptions, name: string): Promise<void> {
  await withCollection(options, name, { mode: "write" }, async ({ collection }) => {
    const before = collection.stats();
    await collection.compact();
    const after = collection.stats();
    if (options.json === true) {
      printJson({
        segments: { before: before.segments.length, after: after.segments.length },
        bytes: { before: before.totalBytes, after: after.totalBytes },
        docCount: after.docCount,
      });
      return;
    }
    say(
      options,
      `${name}: ${before.segments.length} -> ${after.segments.length} segments, ` +
        `${formatBytes(before.totalBytes)} -> ${formatBytes(after.totalBytes)}`,
    );
  });
}

/** `braid delete <collection> <id...>`. */
export async function deleteCommand(
  options: CommonOptions,
  name: string,
  ...ids: string[]
): Promise<void> {
  await withCollection(options, name, { mode: "write" }, async ({ collection }) => {
    const result = await collection.delete(ids);
    if (options.json === true) printJson(result);
    else say(options, `${name}: ${formatCount(result.deleted)} documents deleted`);
    for (const id of result.missing) say(options, `there is no document ${id}`);
  });
}

interface ExportOptions extends ReadOptions {
  readonly out?: string;
}

/** `braid export <collection>`: every document as JSON Lines. */
export async function exportCommand(options: ExportOptions, name: string): Promise<void> {
  await withCollection(options, name, readMode(options), async ({ collection }) => {
    const documents = collection.snapshot().documents();
    if (options.out === undefined) {
      await writeLines(process.stdout, documents);
      return;
    }
    const { out } = options;
    const unfinished = `${out}.${process.pid}.tmp`;
    let count: number;
    try {
      const file = createWriteStream(unfinished);
      count = await writeLines(file, documents);
      file.end();
      await once(file, "close");
      await rename(unfinished, out);
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {});
      throw error instanceof SearchError ? error : storageError("write", out, error);
    }
    say(options, `${formatCount(count)} documents written to ${out}`);
    if (options.json === true) printJson({ out, documents: count });
  });
}

async function writeLines(
  out: NodeJS.WritableStream,
  documents: Iterable<Document>,
): Promise<number> {
  let count = 0;
  for (const document of documents) {
    count++;
    if (!out.write(`${JSON.stringify(document)}\n`)) await once(out, "drain");
  }
  return count;
}

/** `braid drop <collection>`. */
export async function dropCommand(options: CommonOptions, name: string): Promise<void> {
  const directory = collectionDirectory(homeDirectory(options), name);
  dropCollection(directory);
  if (options.json === true) printJson({ dropped: name });
  else say(options, `${name} is dropped`);
}
