/**
 * Braid as a library.
 *
 * ```ts
 * import { createCollection } from "braid-search";
 * const docs = await createCollection("indexes/docs");
 * await docs.addAll([{ _id: "1", title: "Tides", text: "The moon pulls the sea." }]);
 * const { hits } = await docs.search("why does the ocean rise and fall");
 * await docs.close();
 * ```
 */
import { dropCollection, listCollections } from "./collection/collection-home.js";
import {
  type CreateOptions,
  type OpenOptions,
  SearchableCollection,
} from "./pipeline/searchable-collection.js";

/** Creates an empty collection in a folder; see {@link SearchableCollection.create}. */
export const createCollection = (
  directory: string,
  options?: CreateOptions,
): Promise<SearchableCollection> => SearchableCollection.create(directory, options);

/** Opens a collection's folder; see {@link SearchableCollection.open}. */
export const openCollection = (
  directory: string,
  options?: OpenOptions,
): Promise<SearchableCollection> => SearchableCollection.open(directory, options);

export type { BulkBuildOptions, BulkBuildResult } from "./collection/bulk-build.js";
export type { DeleteResult, UpsertResult } from "./collection/collection.js";
export type { CollectionSettingsInput } from "./collection/collection-settings.js";
export type { Document, JsonValue } from "./corpus/document.js";
export {
  type CorpusFormat,
  type CorpusOptions,
  type CorpusReader,
  openCorpus,
} from "./corpus/open-corpus.js";
export * from "./errors.js";
export type { Fusion, FusionInput } from "./fusion/fusion.js";
export { type Comparison, compare } from "./pipeline/compare.js";
export { type DocumentExplanation, explainDocument } from "./pipeline/explain-document.js";
export { ModelPool, type ModelPoolOptions } from "./pipeline/model-pool.js";
export type { Explanation, SearchAnswer, SearchHit, Stage } from "./pipeline/search-answer.js";
export {
  parseSearchRequest,
  type SearchMode,
  type SearchRequest,
  type SearchRequestInput,
} from "./pipeline/search-request.js";
export {
  type CreateOptions,
  type DocumentInput,
  type OpenOptions,
  SearchableCollection,
} from "./pipeline/searchable-collection.js";
export type { DocId } from "./run/ranking.js";
export { dropCollection, listCollections };
