import { InputError } from "../errors.js";
import type { QueryId } from "./ranking.js";
import { readTextLines, type TextLine } from "./text-blocks.js";

/** Query text per query id, in the order of the file. */
export type Topics = ReadonlyMap<QueryId, string>;

/**
 * Topic files:
 *
 *     jsonl   {"_id": "…", "text": "…"} a line (BEIR's queries.jsonl); `id` and `query` also serve
 *     tsv     id <tab> text, with or without a header
 *     trec    <top> <num> Number: 301 <title> … <desc> Description: … <narr> Narrative: … </top>
 */
export type TopicsFormat = "jsonl" | "tsv" | "trec";

/** Part of a TREC topic that is the query. */
export type TopicField = "title" | "description" | "narrative";

export interface TopicsReadOptions {
  /** Recognised from the first character and the tabs when absent. */
  readonly format?: TopicsFormat;
  /** TREC topics only; the title when absent. */
  readonly field?: TopicField;
}

/**
 * Reads topics of any of the formats, gzipped or not; `-` is standard input. White space inside a
 * text becomes single blanks in TREC topics and stays as it is elsewhere.
 *
 * @throws {InputError} bad line, id twice, topic without text, no topic in the file
 * @throws {NotFoundError} no such file
 */
export async function readTopics(path: string, options: TopicsReadOptions = {}): Promise<Topics> {
  const lines: TextLine[] = [];
  for await (const line of readTextLines(path)) lines.push(line);
  return topicsOf(lines, path, options);
}

/** Parses topics that are in memory already; `name` stands for the file in messages. */
export function parseTopics(
  text: string,
  name = "topics",
  options: TopicsReadOptions = {},
): Topics {
  const lines = (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text).split(/\r?\n/);
  return topicsOf(
    lines.map((line, i) => ({ text: line, line: i + 1 })),
    name,
    options,
  );
}

interface FoundTopic {
  readonly queryId: string;
  readonly text: string;
  readonly line: number;
}

function topicsOf(lines: readonly TextLine[], path: string, options: TopicsReadOptions): Topics {
  const filled = lines.filter(({ text }) => text.trim() !== "");
  const format = options.format ?? formatOf(filled[0]?.text ?? "", path);
  const topics = new Map<QueryId, string>();
  for (const { queryId, text, line } of find(filled, format, path, options.field ?? "title")) {
    const where = `at ${path}:${line}`;
    if (queryId === "" || text === "") {
      const missing = queryId === "" ? "no id" : `no text for query ${queryId}`;
      throw new InputError(`expected a topic with id and text, got ${missing} ${where}`, {
        path,
        line,
      });
    }
    if (topics.has(queryId as QueryId)) {
      throw new InputError(`expected each query once, got query ${queryId} again ${where}`, {
        path,
        line,
        queryId,
      });
    }
    topics.set(queryId as QueryId, text);
  }
  if (topics.size === 0) throw new InputError(`expected topics, got none in ${path}`, { path });
  return topics;
}

function formatOf(first: string, path: string): TopicsFormat {
  const start = first.trimStart();
  if (start.startsWith("{")) return "jsonl";
  if (start.startsWith("<")) return "trec";
  if (first.includes("\t") || first === "") return "tsv";
  throw new InputError(
    `expected topics as JSON Lines, id<tab>text or <top> elements, got ${JSON.stringify(first.slice(0, 40))} at ${path}:1`,
    { path, line: 1 },
  );
}

function find(
  lines: readonly TextLine[],
  format: TopicsFormat,
  path: string,
  field: TopicField,
): Iterable<FoundTopic> {
  switch (format) {
    case "jsonl":
      return findInJsonLines(lines, path);
    case "tsv":
      return findInTsv(lines, path);
    case "trec":
      return findInTrec(lines, path, field);
    default:
      throw format satisfies never;
  }
}

function* findInJsonLines(lines: readonly TextLine[], path: string): Generator<FoundTopic> {
  for (const { text, line } of lines) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new InputError(
        `expected one JSON object a line, got something else at ${path}:${line}`,
        { path, line },
        { cause },
      );
    }
    const record = typeof value === "object" && value !== null ? value : {};
    const queryId = fieldOf(record, ["_id", "id", "query_id", "qid"]);
    const query = fieldOf(record, ["text", "query", "title"]);
    if (queryId === undefined || query === undefined) {
      throw new InputError(
        `expected {"_id": …, "text": …}, got ${text.slice(0, 60)} at ${path}:${line}`,
        { path, line },
      );
    }
    yield { queryId, text: query.trim(), line };
  }
}

function fieldOf(record: object, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value: unknown = Object.hasOwn(record, name) ? Reflect.get(record, name) : undefined;
    if (typeof value === "string") return value;
    if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  }
  return undefined;
}

function* findInTsv(lines: readonly TextLine[], path: string): Generator<FoundTopic> {
  for (const [i, { text, line }] of lines.entries()) {
    const tab = text.indexOf("\t");
    if (tab < 0) {
      throw new InputError(`expected id<tab>text, got no tab at ${path}:${line}`, { path, line });
    }
    const queryId = text.slice(0, tab).trim();
    const query = text.slice(tab + 1).trim();
    const isHeader =
      i === 0 &&
      /^(_?id|qid|query[-_]?id|topic[-_]?id)$/i.test(queryId) &&
      /^(text|query|title|question)$/i.test(query);
    if (!isHeader) yield { queryId, text: query, line };
  }
}

const INLINE_TAGS: ReadonlySet<string> = new Set(["b", "em", "i", "strong", "sub", "sup", "u"]);

/**
 * TREC topics are not XML: elements of one topic are often left open, and the id and the texts may
 * begin with a label ("Number:", "Description:"). An element ends where the next one begins.
 */
function* findInTrec(
  lines: readonly TextLine[],
  path: string,
  field: TopicField,
): Generator<FoundTopic> {
  const wanted = { title: "title", description: "desc", narrative: "narr" }[field];
  let topic: { num: string; wanted: string; line: number } | undefined;
  let element = "";
  for (const { text, line } of lines) {
    for (const part of text.split(/(<[^<>]*>)/)) {
      const tag = /^<\s*(\/?)\s*([a-z]+)[^<>]*>$/i.exec(part);
      const name = tag?.[2]?.toLowerCase() ?? "";
      if (tag && name === "top") {
        if (tag[1] === "/") {
          if (topic) yield finishTrec(topic);
          topic = undefined;
        } else {
          if (topic) yield finishTrec(topic);
          topic = { num: "", wanted: "", line };
        }
        element = "";
      } else if (tag && ["num", "title", "desc", "narr"].includes(name)) {
        // `<NUM>1<NUM>`, as some collections have it, closes by the same tag.
        element = tag[1] === "/" || element === name ? "" : name;
      } else if (tag) {
        // Further elements (<dom>, <smry>, <con>, …) end the one before; mark-up inside a text does not.
        if (!INLINE_TAGS.has(name)) element = "";
      } else if (topic && element === "num") {
        topic.num += `${part} `;
      } else if (topic && element === wanted) {
        topic.wanted += `${part} `;
      }
    }
  }
  if (topic) {
    throw new InputError(
      `expected </top> for the topic that begins at ${path}:${topic.line}, got the end of the file`,
      { path, line: topic.line },
    );
  }
}

function finishTrec(topic: { num: string; wanted: string; line: number }): FoundTopic {
  const tidy = (text: string, label: RegExp) => text.replace(/\s+/g, " ").trim().replace(label, "");
  return {
    queryId: tidy(topic.num, /^(number|topic)\s*:\s*/i),
    text: tidy(topic.wanted, /^(topic|title|description|narrative)\s*:\s*/i),
    line: topic.line,
  };
}
