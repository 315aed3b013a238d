import { z } from "zod";
import { searchModes } from "../pipeline/search-request.js";
import {
  collectionListSchema,
  collectionSchema,
  comparisonSchema,
  deletedSchema,
  documentExplanationSchema,
  droppedSchema,
  healthSchema,
  readinessSchema,
  searchAnswerSchema,
  storedDocumentSchema,
  uploadSchema,
} from "./answer-schemas.js";
import type { Operation, QueryParameter } from "./operation.js";
import {
  compareRequestSchema,
  createRequestSchema,
  documentSchema,
  explainRequestSchema,
  serviceSearchSchema,
} from "./request-schemas.js";

/** Media types of documents, one JSON object a line. */
export const jsonLinesTypes: readonly string[] = [
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/x-jsonlines",
];

const searchParameters: Readonly<Record<string, QueryParameter>> = {
  q: {
    kind: "text",
    required: true,
    description: "the query",
    schema: { pattern: "\\S", maxLength: 4000 },
  },
  prefix: { kind: "boolean", description: "take the last word as the beginning of one" },
  fuzzy: { kind: "boolean", description: "also find words that are spelt a little differently" },
  mode: { kind: "text", description: "which legs answer", schema: { enum: searchModes } },
  syntax: {
    kind: "text",
    description: "whether quotes, +, - and title: mean something",
    schema: { enum: ["operators", "plain"] },
  },
  limit: {
    kind: "integer",
    description: "hits to return",
    schema: { minimum: 0, maximum: 10_000 },
  },
  offset: {
    kind: "integer",
    description: "hits to skip",
    schema: { minimum: 0, maximum: 100_000 },
  },
  depth: {
    kind: "integer",
    description: "candidates of each leg",
    schema: { minimum: 1, maximum: 100_000 },
  },
  filter: { kind: "text", description: "filter as text (`year >= 2020`) or as JSON" },
  fusion: { kind: "text", description: 'for instance "rrf(k=60)" or "weighted(dense=0.5)"' },
  explain: { kind: "boolean", description: "say why each hit has its score" },
  highlight: { kind: "boolean", description: "mark the query's words in the best passages" },
  fields: { kind: "list", description: "fields of the documents to return, with commas between" },
  facets: { kind: "list", description: "metadata fields to count, with commas between" },
  allowDegraded: { kind: "boolean", description: "answer without a leg that fails" },
};

const collection = "/v1/collections/{collection}";

/** Every call of the service. */
export const operations: readonly Operation[] = [
  {
    id: "listCollections",
    method: "get",
    path: "/v1/collections",
    tag: "collections",
    scope: "read",
    summary: "List the collections",
    answers: { 200: { description: "all collections", schema: collectionListSchema } },
    problems: [],
  },
  {
    id: "createCollection",
    method: "put",
    path: collection,
    tag: "collections",
    scope: "admin",
    summary: "Create a collection",
    description:
      "Every setting has a default. A collection of that name with these very settings is answered with 200; with others it is a conflict.",
    body: { required: false, content: { "application/json": createRequestSchema } },
    answers: {
      200: { description: "it was there already, with these settings", schema: collectionSchema },
      201: { description: "created", schema: collectionSchema },
    },
    problems: [404, 409, 413, 415, 423],
  },
  {
    id: "describeCollection",
    method: "get",
    path: collection,
    tag: "collections",
    scope: "read",
    summary: "Describe a collection",
    answers: { 200: { description: "its size, settings and health", schema: collectionSchema } },
    problems: [404, 423],
  },
  {
    id: "dropCollection",
    method: "delete",
    path: collection,
    tag: "collections",
    scope: "admin",
    summary: "Delete a collection with everything in it",
    answers: { 200: { description: "dropped", schema: droppedSchema } },
    problems: [404, 423],
  },
  {
    id: "addDocuments",
    method: "post",
    path: `${collection}/documents`,
    tag: "documents",
    scope: "write",
    summary: "Add or replace documents",
    description:
      "A JSON array becomes visible all at once; a stream of JSON lines may be of any length and becomes visible in batches. Answered when everything is durable. Bad documents are listed by line (in an array: by position from 1) and do not keep the good ones out; if all are bad the answer is a 400.",
    body: {
      required: true,
      content: {
        "application/json": z.array(documentSchema),
        ...Object.fromEntries(jsonLinesTypes.map((type) => [type, z.string()])),
      },
    },
    answers: { 200: { description: "what was done", schema: uploadSchema } },
    problems: [404, 409, 413, 415, 423],
  },
  {
    id: "getDocument",
    method: "get",
    path: `${collection}/documents/{id}`,
    tag: "documents",
    scope: "read",
    summary: "One document as it came",
    answers: { 200: { description: "the document", schema: storedDocumentSchema } },
    problems: [404, 423],
  },
  {
    id: "deleteDocument",
    method: "delete",
    path: `${collection}/documents/{id}`,
    tag: "documents",
    scope: "write",
    summary: "Delete one document",
    answers: { 200: { description: "deleted, durably", schema: deletedSchema } },
    problems: [404, 423],
  },
  {
    id: "search",
    method: "post",
    path: `${collection}/search`,
    tag: "search",
    scope: "read",
    summary: "Search",
    body: { required: true, content: { "application/json": serviceSearchSchema } },
    answers: { 200: { description: "hits, best first", schema: searchAnswerSchema } },
    problems: [404, 409, 413, 415, 423],
  },
  {
    id: "searchByUrl",
    method: "get",
    path: `${collection}/search`,
    tag: "search",
    scope: "read",
    summary: "Search by URL, for caches",
    description:
      "The ETag names the collection's state: If-None-Match is answered without searching again.",
    query: searchParameters,
    answers: {
      200: {
        description: "hits, best first",
        schema: searchAnswerSchema,
        headers: { ETag: "names the state of the collection" },
      },
      304: { description: "nothing has changed since" },
    },
    problems: [404, 409, 423],
  },
  {
    id: "compare",
    method: "post",
    path: `${collection}/compare`,
    tag: "search",
    scope: "read",
    summary: "One query in all modes side by side",
    description:
      "`candidates` adds the best of each leg with ranks and normalised scores, enough to fuse them again with other weights.",
    body: { required: true, content: { "application/json": compareRequestSchema } },
    answers: {
      200: { description: "three lists and what they share", schema: comparisonSchema },
    },
    problems: [404, 409, 413, 415, 423],
  },
  {
    id: "explain",
    method: "post",
    path: `${collection}/explain`,
    tag: "search",
    scope: "read",
    summary: "Why a document has its rank, or why it is not there",
    body: { required: true, content: { "application/json": explainRequestSchema } },
    answers: { 200: { description: "the explanation", schema: documentExplanationSchema } },
    problems: [404, 409, 413, 415, 423],
  },
  {
    id: "health",
    method: "get",
    path: "/healthz",
    tag: "operations",
    scope: null,
    summary: "Whether the process answers",
    answers: { 200: { description: "it does", schema: healthSchema } },
    problems: [],
  },
  {
    id: "readiness",
    method: "get",
    path: "/readyz",
    tag: "operations",
    scope: null,
    summary: "Whether requests should be sent here, and what cannot be served",
    answers: {
      200: { description: "ready", schema: readinessSchema },
      503: { description: "starting or stopping", schema: readinessSchema },
    },
    problems: [],
  },
  {
    id: "metrics",
    method: "get",
    path: "/metrics",
    tag: "operations",
    scope: "read",
    summary: "Metrics in Prometheus' text format",
    answers: {
      200: { description: "metrics", contentType: "text/plain; version=0.0.4; charset=utf-8" },
    },
    problems: [],
  },
  {
    id: "openapi",
    method: "get",
    path: "/openapi.json",
    tag: "operations",
    scope: null,
    summary: "This description",
    answers: { 200: { description: "OpenAPI 3.1", schema: z.looseObject({}) } },
    problems: [],
  },
];
