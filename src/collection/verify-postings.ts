import type { Analyzer } from "../analysis/analyzer.js";
import type { PostingSpan } from "../sparse/postings.js";
import type { Segment } from "./segment.js";

/** Documents analysed between two turns of the event loop. */
const docsPerStep = 256;
/** Terms named before the rest is only counted. */
const namedTerms = 5;
const surrogate = /[\ud800-\udfff]/;

/** What all postings of one term add up to, in a form that does not depend on their order. */
interface TermDigest {
  df: number;
  titleDf: number;
  /** Sum over documents of mix(docOrd, tf), and of mix(docOrd, title tf), modulo 2^32. */
  sum: number;
  titleSum: number;
}

/**
 * Analyses every document of a segment again and compares what the postings say: the same terms, in
 * the same documents, as often, in title and text; and the same lengths.
 *
 * @returns one line per difference, the first few terms by name
 */
export async function verifyPostings(segment: Segment, analyzer: Analyzer): Promise<string[]> {
  const { sparse, documents, docCount } = segment;
  const problems: string[] = [];
  if (sparse.docCount !== docCount) {
    return [`the sparse index has ${sparse.docCount} documents, ${docCount} are stored`];
  }
  const expected = new Map<string, TermDigest>();
  for (let docOrd = 0; docOrd < docCount; docOrd++) {
    if (docOrd % docsPerStep === 0) await new Promise((resolve) => setImmediate(resolve));
    const { title, text } = documents.document(docOrd);
    const titleTerms = title === "" ? [] : analyzer.terms(title);
    const textTerms = text === "" ? [] : analyzer.terms(text);
    addDocument(expected, docOrd, titleTerms, textTerms);
    const length = titleTerms.length + textTerms.length;
    if (sparse.lengths[docOrd] !== length || sparse.titleLengths[docOrd] !== titleTerms.length) {
      problems.push(
        `document ${docOrd} has ${length} terms (${titleTerms.length} in the title), the sparse ` +
          `index says ${sparse.lengths[docOrd]} (${sparse.titleLengths[docOrd]})`,
      );
    }
  }
  return [...problems, ...differentTerms(expected, segment)];
}

function differentTerms(expected: Map<string, TermDigest>, { sparse }: Segment): string[] {
  const wrong: string[] = [];
  for (let termOrd = 0; termOrd < sparse.termCount; termOrd++) {
    const term = sparse.dictionary.term(termOrd);
    const { combined, title } = sparse.decode(sparse.termPostings(termOrd));
    const digest = expected.get(term);
    // A term without postings finds nothing and counts for nothing.
    if (digest === undefined && combined.to === combined.from) continue;
    expected.delete(term);
    if (
      digest?.df !== combined.to - combined.from ||
      digest.titleDf !== (title === null ? 0 : title.to - title.from) ||
      digest.sum !== sumOf(combined) ||
      digest.titleSum !== (title === null ? 0 : sumOf(title))
    ) {
      wrong.push(term);
    }
  }
  wrong.push(...expected.keys());
  const lines = wrong
    .slice(0, namedTerms)
    .map((term) => `postings of ${JSON.stringify(term)} are not those of the documents' texts`);
  if (wrong.length > namedTerms)
    lines.push(`and so are those of ${wrong.length - namedTerms} more`);
  return lines;
}

function addDocument(
  digests: Map<string, TermDigest>,
  docOrd: number,
  titleTerms: readonly string[],
  textTerms: readonly string[],
): void {
  const titleTfs = frequencies(titleTerms);
  const tfs = frequencies([...titleTerms, ...textTerms]);
  for (const [term, tf] of tfs) {
    let digest = digests.get(term);
    if (digest === undefined) {
      digest = { df: 0, titleDf: 0, sum: 0, titleSum: 0 };
      digests.set(term, digest);
    }
    digest.df++;
    digest.sum = (digest.sum + mix(docOrd, tf)) >>> 0;
    const titleTf = titleTfs.get(term);
    if (titleTf === undefined) continue;
    digest.titleDf++;
    digest.titleSum = (digest.titleSum + mix(docOrd, titleTf)) >>> 0;
  }
}

function frequencies(terms: readonly string[]): Map<string, number> {
  const tfs = new Map<string, number>();
  for (const term of terms) {
    // Lone surrogates are stored as the replacement character.
    const stored = surrogate.test(term) ? Buffer.from(term, "utf8").toString("utf8") : term;
    tfs.set(stored, (tfs.get(stored) ?? 0) + 1);
  }
  return tfs;
}

function sumOf({ docs, tfs, from, to }: PostingSpan): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum = (sum + mix(docs[i] ?? 0, tfs[i] ?? 0)) >>> 0;
  return sum;
}

/** Finaliser of MurmurHash3 over both numbers. */
function mix(docOrd: number, tf: number): number {
  let hash = Math.imul(docOrd ^ Math.imul(tf, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
