import type { Analyzer } from "../analysis/analyzer.js";
import { FeatureUnavailableError, InputError } from "../errors.js";
import { TopKSelector } from "../numeric/top-k-selector.js";
import type { DocNames } from "../run/doc-names.js";
import { inverseDocumentFrequency } from "./bm25.js";
import type { SparseEngine } from "./sparse-engine.js";
import type { SparseQuery, TermClause } from "./sparse-query.js";
import type { SparseHits, SparseSearchOptions } from "./sparse-searcher.js";
import type { SparseSettings } from "./sparse-settings.js";

/** wink cannot consolidate fewer. */
const fewestDocs = 3;

/**
 * wink-bm25-text-search over a small corpus: an independent BM25, for comparison and as an oracle.
 * Everything lies in memory and nothing can be added; a query takes milliseconds from some ten
 * thousand documents on.
 *
 * Departures from the package as it comes:
 * 1. Terms come from the collection's analyzer, so that only the scoring differs.
 * 2. Terms are handed over with a mark before them: none can be the name of an object's property.
 * 3. Scores are kept to 9 decimals (4 by default) and divided by k1 + 1, the constant factor that
 *    Lucene left out, so that they are on the scale of `SparseSearcher`.
 * 4. Equal scores are ordered by docId descending, and ids are numbers again.
 */
export class WinkEngine implements SparseEngine {
  readonly #settings: SparseSettings;
  readonly #names: DocNames;
  readonly #search: (text: string, limit: number) => [id: string, score: number][];
  readonly #documentFrequencies: ReadonlyMap<string, number>;

  private constructor(
    settings: SparseSettings,
    names: DocNames,
    search: (text: string, limit: number) => [id: string, score: number][],
    documentFrequencies: ReadonlyMap<string, number>,
  ) {
    this.#settings = settings;
    this.#names = names;
    this.#search = search;
    this.#documentFrequencies = documentFrequencies;
  }

  /**
   * Indexes the documents in docOrd order.
   *
   * @throws {InputError} fewer than 3 documents, or none with a term
   * @throws {FeatureUnavailableError} a BM25 variant other than `lucene`
   */
  static async build(
    docs: readonly { readonly title: string; readonly text: string }[],
    names: DocNames,
    analyzer: Analyzer,
    settings: SparseSettings,
  ): Promise<WinkEngine> {
    if (docs.length < fewestDocs) {
      throw new InputError(
        `the wink engine needs at least ${fewestDocs} documents, got ${docs.length}`,
        { docCount: docs.length },
      );
    }
    const { bm25, boosts } = settings;
    if (bm25.variant !== "lucene") {
      throw new FeatureUnavailableError(`the wink engine has no BM25 variant ${bm25.variant}`, {
        variant: bm25.variant,
      });
    }
    const { default: createWink } = await import("wink-bm25-text-search");
    const wink = createWink();
    const fields = (["title", "text"] as const).filter((field) => boosts[field] > 0);
    wink.defineConfig({
      fldWeights: Object.fromEntries(fields.map((field) => [field, boosts[field]])),
      bm25Params: { k1: bm25.k1, b: bm25.b, k: 1 },
    });
    wink.definePrepTasks([splitTerms]);
    const documentFrequencies = new Map<string, number>();
    for (const [docOrd, doc] of docs.entries()) {
      const terms = { title: analyzer.terms(doc.title), text: analyzer.terms(doc.text) };
      wink.addDoc({ title: joinTerms(terms.title), text: joinTerms(terms.text) }, String(docOrd));
      for (const term of new Set(fields.flatMap((field) => terms[field]))) {
        documentFrequencies.set(term, (documentFrequencies.get(term) ?? 0) + 1);
      }
    }
    if (documentFrequencies.size === 0) {
      throw new InputError("the wink engine needs a document with at least one term, got none");
    }
    wink.consolidate(9);
    return new WinkEngine(
      settings,
      names,
      (text, limit) => wink.search(text, limit),
      documentFrequencies,
    );
  }

  /**
   * The best `depth` of the documents, as segment 0.
   *
   * @throws {FeatureUnavailableError} anything but plain words, or BM25 parameters for this query
   */
  search(query: SparseQuery, options: SparseSearchOptions): SparseHits {
    if (options.bm25 !== undefined) {
      throw new FeatureUnavailableError("the wink engine cannot change BM25 parameters per query");
    }
    const terms = plainTerms(query).flatMap(({ term, weight }) => new Array(weight).fill(term));
    const accept = options.accept?.[0] ?? null;
    const { docCount } = this.#names;
    // All matches: a tie at the cut is broken by id, which wink does not know.
    const found = terms.length === 0 ? [] : this.#search(joinTerms(terms), docCount);
    const best = new TopKSelector(Math.min(options.depth, docCount), this.upperBound(query), {
      rank: (_, docOrd) => this.#names.idRank[docOrd] ?? 0,
      compare: () => 0,
    });
    let total = 0;
    for (const [id, score] of found) {
      const docOrd = Number(id);
      if (accept !== null && !accept.has(docOrd)) continue;
      best.push(score / (this.#settings.bm25.k1 + 1), 0, docOrd);
      total++;
    }
    const { scores, majors, minors } = best.drain();
    return {
      count: scores.length,
      segmentOrds: majors,
      docOrds: minors,
      scores,
      total,
      totalIsExact: true,
      topScore: scores[0] ?? 0,
    };
  }

  upperBound(query: SparseQuery): number {
    let bound = 0;
    for (const { term, weight } of plainTerms(query)) {
      const df = this.#documentFrequencies.get(term);
      if (df === undefined) continue;
      bound += weight * inverseDocumentFrequency("lucene", this.#names.docCount, df);
    }
    return bound;
  }
}

function plainTerms(query: SparseQuery): TermClause[] {
  return query.clauses.map((clause) => {
    if (clause.kind === "term" && clause.field === "all" && clause.occur === "should") {
      return clause;
    }
    throw new FeatureUnavailableError(
      "the wink engine takes plain words only: no operators of any kind",
      { clause: clause.kind },
    );
  });
}

/** wink takes text and tasks that split it; analysers give no term with a line feed in it. */
const joinTerms = (terms: readonly string[]): string => terms.join("\n");

function splitTerms(text: string): string[] {
  return text === "" ? [] : text.split("\n").map((term) => `=${term}`);
}
