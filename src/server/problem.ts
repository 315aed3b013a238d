import type { ErrorRequestHandler, Request, Response } from "express";
import { type ErrorCode, InputError, SearchError } from "../errors.js";

/** RFC 9457 problem details, with the stable code and facts of the error behind them. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode | "UNEXPECTED";
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

/** HTTP status of every code. */
export const statusOfCode: Readonly<Record<ErrorCode, number>> = {
  INPUT_INVALID: 400,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  INDEX_CORRUPT: 500,
  INDEX_VERSION: 500,
  INDEX_LOCKED: 423,
  ENCODER_MISMATCH: 409,
  MODEL_MISSING: 404,
  MODEL_INVALID: 500,
  MODEL_FAILED: 500,
  FEATURE_UNAVAILABLE: 501,
  STORAGE_FAILED: 507,
  OVERLOADED: 503,
  DEADLINE_EXCEEDED: 504,
  ACCESS_DENIED: 403,
  UPSTREAM_FAILED: 502,
};

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  408: "Request timeout",
  409: "Conflict",
  413: "Content too large",
  415: "Unsupported media type",
  421: "Misdirected request",
  423: "Locked",
  429: "Too many requests",
  431: "Request header fields too large",
  500: "Internal server error",
  501: "Not implemented",
  502: "Bad gateway",
  503: "Service unavailable",
  504: "Gateway timeout",
  507: "Insufficient storage",
};

/** Facts that name places of this machine stay here: no answer shows a path. The status is said anyway. */
const hiddenFacts = new Set(["path", "file", "directory", "holds", "httpStatus"]);

/** An error as its answer. Messages of unexpected errors are not for strangers. */
export function problemOf(error: unknown): Problem {
  const known = error instanceof SearchError ? error : requestError(error);
  if (known === null) {
    return problem(500, "UNEXPECTED", "the request failed unexpectedly; the log says more", {});
  }
  const status = httpStatusOf(known);
  const facts = Object.fromEntries(
    Object.entries(known.facts).filter(([name]) => !hiddenFacts.has(name)),
  );
  return problem(status, known.code, withoutPaths(known.message), facts);
}

/** Absolute paths in messages are cut to their last part. */
function withoutPaths(message: string): string {
  return message.replace(
    /(?<![\w:/])(?:[A-Za-z]:)?(?:[\\/][^\s\\/:,;()'"]+)+[\\/]([^\s\\/:,;()'"]+)/g,
    "$1",
  );
}

function problem(
  status: number,
  code: Problem["code"],
  detail: string,
  facts: Problem["facts"],
): Problem {
  const title = titles[status] ?? "Error";
  return { type: `urn:braid:error:${code}`, title, status, detail, code, facts };
}

function httpStatusOf(error: SearchError): number {
  const status = error.facts["httpStatus"];
  return typeof status === "number" ? status : statusOfCode[error.code];
}

/** Errors that express found in the request (a path that cannot be decoded) as ours. */
function requestError(error: unknown): SearchError | null {
  if (!(error instanceof Error) || !("status" in error)) return null;
  const status = Number(error.status);
  if (!(status >= 400 && status < 500)) return null;
  return new InputError(error.message, { httpStatus: status });
}

/** Sends a problem. */
export function sendProblem(response: Response, value: Problem): void {
  if (value.status === 503 || value.status === 429) {
    const { retryAfterMs = 1000 } = value.facts;
    response.setHeader("Retry-After", String(Math.max(1, Math.ceil(Number(retryAfterMs) / 1000))));
  }
  // The rest of a body that is refused half-way is not waited for.
  if (value.status === 413) response.setHeader("Connection", "close");
  const body = Buffer.from(JSON.stringify(value), "utf8");
  response.statusCode = value.status;
  response.setHeader("Content-Type", "application/problem+json");
  response.setHeader("Content-Length", body.length);
  response.setHeader("Cache-Control", "no-store");
  response.end(body);
}

/** Last handler of the app: every error becomes a problem; unexpected ones are logged. */
export function problemHandler(
  log: (error: unknown, request: Request) => void,
): ErrorRequestHandler {
  return (error, request, response, next) => {
    const value = problemOf(error);
    if (value.status >= 500) log(error, request);
    if (response.headersSent) next(error);
    else sendProblem(response, value);
  };
}
