import type { CommonOptions } from "./output.js";
import { formatCount } from "./output.js";

/**
 * One line of progress on stderr with rate and time left, redrawn at most ten times a second and
 * only on a terminal: logs and pipes never see it.
 */
export class ProgressLine {
  readonly #enabled: boolean;
  readonly #startedMs = performance.now();
  #drawnMs = 0;

  constructor(options: CommonOptions) {
    this.#enabled =
      process.stderr.isTTY === true && options.quiet !== true && options.json !== true;
  }

  /**
   * @param what unit of work, e.g. "documents"
   * @param done units finished
   * @param fraction finished share 0..1 where the whole is known, for the time left
   */
  update(what: string, done: number, fraction?: number): void {
    if (!this.#enabled) return;
    const nowMs = performance.now();
    if (nowMs - this.#drawnMs < 100) return;
    this.#drawnMs = nowMs;
    const seconds = (nowMs - this.#startedMs) / 1000;
    const rate = seconds > 0.2 ? `, ${formatCount(Math.round(done / seconds))}/s` : "";
    const left =
      fraction !== undefined && fraction > 0.01 && fraction <= 1
        ? `, ${formatSeconds((seconds / fraction) * (1 - fraction))} left`
        : "";
    process.stderr.write(`\r\x1b[K${formatCount(done)} ${what}${rate}${left}`);
  }

  /** Clears the line. */
  finish(): void {
    if (this.#enabled && this.#drawnMs > 0) process.stderr.write("\r\x1b[K");
  }
}

/** 75 -> "1 min 15 s". */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
