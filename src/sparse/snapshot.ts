import type { Bitset } from "../numeric/bitset.js";
import type { DocNames } from "../run/doc-names.js";
import type { QueryField } from "./sparse-query.js";
import type { SparseSegment } from "./sparse-segment.js";
import type { SparseSettings } from "./sparse-settings.js";
import type { TermCorrections } from "./term-corrections.js";

/** One segment of a snapshot with what was deleted from it. */
export interface SparseSnapshotPart {
  readonly segment: SparseSegment;
  readonly names: DocNames;
  readonly deleted: Bitset | null;
  /** Statistics of exactly the documents in `deleted`; null where there are none. */
  readonly corrections: TermCorrections | null;
}

/** Statistics over the live documents of a snapshot. */
export class LiveStatistics {
  readonly docCount: number;
  readonly nonEmptyDocCount: number;
  readonly totalLength: number;
  readonly totalTitleLength: number;
  readonly #parts: readonly SparseSnapshotPart[];

  constructor(parts: readonly SparseSnapshotPart[]) {
    this.#parts = parts;
    let docCount = 0;
    let nonEmptyDocCount = 0;
    let totalLength = 0;
    let totalTitleLength = 0;
    for (const { segment, corrections } of parts) {
      const whole = segment.statistics;
      const gone = corrections?.statistics;
      docCount += whole.docCount - (gone?.docCount ?? 0);
      nonEmptyDocCount += whole.nonEmptyDocCount - (gone?.nonEmptyDocCount ?? 0);
      totalLength += whole.totalLength - (gone?.totalLength ?? 0);
      totalTitleLength += whole.totalTitleLength - (gone?.totalTitleLength ?? 0);
    }
    this.docCount = docCount;
    this.nonEmptyDocCount = nonEmptyDocCount;
    this.totalLength = totalLength;
    this.totalTitleLength = totalTitleLength;
  }

  /** Live documents that hold the term in the field; a field of weight 0 is as if it were empty. */
  documentFrequency(
    term: string,
    queryField: QueryField,
    boosts: SparseSettings["boosts"] = { title: 1, text: 1 },
  ): number {
    const field =
      queryField !== "all" || (boosts.title > 0 && boosts.text > 0)
        ? queryField
        : boosts.title > 0
          ? "title"
          : "text";
    let df = 0;
    for (const { segment, corrections } of this.#parts) {
      const postings = segment.find(term);
      if (postings === null) continue;
      const { combined, title } = postings;
      if (field === "all") df += combined.df;
      else if (field === "title") df += title?.df ?? 0;
      else df += combined.df - (title?.onlyCount ?? 0);
      if (corrections !== null) df -= corrections.frequencies(term)[field];
    }
    return df;
  }

  /** Mean over the live documents of the length that the field is normalised by; 0 without documents. */
  averageLength(field: QueryField, boosts: SparseSettings["boosts"]): number {
    if (this.docCount === 0) return 0;
    const textLength = this.totalLength - this.totalTitleLength;
    if (field === "title") return this.totalTitleLength / this.docCount;
    if (field === "text") return textLength / this.docCount;
    return (boosts.title * this.totalTitleLength + boosts.text * textLength) / this.docCount;
  }
}
