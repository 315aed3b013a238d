import type { Analyzer } from "../analysis/analyzer.js";
import { FeatureUnavailableError } from "../errors.js";
import { Bitset } from "../numeric/bitset.js";
import { areAtOffsets, containsPhrase } from "./phrase-match.js";
import { PositionsCursor } from "./positions.js";
import type { Condition, ScoringPlan } from "./scoring-plan.js";
import type { PhraseClause, QueryField } from "./sparse-query.js";
import type { SparseSegment } from "./sparse-segment.js";
import { addDocuments } from "./term-matches.js";

/** Gives the stored fields of a document, to verify phrases where no positions are stored. */
export interface StoredText {
  readonly analyzer: Analyzer;
  textOf(segmentOrd: number, docOrd: number): { readonly title: string; readonly text: string };
}

/**
 * Takes from `documents` those that lack a required condition or hold an excluded one.
 *
 * @throws {FeatureUnavailableError} a phrase, but neither positions nor stored text
 */
export function restrictToConditions(
  documents: Bitset,
  plan: ScoringPlan,
  segment: SparseSegment,
  segmentOrd: number,
  storedText: StoredText | null,
): void {
  // Terms first: they are cheap, and leave fewer documents in which phrases must be looked up.
  for (const condition of plan.required) documents.intersectWith(holdingTerms(condition, segment));
  for (const condition of plan.excluded) {
    if (condition.kind === "terms") documents.subtract(holdingTerms(condition, segment));
  }
  for (const condition of plan.required) {
    if (condition.kind === "terms") continue;
    const hasPhrase = phraseTest(condition, segment, segmentOrd, storedText);
    for (const doc of documents) if (!hasPhrase(doc)) documents.remove(doc);
  }
  for (const condition of plan.excluded) {
    if (condition.kind === "terms") continue;
    const suspects = holdingTerms(condition, segment);
    suspects.intersectWith(documents);
    const hasPhrase = phraseTest(condition, segment, segmentOrd, storedText);
    for (const doc of suspects) if (hasPhrase(doc)) documents.remove(doc);
  }
}

/** Documents that hold one of the condition's terms, or all terms of its phrase in the field. */
function holdingTerms(condition: Condition, segment: SparseSegment): Bitset {
  const { field } = condition;
  if (condition.kind === "terms") return holdingAny(condition.anyOf, field, segment);
  const holding = Bitset.full(segment.docCount);
  for (const { term } of condition.terms) holding.intersectWith(holdingAny([term], field, segment));
  return holding;
}

function holdingAny(terms: readonly string[], field: QueryField, segment: SparseSegment): Bitset {
  const documents = new Bitset(segment.docCount);
  for (const term of terms) addDocuments(segment, term, field, documents);
  return documents;
}

/** Whether a document has the phrase; documents must ascend. */
function phraseTest(
  phrase: PhraseClause,
  segment: SparseSegment,
  segmentOrd: number,
  storedText: StoredText | null,
): (docOrd: number) => boolean {
  const inTitle = phrase.field !== "text";
  const inText = phrase.field !== "title";
  if (segment.hasPositions) {
    const cursors = phrase.terms.map(({ term, offset }) => {
      const found = segment.find(term);
      const cursor = found === null ? null : new PositionsCursor(found.combined, segment.postings);
      return { cursor, offset };
    });
    return (docOrd) => {
      const places = cursors.map(({ cursor, offset }) => ({
        offset,
        positions: cursor?.seek(docOrd) ?? null,
      }));
      return (["title", "text"] as const).some(
        (field) =>
          (field === "title" ? inTitle : inText) &&
          areAtOffsets(
            places.map(({ offset, positions }) => ({ offset, at: positions?.[field] ?? [] })),
          ),
      );
    };
  }
  if (storedText === null) {
    throw new FeatureUnavailableError(
      "phrases need word positions or the stored text, and this searcher was opened with neither",
      { feature: "phrase" },
    );
  }
  const { analyzer } = storedText;
  return (docOrd) => {
    const { title, text } = storedText.textOf(segmentOrd, docOrd);
    return (
      (inTitle && containsPhrase(analyzer.tokens(title), phrase.terms)) ||
      (inText && containsPhrase(analyzer.tokens(text), phrase.terms))
    );
  };
}
