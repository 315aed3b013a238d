import { Bitset } from "../numeric/bitset.js";
import { compareDocIds } from "../run/ranking.js";
import type { ColumnPart, Columns } from "./columns.js";
import { memberPath, shadowing } from "./evaluate-filter.js";

/**
 * How many of the accepted documents have each value of a field. A document with several values
 * counts for each of them once. Numbers and booleans are named as JSON writes them, so the number
 * 2020 and the string "2020" share a count; strings beyond comparison are not counted.
 */
export function facetCounts(
  columns: Columns,
  field: string,
  accepted: Bitset,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const part of columns.parts(field)) countPart(part, accepted, counts);
  const member = memberPath(columns, field);
  if (member !== undefined) {
    const inheriting = new Bitset(accepted.size, accepted.words.slice());
    inheriting.subtract(shadowing(columns, field));
    for (const part of columns.parts(member)) countPart(part, inheriting, counts);
  }
  return counts;
}

/** The most frequent values first, equal counts by name; at most `limit` of them. */
export function topFacets(counts: ReadonlyMap<string, number>, limit: number): [string, number][] {
  return [...counts].sort(([a, x], [b, y]) => y - x || compareDocIds(a, b)).slice(0, limit);
}

function countPart(part: ColumnPart, accepted: Bitset, counts: Map<string, number>): void {
  const { docOrds, values, words, kind, valueCount } = part;
  if (values === null) return;
  if (words !== null) {
    const countOf = new Uint32Array(words.count);
    for (let i = 0; i < valueCount; i++) {
      const word = values[i] as number;
      if (accepted.has(docOrds === null ? i : (docOrds[i] as number))) {
        countOf[word] = (countOf[word] as number) + 1;
      }
    }
    countOf.forEach((count, word) => {
      if (count > 0) addCount(counts, words.at(word), count);
    });
    return;
  }
  const countOf = new Map<number, number>();
  for (let i = 0; i < valueCount; i++) {
    if (!accepted.has(docOrds === null ? i : (docOrds[i] as number))) continue;
    const value = values[i] as number;
    countOf.set(value, (countOf.get(value) ?? 0) + 1);
  }
  for (const [value, count] of countOf) {
    addCount(counts, kind === "boolean" ? String(value === 1) : String(value), count);
  }
}

function addCount(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
