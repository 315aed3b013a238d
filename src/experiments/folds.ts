import type { SeededRandom } from "../numeric/seeded-random.js";

/** Shuffled, then dealt out: folds whose sizes differ by one at most. */
export function split(queries: Uint32Array, folds: number, random: SeededRandom): Uint32Array[] {
  const shuffled = queries.slice();
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return Array.from({ length: folds }, (_, fold) => shuffled.filter((_, i) => i % folds === fold));
}

/** The queries that are not in `part`, in their order. */
export function without(queries: Uint32Array, part: Uint32Array): Uint32Array {
  const gone = new Set(part);
  return queries.filter((query) => !gone.has(query));
}
