// Load on a running service: requests a second, latencies, and CPU time per request of the service,
// beside what the engine alone costs in the same process for the same queries.
//
//   npm run build && npx tsx scripts/bench/server.ts <home> <collection> <queries.jsonl>
//     [--seconds 5] [--connections 1,8,64] [--modes sparse,hybrid]
//
// The service runs in a process of its own (dist/), the load generator in this one over raw sockets
// (Node's own HTTP client costs more than the service). Wall times need a quiet machine; CPU times
// do not. Every query is asked in turn, warm-up first.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { SearchableCollection } from "../../src/pipeline/searchable-collection.js";
import { Admission } from "../../src/server/admission.js";
import { ApiKeys, createApiKey } from "../../src/server/api-keys.js";
import { ServiceMetrics } from "../../src/server/metrics.js";
import { RateLimiter } from "../../src/server/rate-limiter.js";
import { RequestLog } from "../../src/server/request-log.js";
import { serviceSearchSchema } from "../../src/server/request-schemas.js";
import { cursorAfter } from "../../src/server/search-cursor.js";

const [home = "", collection = "", queriesFile = ""] = process.argv.slice(2);
const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise);
};
const seconds = Number(option("seconds", "5"));
const connections = option("connections", "1,8,64").split(",").map(Number);
const modes = option("modes", "sparse,hybrid").split(",");
const log = option("log", "errors");

const queries = readFileSync(queriesFile, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => (JSON.parse(line) as { text: string }).text);

const cli = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const service = spawn(
  process.execPath,
  [
    "--input-type=module",
    "-e",
    `process.exitCode = await (await import(${JSON.stringify(cli)})).main(process.argv.slice(1))`,
    ...["serve", "--port", "0", "--json", "--home", home, "--log", log],
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
const [first] = (await once(service.stdout, "data")) as [Buffer];
const { port } = JSON.parse(String(first)) as { port: number };

/** Sends requests over one connection, one after the other, until told to stop. */
async function drive(next: () => Buffer, latencies: number[], until: () => boolean): Promise<void> {
  const socket: Socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  await once(socket, "connect");
  let answered: () => void = () => {};
  let head = "";
  let missing = -1;
  socket.on("data", (chunk: Buffer) => {
    if (missing < 0) {
      head += chunk.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      if (!head.startsWith("HTTP/1.1 200")) throw new Error(head.slice(0, 400));
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
      missing = length - (head.length - end - 4);
    } else {
      missing -= chunk.length;
    }
    if (missing <= 0) {
      head = "";
      missing = -1;
      answered();
    }
  });
  while (!until()) {
    const started = performance.now();
    const answer = new Promise<void>((resolve) => {
      answered = resolve;
    });
    socket.write(next());
    await answer;
    latencies.push(performance.now() - started);
  }
  socket.destroy();
}

async function cpuSeconds(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]);
}

/** Requests with the body that a caller who shows ten hits sends: titles only, or all of them. */
function requestsOf(where: string, body: (query: string) => unknown): Buffer[] {
  return queries.map((query) => {
    const content = Buffer.from(JSON.stringify(body(query)));
    const head =
      `POST ${where} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${content.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), content]);
  });
}

async function load(
  requests: readonly Buffer[],
  count: number,
  forSeconds: number,
): Promise<{ qps: number; cpuUs: number; p50: number; p95: number; p99: number }> {
  let at = 0;
  const next = (): Buffer => requests[at++ % requests.length] as Buffer;
  const latencies: number[] = [];
  const cpuBefore = await cpuSeconds();
  const started = performance.now();
  const until = (): boolean => performance.now() - started > forSeconds * 1000;
  await Promise.all(Array.from({ length: count }, () => drive(next, latencies, until)));
  const elapsed = (performance.now() - started) / 1000;
  const cpu = (await cpuSeconds()) - cpuBefore;
  latencies.sort((a, b) => a - b);
  const quantile = (q: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? 0;
  return {
    qps: latencies.length / elapsed,
    cpuUs: (cpu / latencies.length) * 1e6,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
  };
}

/** CPU of the engine for the same requests in this process, and of turning answers into JSON. */
async function engineCpuUs(mode: string): Promise<{ engine: number; json: number }> {
  const opened = await SearchableCollection.open(`${home}/${collection}`);
  const ask = (query: string) =>
    opened.search({ query, mode: mode as "sparse", limit: 10, syntax: "plain" });
  for (const query of queries.slice(0, 100)) await ask(query);
  const answers = [];
  const before = process.cpuUsage();
  for (const query of queries) answers.push(await ask(query));
  const engine = process.cpuUsage(before);
  const beforeJson = process.cpuUsage();
  for (const answer of answers) JSON.stringify(answer);
  const json = process.cpuUsage(beforeJson);
  await opened.close();
  const perQuery = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / queries.length;
  return { engine: perQuery(engine), json: perQuery(json) };
}

/** CPU of what every search goes through beside the engine, each alone, in µs. */
async function partsCpuUs(): Promise<Record<string, number>> {
  const opened = await SearchableCollection.open(`${home}/${collection}`);
  const query = queries[0] ?? "";
  const answer = await opened.search({ query, mode: "sparse", limit: 10 });
  await opened.close();
  const body = JSON.stringify({ query, mode: "sparse", limit: 10 });
  const { search } = serviceSearchSchema.parse(JSON.parse(body));
  const keyFile = path.join(mkdtempSync(path.join(os.tmpdir(), "braid-bench-")), "keys");
  const { key, line } = createApiKey("bench", "read");
  writeFileSync(keyFile, line);
  const keys = new ApiKeys(keyFile);
  const rates = new RateLimiter(1e9);
  const metrics = new ServiceMetrics();
  const log = new RequestLog("all", () => {});
  const stage = new Admission("bench", { running: 1, waiting: 0 });
  const { signal } = new AbortController();
  const end = { state: "a-b-1-2", last: { docId: answer.hits[0]?.id ?? ("x" as never), score: 1 } };
  const parts: Record<string, () => unknown> = {
    "JSON.parse of the request": () => JSON.parse(body),
    "zod on the request": () => serviceSearchSchema.parse({ query, mode: "sparse", limit: 10 }),
    "key look-up": () => keys.find(key),
    "rate limit": () => rates.take("bench"),
    "deadline and abort signal": () => {
      const controller = new AbortController();
      clearTimeout(setTimeout(() => controller.abort(), 30_000));
    },
    admission: () => stage.run(async () => {}, signal),
    cursor: () => cursorAfter(search, end),
    metrics: () => {
      metrics.requests.add(1, "search", "200");
      metrics.requestSeconds.observe("search", 0.001);
      for (const { name, ms } of answer.stages) metrics.stageSeconds.observe(name, ms / 1000);
    },
    "log line": () =>
      log.add("info", { requestId: "abcdefghijkl", method: "POST", status: 200, ms: 1.234 }),
    "answer to JSON": () => Buffer.from(JSON.stringify(answer), "utf8"),
  };
  const result: Record<string, number> = {};
  for (const [name, part] of Object.entries(parts)) {
    for (let i = 0; i < 5000; i++) await part();
    const before = process.cpuUsage();
    for (let i = 0; i < 20_000; i++) await part();
    const { user, system } = process.cpuUsage(before);
    result[name] = (user + system) / 20_000;
  }
  rmSync(path.dirname(keyFile), { recursive: true });
  return result;
}

const rows: Record<string, string | number>[] = [];
const table = (name: string, count: number, result: Awaited<ReturnType<typeof load>>): void => {
  rows.push({
    requests: name,
    connections: count,
    "per second": Math.round(result.qps),
    "CPU µs": Math.round(result.cpuUs),
    "p50 ms": result.p50.toFixed(2),
    "p95 ms": result.p95.toFixed(2),
    "p99 ms": result.p99.toFixed(2),
  });
};
try {
  const health = [Buffer.from("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")];
  await load(health, 8, 2);
  table("GET /healthz", 8, await load(health, 8, seconds));
  const where = `/v1/collections/${collection}/search`;
  for (const mode of modes) {
    const requests = requestsOf(where, (query) => ({ query, mode, syntax: "plain" }));
    await load(requests, 8, 3);
    for (const count of connections) table(mode, count, await load(requests, count, seconds));
  }
  console.table(rows);
  for (const mode of modes) {
    const { engine, json } = await engineCpuUs(mode);
    console.log(
      `${mode}: the engine alone takes ${engine.toFixed(0)} µs CPU a query, its answer as JSON ${json.toFixed(0)} µs more`,
    );
  }
  console.table(
    Object.entries(await partsCpuUs()).map(([part, us]) => ({ part, "CPU µs": us.toFixed(1) })),
  );
} finally {
  service.kill("SIGTERM");
}
