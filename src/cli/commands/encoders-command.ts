import path from "node:path";
import type { CollectionStats } from "../../collection/collection.js";
import { ModelPool } from "../../pipeline/model-pool.js";
import type { SearchableCollection } from "../../pipeline/searchable-collection.js";
import { homeDirectory } from "../options.js";
import {
  type CommonOptions,
  formatBytes,
  formatCount,
  printJson,
  printText,
  say,
  textTable,
} from "../output.js";
import { formatSeconds, ProgressLine } from "../progress.js";
import { withCollection } from "../session.js";

interface BuildOptions extends CommonOptions {
  readonly slot?: string;
}

/** `braid encoders list <collection>`. */
export async function listEncoders(options: CommonOptions, name: string): Promise<void> {
  await withCollection(options, name, {}, async ({ collection }) => {
    const stats = collection.stats();
    if (options.json === true) {
      printJson(asJson(name, stats));
      return;
    }
    const { slots, activeSlot } = stats;
    if (slots.length === 0) {
      say(options, `${name} has no vectors: build it again with --encoder to have a dense leg`);
      return;
    }
    printText(
      textTable(
        [
          { title: "slot" },
          { title: "encoder" },
          { title: "dimensions", align: "right" },
          { title: "similarity" },
          { title: "searched" },
          { title: "fingerprint" },
        ],
        slots.map((slot) => [
          slot.name,
          slot.encoder.name,
          String(slot.encoder.dimension),
          slot.encoder.similarity,
          slot.name === activeSlot ? "yes" : "no",
          `${slot.encoder.fingerprint.slice(0, 19)}…`,
        ]),
      ),
    );
  });
}

/** `braid encoders build <collection> <model>`: searches keep the vectors that they use. */
export async function buildEncoder(
  options: BuildOptions,
  name: string,
  model: string,
): Promise<void> {
  const startedMs = performance.now();
  // A build that is stopped, or done again after a drop, finds its vectors there.
  const embeddingsDir = path.join(homeDirectory(options), ".embeddings");
  const models = new ModelPool({ embeddingsDir });
  const progress = new ProgressLine(options);
  try {
    const encoder = await models.lazyEncoder(model);
    const slot = options.slot ?? slotNameOf(encoder.identity.name);
    await withCollection(options, name, { mode: "write", models }, async ({ collection }) => {
      const before = collection.stats().totalBytes;
      await collection.buildSlot(slot, encoder, {
        onProgress: ({ documents, total }) =>
          progress.update("documents", documents, total === 0 ? 1 : documents / total),
      });
      progress.finish();
      const stats = collection.stats();
      const seconds = (performance.now() - startedMs) / 1000;
      const isSearched = stats.activeSlot === slot;
      say(
        options,
        `${name}: slot ${slot} has the vectors of ${formatCount(stats.docCount)} documents by ` +
          `${encoder.identity.name}, ${formatBytes(stats.totalBytes - before)}, ` +
          `${formatSeconds(seconds)}` +
          (isSearched
            ? ""
            : `; searches use ${stats.activeSlot ?? "none"} until braid encoders switch ${name} ${slot}`),
      );
      if (options.json === true) printJson({ ...asJson(name, stats), built: slot, seconds });
    });
  } finally {
    progress.finish();
    await models.close();
  }
}

/** `braid encoders switch <collection> <slot>`. */
export async function switchEncoder(
  options: CommonOptions,
  name: string,
  slot: string,
): Promise<void> {
  await change(options, name, async ({ collection }) => {
    const { activeSlot } = collection.stats();
    await collection.useSlot(slot);
    say(
      options,
      activeSlot === slot
        ? `${name}: searches use slot ${slot} already`
        : `${name}: searches use slot ${slot} (${collection.encoderIdentity?.name ?? ""}); ` +
            `${activeSlot === null ? "" : `braid encoders switch ${name} ${activeSlot} goes back`}`,
    );
    if (activeSlot !== slot && collection.searchDefaults !== null) {
      say(options, "its fusion was tuned with the other encoder: run braid tune again");
    }
  });
}

/** `braid encoders drop <collection> <slot>`. */
export async function dropEncoder(
  options: CommonOptions,
  name: string,
  slot: string,
): Promise<void> {
  await change(options, name, async ({ collection }) => {
    const before = collection.stats().totalBytes;
    await collection.dropSlot(slot);
    const freed = before - collection.stats().totalBytes;
    say(options, `${name}: slot ${slot} is gone, ${formatBytes(Math.max(0, freed))} less`);
  });
}

/** Opens the collection for writing, does one thing to its slots and prints what there is then. */
function change(
  options: CommonOptions,
  name: string,
  work: (collection: SearchableCollection) => Promise<void>,
): Promise<void> {
  return withCollection(options, name, { mode: "write" }, async (searchable) => {
    await work(searchable);
    if (options.json === true) printJson(asJson(name, searchable.collection.stats()));
  });
}

function asJson(
  collection: string,
  { slots, activeSlot, docCount }: CollectionStats,
): Record<string, unknown> {
  return { collection, docCount, activeSlot, slots };
}

/** "GTR-T5_base v1" -> "gtr-t5-base-v1". */
function slotNameOf(model: string): string {
  const plain = model.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return plain.replace(/^-/, "").slice(0, 32).replace(/-$/, "");
}
