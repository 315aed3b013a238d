// Writes src/client/api-types.ts from the schemas of the service: `tsx scripts/client/api-types.ts`.
// A test compares the file with what this gives.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import * as answers from "../../src/server/answer-schemas.js";
import * as requests from "../../src/server/request-schemas.js";

export const apiTypesFile: string = fileURLToPath(
  new URL("../../src/client/api-types.ts", import.meta.url),
);

interface Entry {
  readonly name: string;
  readonly note: string;
  readonly schema: z.ZodType;
  readonly io: "input" | "output";
}

const request = (name: string, note: string, schema: z.ZodType): Entry => ({
  name,
  note,
  schema,
  io: "input",
});
const answer = (name: string, note: string, schema: z.ZodType): Entry => ({
  name,
  note,
  schema,
  io: "output",
});

const entries: readonly Entry[] = [
  request("SearchRequest", "A search; only `query` is needed.", requests.serviceSearchSchema),
  request("CompareRequest", "One query in all modes.", requests.compareRequestSchema),
  request(
    "ExplainRequest",
    "A search and the document asked about.",
    requests.explainRequestSchema,
  ),
  request("CreateRequest", "Settings of a new collection.", requests.createRequestSchema),
  request("DocumentInput", "A document as it is sent.", requests.documentSchema),
  answer("SearchAnswer", "Hits, best first.", answers.searchAnswerSchema),
  request("SimilarRequest", "Documents like another.", requests.similarRequestSchema),
  answer("SimilarAnswer", "Documents like another, best first.", answers.similarAnswerSchema),
  answer("Suggestions", "Titles that may be meant.", answers.suggestionsSchema),
  answer("Comparison", "Three lists and what they share.", answers.comparisonSchema),
  answer("Explanation", "Why a hit has its score.", answers.explanationSchema),
  answer(
    "DocumentExplanation",
    "Why a document is there or not.",
    answers.documentExplanationSchema,
  ),
  answer("CollectionDescription", "One collection.", answers.collectionSchema),
  answer("CollectionList", "All collections.", answers.collectionListSchema),
  answer("StoredDocument", "A document as it is given back.", answers.storedDocumentSchema),
  answer("UploadReport", "What became of documents that were sent.", answers.uploadSchema),
  answer("Readiness", "What the service can serve.", answers.readinessSchema),
  answer("Problem", "Why a request failed (RFC 9457).", answers.problemSchema),
];

type Schema = Readonly<Record<string, unknown>>;

/** The text of `src/client/api-types.ts`. */
export function apiTypes(): string {
  const parts = entries.map(({ name, note, schema, io }) => {
    const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
    return `/** ${note} */\nexport type ${name} = ${typeText(json, "")};\n`;
  });
  const head =
    "// Made from the service's schemas by scripts/client/api-types.ts: change those, not this.\n";
  return `${head}\n${parts.join("\n")}`;
}

function typeText(schema: Schema, indent: string): string {
  if (Array.isArray(schema["enum"]))
    return schema["enum"].map((v) => JSON.stringify(v)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema["const"]);
  const union = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(union)) {
    return [...new Set(union.map((one: Schema) => typeText(one, indent)))].join(" | ");
  }
  const { type } = schema;
  if (Array.isArray(type)) {
    return type.map((one: unknown) => typeText({ ...schema, type: one }, indent)).join(" | ");
  }
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "integer":
    case "number":
      return "number";
    case "array": {
      const item = typeText((schema["items"] ?? {}) as Schema, indent);
      return item.includes(" ") || item.includes("|")
        ? `ReadonlyArray<${item}>`
        : `readonly ${item}[]`;
    }
    case "object":
      return objectText(schema, indent);
    default:
      return "unknown";
  }
}

function objectText(schema: Schema, indent: string): string {
  const properties = Object.entries((schema["properties"] ?? {}) as Record<string, Schema>);
  const required = new Set((schema["required"] ?? []) as string[]);
  const further = schema["additionalProperties"];
  const inner = `${indent}  `;
  const lines = properties.map(([name, one]) => {
    const optional = required.has(name) ? "" : "?";
    const orUndefined = required.has(name) ? "" : " | undefined";
    return `${inner}readonly ${name}${optional}: ${typeText(one, inner)}${orUndefined};`;
  });
  if (properties.length === 0) {
    const value = typeof further === "object" ? typeText(further as Schema, indent) : "unknown";
    return `Readonly<Record<string, ${value}>>`;
  }
  if (further !== undefined && further !== false) {
    lines.push(`${inner}readonly [field: string]: unknown;`);
  }
  return `{\n${lines.join("\n")}\n${indent}}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(apiTypesFile, apiTypes());
