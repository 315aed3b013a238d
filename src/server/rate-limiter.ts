/** Result of asking for one request. */
export interface RateDecision {
  readonly allowed: boolean;
  /** Seconds until the next request will be allowed; 0 if this one is. */
  readonly retryAfterS: number;
}

interface Bucket {
  tokens: number;
  filledMs: number;
}

/** Buckets kept at most; beyond, those that are full again are forgotten. */
const mostBuckets = 10_000;

/**
 * Token bucket per caller: `perSecond` requests in the long run, `burst` at once.
 */
export class RateLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, burst: number = Math.max(1, perSecond * 2)) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  take(caller: string, nowMs: number = performance.now()): RateDecision {
    let bucket = this.#buckets.get(caller);
    if (bucket === undefined) {
      if (this.#buckets.size >= mostBuckets) this.#forgetFull(nowMs);
      bucket = { tokens: this.#burst, filledMs: nowMs };
      this.#buckets.set(caller, bucket);
    }
    const gained = ((nowMs - bucket.filledMs) / 1000) * this.#perSecond;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + gained);
    bucket.filledMs = nowMs;
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return { allowed: true, retryAfterS: 0 };
    }
    return { allowed: false, retryAfterS: (1 - bucket.tokens) / this.#perSecond };
  }

  #forgetFull(nowMs: number): void {
    const fillsInMs = (this.#burst / this.#perSecond) * 1000;
    for (const [caller, { filledMs }] of this.#buckets) {
      if (nowMs - filledMs >= fillsInMs) this.#buckets.delete(caller);
    }
  }
}
