import type { Embeddings } from "../dense/encoder.js";

/** Vectors of documents in their order: one each, or one for each passage. */
export interface DocumentVectors extends Embeddings {
  /**
   * Where documents may have several: `rowEnds[i]` is the row behind the last one of document i,
   * ascending, each document with at least one. Null or absent: row i belongs to document i.
   */
  readonly rowEnds?: Uint32Array | null;
}

/** `[first, end)` of the rows of a document. */
export function documentRows({ rowEnds }: DocumentVectors, document: number): [number, number] {
  if (rowEnds === undefined || rowEnds === null) return [document, document + 1];
  return [document === 0 ? 0 : (rowEnds[document - 1] ?? 0), rowEnds[document] ?? 0];
}

/** Vectors of the documents `[from, to)`, copied. */
export function sliceVectors(vectors: DocumentVectors, from: number, to: number): DocumentVectors {
  const { dimension, values, rowEnds } = vectors;
  const [first] = documentRows(vectors, from);
  const end = from === to ? first : documentRows(vectors, to - 1)[1];
  const rows = {
    count: end - first,
    dimension,
    values: values.slice(first * dimension, end * dimension),
  };
  if (rowEnds === undefined || rowEnds === null) return rows;
  return { ...rows, rowEnds: rowEnds.slice(from, to).map((row) => row - first) };
}
