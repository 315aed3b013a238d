import { runTopics } from "../../experiments/evaluate-systems.js";
import { parseFusion } from "../../fusion/fusion-text.js";
import type { Explanation, SearchAnswer } from "../../pipeline/search-answer.js";
import type { SearchMode, SearchRequestInput } from "../../pipeline/search-request.js";
import { readTopics } from "../../run/topics.js";
import { writeTrecRun } from "../../run/trec-run-writer.js";
import { countOption, defined, listOption, numberOption } from "../options.js";
import { ellipsis, formatCount, printJson, printText, say, UsageError } from "../output.js";
import { ProgressLine } from "../progress.js";
import { type ReadOptions, readMode, withCollection } from "../session.js";

interface SearchOptions extends ReadOptions, RequestOptions {
  readonly limit?: string;
  readonly offset?: string;
  readonly facets?: string;
  readonly explain?: boolean;
  readonly highlight?: boolean;
  readonly topics?: string;
  readonly run?: string;
  readonly tag?: string;
}

/** Options of the command line that shape a request, whatever the query. */
export interface RequestOptions {
  readonly feedback?: string;
  readonly feedbackTerms?: string;
  readonly feedbackWeight?: string;
  readonly rerank?: string;
  readonly rerankDepth?: string;
  readonly rerankWeight?: string;
  readonly budgetMs?: string;
  readonly mode?: SearchMode;
  readonly depth?: string;
  readonly fusion?: string;
  readonly filter?: string;
  readonly k1?: string;
  readonly b?: string;
}

/** The request that options of the command line ask for. */
export function requestOf(options: RequestOptions): Omit<SearchRequestInput, "query"> {
  const depth = countOption("--depth", options.depth, 1);
  const k1 = numberOption("--k1", options.k1);
  const b = numberOption("--b", options.b);
  return defined({
    mode: options.mode,
    depth: depth === undefined ? undefined : { sparse: depth, dense: depth },
    fusion: options.fusion === undefined ? undefined : parseFusion(options.fusion),
    filter: options.filter === undefined ? undefined : filterOption(options.filter),
    feedback: feedbackOf(options),
    rerank:
      options.rerank === undefined
        ? undefined
        : {
            model: options.rerank,
            ...defined({
              depth: countOption("--rerank-depth", options.rerankDepth, 1),
              weight: numberOption("--rerank-weight", options.rerankWeight),
              budgetMs: numberOption("--budget-ms", options.budgetMs),
            }),
          },
    bm25: k1 === undefined && b === undefined ? undefined : defined({ k1, b }),
  });
}

function feedbackOf(options: RequestOptions): SearchRequestInput["feedback"] {
  const { feedback, feedbackTerms, feedbackWeight } = options;
  const documents = countOption("--feedback", feedback, 0);
  if (documents === undefined && (feedbackTerms ?? feedbackWeight) !== undefined) {
    throw new UsageError("--feedback-terms and --feedback-weight need --feedback N");
  }
  if (documents === undefined || documents === 0) return undefined;
  return {
    documents,
    ...defined({
      terms: countOption("--feedback-terms", feedbackTerms, 1),
      weight: numberOption("--feedback-weight", feedbackWeight),
    }),
  };
}

/** JSON if it looks like it, else the text form. */
function filterOption(text: string): unknown {
  if (!text.trimStart().startsWith("{")) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--filter: not JSON: ${error instanceof Error ? error.message : error}`);
  }
}

/** `braid search <collection> <query>`, or with `--topics` a whole file of queries. */
export async function searchCommand(
  options: SearchOptions,
  name: string,
  ...words: string[]
): Promise<void> {
  if (options.topics !== undefined) {
    if (words.length > 0) throw new UsageError("--topics takes the place of a query on the line");
    await searchTopics(options, name, options.topics);
    return;
  }
  const query = words.join(" ");
  if (query.trim() === "") throw new UsageError("a query is needed, or --topics FILE");
  const request: SearchRequestInput = {
    ...requestOf(options),
    ...defined({
      limit: countOption("--limit", options.limit, 0),
      offset: countOption("--offset", options.offset, 0),
      facets: listOption(options.facets),
      explain: options.explain,
      highlight: options.highlight,
    }),
    query,
  };
  await withCollection(options, name, readMode(options), async (collection) => {
    const answer = await collection.search(request);
    if (options.json === true) printJson(answer);
    else printText(describeAnswer(answer));
  });
}

async function searchTopics(options: SearchOptions, name: string, file: string): Promise<void> {
  const topics = await readTopics(file);
  const limit = countOption("--limit", options.limit, 1) ?? 1000;
  const out = options.run;
  if (out === undefined && options.json !== true) {
    throw new UsageError("--topics needs --run FILE for the TREC run, or --json");
  }
  const progress = new ProgressLine(options);
  await withCollection(options, name, readMode(options), async (collection) => {
    const request = requestOf(options);
    const { run } = await runTopics(
      collection,
      topics,
      { name: options.tag ?? "braid", request },
      {
        depth: limit,
        keepIdentical: true,
        onProgress: (done, total) => progress.update("queries", done, done / total),
      },
    );
    progress.finish();
    if (out === undefined) {
      for (const [queryId, ranking] of run) printJson({ queryId, hits: ranking });
      return;
    }
    await writeTrecRun(out, run, options.tag ?? `braid-${request.mode ?? "default"}`);
    say(options, `${formatCount(run.size)} queries written to ${out}`);
    if (options.json === true) printJson({ run: out, queries: run.size });
  });
}

/** Hits for people: title, beginning of the text, and where the score came from. */
export function describeAnswer(answer: SearchAnswer): string {
  const lines: string[] = [];
  for (const { rank, score, id, document, explain, highlights } of answer.hits) {
    const title = ellipsis(String(document.title ?? ""), 90);
    lines.push(`${String(rank).padStart(3)}. ${title || id}   ${score.toFixed(4)}`);
    if (title !== "") lines.push(`     ${id}`);
    const passage = highlights?.["text"]?.[0];
    const text = ellipsis(
      passage === undefined ? String(document.text ?? "") : unescaped(passage),
      160,
    );
    if (text !== "") lines.push(`     ${text}`);
    if (explain !== undefined) lines.push(...describeExplanation(explain));
  }
  if (answer.hits.length === 0) lines.push("no hits");
  for (const [field, values] of Object.entries(answer.facets ?? {})) {
    const counts = Object.entries(values).map(([value, count]) => `${value} ${formatCount(count)}`);
    lines.push(`${field}: ${counts.join(", ")}`);
  }
  const stages = answer.stages.map(({ name, ms }) => `${name} ${ms.toFixed(1)}`).join(", ");
  lines.push(
    `${formatCount(answer.total)} documents in reach, ${answer.mode}, ${answer.tookMs.toFixed(1)} ms (${stages})`,
  );
  if (answer.degraded) lines.push(`degraded: ${answer.degradedReason ?? ""}`);
  return lines.join("\n");
}

function unescaped(html: string): string {
  return html
    .replace(/<\/?mark>/g, "*")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, "&");
}

/** An explanation as indented lines. */
export function describeExplanation({ sparse, dense, fusion, rerank }: Explanation): string[] {
  const lines: string[] = [];
  const number = (value: number | null): string => (value === null ? "-" : value.toFixed(4));
  const rank = (value: number | null): string =>
    value === null ? "not returned" : `rank ${value}`;
  const contribution = (leg: string): string => {
    const value = fusion?.contributions[leg];
    return value === undefined ? "" : `, contributes ${number(value)}`;
  };
  if (sparse !== undefined) {
    lines.push(
      `     sparse  ${rank(sparse.rank)}, score ${number(sparse.score)}${contribution("sparse")}`,
    );
    for (const { term, tf, df, idf, score } of sparse.terms) {
      lines.push(
        `             ${term}: tf ${tf}, df ${df}, idf ${number(idf)} -> ${number(score)}`,
      );
    }
  }
  if (dense !== undefined) {
    lines.push(
      `     dense   ${rank(dense.rank)}, score ${number(dense.score)}${contribution("dense")}`,
    );
  }
  if (fusion !== undefined) lines.push(`     fusion  ${fusion.method} = ${number(fusion.score)}`);
  if (rerank !== undefined) {
    lines.push(`     rerank  from rank ${rerank.rankBefore}, score ${number(rerank.score)}`);
  }
  return lines;
}
