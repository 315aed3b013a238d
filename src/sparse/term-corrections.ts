import type { Analyzer } from "../analysis/analyzer.js";
import { CorruptIndexError } from "../errors.js";
import { ByteReader, ByteWriter } from "../numeric/byte-writer.js";
import { compareDocIds } from "../run/ranking.js";
import type { SegmentStatistics } from "./sparse-segment.js";

/** Document frequencies of one term: anywhere, in titles, in texts. */
export interface FieldFrequencies {
  readonly all: number;
  readonly title: number;
  readonly text: number;
}

const nothing: FieldFrequencies = { all: 0, title: 0, text: 0 };
type Layer = ReadonlyMap<string, FieldFrequencies>;

/**
 * What the deleted documents of a segment contributed to its statistics, to be subtracted, so that
 * scores are those of the live documents. Immutable: `plus` gives a new value that shares the old
 * one's layers; layers are merged in doubling sizes, so that n single deletions cost O(n log n).
 */
export class TermCorrections {
  readonly statistics: SegmentStatistics;
  /** Greatest layer first, each at least twice the next. */
  readonly #layers: readonly Layer[];

  constructor(statistics: SegmentStatistics, layers: readonly Layer[]) {
    this.statistics = statistics;
    this.#layers = layers;
  }

  /** Documents of the deleted that hold the term. */
  frequencies(term: string): FieldFrequencies {
    let sum = nothing;
    for (const layer of this.#layers) {
      const found = layer.get(term);
      if (found !== undefined) sum = sum === nothing ? found : add(sum, found);
    }
    return sum;
  }

  /** Both sets of deletions together; they must be of different documents. */
  plus(other: TermCorrections): TermCorrections {
    const a = this.statistics;
    const b = other.statistics;
    const layers = [...this.#layers, ...other.#layers].sort((x, y) => y.size - x.size);
    for (let last = layers.length - 1; last > 0; last = layers.length - 1) {
      const small = layers[last]!;
      const large = layers[last - 1]!;
      if (large.size >= 2 * small.size) break;
      layers.splice(last - 1, 2, mergeLayers(large, small));
    }
    return new TermCorrections(
      {
        docCount: a.docCount + b.docCount,
        nonEmptyDocCount: a.nonEmptyDocCount + b.nonEmptyDocCount,
        totalLength: a.totalLength + b.totalLength,
        totalTitleLength: a.totalTitleLength + b.totalTitleLength,
      },
      layers,
    );
  }

  /** Terms in byte order with varints: the same deletions give the same bytes. */
  toBytes(): Uint8Array {
    const merged = this.#layers.reduce(mergeLayers, new Map() as Layer);
    const terms = [...merged.keys()].sort(compareDocIds);
    const out = new ByteWriter(64 + 16 * terms.length);
    const { docCount, nonEmptyDocCount, totalLength, totalTitleLength } = this.statistics;
    for (const value of [docCount, nonEmptyDocCount]) out.varint(value);
    for (const value of [totalLength, totalTitleLength]) {
      out.varint(Math.floor(value / 2 ** 32));
      out.varint(value % 2 ** 32);
    }
    out.varint(terms.length);
    for (const term of terms) {
      const bytes = new TextEncoder().encode(term);
      const { all, title, text } = merged.get(term) ?? nothing;
      out.varint(bytes.length);
      out.append(bytes);
      out.varint(all);
      out.varint(title);
      out.varint(text);
    }
    return out.bytes().slice();
  }

  /** @throws {CorruptIndexError} the bytes are not what `toBytes` wrote */
  static fromBytes(bytes: Uint8Array): TermCorrections {
    const reader = new ByteReader(bytes);
    const docCount = reader.varint();
    const nonEmptyDocCount = reader.varint();
    const totalLength = reader.varint() * 2 ** 32 + reader.varint();
    const totalTitleLength = reader.varint() * 2 ** 32 + reader.varint();
    const layer = new Map<string, FieldFrequencies>();
    const decoder = new TextDecoder();
    for (let count = reader.varint(); count > 0 && reader.position <= bytes.length; count--) {
      const length = reader.varint();
      const term = decoder.decode(bytes.slice(reader.position, reader.position + length));
      reader.position += length;
      layer.set(term, { all: reader.varint(), title: reader.varint(), text: reader.varint() });
    }
    if (reader.position !== bytes.length) {
      throw new CorruptIndexError(
        `statistics corrections: read ${reader.position} bytes, expected ${bytes.length}`,
        { byteLength: bytes.length, position: reader.position },
      );
    }
    const statistics = { docCount, nonEmptyDocCount, totalLength, totalTitleLength };
    return new TermCorrections(statistics, [layer]);
  }
}

/** Corrections for deleting these documents of one segment; analyses them once more. */
export function termCorrectionsFor(
  analyzer: Analyzer,
  deletedDocs: Iterable<{ readonly title: string; readonly text: string }>,
): TermCorrections {
  const layer = new Map<string, { all: number; title: number; text: number }>();
  let docCount = 0;
  let nonEmptyDocCount = 0;
  let totalLength = 0;
  let totalTitleLength = 0;
  for (const { title, text } of deletedDocs) {
    const titleTerms = title === "" ? [] : analyzer.terms(title);
    const textTerms = text === "" ? [] : analyzer.terms(text);
    const inTitle = new Set(titleTerms);
    const inText = new Set(textTerms);
    for (const term of new Set([...inTitle, ...inText])) {
      let entry = layer.get(term);
      if (entry === undefined) {
        entry = { all: 0, title: 0, text: 0 };
        layer.set(term, entry);
      }
      entry.all++;
      if (inTitle.has(term)) entry.title++;
      if (inText.has(term)) entry.text++;
    }
    docCount++;
    totalLength += titleTerms.length + textTerms.length;
    totalTitleLength += titleTerms.length;
    if (titleTerms.length + textTerms.length > 0) nonEmptyDocCount++;
  }
  return new TermCorrections({ docCount, nonEmptyDocCount, totalLength, totalTitleLength }, [
    layer,
  ]);
}

function add(a: FieldFrequencies, b: FieldFrequencies): FieldFrequencies {
  return { all: a.all + b.all, title: a.title + b.title, text: a.text + b.text };
}

function mergeLayers(large: Layer, small: Layer): Layer {
  const merged = new Map(large);
  for (const [term, frequencies] of small) {
    const known = merged.get(term);
    merged.set(term, known === undefined ? frequencies : add(known, frequencies));
  }
  return merged;
}
