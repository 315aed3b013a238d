import { z } from "zod";
import { problemSchema } from "./answer-schemas.js";
import type { Answer, Operation, QueryParameter } from "./operation.js";
import { operations } from "./operations.js";
import { docIdPattern, documentSchema } from "./request-schemas.js";

type JsonObject = Record<string, unknown>;

/** Problems that every call may answer with. */
const commonProblems = [400, 401, 403, 429, 431, 500, 503, 504];
const problemTitles: Readonly<Record<number, string>> = {
  400: "the request is not what it should be",
  401: "a key is needed",
  403: "the key does not allow this",
  404: "there is no such collection, document or model",
  409: "in conflict with what is there",
  413: "the request is too large",
  415: "the media type is none of those that are understood",
  423: "another process writes this collection",
  429: "too many requests",
  431: "the URL or the headers are too long",
  500: "the service failed",
  503: "overloaded, starting or stopping; try again",
  504: "not done within the deadline",
};

/** The OpenAPI 3.1 document of the service, made from the schemas that validate. */
export function openApiDocument(version: string): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const operation of operations) {
    const at = paths[operation.path] ?? { parameters: pathParameters(operation.path) };
    at[operation.method] = describeOperation(operation);
    paths[operation.path] = at;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Braid",
      version,
      description: "Hybrid sparse-dense search: one corpus, two indexes, every answer explained.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: ["collections", "documents", "search", "operations"].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
      schemas: {
        Document: jsonSchema(documentSchema, "input"),
        Problem: jsonSchema(problemSchema, "output"),
      },
    },
    security: [{ key: [] }, {}],
  };
}

function pathParameters(path: string): JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema:
      name === "collection"
        ? {
            type: "string",
            pattern: "^[a-z0-9](?:[a-z0-9_-]|\\.(?=[a-z0-9_-])){0,63}$",
            description: "name of the collection",
          }
        : { type: "string", minLength: 1, maxLength: 128, pattern: docIdPattern },
  }));
}

function describeOperation(operation: Operation): JsonObject {
  const { id, tag, summary, description, scope, query, body, answers, problems } = operation;
  const problemsOf = [...commonProblems, ...problems].sort((a, b) => a - b);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(scope === null ? { security: [] } : { "x-scope": scope }),
    ...(query === undefined
      ? {}
      : { parameters: Object.entries(query).map(([name, one]) => queryParameter(name, one)) }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: body.required,
            content: Object.fromEntries(
              Object.entries(body.content).map(([type, schema]) => [
                type,
                { schema: jsonSchema(schema, "input") },
              ]),
            ),
          },
        }),
    responses: {
      ...Object.fromEntries(
        problemsOf
          .filter((status) => !(status in answers))
          .map((status) => [
            String(status),
            {
              description: problemTitles[status] ?? "problem",
              content: {
                "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
              },
            },
          ]),
      ),
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer)]),
      ),
    },
  };
}

function describeAnswer({ description, schema, contentType, headers }: Answer): JsonObject {
  const content =
    schema !== undefined
      ? { [contentType ?? "application/json"]: { schema: jsonSchema(schema, "output") } }
      : contentType !== undefined
        ? { [contentType]: { schema: { type: "string" } } }
        : undefined;
  return {
    description,
    ...(content === undefined ? {} : { content }),
    ...(headers === undefined
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, text]) => [
              name,
              { description: text, schema: { type: "string" } },
            ]),
          ),
        }),
  };
}

function queryParameter(name: string, parameter: QueryParameter): JsonObject {
  const { kind, required = false, description, schema = {} } = parameter;
  const type =
    kind === "list"
      ? { type: "array", items: { type: "string", minLength: 1 } }
      : { type: kind === "text" ? "string" : kind };
  return {
    name,
    in: "query",
    required,
    description,
    schema: { ...type, ...schema },
    ...(kind === "list" ? { style: "form", explode: false } : {}),
  };
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
