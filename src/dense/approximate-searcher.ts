import { ModelFailedError } from "../errors.js";
import { Bitset } from "../numeric/bitset.js";
import type { LegHits } from "../run/doc-names.js";
import { DenseSearcher, type DenseSearchOptions, type DenseSegment } from "./dense-searcher.js";
import type { HnswIndex } from "./hnsw-index.js";

/** A segment with its graph, where it has one. */
export interface GraphSegment extends DenseSegment {
  readonly graph: HnswIndex | null;
}

export interface ApproximateSearchOptions extends DenseSearchOptions {
  /** Candidates that the graph keeps while it searches, at least `depth`. Default 1.5 x depth + 100. */
  readonly ef?: number;
}

/** Under this share of allowed documents the exact scan is the cheaper one. */
const lowestPassRate = 0.25;

/**
 * Dense leg with graphs: each graph names candidates of its segment, and {@link DenseSearcher}, the
 * exact twin, ranks them with everything else. So scores are the exact ones, ties follow the rule,
 * and only which documents are considered is approximate.
 *
 * - Filters and deletions: where they leave few documents, all of these are scored; else the graph is
 *   asked for more, and again for more, until enough of its answers are allowed.
 * - A graph whose thread is lost is replaced by the exact scan, which misses nothing.
 * - Several vectors per document: candidates are the documents of the rows found.
 */
export class ApproximateSearcher {
  readonly exact: DenseSearcher;
  readonly #segments: readonly GraphSegment[];
  #fallbacks = 0;

  constructor(segments: readonly GraphSegment[]) {
    this.#segments = segments;
    this.exact = new DenseSearcher(segments);
  }

  /** Searches of a segment that fell back to the exact scan because its graph's thread was lost. */
  get fallbacks(): number {
    return this.#fallbacks;
  }

  async search(queryVector: Float32Array, options: ApproximateSearchOptions): Promise<LegHits> {
    const { depth, accept, ef = Math.ceil(depth * 1.5) + 100 } = options;
    const narrowed = await Promise.all(
      this.#segments.map((segment, i) =>
        candidatesOf(segment, queryVector, depth, ef, accept?.[i] ?? null).catch((error) => {
          if (!(error instanceof ModelFailedError)) throw error;
          this.#fallbacks++;
          return accept?.[i] ?? null;
        }),
      ),
    );
    return this.exact.search(queryVector, { depth, accept: narrowed });
  }
}

/** Documents of a segment worth an exact score; what `accept` says where the graph is no help. */
async function candidatesOf(
  { vectors, deleted, graph }: GraphSegment,
  queryVector: Float32Array,
  depth: number,
  ef: number,
  accept: Bitset | null,
): Promise<Bitset | null> {
  const { docCount, rowCount, owners } = vectors;
  if (graph === null || depth === 0) return accept;
  const refused = deleted === null ? 0 : deleted.count();
  const allowed = (accept === null ? docCount : accept.count()) - refused;
  if (allowed <= depth * 4 || allowed < docCount * lowestPassRate) return accept;
  const rowsPerDocument = rowCount / docCount;
  let count = Math.ceil((depth * rowsPerDocument * docCount) / allowed);
  for (;;) {
    const rows = await graph.search(queryVector, count, Math.max(ef, Math.ceil(count * 1.2)));
    const found = new Bitset(docCount);
    let foundCount = 0;
    for (const row of rows) {
      const docOrd = owners === null ? row : (owners[row] ?? 0);
      if (found.has(docOrd) || deleted?.has(docOrd) || accept?.has(docOrd) === false) continue;
      found.add(docOrd);
      foundCount++;
    }
    if (foundCount >= depth) return found;
    // Beyond a tenth of the rows the scan reads little more, and misses nothing.
    if (count * 2 > rowCount / 10) return accept;
    count *= 2;
  }
}
