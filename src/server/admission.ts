import { OverloadedError } from "../errors.js";

export interface AdmissionLimits {
  /** Calls that run at once. */
  readonly running: number;
  /** Calls that wait for their turn; 0: none. */
  readonly waiting: number;
}

interface Waiting {
  readonly start: () => void;
}

/**
 * A bounded queue before a stage that is slow: so many calls run, so many wait in the order of their
 * coming, and the next one is refused at once. Early refusal keeps what was accepted fast.
 */
export class Admission {
  readonly name: string;
  readonly limits: AdmissionLimits;
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #refused = 0;

  constructor(name: string, limits: AdmissionLimits) {
    this.name = name;
    this.limits = limits;
  }

  get running(): number {
    return this.#running;
  }
  get waiting(): number {
    return this.#waiting.length;
  }
  get refused(): number {
    return this.#refused;
  }
  /** Whether the next call would be refused. */
  get isFull(): boolean {
    return this.#running >= this.limits.running && this.#waiting.length >= this.limits.waiting;
  }

  /**
   * Runs `work` when it is its turn.
   *
   * @throws {OverloadedError} the queue is full
   * @throws the signal's reason, if it is aborted while waiting
   */
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    if (this.#running < this.limits.running) this.#running++;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next.start();
    }
  }

  /** Resolves when a running call ends and gives its place to this one. */
  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.limits.waiting) {
      this.#refused++;
      throw new OverloadedError(
        `${this.#running} calls are in the ${this.name} stage and ${this.#waiting.length} wait: try again later`,
        { stage: this.name, running: this.#running, waiting: this.#waiting.length },
      );
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(entry);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason);
      };
      const entry: Waiting = {
        start: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      if (signal.aborted) reject(signal.reason);
      else {
        signal.addEventListener("abort", onAbort, { once: true });
        this.#waiting.push(entry);
      }
    });
  }
}
