import { Bitset } from "../numeric/bitset.js";
import { markDocuments } from "./mark-documents.js";
import type { ScoringTerm } from "./scoring-plan.js";
import { searchMemory } from "./search-memory.js";
import type { QueryField } from "./sparse-query.js";
import type { SparseSegment } from "./sparse-segment.js";
import type { SparseSettings } from "./sparse-settings.js";

/** Postings of one term of one segment as the query's field sees them. */
export interface TermMatches {
  readonly count: number;
  readonly docs: Uint32Array;
  /** tf' of the field: weighted by the boosts for `all`, so not always an integer. */
  readonly tfs: Float64Array;
}

const none: TermMatches = { count: 0, docs: new Uint32Array(0), tfs: new Float64Array(0) };

/**
 * Decodes a term completely: the plain way, used by exhaustive search, explanation and conditions.
 * tf' = title · tf_title + text · tf_text for `all`; the field's own tf for `title` and `text`.
 */
export function termMatches(
  segment: SparseSegment,
  term: string,
  field: QueryField,
  boosts: SparseSettings["boosts"],
): TermMatches {
  const postings = segment.find(term);
  if (postings === null) return none;
  const { combined, title } = segment.decode(postings);
  if (field === "title") {
    return title === null
      ? none
      : { count: title.to, docs: title.docs, tfs: Float64Array.from(title.tfs) };
  }
  const docs = new Uint32Array(combined.to);
  const tfs = new Float64Array(combined.to);
  const titleWeight = field === "text" ? 0 : boosts.title;
  const textWeight = field === "text" ? 1 : boosts.text;
  let count = 0;
  let at = 0;
  for (let i = 0; i < combined.to; i++) {
    const doc = combined.docs[i]!;
    let titleTf = 0;
    if (title !== null) {
      while (at < title.to && title.docs[at]! < doc) at++;
      if (at < title.to && title.docs[at] === doc) titleTf = title.tfs[at]!;
    }
    const tf = titleWeight * titleTf + textWeight * (combined.tfs[i]! - titleTf);
    if (tf <= 0) continue;
    docs[count] = doc;
    tfs[count++] = tf;
  }
  return { count, docs, tfs };
}

/**
 * Matches of a scoring term: of the indexed term, or of all its variants together with
 * tf' = Σ boost · tf' of the variant.
 */
export function scoringMatches(
  segment: SparseSegment,
  { term, variants, field }: ScoringTerm,
  boosts: SparseSettings["boosts"],
): TermMatches {
  if (variants === null) return termMatches(segment, term, field, boosts);
  const sums = new Float64Array(segment.docCount);
  const matches = new Bitset(segment.docCount);
  for (const variant of variants) {
    const found = termMatches(segment, variant.term, field, boosts);
    for (let i = 0; i < found.count; i++) {
      const doc = found.docs[i]!;
      matches.add(doc);
      sums[doc]! += variant.boost * found.tfs[i]!;
    }
  }
  const docs = Uint32Array.from(matches);
  return { count: docs.length, docs, tfs: Float64Array.from(docs, (doc) => sums[doc]!) };
}

/** tf' of a scoring term in one document, 0 where it does not match. */
export function scoringFrequency(
  segment: SparseSegment,
  { term, variants, field }: ScoringTerm,
  docOrd: number,
  boosts: SparseSettings["boosts"],
): number {
  if (variants === null) return fieldFrequency(segment, term, field, docOrd, boosts);
  let sum = 0;
  for (const variant of variants) {
    sum += variant.boost * fieldFrequency(segment, variant.term, field, docOrd, boosts);
  }
  return sum;
}

function fieldFrequency(
  segment: SparseSegment,
  term: string,
  field: QueryField,
  docOrd: number,
  boosts: SparseSettings["boosts"],
): number {
  const found = segment.find(term);
  if (found === null) return 0;
  const { postings } = segment;
  const titleTf = found.title === null ? 0 : postings.frequencyOf(found.title, docOrd);
  if (field === "title") return titleTf;
  const textTf = postings.frequencyOf(found.combined, docOrd) - titleTf;
  return field === "text" ? textTf : boosts.title * titleTf + boosts.text * textTf;
}

/** Adds to `documents` the matches of a scoring term. */
export function addMatches(
  segment: SparseSegment,
  { term, variants, field }: ScoringTerm,
  boosts: SparseSettings["boosts"],
  documents: Bitset,
): void {
  const seen = boosts.title > 0 ? (boosts.text > 0 ? "all" : "title") : "text";
  const where = field === "all" ? seen : field;
  if (variants === null) addDocuments(segment, term, where, documents);
  else for (const variant of variants) addDocuments(segment, variant.term, where, documents);
}

/** Adds to `documents` those that hold the term in the field. */
export function addDocuments(
  segment: SparseSegment,
  term: string,
  field: QueryField,
  documents: Bitset,
): void {
  const found = segment.find(term);
  if (found === null) return;
  const { combined, title } = found;
  if (field === "text" && title !== null) {
    const { count, docs } = termMatches(segment, term, field, { title: 1, text: 1 });
    for (let i = 0; i < count; i++) documents.add(docs[i]!);
    return;
  }
  const list = field === "title" ? title : combined;
  if (list !== null) markDocuments(list, segment.postings, documents, searchMemory());
}

/** Length that normalises the field in one document: weighted by the boosts for `all`. */
export function fieldLength(
  segment: SparseSegment,
  docOrd: number,
  field: QueryField,
  boosts: SparseSettings["boosts"],
): number {
  const titleLength = segment.titleLengths[docOrd]!;
  const textLength = segment.lengths[docOrd]! - titleLength;
  if (field === "title") return titleLength;
  if (field === "text") return textLength;
  return boosts.title * titleLength + boosts.text * textLength;
}
