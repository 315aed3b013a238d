import type { Request, Response } from "express";
import type { ApiKeys } from "./api-keys.js";
import type { CollectionRegistry } from "./collection-registry.js";
import type { ServiceMetrics } from "./metrics.js";
import type { Operation } from "./operation.js";
import type { QueryValue } from "./query-string.js";
import type { RequestLog } from "./request-log.js";

/** Bounds of what one request may bring and take. */
export interface ServiceLimits {
  /** Most bytes of a JSON request other than documents. */
  readonly requestBytes: number;
  /** Most bytes of a JSON array of documents; streams of lines have no bound. */
  readonly arrayBytes: number;
  /** Most bytes of one line of a stream. */
  readonly lineBytes: number;
}

export const defaultLimits: ServiceLimits = {
  requestBytes: 1 << 20,
  arrayBytes: 32 << 20,
  lineBytes: 16 << 20,
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
  /** Aborted when the caller has gone. */
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
  const body = Buffer.from(JSON.stringify(value), "utf8");
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json; charset=utf-8");
  response.setHeader("Content-Length", body.length);
  response.end(body);
}
