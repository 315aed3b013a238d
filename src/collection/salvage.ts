import path from "node:path";
import { SearchError } from "../errors.js";
import type { FileSystem } from "../store/file-system.js";
import { SegmentFile } from "../store/segment-file.js";
import type { CollectionManifest, EncoderSlot, SegmentEntry } from "./collection-manifest.js";
import { type CollectionSettings, parseCollectionSettings } from "./collection-settings.js";

/**
 * A manifest put together from the files of a collection whose own manifest is lost, or null if no
 * segment is whole. Every segment carries the settings it was built with. Best effort: files of an
 * interrupted merge, and documents whose deletion stood in a damaged file, may come back.
 */
export function salvagedManifest(
  directory: string,
  fileSystem: FileSystem,
): CollectionManifest | null {
  const names = fileSystem.list(directory) ?? [];
  const segments: SegmentEntry[] = [];
  let settings: CollectionSettings | null = null;
  for (const file of names.filter((name) => /^seg-\d{6,}\.seg$/.test(name))) {
    const meta = metaOf(path.join(directory, file), fileSystem);
    if (meta === null) continue;
    settings = meta.settings;
    segments.push({
      file,
      docCount: meta.docCount,
      deletions: latestDeletions(directory, file, names, fileSystem),
      vectorFiles: {},
    });
  }
  if (settings === null) return null;
  const slots: EncoderSlot[] =
    settings.encoder === null ? [] : [{ name: "main", encoder: settings.encoder }];
  return {
    generation: 1,
    settings,
    slots,
    activeSlot: slots[0]?.name ?? null,
    segments,
    logs: names.filter((name) => /^log-\d{6,}\.wal$/.test(name)),
    changesBeforeLogs: 0,
    nextFileNumber: Number.MAX_SAFE_INTEGER,
    searchDefaults: null,
  };
}

function metaOf(
  file: string,
  fileSystem: FileSystem,
): { readonly docCount: number; readonly settings: CollectionSettings } | null {
  try {
    const segment = SegmentFile.open(file, fileSystem);
    segment.close();
    const meta = segment.meta as { readonly docCount: number; readonly settings: unknown };
    return { docCount: meta.docCount, settings: parseCollectionSettings(meta.settings) };
  } catch (error) {
    if (error instanceof SearchError) return null;
    throw error;
  }
}

function latestDeletions(
  directory: string,
  segmentFile: string,
  names: readonly string[],
  fileSystem: FileSystem,
): SegmentEntry["deletions"] {
  const prefix = segmentFile.replace(/seg$/, "del-");
  const files = names
    .filter((name) => name.startsWith(prefix))
    .sort((a, b) => Number(b.slice(prefix.length)) - Number(a.slice(prefix.length)));
  for (const file of files) {
    try {
      const source = SegmentFile.open(path.join(directory, file), fileSystem);
      const meta = source.meta as { readonly deletedCount: number };
      source.close();
      return { file, count: meta.deletedCount };
    } catch (error) {
      if (!(error instanceof SearchError)) throw error;
    }
  }
  return null;
}
