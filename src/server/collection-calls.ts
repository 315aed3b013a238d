import { parseCollectionSettings } from "../collection/collection-settings.js";
import { AlreadyExistsError } from "../errors.js";
import { parseWith } from "../pipeline/search-request.js";
import { bundledEncoder, type SearchableCollection } from "../pipeline/searchable-collection.js";
import { problemOf } from "./problem.js";
import { createRequestSchema } from "./request-schemas.js";
import { type Call, pathParameter, sendJson } from "./service.js";

/** The collection that the path names. */
export function collectionOf(call: Call): Promise<SearchableCollection> {
  return call.service.registry.get(pathParameter(call, "collection"));
}

export async function listCollectionsCall(call: Call): Promise<void> {
  const { registry } = call.service;
  const collections = await Promise.all(
    registry.names().map(async (name) => {
      try {
        const { collection } = await registry.get(name);
        const { docCount, totalBytes, generation, settings } = collection.stats();
        return {
          name,
          docCount,
          totalBytes,
          generation,
          encoder: collection.encoderIdentity?.name ?? null,
          analyzer: settings.analyzer,
          problem: null,
        };
      } catch (error) {
        return {
          name,
          docCount: null,
          totalBytes: null,
          generation: null,
          encoder: null,
          analyzer: null,
          problem: problemOf(error).detail,
        };
      }
    }),
  );
  sendJson(call.response, 200, { collections });
}

export async function createCollectionCall(call: Call): Promise<void> {
  const { registry } = call.service;
  const name = pathParameter(call, "collection");
  const { encoder, settings } = parseWith(
    createRequestSchema,
    call.body === undefined ? {} : call.body,
    "collection",
  );
  try {
    const created = await registry.create(name, {
      ...(encoder === undefined ? {} : { encoder }),
      settings,
    });
    call.response.setHeader("Location", `/v1/collections/${name}`);
    sendJson(call.response, 201, describe(created));
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
    const existing = await registry.get(name);
    const { encoder: _, ...have } = existing.collection.settings;
    const { encoder: __, ...asked } = parseCollectionSettings(settings);
    const sameEncoder =
      (existing.collection.encoderIdentity?.name ?? null) ===
      (encoder === undefined ? bundledEncoder : encoder);
    if (!sameEncoder || JSON.stringify(have) !== JSON.stringify(asked)) throw error;
    sendJson(call.response, 200, describe(existing));
  }
}

export async function describeCollectionCall(call: Call): Promise<void> {
  sendJson(call.response, 200, describe(await collectionOf(call)));
}

export async function dropCollectionCall(call: Call): Promise<void> {
  const name = pathParameter(call, "collection");
  await call.service.registry.drop(name);
  sendJson(call.response, 200, { dropped: name });
}

/** Most metadata fields that a description names. */
const shownFields = 200;

function describe(source: SearchableCollection): Record<string, unknown> {
  const { collection } = source;
  const stats = collection.stats();
  const fields = new Set<string>();
  for (const { columns } of collection.snapshot().segments) {
    for (const field of columns.paths) if (fields.size < shownFields) fields.add(field);
  }
  return {
    name: stats.name,
    generation: stats.generation,
    docCount: stats.docCount,
    deletedCount: stats.deletedCount,
    totalBytes: stats.totalBytes,
    logBytes: stats.logBytes,
    segmentCount: stats.segments.length,
    encoder: collection.encoderIdentity,
    settings: stats.settings,
    fields: [...fields].sort(),
    defaultFusion: source.defaultFusion(),
    problem: stats.maintenanceProblem ?? collection.denseRefusal?.message ?? null,
  };
}
