import { InputError } from "../errors.js";
import type { Bitset } from "../numeric/bitset.js";
import type { ByteWriter } from "../numeric/byte-writer.js";
import type { SectionSink } from "../store/sections.js";
import { skipPositions } from "./positions.js";
import {
  type PositionSource,
  type PostingList,
  type PostingsReader,
  PostingsWriter,
  type TermPostings,
} from "./postings.js";
import { type SparseSegment, writeSegmentFrame } from "./sparse-segment.js";
import { compareBytes } from "./term-dictionary.js";

/** One segment of a merge and the documents of it to keep (null: all). */
export interface MergeInput {
  readonly segment: SparseSegment;
  readonly keep: Bitset | null;
}

/**
 * Writes one segment with the kept documents of the inputs, in the order of the inputs. Terms are
 * merged in byte order; nothing is analysed again.
 *
 * @throws {InputError} no input, or inputs of different analyzers, or some without positions
 */
export function mergeSparseSegments(inputs: readonly MergeInput[], sink: SectionSink): void {
  const first = inputs[0];
  if (first === undefined) throw new InputError("merging needs at least one segment, got 0");
  for (const { segment } of inputs) {
    if (segment.hasPositions !== first.segment.hasPositions) {
      throw new InputError("segments to merge must all store word positions, or none of them", {
        segment: segment.label,
      });
    }
    if (segment.analyzer === first.segment.analyzer) continue;
    throw new InputError(
      `segments to merge must share one analyzer, got ${first.segment.analyzer} and ${segment.analyzer}`,
      { analyzer: first.segment.analyzer, other: segment.analyzer },
    );
  }
  const parts = documentParts(inputs);
  const docCount = parts.reduce((sum, part) => sum + part.keptCount, 0);
  const lengths = new Uint32Array(docCount);
  const titleLengths = new Uint32Array(docCount);
  for (const part of parts) part.copyLengths(lengths, titleLengths);

  const writer = new PostingsWriter(lengths, titleLengths, first.segment.hasPositions);
  mergeTerms(parts, docCount, writer);
  writer.write(sink);
  writeSegmentFrame(sink, {
    analyzer: first.segment.analyzer,
    positions: first.segment.hasPositions,
    lengths,
    titleLengths,
    termCount: writer.termCount,
    postingCount: writer.postingCount,
  });
}

/** One input with where its documents go and how far its terms are merged. */
class MergePart {
  readonly segment: SparseSegment;
  readonly base: number;
  readonly keptCount: number;
  /** docOrd -> new docOrd; `dropped` where not kept; null where all are kept. */
  readonly newOrds: Uint32Array | null;
  /** Where merging stands: the next term, and its first six bytes as a number; null at the end. */
  term: Uint8Array | null = null;
  prefix = 0;
  #termOrd = -1;

  constructor({ segment, keep }: MergeInput, base: number) {
    this.segment = segment;
    this.base = base;
    this.nextTerm();
    if (keep === null) {
      this.keptCount = segment.docCount;
      this.newOrds = null;
      return;
    }
    const newOrds = new Uint32Array(segment.docCount).fill(dropped);
    let next = base;
    for (let doc = keep.next(0); doc >= 0; doc = keep.next(doc + 1)) newOrds[doc] = next++;
    this.keptCount = next - base;
    this.newOrds = newOrds;
  }

  copyLengths(lengths: Uint32Array, titleLengths: Uint32Array): void {
    const { segment, newOrds } = this;
    if (newOrds === null) {
      lengths.set(segment.lengths, this.base);
      titleLengths.set(segment.titleLengths, this.base);
      return;
    }
    for (let doc = 0; doc < newOrds.length; doc++) {
      const newOrd = newOrds[doc]!;
      if (newOrd === dropped) continue;
      lengths[newOrd] = segment.lengths[doc]!;
      titleLengths[newOrd] = segment.titleLengths[doc]!;
    }
  }

  /** Decodes a list to `out` from `at` on, renumbered; returns the end of what was kept. */
  decode(
    list: PostingList,
    out: MutableSpan,
    at: number,
    positions: CopiedPositions | null,
  ): number {
    const { docs, tfs } = out;
    const { postings } = this.segment;
    const end = at + postings.decodeList(list, docs, tfs, at);
    positions?.locate(postings, list, tfs, at, end);
    const { newOrds, base } = this;
    if (newOrds === null) {
      for (let i = at; i < end; i++) docs[i]! += base;
      return end;
    }
    let kept = at;
    for (let i = at; i < end; i++) {
      const newOrd = newOrds[docs[i]!]!;
      if (newOrd === dropped) continue;
      docs[kept] = newOrd;
      positions?.move(i, kept);
      tfs[kept++] = tfs[i]!;
    }
    return kept;
  }

  /** The lists of the present term. */
  get postings(): TermPostings {
    return this.segment.termPostings(this.#termOrd);
  }

  nextTerm(): void {
    this.#termOrd++;
    if (this.#termOrd >= this.segment.termCount) {
      this.term = null;
      this.prefix = Number.POSITIVE_INFINITY;
      return;
    }
    const term = this.segment.dictionary.termBytes(this.#termOrd);
    this.term = term;
    let prefix = 0;
    for (let i = 0; i < 6; i++) prefix = prefix * 256 + (i < term.length ? term[i]! : 0);
    this.prefix = prefix;
  }
}

const dropped = 0xffffffff;

interface MutableSpan {
  readonly docs: Uint32Array;
  readonly tfs: Uint32Array;
  readonly from: 0;
  to: number;
}

/** Where the positions of the postings under way stand in the inputs, to be copied as bytes. */
class CopiedPositions implements PositionSource {
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #bytes: Uint8Array[] = [];

  constructor(room: number) {
    this.#starts = new Uint32Array(room);
    this.#ends = new Uint32Array(room);
  }

  /** Finds those of postings `from` .. `to` - 1, just decoded from `list`. */
  locate(
    postings: PostingsReader,
    list: PostingList,
    tfs: Uint32Array,
    from: number,
    to: number,
  ): void {
    let offset = postings.positionsStart(list);
    for (let i = from; i < to; i++) {
      this.#starts[i] = offset;
      offset = skipPositions(postings.positions, offset, tfs[i]!);
      this.#ends[i] = offset;
      this.#bytes[i] = postings.positions;
    }
  }

  move(from: number, to: number): void {
    this.#starts[to] = this.#starts[from]!;
    this.#ends[to] = this.#ends[from]!;
    this.#bytes[to] = this.#bytes[from]!;
  }

  write(index: number, out: ByteWriter): void {
    out.append(this.#bytes[index]!.subarray(this.#starts[index]!, this.#ends[index]!));
  }
}

function documentParts(inputs: readonly MergeInput[]): MergePart[] {
  let base = 0;
  return inputs.map((input) => {
    const part = new MergePart(input, base);
    base += part.keptCount;
    return part;
  });
}

function mergeTerms(parts: readonly MergePart[], docCount: number, writer: PostingsWriter): void {
  // A list is decoded whole before dropped documents leave it, so the scratch holds one input more.
  const room = docCount + Math.max(...parts.map((part) => part.segment.docCount));
  const combined = emptySpan(room);
  const title = emptySpan(room);
  const withPositions = parts.some(({ segment }) => segment.hasPositions);
  const positions = withPositions ? new CopiedPositions(room) : null;
  const holders: MergePart[] = [];
  for (;;) {
    findLeastTerm(parts, holders);
    const term = holders[0]?.term ?? null;
    if (term === null) return;
    combined.to = 0;
    title.to = 0;
    for (const part of holders) {
      const { combined: list, title: titleList } = part.postings;
      combined.to = part.decode(list, combined, combined.to, positions);
      if (titleList !== null) title.to = part.decode(titleList, title, title.to, null);
      part.nextTerm();
    }
    if (combined.to === 0) continue;
    writer.addTerm(term, combined, title, countTitleOnly(combined, title), positions);
  }
}

function emptySpan(room: number): MutableSpan {
  return { docs: new Uint32Array(room), tfs: new Uint32Array(room), from: 0, to: 0 };
}

/** Puts into `holders` the parts that stand at the least term, in order; none at the end. */
function findLeastTerm(parts: readonly MergePart[], holders: MergePart[]): void {
  holders.length = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const part of parts) {
    if (part.term === null || part.prefix > least) continue;
    const first = holders[0]?.term;
    let order = part.prefix < least ? -1 : 0;
    if (order === 0 && first != null) order = compareBytes(part.term, first);
    if (order > 0) continue;
    if (order < 0) holders.length = 0;
    holders.push(part);
    least = part.prefix;
  }
}

/** Documents whose tf is the same in both lists have the term in the title alone. */
function countTitleOnly(combined: MutableSpan, title: MutableSpan): number {
  let only = 0;
  let at = 0;
  for (let i = 0; i < title.to; i++) {
    while (combined.docs[at]! < title.docs[i]!) at++;
    if (combined.tfs[at] === title.tfs[i]) only++;
  }
  return only;
}
