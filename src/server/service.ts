import type { Request, Response } from "express";
import type { Admission, AdmissionLimits } from "./admission.js";
import type { ApiKeys } from "./api-keys.js";
import type { CollectionRegistry } from "./collection-registry.js";
import type { ServiceMetrics } from "./metrics.js";
import type { Operation } from "./operation.js";
import type { QueryValue } from "./query-string.js";
import type { RateLimiter } from "./rate-limiter.js";
import type { RequestLog } from "./request-log.js";
import type { SnapshotShelf } from "./snapshot-shelf.js";

/** Bounds of what one request may bring and take. */
export interface ServiceLimits {
  /** Most bytes of a JSON request other than documents. */
  readonly requestBytes: number;
  /** Most bytes of a JSON array of documents; streams of lines have no bound. */
  readonly arrayBytes: number;
  /** Most bytes of one line of a stream. */
  readonly lineBytes: number;
  /** Most milliseconds of a search; a caller may ask for less (`Braid-Deadline-Ms`). */
  readonly deadlineMs: number;
  /** Milliseconds that a sender of a body may stay silent. */
  readonly idleMs: number;
  /** Hybrid and dense searches: their queries go through the encoder. */
  readonly encode: AdmissionLimits;
  /** Searches with a reranker. */
  readonly rerank: AdmissionLimits;
  /** Requests that write documents. */
  readonly write: AdmissionLimits;
  /** Requests of one key, or of everybody together without keys, in a second; null: any. */
  readonly requestsPerSecond: number | null;
}

/** Bounded queues before the slow stages. */
export interface Stages {
  readonly encode: Admission;
  readonly rerank: Admission;
  readonly write: Admission;
}

export const defaultLimits: ServiceLimits = {
  requestBytes: 1 << 20,
  arrayBytes: 32 << 20,
  lineBytes: 16 << 20,
  deadlineMs: 30_000,
  idleMs: 60_000,
  encode: { running: 32, waiting: 256 },
  rerank: { running: 2, waiting: 32 },
  write: { running: 16, waiting: 256 },
  requestsPerSecond: null,
};

/** Everything that the calls of one running service share. */
export interface Service {
  readonly registry: CollectionRegistry;
  readonly version: string;
  readonly limits: ServiceLimits;
  readonly metrics: ServiceMetrics;
  readonly log: RequestLog;
  /** Null: no key is asked for. */
  readonly keys: ApiKeys | null;
  readonly stages: Stages;
  readonly shelf: SnapshotShelf;
  /** Null: no limit. */
  readonly rates: RateLimiter | null;
  /** Names that requests may be addressed to; null: any. */
  readonly hosts: ReadonlySet<string> | null;
  /** Changes of this object are seen by the next request. */
  readonly state: { phase: "starting" | "ready" | "stopping" };
}

/** One request on its way to its handler, checked. */
export interface Call {
  readonly service: Service;
  readonly operation: Operation;
  readonly request: Request;
  readonly response: Response;
  readonly query: Readonly<Record<string, QueryValue>>;
  /** Parsed JSON; undefined without a body, and for handlers that read their stream. */
  readonly body: unknown;
  /** Aborted when the caller has gone or the deadline has passed. */
  readonly signal: AbortSignal;
}

export type Handler = (call: Call) => void | Promise<void>;

/** A parameter of the path; the route guarantees that it is there. */
export function pathParameter(call: Call, name: string): string {
  const value = call.request.params[name];
  if (typeof value !== "string") throw new Error(`the route has no parameter ${name}`);
  return value;
}

/** Sends JSON. Leaner than express's own `json`, which looks at settings, charset and freshness. */
export function sendJson(response: Response, status: number, value: unknown): void {
  // The deadline has answered already.
  if (response.writableEnded) return;
  const body = Buffer.from(JSON.stringify(value), "utf8");
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.setHeader("Content-Length", body.length);
  response.end(body);
}
