import type { Analyzer } from "../../src/analysis/analyzer.js";
import { Bitset } from "../../src/numeric/bitset.js";
import type { DocNames } from "../../src/run/doc-names.js";
import { compareDocIds, type DocId } from "../../src/run/ranking.js";
import { SparseSegmentBuilder } from "../../src/sparse/segment-builder.js";
import type { SparseSnapshotPart } from "../../src/sparse/snapshot.js";
import { openSparseSegment, type SparseSegment } from "../../src/sparse/sparse-segment.js";
import { type SparseSettings, sparseSettings } from "../../src/sparse/sparse-settings.js";
import { termCorrectionsFor } from "../../src/sparse/term-corrections.js";
import type { SectionSink, SectionSource } from "../../src/store/sections.js";

/** Sections in memory, shared and aligned as the store's are. */
export class TestSections implements SectionSink, SectionSource {
  readonly label = "memory";
  readonly sections: Map<string, Uint8Array> = new Map();

  add(name: string, bytes: ArrayBufferView): void {
    if (this.sections.has(name)) throw new Error(`section ${name} written twice`);
    const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
    copy.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.sections.set(name, copy);
  }

  stream(name: string, pieces: Iterable<ArrayBufferView>): void {
    const all = [...pieces].flatMap((piece) => [
      ...new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength),
    ]);
    this.add(name, Uint8Array.from(all));
  }

  has(name: string): boolean {
    return this.sections.has(name);
  }

  byteLength(name: string): number {
    return this.load(name).length;
  }

  load(name: string): Uint8Array {
    const bytes = this.sections.get(name);
    if (bytes === undefined) throw new Error(`no section ${name}`);
    return bytes;
  }

  read(name: string, offset: number, length: number): Uint8Array {
    return this.load(name).slice(offset, offset + length);
  }
}

/** Words between white space, as they are. A position a word. */
export const plainAnalyzer: Analyzer = {
  id: "plain@1",
  terms: (text) => text.split(/\s+/u).filter((word) => word !== ""),
  tokens: (text) =>
    [...text.matchAll(/\S+/gu)].map((match, position) => ({
      term: match[0],
      position,
      start: match.index,
      end: match.index + match[0].length,
    })),
};

export interface TestDoc {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export const plainSettings: SparseSettings = sparseSettings({ analyzer: plainAnalyzer.id });

export function buildSegment(
  docs: readonly TestDoc[],
  settings: SparseSettings = plainSettings,
): SparseSegment {
  const builder = new SparseSegmentBuilder(plainAnalyzer, settings);
  for (const { title, text } of docs) builder.add(title, text);
  const sections = new TestSections();
  builder.write(sections);
  return openSparseSegment(sections);
}

export function namesOf(docs: readonly TestDoc[]): DocNames {
  const order = docs.map((_, ord) => ord);
  order.sort((a, b) => compareDocIds(docs[a]?.id ?? "", docs[b]?.id ?? ""));
  const idRank = new Uint32Array(docs.length);
  for (const [rank, ord] of order.entries()) idRank[ord] = rank;
  return { docCount: docs.length, idRank, docId: (ord) => (docs[ord]?.id ?? "") as DocId };
}

/** A part of a snapshot; `deleted` lists ordinals. */
export function buildPart(
  docs: readonly TestDoc[],
  deleted: readonly number[] = [],
  settings: SparseSettings = plainSettings,
): SparseSnapshotPart {
  const bits = new Bitset(docs.length);
  for (const ord of deleted) bits.add(ord);
  const gone = [...bits].flatMap((ord) => docs[ord] ?? []);
  return {
    segment: buildSegment(docs, settings),
    names: namesOf(docs),
    deleted: gone.length > 0 ? bits : null,
    corrections: gone.length > 0 ? termCorrectionsFor(plainAnalyzer, gone) : null,
  };
}
