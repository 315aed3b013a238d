import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { InputError, StorageError } from "../errors.js";
import { Admission } from "./admission.js";
import { ApiKeys } from "./api-keys.js";
import type { CollectionRegistry } from "./collection-registry.js";
import { createApp } from "./create-app.js";
import { ServiceMetrics } from "./metrics.js";
import { problemOf } from "./problem.js";
import { RateLimiter } from "./rate-limiter.js";
import { type LogLevel, RequestLog } from "./request-log.js";
import { defaultLimits, type Service, type ServiceLimits } from "./service.js";
import { SnapshotShelf } from "./snapshot-shelf.js";

export interface ServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 7700; 0 takes any free one. */
  readonly port?: number | undefined;
  /** File of keys; without one everybody may do everything. */
  readonly apiKeyFile?: string | undefined;
  /** Serve beyond this machine without keys. */
  readonly insecure?: boolean | undefined;
  readonly logLevel?: LogLevel | undefined;
  readonly writeLog?: ((text: string) => void) | undefined;
  readonly limits?: Partial<ServiceLimits> | undefined;
  readonly version?: string | undefined;
}

/** A service that listens. */
export interface RunningServer {
  /** `http://127.0.0.1:7700`. */
  readonly address: string;
  readonly port: number;
  readonly service: Service;
  /**
   * Stops: no new connection, what was accepted is finished (for `graceMs` at most), collections and
   * models are closed. Calling it again waits for the same end.
   */
  stop(graceMs?: number): Promise<void>;
}

const loopback = new Set(["127.0.0.1", "::1", "localhost"]);
const defaultGraceMs = 30_000;

/**
 * Starts the service.
 *
 * @throws {InputError} an address beyond this machine without keys, or one that cannot be had
 * @throws what reading the key file throws
 */
export async function startServer(
  registry: CollectionRegistry,
  options: ServerOptions = {},
): Promise<RunningServer> {
  const { host = "127.0.0.1", port = 7700, apiKeyFile, insecure = false } = options;
  const isLocal = loopback.has(host);
  if (!isLocal && apiKeyFile === undefined && !insecure) {
    throw new InputError(
      `host ${host} is reachable from other machines and no key file is given, so that anybody ` +
        "could read and delete everything: give --api-key-file, or --insecure if that is meant",
      { host },
    );
  }
  const log = new RequestLog(options.logLevel ?? "errors", options.writeLog);
  const limits = { ...defaultLimits, ...options.limits };
  const service: Service = {
    registry,
    version: options.version ?? "0",
    limits,
    stages: {
      encode: new Admission("encode", limits.encode),
      rerank: new Admission("rerank", limits.rerank),
      write: new Admission("write", limits.write),
    },
    shelf: new SnapshotShelf(),
    rates: limits.requestsPerSecond === null ? null : new RateLimiter(limits.requestsPerSecond),
    metrics: new ServiceMetrics(),
    log,
    keys:
      apiKeyFile === undefined
        ? null
        : new ApiKeys(apiKeyFile, (error) => log.addFailure(error, { event: "keys" })),
    // A page elsewhere can point its name at 127.0.0.1: without keys only the true names count.
    hosts:
      isLocal && apiKeyFile === undefined
        ? new Set(["localhost", "127.0.0.1", "[::1]", host.toLowerCase()])
        : null,
    state: { phase: "starting" },
  };
  const server = createServer({ maxHeaderSize: 32 << 10 }, createApp(service));
  server.on("clientError", refuseBadRequest);
  // Streams of documents may take as long as they like; each read has its own limit.
  server.requestTimeout = 0;
  server.headersTimeout = 30_000;
  server.keepAliveTimeout = 10_000;
  await listen(server, host, port);
  void warmUp(service);
  const address = server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;

  let stopping: Promise<void> | null = null;
  return {
    address: `http://${name}:${address.port}`,
    port: address.port,
    service,
    stop: (graceMs = defaultGraceMs) => {
      stopping ??= stop(server, service, graceMs);
      return stopping;
    },
  };
}

/** Opens collections and models before the first request needs them; `/readyz` says what fails. */
async function warmUp({ registry, state, log }: Service): Promise<void> {
  for (const name of registry.names()) {
    if (state.phase !== "starting") return;
    const problem = await registry.health(name).catch((error: unknown) => error);
    if (problem !== null) log.addFailure(problem, { event: "start", collection: name });
  }
  if (state.phase === "starting") state.phase = "ready";
}

/** Answers what is not even a request: Node's own answers have no content. */
function refuseBadRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? 431
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? 408
        : 400;
  const detail =
    status === 431
      ? "the URL and the headers are too long: send the search as a body"
      : status === 408
        ? "the head of the request did not come in time"
        : "this is not a request in HTTP/1.1";
  const problem = problemOf(new InputError(detail, { httpStatus: status }));
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status} ${problem.title}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "";
    const reason =
      code === "EADDRINUSE"
        ? "another program listens there: choose another --port"
        : `the system refuses (${code})`;
    throw new StorageError(
      `cannot listen on ${host}:${port}: ${reason}`,
      { host, port, code },
      { cause },
    );
  }
}

async function stop(server: Server, service: Service, graceMs: number): Promise<void> {
  service.state.phase = "stopping";
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Connections kept alive become idle one by one, as their last answers are sent.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
  clearInterval(idle);
  service.log.flush();
  service.shelf.clear();
  await service.registry.close();
}
