import { highlight } from "../analysis/highlight.js";
import type { DocId, Qrels, QueryId, Ranking } from "../run/ranking.js";
import type { Topics } from "../run/topics.js";
import type { ComparedSystem } from "./collect-systems.js";
import type { TextSource } from "./query-features.js";

/** A piece of a document with the query's words marked. */
export interface ExamplePassage {
  readonly text: string;
  /** UTF-16 offsets into `text`. */
  readonly marks: readonly (readonly [number, number])[];
  readonly cutBefore: boolean;
  readonly cutAfter: boolean;
}

export interface ExampleDocument {
  readonly docId: string;
  /** Null: no judgement. */
  readonly grade: number | null;
  /** Rank by the winner and by the loser, null where it is not listed. */
  readonly winnerRank: number | null;
  readonly loserRank: number | null;
  readonly title: string;
  readonly passage: ExamplePassage | null;
  /** The query's words that the document holds, as written in the query. */
  readonly sharedWords: readonly string[];
}

/** One query on which one system beats another, with the documents that make the difference. */
export interface WorkedExample {
  readonly queryId: string;
  readonly query: string;
  readonly winnerValue: number;
  readonly loserValue: number;
  readonly words: readonly string[];
  /** The relevant document that the winner ranks highest above the loser. */
  readonly relevant: ExampleDocument | null;
  /** The document that the loser puts first without need: its highest one that is not relevant. */
  readonly instead: ExampleDocument | null;
}

/**
 * The queries on which `winner` beats `loser` by most, equal differences in the order of the
 * judgements. Fewer than `count` if it wins fewer.
 */
export function workedExamples(
  winner: ComparedSystem,
  loser: ComparedSystem,
  values: {
    readonly winner: ReadonlyMap<QueryId, number>;
    readonly loser: ReadonlyMap<QueryId, number>;
  },
  data: { readonly topics: Topics; readonly qrels: Qrels; readonly texts: TextSource },
  count: number,
): WorkedExample[] {
  const won: { queryId: QueryId; by: number }[] = [];
  for (const [queryId, value] of values.winner) {
    const by = value - (values.loser.get(queryId) ?? 0);
    if (by > 0 && data.topics.has(queryId)) won.push({ queryId, by });
  }
  won.sort((a, b) => b.by - a.by);
  return won.slice(0, count).map(({ queryId }) => {
    const query = data.topics.get(queryId) ?? "";
    const grades = data.qrels.get(queryId) ?? new Map<DocId, number>();
    const first = winner.run.get(queryId) ?? [];
    const second = loser.run.get(queryId) ?? [];
    const wordOf = wordsByTerm(query, data.texts);
    const describe = (docId: DocId): ExampleDocument => {
      const document = data.texts.document(docId);
      const text = document?.text ?? "";
      const held = new Set(
        document === null ? [] : data.texts.analyzer.terms(`${document.title} ${text}`),
      );
      return {
        docId,
        grade: grades.get(docId) ?? null,
        winnerRank: rankOf(first, docId),
        loserRank: rankOf(second, docId),
        title: document?.title ?? "",
        passage: passageOf(data.texts, wordOf, text),
        sharedWords: [...wordOf].filter(([term]) => held.has(term)).map(([, word]) => word),
      };
    };
    const relevant = first.find(
      ({ docId }, i) =>
        (grades.get(docId) ?? 0) >= 1 &&
        (rankOf(second, docId) ?? Number.POSITIVE_INFINITY) > i + 1,
    );
    const instead = second.find(({ docId }) => (grades.get(docId) ?? 0) < 1);
    return {
      queryId,
      query,
      winnerValue: values.winner.get(queryId) ?? 0,
      loserValue: values.loser.get(queryId) ?? 0,
      words: [...wordOf.values()],
      relevant: relevant === undefined ? null : describe(relevant.docId),
      instead: instead === undefined ? null : describe(instead.docId),
    };
  });
}

/** Each distinct term of a query with the first word it came from. */
function wordsByTerm(query: string, { analyzer }: TextSource): Map<string, string> {
  const words = new Map<string, string>();
  for (const { term, start, end } of analyzer.tokens(query)) {
    if (!words.has(term)) words.set(term, query.slice(start, end));
  }
  return words;
}

function rankOf(ranking: Ranking, docId: DocId): number | null {
  const index = ranking.findIndex((hit) => hit.docId === docId);
  return index < 0 ? null : index + 1;
}

function passageOf(
  texts: TextSource,
  words: ReadonlyMap<string, string>,
  text: string,
): ExamplePassage | null {
  const weights = new Map<string, number>();
  for (const term of words.keys()) {
    weights.set(term, Math.log1p(texts.documentCount / (1 + texts.documentFrequency(term))));
  }
  const [best] = highlight(texts.analyzer, weights, text, { length: 420 });
  if (best === undefined) return null;
  return {
    text: text.slice(best.start, best.end),
    marks: best.marks.map(({ start, end }) => [start - best.start, end - best.start] as const),
    cutBefore: best.start > 0,
    cutAfter: best.end < text.length,
  };
}
