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
  UPSTREAM_FAILED: 502,
};

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  413: "Content too large",
  415: "Unsupported media type",
  423: "Locked",
  500: "Internal server error",
  501: "Not implemented",
  502: "Bad gateway",
  503: "Service unavailable",
  504: "Gateway timeout",
  507: "Insufficient storage",
};

/** Facts that name places of this machine stay here: no answer shows a path. */
const hiddenFacts = new Set(["path", "file", "directory", "holds"]);

/** An error as its answer. Messages of unexpected errors are not for strangers. */
export function problemOf(error: unknown): Problem {
  const known = error instanceof SearchError ? error : bodyError(error);
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

/** Errors of express's body parsers (too large, not JSON, unknown charset) as ours. */
function bodyError(error: unknown): SearchError | null {
  if (!(error instanceof Error) || !("status" in error) || !("expose" in error)) return null;
  const status = Number(error.status);
  if (!(status >= 400 && status < 500)) return null;
  return new InputError(error.message, { httpStatus: status });
}

/** Sends a problem. */
export function sendProblem(response: Response, value: Problem): void {
  if (value.status === 503) response.setHeader("Retry-After", "1");
  response.status(value.status).type("application/problem+json").send(JSON.stringify(value));
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
