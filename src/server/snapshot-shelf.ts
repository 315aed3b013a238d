import type { Snapshot } from "../collection/snapshot.js";

/** Snapshots kept at most, and how long each is kept after its last page. */
const mostSnapshots = 16;
const keptMs = 60_000;

/**
 * Snapshots that result pages were cut from, so that the next page of a cursor is cut from the very
 * same state. A snapshot keeps its segments in memory: only few are kept, and for a minute.
 */
export class SnapshotShelf {
  readonly #kept = new Map<string, { readonly snapshot: Snapshot; untilMs: number }>();
  #sweeping: NodeJS.Timeout | null = null;

  /** @param state name of the state, as `CollectionRegistry.stateOf` gives it */
  keep(state: string, snapshot: Snapshot): void {
    const untilMs = performance.now() + keptMs;
    const known = this.#kept.get(state);
    if (known !== undefined) {
      known.untilMs = untilMs;
      return;
    }
    if (this.#kept.size >= mostSnapshots) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    this.#kept.set(state, { snapshot, untilMs });
    this.#sweeping ??= setInterval(() => this.#sweep(), keptMs / 4).unref();
  }

  /** The snapshot of that state, or null if it is gone. */
  find(state: string): Snapshot | null {
    return this.#kept.get(state)?.snapshot ?? null;
  }

  clear(): void {
    this.#kept.clear();
    this.#sweep();
  }

  #sweep(): void {
    const now = performance.now();
    for (const [state, { untilMs }] of this.#kept) if (untilMs < now) this.#kept.delete(state);
    if (this.#kept.size > 0 || this.#sweeping === null) return;
    clearInterval(this.#sweeping);
    this.#sweeping = null;
  }
}
