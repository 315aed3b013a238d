import { existsSync } from "node:fs";
import path from "node:path";
import { collectionDirectory } from "../../collection/collection-home.js";
import { manifestFileName } from "../../collection/collection-manifest.js";
import type { CollectionSettingsInput } from "../../collection/collection-settings.js";
import { type CorpusFormat, openCorpus } from "../../corpus/open-corpus.js";
import type { EncoderIdentity } from "../../dense/encoder.js";
import { ModelPool } from "../../pipeline/model-pool.js";
import { SearchableCollection } from "../../pipeline/searchable-collection.js";
import { homeDirectory, numberOption } from "../options.js";
import { type CommonOptions, formatBytes, formatCount, printJson, say } from "../output.js";
import { formatSeconds, ProgressLine } from "../progress.js";
import { sayRecovery } from "../session.js";

interface IndexOptions extends CommonOptions {
  readonly name: string;
  readonly encoder: string;
  readonly format: CorpusFormat;
  readonly append?: boolean;
  readonly skipBad?: boolean;
  readonly analyzer: string;
  readonly k1?: string;
  readonly b?: string;
  readonly titleBoost: string;
  readonly textBoost: string;
  readonly positions?: boolean;
  readonly denseIndex: "auto" | "exact" | "hnsw";
}

/** `braid index <source>`: builds a collection, replaces it with a new build, or adds to it. */
export async function indexCommand(options: IndexOptions, source: string): Promise<void> {
  const startedMs = performance.now();
  const home = homeDirectory(options);
  const directory = collectionDirectory(home, options.name);
  const settings = settingsOf(options);
  // Looked at before anything is written: a wrong path must not leave an empty collection.
  const corpus = openCorpus(source, {
    format: options.format,
    skipBad: options.skipBad ?? false,
  });
  // A build that is stopped, or done again with other settings, finds its vectors there.
  const models = new ModelPool({ embeddingsDir: path.join(home, ".embeddings") });
  const exists = existsSync(path.join(directory, manifestFileName));
  const encoder = options.encoder === "none" ? null : options.encoder;
  const collection = exists
    ? await SearchableCollection.open(directory, {
        mode: "write",
        models,
        ...(options.append === true || encoder === null ? {} : { encoder }),
      })
    : await SearchableCollection.create(directory, { models, encoder, settings });
  const progress = new ProgressLine(options);
  const replaces = exists && options.append !== true;
  try {
    sayRecovery(options, collection);
    const before = collection.collection.snapshot().docCount;
    const result = await collection.collection.bulkBuild(corpus, {
      mode: replaces || !exists ? "replace" : "append",
      ...(replaces
        ? { settings: { ...settings, encoder: await identityOf(models, encoder) } }
        : {}),
      onProgress: ({ documents }) => {
        const { bytesRead, totalBytes } = corpus.report;
        progress.update(
          "documents",
          documents,
          totalBytes === null ? undefined : bytesRead / totalBytes,
        );
      },
    });
    progress.finish();
    const { skippedCount, skipped } = corpus.report;
    for (const { where, reason } of skipped) say(options, `skipped ${where}: ${reason}`);
    if (skippedCount > skipped.length) {
      say(options, `… and ${formatCount(skippedCount - skipped.length)} more`);
    }
    const stats = collection.collection.stats();
    const seconds = (performance.now() - startedMs) / 1000;
    if (replaces) say(options, `replaced ${formatCount(before)} documents of the earlier build`);
    say(
      options,
      `${options.name}: ${formatCount(result.added)} documents added` +
        (result.replaced > 0 ? `, ${formatCount(result.replaced)} replaced by a later one` : "") +
        (skippedCount > 0 ? `, ${formatCount(skippedCount)} skipped` : "") +
        `; ${formatCount(stats.docCount)} in all, ${formatBytes(stats.totalBytes)}, ` +
        `${formatSeconds(seconds)} (${collection.collection.encoderIdentity?.name ?? "no encoder"})`,
    );
    if (options.json === true) {
      printJson({
        collection: options.name,
        ...result,
        skipped: skippedCount,
        docCount: stats.docCount,
        bytes: stats.totalBytes,
        encoder: collection.collection.encoderIdentity,
        seconds,
      });
    }
  } catch (error) {
    progress.finish();
    // A first build that fails leaves nothing behind.
    if (!exists) await removeEmpty(collection, directory);
    throw error;
  } finally {
    await collection.close();
    await models.close();
  }
}

async function identityOf(
  models: ModelPool,
  encoder: string | null,
): Promise<EncoderIdentity | null> {
  return encoder === null ? null : (await models.lazyEncoder(encoder)).identity;
}

async function removeEmpty(collection: SearchableCollection, directory: string): Promise<void> {
  const isEmpty = collection.collection.snapshot().docCount === 0;
  await collection.close();
  if (!isEmpty) return;
  const { dropCollection } = await import("../../collection/collection-home.js");
  dropCollection(directory);
}

function settingsOf(options: IndexOptions): Omit<CollectionSettingsInput, "encoder"> {
  const k1 = numberOption("--k1", options.k1);
  const b = numberOption("--b", options.b);
  return {
    analyzer: options.analyzer,
    positions: options.positions ?? false,
    boosts: {
      title: numberOption("--title-boost", options.titleBoost),
      text: numberOption("--text-boost", options.textBoost),
    },
    bm25: { ...(k1 === undefined ? {} : { k1 }), ...(b === undefined ? {} : { b }) },
    denseIndex: options.denseIndex,
  };
}
