import { existsSync } from "node:fs";
import path from "node:path";
import type { BulkBuildResult } from "../../collection/bulk-build.js";
import { collectionDirectory } from "../../collection/collection-home.js";
import { manifestFileName } from "../../collection/collection-manifest.js";
import type { CollectionSettingsInput } from "../../collection/collection-settings.js";
import { FirstBuild } from "../../collection/first-build.js";
import type { PassageSettings } from "../../collection/passages.js";
import { type CorpusFormat, type CorpusReader, openCorpus } from "../../corpus/open-corpus.js";
import type { EncoderIdentity } from "../../dense/encoder.js";
import { ReadyVectors } from "../../dense/ready-vectors.js";
import { InputError } from "../../errors.js";
import { ModelPool } from "../../pipeline/model-pool.js";
import { bundledEncoder, SearchableCollection } from "../../pipeline/searchable-collection.js";
import { countOption, homeDirectory, numberOption } from "../options.js";
import {
  type CommonOptions,
  formatBytes,
  formatCount,
  printJson,
  say,
  UsageError,
} from "../output.js";
import { formatSeconds, ProgressLine } from "../progress.js";
import { sayRecovery } from "../session.js";

interface IndexOptions extends CommonOptions {
  readonly name: string;
  readonly encoder?: string;
  readonly format: CorpusFormat;
  readonly append?: boolean;
  readonly skipBad?: boolean;
  readonly analyzer?: string;
  readonly k1?: string;
  readonly b?: string;
  readonly titleBoost?: string;
  readonly textBoost?: string;
  readonly positions?: boolean;
  readonly denseIndex?: "auto" | "exact" | "hnsw";
  readonly passages?: string;
  readonly passageOverlap?: string;
  readonly vectors?: string;
}

type Settings = Omit<CollectionSettingsInput, "encoder">;

/** What a build did, and what there is now. */
interface Built {
  readonly result: BulkBuildResult;
  readonly docCount: number;
  readonly bytes: number;
  readonly encoder: EncoderIdentity | null;
}

/** `braid index <source>`: builds a collection, replaces it with a new build, or adds to it. */
export async function indexCommand(options: IndexOptions, source: string): Promise<void> {
  const startedMs = performance.now();
  const home = homeDirectory(options);
  const directory = collectionDirectory(home, options.name);
  const settings = settingsOf(options);
  refuseVectors(options);
  // Looked at before anything is written: a wrong path must not leave an empty collection.
  const corpus = openCorpus(source, {
    format: options.format,
    skipBad: options.skipBad ?? false,
  });
  // A build that is stopped, or done again with other settings, finds its vectors there.
  const models = new ModelPool({ embeddingsDir: path.join(home, ".embeddings") });
  let built: Built;
  try {
    if (!existsSync(path.join(directory, manifestFileName))) {
      built = await buildFirst(options, directory, corpus, settings, models);
    } else if (options.append === true) {
      built = await append(options, directory, corpus, settings, models);
    } else {
      built = await replace(options, directory, corpus, settings, models);
    }
  } finally {
    await models.close();
  }
  const { skippedCount, skipped } = corpus.report;
  for (const { where, reason } of skipped) say(options, `skipped ${where}: ${reason}`);
  if (skippedCount > skipped.length) {
    say(options, `… and ${formatCount(skippedCount - skipped.length)} more`);
  }
  const { result, docCount, bytes, encoder } = built;
  const seconds = (performance.now() - startedMs) / 1000;
  say(
    options,
    `${options.name}: ${formatCount(result.added)} documents added` +
      (result.replaced > 0 ? `, ${formatCount(result.replaced)} replaced by a later one` : "") +
      (skippedCount > 0 ? `, ${formatCount(skippedCount)} skipped` : "") +
      `; ${formatCount(docCount)} in all, ${formatBytes(bytes)}, ` +
      `${formatSeconds(seconds)} (${encoder?.name ?? "no encoder"})`,
  );
  if (options.json === true) {
    printJson({
      collection: options.name,
      ...result,
      skipped: skippedCount,
      docCount,
      bytes,
      encoder,
      seconds,
    });
  }
}

/** Ready vectors want the name of whose they are, and a document for each row. */
function refuseVectors({ vectors, encoder, append, passages, skipBad }: IndexOptions): void {
  if (vectors === undefined) return;
  if (encoder === "none" || (encoder === undefined && append !== true)) {
    throw new UsageError("--vectors goes with --encoder, the model that made them");
  }
  if (passages !== undefined) {
    throw new UsageError("--vectors are one for each document: leave --passages out");
  }
  if (skipBad === true && vectors.endsWith(".npy")) {
    throw new UsageError(
      "--skip-bad moves documents against the rows of a .npy file: give vectors by id (.jsonl)",
    );
  }
}

/** A first build that fails, is stopped or is killed leaves no collection. */
async function buildFirst(
  options: IndexOptions,
  directory: string,
  corpus: CorpusReader,
  settings: Settings,
  models: ModelPool,
): Promise<Built> {
  const first = FirstBuild.begin(directory);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stop = (signal: NodeJS.Signals): void => {
    for (const name of signals) process.off(name, stop);
    try {
      first.discard();
    } catch {
      // The next build removes it.
    }
    process.kill(process.pid, signal);
  };
  for (const name of signals) process.on(name, stop);
  try {
    const encoder = encoderOf(options);
    const collection = await SearchableCollection.create(first.directory, {
      models,
      encoder,
      settings,
    });
    const built = await fill(options, collection, corpus, { mode: "replace" });
    first.finish();
    return built;
  } catch (error) {
    first.discard();
    throw error;
  } finally {
    for (const name of signals) process.off(name, stop);
  }
}

async function append(
  options: IndexOptions,
  directory: string,
  corpus: CorpusReader,
  settings: Settings,
  models: ModelPool,
): Promise<Built> {
  const encoder = options.encoder === undefined ? null : encoderOf(options);
  const collection = await SearchableCollection.open(directory, {
    mode: "write",
    models,
    ...(encoder === null ? {} : { encoder }),
  });
  try {
    refuseOtherSettings(options, settings, collection);
  } catch (error) {
    await collection.close();
    throw error;
  }
  return fill(options, collection, corpus, { mode: "append" });
}

/** What the line names must be what the collection was built with: nothing is ignored. */
function refuseOtherSettings(
  options: IndexOptions,
  { analyzer, positions, boosts, bm25, denseIndex, passages }: Settings,
  { collection }: SearchableCollection,
): void {
  const { settings, encoderIdentity } = collection;
  const asked: readonly (readonly [string, unknown, unknown])[] = [
    ["--analyzer", analyzer, settings.analyzer],
    ["--k1", bm25?.k1, settings.bm25.k1],
    ["--b", bm25?.b, settings.bm25.b],
    ["--title-boost", boosts?.title, settings.boosts.title],
    ["--text-boost", boosts?.text, settings.boosts.text],
    ["--positions", positions, settings.positions],
    ["--dense-index", denseIndex, settings.denseIndex],
    ["--passages", passages?.words, settings.passages?.words ?? 0],
    ["--passage-overlap", passages?.overlap, settings.passages?.overlap ?? 0],
    [
      "--encoder",
      options.encoder === undefined ? undefined : options.encoder !== "none",
      encoderIdentity !== null,
    ],
  ];
  for (const [option, wanted, has] of asked) {
    if (wanted === undefined || wanted === has) continue;
    const isEncoder = option === "--encoder";
    const built = isEncoder ? (encoderIdentity?.name ?? "none") : String(has);
    throw new InputError(
      `${option} ${isEncoder ? options.encoder : String(wanted)} is not what ${options.name} was ` +
        `built with (${built}): leave it out, or build the collection anew without --append`,
      { option, expected: built },
    );
  }
}

async function replace(
  options: IndexOptions,
  directory: string,
  corpus: CorpusReader,
  settings: Settings,
  models: ModelPool,
): Promise<Built> {
  const encoder = encoderOf(options);
  const identity = encoder === null ? null : (await models.lazyEncoder(encoder)).identity;
  const collection = await SearchableCollection.open(directory, {
    mode: "write",
    models,
    ...(encoder === null ? {} : { encoder }),
  });
  const before = collection.collection.snapshot().docCount;
  const built = await fill(options, collection, corpus, {
    mode: "replace",
    settings: { ...settings, encoder: identity },
  });
  say(options, `replaced ${formatCount(before)} documents of the earlier build`);
  return built;
}

/** Indexes the corpus and closes the collection, whatever happens. */
async function fill(
  options: IndexOptions,
  searchable: SearchableCollection,
  corpus: CorpusReader,
  how: { readonly mode: "replace" | "append"; readonly settings?: CollectionSettingsInput },
): Promise<Built> {
  const { collection } = searchable;
  const progress = new ProgressLine(options);
  const settings = how.settings ?? collection.settings;
  const identity = how.settings === undefined ? collection.encoderIdentity : settings.encoder;
  let ready: ReadyVectors | null = null;
  try {
    sayRecovery(options, searchable);
    if (options.vectors !== undefined) {
      if (!identity || (settings.passages ?? null) !== null) {
        throw new InputError(
          `--vectors are one for each document by the encoder of ${options.name}, which has ` +
            `${identity ? "passages" : "none"}: leave --vectors out, or build it with --encoder alone`,
          { collection: options.name },
        );
      }
      ready = new ReadyVectors(options.vectors, identity);
    }
    const result = await collection.bulkBuild(corpus, {
      ...how,
      readyVectors: ready ?? undefined,
      onProgress: ({ documents }) => {
        const { bytesRead, totalBytes } = corpus.report;
        progress.update(
          "documents",
          documents,
          totalBytes === null ? undefined : bytesRead / totalBytes,
        );
      },
    });
    if (ready !== null && ready.leftCount > 0) {
      say(options, `${formatCount(ready.leftCount)} vectors have ids that no document has`);
    }
    const { docCount, totalBytes } = collection.stats();
    return { result, docCount, bytes: totalBytes, encoder: collection.encoderIdentity };
  } finally {
    progress.finish();
    await ready?.close();
    await searchable.close();
  }
}

function encoderOf({ encoder = bundledEncoder }: IndexOptions): string | null {
  return encoder === "none" ? null : encoder;
}

/** The settings that the line names; the others have defaults. */
function settingsOf(options: IndexOptions): Settings {
  return {
    analyzer: options.analyzer,
    positions: options.positions,
    boosts: {
      title: numberOption("--title-boost", options.titleBoost),
      text: numberOption("--text-boost", options.textBoost),
    },
    bm25: { k1: numberOption("--k1", options.k1), b: numberOption("--b", options.b) },
    denseIndex: options.denseIndex,
    passages: passagesOption(options),
  };
}

/** Words of a passage and of its overlap, by default a quarter of it. */
function passagesOption({ passages, passageOverlap }: IndexOptions): PassageSettings | undefined {
  const words = countOption("--passages", passages, 8);
  const overlap = countOption("--passage-overlap", passageOverlap, 0);
  if (words === undefined && overlap !== undefined) {
    throw new UsageError("--passage-overlap goes with --passages, the words of a passage");
  }
  if (words === undefined) return undefined;
  if (overlap !== undefined && overlap > words / 2) {
    throw new UsageError(
      `--passage-overlap must be at most half of --passages, got ${overlap} of ${words}`,
    );
  }
  return { words, overlap: overlap ?? Math.floor(words / 4) };
}
