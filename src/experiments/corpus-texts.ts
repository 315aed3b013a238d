import { analyzerNamed } from "../analysis/analyzers.js";
import { openCorpus } from "../corpus/open-corpus.js";
import type { TextSource } from "./query-features.js";

/**
 * Texts and term statistics read straight from a corpus, for runs that no collection of ours made.
 * Only the texts of the documents asked for stay in memory.
 *
 * @param wanted ids of the documents whose texts will be asked for
 * @throws what the corpus readers throw
 */
export async function textsOfCorpus(
  source: string,
  wanted: ReadonlySet<string>,
  analyzerId = "english@1",
): Promise<TextSource> {
  const analyzer = analyzerNamed(analyzerId);
  const frequencies = new Map<string, number>();
  const kept = new Map<string, { readonly title: string; readonly text: string }>();
  let documentCount = 0;
  for await (const { _id, title, text } of openCorpus(source)) {
    documentCount++;
    for (const term of new Set(analyzer.terms(`${title} ${text}`))) {
      frequencies.set(term, (frequencies.get(term) ?? 0) + 1);
    }
    if (wanted.has(_id)) kept.set(_id, { title, text });
  }
  return {
    analyzer,
    documentCount,
    documentFrequency: (term) => frequencies.get(term) ?? 0,
    document: (docId) => kept.get(docId) ?? null,
  };
}
