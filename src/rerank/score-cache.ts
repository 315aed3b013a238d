import { createHash } from "node:crypto";
import { InputError } from "../errors.js";

/**
 * Scores by (reranker fingerprint, query, text), the least recently used dropped first. Holds some
 * 150 bytes per score.
 */
export class ScoreCache {
  readonly #scores = new Map<string, number>();
  readonly #capacity: number;

  /** @throws {InputError} capacity not an integer >= 1 */
  constructor(capacity = 100_000) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new InputError(`expected a cache capacity >= 1, got ${capacity}`, {
        field: "capacity",
        value: capacity,
      });
    }
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#scores.size;
  }

  get(key: string): number | undefined {
    const score = this.#scores.get(key);
    if (score !== undefined) {
      // Re-entered at the end: Maps keep their entries in order of insertion.
      this.#scores.delete(key);
      this.#scores.set(key, score);
    }
    return score;
  }

  set(key: string, score: number): void {
    this.#scores.delete(key);
    if (this.#scores.size >= this.#capacity) {
      for (const oldest of this.#scores.keys()) {
        this.#scores.delete(oldest);
        break;
      }
    }
    this.#scores.set(key, score);
  }
}

/** Key of one score. Lengths stand between the parts, so that no two inputs share a key. */
export function scoreKey(fingerprint: string, query: string, text: string): string {
  return createHash("sha256")
    .update(`${fingerprint.length} ${query.length} ${fingerprint}${query}`)
    .update(text)
    .digest("base64");
}
