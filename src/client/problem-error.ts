import type { Problem } from "./api-types.js";

/** An answer of the service that says why the request failed. */
export class ProblemError extends Error {
  /** HTTP status. */
  readonly status: number;
  /** Stable code, as in the service's error catalogue. */
  readonly code: string;
  readonly facts: Problem["facts"];
  /** Names the request in the service's log. */
  readonly requestId: string | null;
  /** Milliseconds after which trying again makes sense; null if the service did not say. */
  readonly retryAfterMs: number | null;

  constructor(problem: Problem, requestId: string | null, retryAfterMs: number | null) {
    super(problem.detail);
    this.name = "ProblemError";
    this.status = problem.status;
    this.code = problem.code;
    this.facts = problem.facts;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}
