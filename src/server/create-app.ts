import { randomBytes } from "node:crypto";
import express, { type Express, type Request, type Response } from "express";
import {
  AccessError,
  DeadlineError,
  InputError,
  NotFoundError,
  OverloadedError,
  SearchError,
} from "../errors.js";
import { includesScope } from "./api-keys.js";
import {
  createCollectionCall,
  describeCollectionCall,
  dropCollectionCall,
  listCollectionsCall,
} from "./collection-calls.js";
import { addDocumentsCall, deleteDocumentCall, getDocumentCall } from "./document-calls.js";
import type { Operation } from "./operation.js";
import { operations } from "./operations.js";
import { healthCall, metricsCall, openApiCall, readinessCall } from "./operations-calls.js";
import { servePage } from "./page-assets.js";
import { problemHandler } from "./problem.js";
import { readQueryString } from "./query-string.js";
import { hasBody, mediaTypeOf, readJsonBody } from "./request-body.js";
import {
  compareCall,
  explainCall,
  searchByUrlCall,
  searchCall,
  similarCall,
  suggestCall,
} from "./search-calls.js";
import type { Handler, Service } from "./service.js";

const handlers: Readonly<Record<string, Handler>> = {
  listCollections: listCollectionsCall,
  createCollection: createCollectionCall,
  describeCollection: describeCollectionCall,
  dropCollection: dropCollectionCall,
  addDocuments: addDocumentsCall,
  getDocument: getDocumentCall,
  deleteDocument: deleteDocumentCall,
  search: searchCall,
  searchByUrl: searchByUrlCall,
  similar: similarCall,
  suggest: suggestCall,
  compare: compareCall,
  explain: explainCall,
  health: healthCall,
  readiness: readinessCall,
  metrics: metricsCall,
  openapi: openApiCall,
};

/** Handlers that read the body themselves, as a stream. */
const streaming: ReadonlySet<string> = new Set(["addDocuments"]);

/**
 * The service as an express app. Express finds the route and carries errors to one place; everything
 * else that a request needs is done in one step per request (`admit`) and one per call, because each
 * middleware of its own costs as much as a cached search.
 */
export function createApp(service: Service): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  app.set("case sensitive routing", true);

  app.use((request, response, next) => {
    admit(service, request, response);
    next();
  });
  const methodsOf = new Map<string, string[]>();
  for (const operation of operations) {
    const path = operation.path.replace(/\{(\w+)\}/g, ":$1");
    const handler = handlers[operation.id];
    if (handler === undefined) throw new Error(`operation ${operation.id} has no handler`);
    methodsOf.set(path, [...(methodsOf.get(path) ?? []), operation.method.toUpperCase()]);
    app[operation.method](path, (request, response) =>
      answer(service, operation, handler, request, response),
    );
  }
  for (const [path, methods] of methodsOf) {
    const allowed = [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(
      ", ",
    );
    app.all(path, (request, response) => {
      response.setHeader("Allow", allowed);
      if (request.method === "OPTIONS") {
        response.statusCode = 204;
        response.end();
        return;
      }
      throw new InputError(`expected method ${allowed} here, got ${request.method}`, {
        httpStatus: 405,
      });
    });
  }
  servePage(app);
  app.use((request) => {
    throw new NotFoundError(`there is nothing at ${request.path.slice(0, 200)}`, {});
  });
  app.use(
    problemHandler((error, request) =>
      service.log.addFailure(error, { requestId: requestIdOf(request), path: request.path }),
    ),
  );
  return app;
}

/** Headers of every answer, the request's id, counting and logging at its end. */
function admit(service: Service, request: Request, response: Response): void {
  const startedMs = performance.now();
  response.setHeader("X-Request-Id", requestIdOf(request));
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Cache-Control", "no-store");
  response.on("finish", () => {
    const operation = (response.locals["operation"] as string | undefined) ?? "none";
    const status = String(response.statusCode);
    const ms = performance.now() - startedMs;
    service.metrics.requests.add(1, operation, status);
    service.metrics.requestSeconds.observe(operation, ms / 1000);
    service.log.add(response.statusCode >= 500 ? "error" : "info", {
      requestId: requestIdOf(request),
      method: request.method,
      operation,
      collection: (response.locals["collection"] as string | undefined) ?? null,
      status: response.statusCode,
      ms: Math.round(ms * 1000) / 1000,
    });
  });
  const { hosts } = service;
  if (hosts !== null && !hosts.has(hostOf(request))) {
    throw new InputError(
      `this service answers to ${[...hosts].join(", ")} only, the request named another host: ` +
        "a name that resolves to this machine is not enough without keys",
      { httpStatus: 421 },
    );
  }
}

async function answer(
  service: Service,
  operation: Operation,
  handler: Handler,
  request: Request,
  response: Response,
): Promise<void> {
  response.locals["operation"] = operation.id;
  response.locals["collection"] = request.params["collection"];
  if (operation.scope !== null) {
    const caller = checkKey(service, operation.scope, request, response);
    checkRate(service, caller);
  }
  const query = readQueryString(request.url, operation.query ?? {});
  const stop = new AbortController();
  response.on("close", () => {
    if (!response.writableFinished) stop.abort(new InputError("the caller has gone", {}));
  });
  const timer = startDeadline(service, operation, request, stop);
  try {
    const body = await readBody(service, operation, request);
    const { signal } = stop;
    const work = handler({ service, operation, request, response, query, body, signal });
    await (timer === undefined ? work : orAborted(work, signal));
  } catch (error) {
    // Whatever the abort made fail on its way, the reason is why.
    if (stop.signal.aborted) throw stop.signal.reason;
    throw droppedMeanwhile(service, request, error) ?? error;
  } finally {
    clearTimeout(timer);
  }
}

/** A collection that is dropped under a request fails it in many ways: all of them mean this. */
function droppedMeanwhile(
  { registry }: Service,
  request: Request,
  error: unknown,
): NotFoundError | null {
  const name = request.params["collection"];
  if (error instanceof SearchError || typeof name !== "string" || registry.has(name)) return null;
  return new NotFoundError(`collection ${name} was dropped meanwhile`, { collection: name });
}

/** The work's end or the abort, whichever is first: a deadline holds even for work that cannot stop. */
function orAborted(work: void | Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    Promise.resolve(work).then(resolve, reject);
  });
}

/** Searches end at their deadline; what writes is finished once it is begun. */
function startDeadline(
  { limits }: Service,
  { tag }: Operation,
  request: Request,
  stop: AbortController,
): NodeJS.Timeout | undefined {
  const header = request.headers["braid-deadline-ms"];
  if (header !== undefined && !(typeof header === "string" && /^[1-9]\d{0,8}$/.test(header))) {
    throw new InputError(
      "expected whole milliseconds > 0 in Braid-Deadline-Ms, got something else",
      { field: "Braid-Deadline-Ms" },
    );
  }
  if (tag !== "search") return undefined;
  const deadlineMs = Math.min(limits.deadlineMs, Number(header ?? Number.POSITIVE_INFINITY));
  return setTimeout(() => {
    stop.abort(new DeadlineError(`not done within ${deadlineMs} ms`, { deadlineMs }));
  }, deadlineMs);
}

function checkRate({ rates, metrics }: Service, caller: string): void {
  if (rates === null) return;
  const { allowed, retryAfterS } = rates.take(caller);
  if (allowed) return;
  metrics.rateLimited.add(1);
  throw new OverloadedError("too many requests with this key: slow down", {
    httpStatus: 429,
    retryAfterMs: Math.ceil(retryAfterS * 1000),
  });
}

async function readBody(
  service: Service,
  { id, body }: Operation,
  request: Request,
): Promise<unknown> {
  if (body === undefined) {
    if (hasBody(request) && request.method !== "GET" && request.method !== "HEAD") {
      throw new InputError(`expected no body with ${request.method} here`, {});
    }
    return undefined;
  }
  if (!hasBody(request)) {
    if (!body.required) return undefined;
    throw new InputError("expected a body, got none", {});
  }
  const type = mediaTypeOf(request);
  if (!Object.hasOwn(body.content, type)) {
    throw new InputError(
      `expected Content-Type ${Object.keys(body.content).join(" or ")}, got ${type === "" ? "none" : type.slice(0, 80)}`,
      { httpStatus: 415 },
    );
  }
  return streaming.has(id)
    ? undefined
    : readJsonBody(request, service.limits.requestBytes, service.limits.idleMs);
}

/** @returns the key's name; "" where none is asked for */
function checkKey(
  { keys }: Service,
  scope: "read" | "write" | "admin",
  request: Request,
  response: Response,
): string {
  if (keys === null) return "";
  const header = request.headers.authorization;
  const text = header?.startsWith("Bearer ") ? header.slice(7).trim() : request.get("x-api-key");
  if (text === undefined || text === "") {
    response.setHeader("WWW-Authenticate", 'Bearer realm="braid"');
    throw new AccessError("a key is needed: Authorization: Bearer <key>", { httpStatus: 401 });
  }
  const key = keys.find(text);
  if (key === null) {
    response.setHeader("WWW-Authenticate", 'Bearer realm="braid", error="invalid_token"');
    throw new AccessError("this key is not known", { httpStatus: 401 });
  }
  if (!includesScope(key.scope, scope)) {
    throw new AccessError(`this needs a key of scope ${scope}, the one given has ${key.scope}`, {
      needed: scope,
      scope: key.scope,
    });
  }
  return key.name;
}

/** The request's host name without its port, in lower case. */
function hostOf(request: Request): string {
  const host = (request.headers.host ?? "").toLowerCase();
  return host.replace(/:\d+$/, "");
}

const ids = new WeakMap<Request, string>();

/** The caller's id of the request if it is a plain word, else a new one. */
function requestIdOf(request: Request): string {
  const known = ids.get(request);
  if (known !== undefined) return known;
  const given = request.headers["x-request-id"];
  const id =
    typeof given === "string" && /^[\w.-]{1,64}$/.test(given)
      ? given
      : randomBytes(9).toString("base64url");
  ids.set(request, id);
  return id;
}
