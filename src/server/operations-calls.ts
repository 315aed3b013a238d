import { performance } from "node:perf_hooks";
import { gaugeLines } from "./metrics.js";
import { openApiDocument } from "./openapi.js";
import { problemOf } from "./problem.js";
import { type Call, type Service, sendJson } from "./service.js";

export function healthCall(call: Call): void {
  sendJson(call.response, 200, { status: "ok" });
}

/** Ready as long as something can be served; what cannot be is listed. */
export async function readinessCall(call: Call): Promise<void> {
  const { registry, state } = call.service;
  const names = registry.names();
  const problems: { name: string; problem: string }[] = [];
  if (state.phase === "ready") {
    for (const name of names) {
      const problem = await registry.health(name).catch((error: unknown) => error);
      if (problem !== null) problems.push({ name, problem: problemOf(problem).detail });
    }
  }
  const ready = state.phase === "ready";
  sendJson(call.response, ready ? 200 : 503, { ready, collections: names.length, problems });
}

export async function metricsCall(call: Call): Promise<void> {
  const text = [
    ...call.service.metrics.lines(),
    ...stageLines(call.service),
    ...(await collectionLines(call.service)),
    ...processLines(),
  ].join("\n");
  const { response } = call;
  response.statusCode = 200;
  response.setHeader("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.end(`${text}\n`);
}

export function openApiCall(call: Call): void {
  sendJson(call.response, 200, openApiDocument(call.service.version));
}

function stageLines({ stages }: Service): string[] {
  const all = [stages.encode, stages.rerank, stages.write];
  const readings = (value: (stage: (typeof all)[number]) => number) =>
    all.map((stage) => ({ labels: { stage: stage.name }, value: value(stage) }));
  return [
    ...gaugeLines(
      "braid_stage_running",
      "Calls in a bounded stage",
      readings(({ running }) => running),
    ),
    ...gaugeLines(
      "braid_stage_waiting",
      "Calls waiting for a bounded stage",
      readings(({ waiting }) => waiting),
    ),
    ...gaugeLines(
      "braid_stage_refused_total",
      "Calls refused because a stage's queue was full",
      readings(({ refused }) => refused),
      "counter",
    ),
  ];
}

async function collectionLines({ registry }: Service): Promise<string[]> {
  const all = (await registry.opened()).map(({ collection }) => collection.stats());
  const readings = (value: (stats: (typeof all)[number]) => number) =>
    all.map((stats) => ({ labels: { collection: stats.name }, value: value(stats) }));
  return [
    ...gaugeLines(
      "braid_collection_documents",
      "Living documents",
      readings(({ docCount }) => docCount),
    ),
    ...gaugeLines(
      "braid_collection_deleted_documents",
      "Deleted documents not merged away yet",
      readings(({ deletedCount }) => deletedCount),
    ),
    ...gaugeLines(
      "braid_collection_bytes",
      "Bytes of segments and log",
      readings(({ totalBytes }) => totalBytes),
    ),
    ...gaugeLines(
      "braid_collection_log_bytes",
      "Bytes of the log",
      readings(({ logBytes }) => logBytes),
    ),
    ...gaugeLines(
      "braid_collection_segments",
      "Segments",
      readings(({ segments }) => segments.length),
    ),
    ...gaugeLines(
      "braid_collection_generation",
      "Changes that the collection has seen",
      readings(({ generation }) => generation),
    ),
  ];
}

function processLines(): string[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const { utilization } = performance.eventLoopUtilization();
  return [
    ...gaugeLines(
      "process_cpu_seconds_total",
      "CPU time of the process",
      [{ value: (user + system) / 1e6 }],
      "counter",
    ),
    ...gaugeLines("process_resident_memory_bytes", "Resident memory", [{ value: rss }]),
    ...gaugeLines("nodejs_heap_used_bytes", "Used heap", [{ value: heapUsed }]),
    ...gaugeLines("nodejs_eventloop_utilization", "Share of time the event loop works", [
      { value: utilization },
    ]),
    ...gaugeLines("process_start_time_seconds", "Start of the process", [
      { value: performance.timeOrigin / 1000 },
    ]),
  ];
}
