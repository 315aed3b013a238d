import type { DocId, Qrels, QueryId, ScoredDoc } from "../../src/run/ranking.js";

/**
 * The run that scripts/goldens/make-evaluation-goldens.py (`collection_run`) scored: one linear
 * congruential step a document, whose upper bits choose the document and whose next ones score it.
 */
export function collectionRun(qrels: Qrels, docIds: readonly DocId[]): Map<QueryId, ScoredDoc[]> {
  const run = new Map<QueryId, ScoredDoc[]>();
  for (const [queryId, grades] of qrels) {
    let state = fnv1a(queryId);
    if (state % 23 === 0) continue;
    const ranking: ScoredDoc[] = [];
    for (const docId of docIds) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const grade = grades.get(docId);
      if (state >>> 24 < (grade === undefined ? 5 : 150)) {
        ranking.push({ docId, score: ((state >>> 8) % 400) / 100 + (grade ?? 0) * 0.75 });
      }
    }
    if (ranking.length > 0) run.set(queryId, ranking);
  }
  return run;
}

function fnv1a(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
