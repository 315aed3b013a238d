import type { Analyzer, NumberingAnalyzer } from "../analysis/analyzer.js";
import type { ByteWriter } from "../numeric/byte-writer.js";
import { GrowableUint32 } from "../numeric/growable-uint32.js";
import { compareDocIds } from "../run/ranking.js";
import type { SectionSink } from "../store/sections.js";
import { writePositions } from "./positions.js";
import { checkTermFrequency, type PositionSource, PostingsWriter } from "./postings.js";
import { writeSegmentFrame } from "./sparse-segment.js";
import type { SparseSettings } from "./sparse-settings.js";
import { termBytes } from "./term-dictionary.js";

const surrogate = /[\ud800-\udfff]/;

/** Postings in document order: parallel columns of term and tf, with where each document starts. */
class PostingLog {
  readonly terms = new GrowableUint32(256);
  readonly tfs = new GrowableUint32(256);
  /** Per document: index of its first posting. */
  readonly starts = new GrowableUint32(8);

  reserve(count: number): void {
    this.terms.reserve(count);
    this.tfs.reserve(count);
  }
}

const documentsBeforeTable = 32;

/** Occurrences in token order: title before text in every document. */
class OccurrenceLog {
  /** Index in the posting log. */
  readonly postings = new GrowableUint32(256);
  readonly positions = new GrowableUint32(256);
}

/**
 * Inverts documents in memory: `add` them in docOrd order, then `write` the segment once.
 *
 * Postings are logged in document order and sorted by term with one counting sort at the end, so
 * adding costs one hash look-up a token and no allocation a document.
 */
export class SparseSegmentBuilder {
  readonly #analyzer: Analyzer;
  readonly #numbering: NumberingAnalyzer | null;
  /** Analyzer's term number -> 1 + term id, 0 where unknown, valid in `#epoch`. */
  #idOfNumber = new Int32Array(0);
  #epoch = -1;
  readonly #settings: SparseSettings;
  /** Ids of the first `#mappedCount` terms. Later ones came by number and are known by number. */
  readonly #termIds = new Map<string, number>();
  #mappedCount = 0;
  readonly #terms: string[] = [];
  #termChars = 0;
  #hasSurrogates = false;
  readonly #combined = new PostingLog();
  readonly #title = new PostingLog();
  /**
   * Per term id: 1 + where its latest posting stands in the log. A posting that stands before the
   * document's first one is of an earlier document, so nothing else tells whether a term is new.
   */
  readonly #postingAfter = new GrowableUint32(256);
  /** Per term id: titles that hold it, and documents that have it in the title alone. */
  readonly #titleFrequencies = new GrowableUint32(256);
  readonly #titleOnly = new GrowableUint32(256);
  readonly #occurrences: OccurrenceLog | null;
  readonly #lengths = new GrowableUint32(8);
  readonly #titleLengths = new GrowableUint32(8);

  constructor(analyzer: Analyzer, settings: SparseSettings) {
    this.#analyzer = analyzer;
    this.#occurrences = settings.positions ? new OccurrenceLog() : null;
    this.#numbering = "numberTerms" in analyzer ? (analyzer as NumberingAnalyzer) : null;
    this.#settings = settings;
  }

  get docCount(): number {
    return this.#lengths.length;
  }

  /** Roughly what the builder holds, to decide when to write. */
  get memoryBytes(): number {
    return (
      8 * (this.#combined.terms.length + this.#title.terms.length) +
      8 * (this.#occurrences?.postings.length ?? 0) +
      16 * this.docCount +
      120 * this.#terms.length +
      this.#termChars
    );
  }

  /** The next document; its docOrd is `docCount` before the call. */
  add(title: string, text: string): void {
    const doc = this.docCount;
    const log = this.#combined;
    const start = log.terms.length;
    log.starts.push(start);
    this.#title.starts.push(this.#title.terms.length);
    const titleLength = title === "" ? 0 : this.#addField(title, doc);
    const titleEnd = log.terms.length;
    if (titleLength > 0) this.#copyToTitleLog(start, titleEnd);
    const textLength = text === "" ? 0 : this.#addField(text, doc);
    if (titleLength > 0) this.#countTitleOnly(start, titleEnd);
    this.#lengths.push(titleLength + textLength);
    this.#titleLengths.push(titleLength);
  }

  /** Writes the sections of the segment. */
  write(sink: SectionSink): void {
    const lengths = this.#lengths.values();
    const titleLengths = this.#titleLengths.values();
    const order = this.#sortedTermIds();
    const frequencies = new Uint32Array(this.#terms.length);
    const { terms } = this.#combined;
    for (let i = 0; i < terms.length; i++) frequencies[terms.buffer[i]!]!++;
    const combined = sortByTerm(
      this.#combined,
      order,
      frequencies,
      lengths.length,
      this.#occurrences !== null,
    );
    const titleFrequencies = this.#titleFrequencies.values();
    const title = sortByTerm(this.#title, order, titleFrequencies, lengths.length, false);
    const positions =
      this.#occurrences === null
        ? null
        : new LoggedPositions(this.#occurrences, combined, title, this.#combined.tfs.values());
    const writer = new PostingsWriter(lengths, titleLengths, positions !== null);
    for (let i = 0; i < order.length; i++) {
      const id = order[i]!;
      moveTo(combined, i);
      moveTo(title, i);
      this.#checkFrequencies(combined, id);
      writer.addTerm(this.#terms[id]!, combined, title, this.#titleOnly.buffer[id]!, positions);
    }
    writer.write(sink);
    writeSegmentFrame(sink, {
      analyzer: this.#settings.analyzer,
      positions: this.#occurrences !== null,
      lengths,
      titleLengths,
      termCount: writer.termCount,
      postingCount: writer.postingCount,
    });
  }

  /** Logs the postings of one field; returns its length. */
  #addField(text: string, doc: number): number {
    const numbering = this.#numbering;
    if (numbering === null && this.#occurrences !== null) {
      const tokens = this.#analyzer.tokens(text);
      this.#combined.reserve(tokens.length);
      for (const { term, position } of tokens) {
        const id = this.#idOf(term);
        this.#addPosting(id, doc);
        this.#addOccurrence(id, position);
      }
      return tokens.length;
    }
    if (numbering === null) {
      const terms = this.#analyzer.terms(text);
      this.#combined.reserve(terms.length);
      for (const term of terms) this.#addPosting(this.#idOf(term), doc);
      return terms.length;
    }
    const count = numbering.numberTerms(text);
    this.#combined.reserve(count);
    const numbers = numbering.termNumbers;
    // A table over all numbers of the analyzer would cost a one-document segment more than it saves.
    if (doc < documentsBeforeTable) {
      for (let i = 0; i < count; i++) {
        const id = this.#idOf(numbering.termOf(numbers[i]!));
        this.#addPosting(id, doc);
        this.#addOccurrence(id, numbering.termPositions[i]!);
      }
      return count;
    }
    if (numbering.epoch !== this.#epoch) {
      // Terms known by their old numbers only must be found by name from now on.
      this.#mapTerms();
      this.#epoch = numbering.epoch;
      this.#idOfNumber.fill(0);
    }
    this.#addNumbered(numbering, count, doc);
    return count;
  }

  /** The hot loop of bulk building: no call and no string for a term that was seen before. */
  #addNumbered(numbering: NumberingAnalyzer, count: number, doc: number): void {
    const { terms, tfs } = this.#combined;
    const logTerms = terms.buffer;
    const logTfs = tfs.buffer;
    const numbers = numbering.termNumbers;
    const start = this.#combined.starts.buffer[doc]!;
    let postingAfter = this.#postingAfter.buffer;
    let end = terms.length;
    for (let i = 0; i < count; i++) {
      const number = numbers[i]!;
      let id = number < this.#idOfNumber.length ? this.#idOfNumber[number]! - 1 : -1;
      if (id < 0) {
        const term = numbering.termOf(number);
        id = this.#termIds.get(term) ?? this.#addTerm(term);
        this.#rememberNumber(number, id);
        postingAfter = this.#postingAfter.buffer;
      }
      const after = postingAfter[id]!;
      if (after > start) {
        logTfs[after - 1]!++;
        continue;
      }
      logTerms[end] = id;
      logTfs[end++] = 1;
      postingAfter[id] = end;
    }
    terms.length = end;
    tfs.length = end;
    if (this.#occurrences === null) return;
    const positions = numbering.termPositions;
    for (let i = 0; i < count; i++) {
      this.#addOccurrence(this.#idOfNumber[numbers[i]!]! - 1, positions[i]!);
    }
  }

  #rememberNumber(number: number, id: number): void {
    if (number >= this.#idOfNumber.length) {
      const grown = new Int32Array(Math.max(4096, 2 * number));
      grown.set(this.#idOfNumber);
      this.#idOfNumber = grown;
    }
    this.#idOfNumber[number] = id + 1;
  }

  /** One occurrence; room for it must be reserved. */
  #addPosting(id: number, doc: number): void {
    const log = this.#combined;
    const after = this.#postingAfter.buffer[id]!;
    if (after > log.starts.buffer[doc]!) {
      log.tfs.buffer[after - 1]!++;
      return;
    }
    const at = log.terms.length++;
    log.tfs.length = at + 1;
    log.terms.buffer[at] = id;
    log.tfs.buffer[at] = 1;
    this.#postingAfter.buffer[id] = at + 1;
  }

  #addOccurrence(id: number, position: number): void {
    if (this.#occurrences === null) return;
    this.#occurrences.postings.push(this.#postingAfter.buffer[id]! - 1);
    this.#occurrences.positions.push(position);
  }

  #idOf(term: string): number {
    const known = this.#termIds.get(term);
    if (known !== undefined) return known;
    const id = this.#addTerm(term);
    this.#mapTerms();
    return id;
  }

  #mapTerms(): void {
    for (; this.#mappedCount < this.#terms.length; this.#mappedCount++) {
      this.#termIds.set(this.#terms[this.#mappedCount]!, this.#mappedCount);
    }
  }

  /** Id of a term that is not in the map. */
  #addTerm(term: string): number {
    return surrogate.test(term) ? this.#addTermWithSurrogates(term) : this.#addWellFormed(term);
  }

  #addWellFormed(term: string): number {
    this.#terms.push(term);
    this.#termChars += 2 * term.length;
    this.#postingAfter.push(0);
    this.#titleFrequencies.push(0);
    this.#titleOnly.push(0);
    return this.#terms.length - 1;
  }

  /** Lone surrogates have no bytes: the index knows the term with U+FFFD in their place. */
  #addTermWithSurrogates(term: string): number {
    this.#hasSurrogates = true;
    this.#mapTerms();
    const wellFormed = new TextDecoder().decode(termBytes(term));
    const known = this.#termIds.get(wellFormed);
    const id = known ?? this.#terms.length;
    this.#termIds.set(term, id);
    if (known !== undefined) return known;
    this.#termIds.set(wellFormed, id);
    this.#mappedCount++;
    return this.#addWellFormed(wellFormed);
  }

  #copyToTitleLog(start: number, end: number): void {
    const { terms, tfs } = this.#title;
    for (let i = start; i < end; i++) {
      const id = this.#combined.terms.buffer[i]!;
      terms.push(id);
      tfs.push(this.#combined.tfs.buffer[i]!);
      this.#titleFrequencies.buffer[id]!++;
    }
  }

  /** A term whose tf did not grow while the text was read is in the title alone. */
  #countTitleOnly(start: number, end: number): void {
    const titleStart = this.#title.terms.length - (end - start);
    for (let i = 0; i < end - start; i++) {
      if (this.#combined.tfs.buffer[start + i] === this.#title.tfs.buffer[titleStart + i]) {
        this.#titleOnly.buffer[this.#combined.terms.buffer[start + i]!]!++;
      }
    }
  }

  #checkFrequencies({ docs, tfs, from, to }: SortedPostings, id: number): void {
    for (let i = from; i < to; i++) {
      if (tfs[i]! > 0xffff) checkTermFrequency(tfs[i]!, this.#terms[id]!, docs[i]!);
    }
  }

  /** Term ids in byte order of their UTF-8 forms, which is UTF-16 order without surrogates. */
  #sortedTermIds(): Uint32Array {
    const terms = this.#terms;
    if (this.#hasSurrogates) {
      return Uint32Array.from(terms.keys()).sort((a, b) => compareDocIds(terms[a]!, terms[b]!));
    }
    const byTerm = (a: number, b: number): number => (terms[a]! < terms[b]! ? -1 : 1);
    if (terms.length > maxKeyed) return Uint32Array.from(terms.keys()).sort(byTerm);
    return sortByBeginning(terms, byTerm);
  }
}

/** Ids that fit beside 32 bits of a term's beginning in the integers of a float64. */
const maxKeyed: number = 2 ** 21;

/** Sorts by the first four units as numbers, natively, and only then compares equal ones as strings. */
function sortByBeginning(
  terms: readonly string[],
  byTerm: (a: number, b: number) => number,
): Uint32Array {
  const count = terms.length;
  const keys = new Float64Array(count);
  for (let id = 0; id < count; id++) {
    const term = terms[id]!;
    let beginning = 0;
    let isOpen = true;
    for (let i = 0; i < 4; i++) {
      // From a unit of 255 or more on all terms count as equal: never in the wrong order.
      const unit: number = isOpen && i < term.length ? Math.min(term.charCodeAt(i), 255) : 0;
      if (unit === 255) isOpen = false;
      beginning = beginning * 256 + unit;
    }
    keys[id] = beginning * maxKeyed + id;
  }
  keys.sort();
  const order = Uint32Array.from(keys, (key) => key % maxKeyed);
  for (let from = 0; from < count; ) {
    const beginning = Math.floor(keys[from]! / maxKeyed);
    let to = from + 1;
    while (to < count && Math.floor(keys[to]! / maxKeyed) === beginning) to++;
    if (to - from > 1) order.subarray(from, to).sort(byTerm);
    from = to;
  }
  return order;
}

/** Postings by term; `from` and `to` move from term to term. */
interface SortedPostings {
  readonly docs: Uint32Array;
  readonly tfs: Uint32Array;
  /** Where each posting stands in the log; empty unless asked for. */
  readonly logged: Uint32Array;
  /** Per position in the term order: start of its postings; one more at the end. */
  readonly starts: Uint32Array;
  from: number;
  to: number;
}

function moveTo(postings: SortedPostings, position: number): void {
  postings.from = postings.starts[position]!;
  postings.to = postings.starts[position + 1]!;
}

/** Positions of the sorted postings, gathered from the occurrences by one counting sort. */
class LoggedPositions implements PositionSource {
  readonly #combined: SortedPostings;
  readonly #title: SortedPostings;
  readonly #tfs: Uint32Array;
  /** Positions by posting of the log, title before text; `#ends[i]` is where posting i's end. */
  readonly #positions: Uint32Array;
  readonly #ends: Uint32Array;
  /** Position in the title list of the present term. */
  #titleAt = 0;

  constructor(
    { postings, positions }: OccurrenceLog,
    combined: SortedPostings,
    title: SortedPostings,
    tfs: Uint32Array,
  ) {
    this.#combined = combined;
    this.#title = title;
    this.#tfs = tfs;
    this.#positions = new Uint32Array(positions.length);
    this.#ends = new Uint32Array(tfs.length);
    let sum = 0;
    for (let i = 0; i < tfs.length; i++) {
      this.#ends[i] = sum;
      sum += tfs[i]!;
    }
    for (let i = 0; i < positions.length; i++) {
      this.#positions[this.#ends[postings.buffer[i]!]!++] = positions.buffer[i]!;
    }
  }

  write(index: number, out: ByteWriter): void {
    const { docs, from, logged } = this.#combined;
    const title = this.#title;
    if (index === from) this.#titleAt = title.from;
    const doc = docs[index]!;
    while (this.#titleAt < title.to && title.docs[this.#titleAt]! < doc) this.#titleAt++;
    const isInTitle = this.#titleAt < title.to && title.docs[this.#titleAt] === doc;
    const titleTf = isInTitle ? title.tfs[this.#titleAt]! : 0;
    const posting = logged[index]!;
    const end = this.#ends[posting]!;
    const start = end - this.#tfs[posting]!;
    const values = this.#positions;
    writePositions(values, start + titleTf, end, values, start, start + titleTf, out);
  }
}

/** Counting sort of a log by term order; documents stay ascending inside a term. */
function sortByTerm(
  log: PostingLog,
  order: Uint32Array,
  frequencies: Uint32Array,
  docCount: number,
  keepLogged: boolean,
): SortedPostings {
  const count = log.terms.length;
  const starts = new Uint32Array(order.length + 1);
  const next = new Uint32Array(order.length);
  let sum = 0;
  for (let i = 0; i < order.length; i++) {
    starts[i] = sum;
    next[order[i]!] = sum;
    sum += frequencies[order[i]!]!;
  }
  starts[order.length] = sum;
  const docs = new Uint32Array(count);
  const tfs = new Uint32Array(count);
  const logged = new Uint32Array(keepLogged ? count : 0);
  const logTerms = log.terms.buffer;
  const logTfs = log.tfs.buffer;
  const docStarts = log.starts.buffer;
  for (let doc = 0; doc < docCount; doc++) {
    const end = doc + 1 < docCount ? docStarts[doc + 1]! : count;
    for (let i = docStarts[doc]!; i < end; i++) {
      const at = next[logTerms[i]!]!++;
      docs[at] = doc;
      tfs[at] = logTfs[i]!;
      if (keepLogged) logged[at] = i;
    }
  }
  return { docs, tfs, logged, starts, from: 0, to: 0 };
}
