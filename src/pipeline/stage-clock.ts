import type { Stage } from "./search-answer.js";

/** Collects the stages of one query with their times in milliseconds. */
export class StageClock {
  readonly stages: Stage[] = [];
  readonly #startedMs = performance.now();

  /** Runs `work` as the stage `name`; `candidates` counts what came out of it. */
  async time<Result>(
    name: Stage["name"],
    candidates: (result: Result) => number,
    work: () => Result | Promise<Result>,
  ): Promise<Result> {
    const startedMs = performance.now();
    const result = await work();
    this.stages.push({
      name,
      candidates: candidates(result),
      ms: roundMs(performance.now() - startedMs),
    });
    return result;
  }

  add(stage: Stage): void {
    this.stages.push({ ...stage, ms: roundMs(stage.ms) });
  }

  tookMs(): number {
    return roundMs(performance.now() - this.#startedMs);
  }
}

/** Milliseconds to the microsecond: finer digits are noise. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
