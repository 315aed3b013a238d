/** Seeded vectors and clocks that the benchmarks of the dense leg share. */
export interface ClusteredVectors {
  readonly values: Float32Array;
  /** A document's vector with noise, of length 1. */
  query(i: number): Float32Array;
}

/** Unit vectors around `sqrt(count)` seeded centres, about as spread as sentence embeddings are. */
export function clusteredVectors(count: number, dimension: number, seed: number): ClusteredVectors {
  const random = seededNormal(seed);
  const centreCount = Math.ceil(Math.sqrt(count));
  const centres = Float32Array.from({ length: centreCount * dimension }, random);
  const values = new Float32Array(count * dimension);
  for (let row = 0; row < count; row++) {
    const centre = Math.floor((((row * 2654435761) % 4294967296) / 4294967296) * centreCount);
    const out = values.subarray(row * dimension, (row + 1) * dimension);
    for (let i = 0; i < dimension; i++) out[i] = (centres[centre * dimension + i] ?? 0) + random();
    normalise(out);
  }
  return {
    values,
    query(i) {
      const noise = seededNormal(seed + 1000 + i);
      const row = (i * 7919) % count;
      const query = values.slice(row * dimension, (row + 1) * dimension);
      const spread = 0.7 / Math.sqrt(dimension);
      for (let at = 0; at < dimension; at++) query[at] = (query[at] ?? 0) + noise() * spread;
      normalise(query);
      return query;
    },
  };
}

/** Sum of six uniform numbers, centred: near enough to normal, and quick. */
function seededNormal(seed: number): () => number {
  let state = seed | 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 16777216;
  };
  return () => uniform() + uniform() + uniform() + uniform() + uniform() + uniform() - 3;
}

function normalise(vector: Float32Array): void {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const factor = 1 / Math.sqrt(sum);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) * factor;
}

/** CPU milliseconds of this process, user and system, while `work` runs. */
export function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
