import { InputError } from "../errors.js";

/**
 * The query vector moved towards the mean of some document vectors:
 *
 *   q' = weight · q + (1 - weight) / n · Σ d
 *
 * With weight = 1 / (n + 1) this is the plain average of query and documents. Under cosine
 * similarity q' is scaled to length 1, so that scores are cosines again; if it is zero, the query
 * stays. Summed in float64.
 *
 * @param query `[dimension]`
 * @param documents `[dimension]` each
 * @param weight of the query, from 0 to 1; 1 or no documents return the query itself
 * @throws {InputError} weight out of range, vectors of different dimensions
 * @see Rocchio, in: The SMART Retrieval System, 1971 (without negative documents); Li, Mourad, Zhuang,
 *   Koopman, Zuccon, TOIS 2023, doi:10.1145/3570724 (vector PRF, average and Rocchio)
 */
export function rocchio(
  query: Float32Array,
  documents: readonly Float32Array[],
  weight: number,
  similarity: "cosine" | "dot",
): Float32Array {
  if (!(weight >= 0 && weight <= 1)) {
    throw new InputError(`expected a weight of the query from 0 to 1, got ${weight}`, {
      field: "weight",
      value: String(weight),
    });
  }
  if (weight === 1 || documents.length === 0) return query;
  const moved = Float64Array.from(query, (value) => weight * value);
  const share = (1 - weight) / documents.length;
  for (const document of documents) {
    if (document.length !== query.length) {
      throw new InputError(
        `expected feedback vectors of dimension ${query.length}, got ${document.length}`,
        { expected: query.length, got: document.length },
      );
    }
    for (let i = 0; i < moved.length; i++) moved[i]! += share * document[i]!;
  }
  if (similarity === "dot") return Float32Array.from(moved);
  const length = Math.sqrt(moved.reduce((sum, value) => sum + value * value, 0));
  return length > 0 ? Float32Array.from(moved, (value) => value / length) : query;
}
