import { Bitset } from "../numeric/bitset.js";
import type { ColumnPart, Columns } from "./columns.js";
import { type Filter, type FilterRange, type FilterValue, metadataField } from "./filter.js";

/** Ordinal of the document with this id, deleted or not, or -1. */
export type OrdOfDocId = (docId: string) => number;

/**
 * The documents of a segment that a filter holds for, deleted ones too: one pass over the values of
 * each column that it names, so a condition on 1 M documents takes some milliseconds.
 *
 * @param ordOfDocId needed by filters that name `_id`
 * @see matchesFilter, the same for one document
 */
export function evaluateFilter(columns: Columns, filter: Filter, ordOfDocId?: OrdOfDocId): Bitset {
  switch (filter.kind) {
    case "and": {
      const all = Bitset.full(columns.docCount);
      for (const clause of filter.clauses) {
        all.intersectWith(evaluateFilter(columns, clause, ordOfDocId));
      }
      return all;
    }
    case "or": {
      const any = new Bitset(columns.docCount);
      for (const clause of filter.clauses) {
        any.unionWith(evaluateFilter(columns, clause, ordOfDocId));
      }
      return any;
    }
    case "not": {
      const all = Bitset.full(columns.docCount);
      all.subtract(evaluateFilter(columns, filter.clause, ordOfDocId));
      return all;
    }
    case "exists":
      if (filter.field === "_id") return Bitset.full(columns.docCount);
      return resolved(columns, filter.field, (path) => existing(columns, path));
    case "in":
      if (filter.field === "_id") return documentsNamed(columns, filter.values, ordOfDocId);
      return resolved(columns, filter.field, (path) => {
        const set = new Bitset(columns.docCount);
        for (const part of columns.parts(path)) markIn(part, filter.values, set);
        return set;
      });
    case "range":
      return resolved(columns, filter.field, (path) => {
        const set = new Bitset(columns.docCount);
        for (const part of columns.parts(path)) markRange(part, filter.range, set);
        return set;
      });
    default:
      return filter satisfies never;
  }
}

/**
 * The documents where a field fulfils something: its own column, and the member of `metadata` of
 * that name in documents without a field of that name.
 */
export function resolved(
  columns: Columns,
  field: string,
  evaluate: (path: string) => Bitset,
): Bitset {
  const own = evaluate(field);
  const member = memberPath(columns, field);
  if (member === undefined) return own;
  const inherited = evaluate(member);
  inherited.subtract(shadowing(columns, field));
  own.unionWith(inherited);
  return own;
}

/** Path of the `metadata` member that may answer for a field; undefined if there is none. */
export function memberPath(columns: Columns, field: string): string | undefined {
  if (firstKey(field) === metadataField) return undefined;
  const path = `${metadataField}.${field}`;
  return columns.partsBelow(path).length > 0 ? path : undefined;
}

/** Documents whose own field hides the `metadata` member of that name. */
export function shadowing(columns: Columns, field: string): Bitset {
  return existing(columns, firstKey(field));
}

function firstKey(field: string): string {
  return field.split(".", 1)[0] ?? field;
}

function existing(columns: Columns, path: string): Bitset {
  const set = new Bitset(columns.docCount);
  for (const { docOrds } of columns.partsBelow(path)) {
    if (docOrds === null) return Bitset.full(columns.docCount);
    for (const docOrd of docOrds) set.add(docOrd);
  }
  return set;
}

function documentsNamed(
  columns: Columns,
  ids: readonly FilterValue[],
  ordOfDocId: OrdOfDocId | undefined,
): Bitset {
  if (ordOfDocId === undefined) throw new Error("a filter on _id needs a look-up of ids");
  const set = new Bitset(columns.docCount);
  for (const id of ids) {
    const docOrd = typeof id === "string" ? ordOfDocId(id) : -1;
    if (docOrd >= 0) set.add(docOrd);
  }
  return set;
}

function markIn(part: ColumnPart, wanted: readonly FilterValue[], set: Bitset): void {
  if (part.kind === "long") return;
  if (part.words !== null) {
    const isWanted = new Uint8Array(part.words.count);
    let last = -1;
    let count = 0;
    for (const value of wanted) {
      const number = typeof value === "string" ? part.words.find(value) : -1;
      if (number < 0) continue;
      isWanted[number] = 1;
      last = number;
      count++;
    }
    if (count === 1) markBetween(part, last, last, set);
    else if (count > 1) markWords(part, isWanted, set);
    return;
  }
  const numbers = new Set<number>();
  for (const value of wanted) {
    if (part.kind === "boolean") {
      if (typeof value === "boolean") numbers.add(value ? 1 : 0);
    } else if (typeof value === "number") {
      numbers.add(value);
    }
  }
  if (numbers.size === 0) return;
  if (numbers.size === 1) {
    const [only] = [...numbers] as [number];
    markBetween(part, only, only, set);
  } else {
    markWhere(part, (value) => numbers.has(value), set);
  }
}

function markRange(part: ColumnPart, range: FilterRange, set: Bitset): void {
  const { gte, gt, lte, lt } = range;
  if (part.words !== null) {
    if (isOf("number", range)) return;
    // Positions among the sorted strings; a string as exclusive bound is passed by one.
    const words = part.words;
    const first = Math.max(
      gte === undefined ? 0 : words.lowerBound(gte as string),
      gt === undefined
        ? 0
        : words.lowerBound(gt as string) + (words.find(gt as string) < 0 ? 0 : 1),
    );
    const end = Math.min(
      lt === undefined ? words.count : words.lowerBound(lt as string),
      lte === undefined
        ? words.count
        : words.lowerBound(lte as string) + (words.find(lte as string) < 0 ? 0 : 1),
    );
    if (first < end) markBetween(part, first, end - 1, set);
  } else if ((part.kind === "int32" || part.kind === "float64") && !isOf("string", range)) {
    const low = Math.max(Number(gte ?? Number.NEGATIVE_INFINITY), above(gt as number | undefined));
    const high = Math.min(Number(lte ?? Number.POSITIVE_INFINITY), below(lt as number | undefined));
    if (low <= high) markBetween(part, low, high, set);
  }
}

function isOf(type: "number" | "string", range: FilterRange): boolean {
  return Object.values(range).some((bound) => typeof bound === type);
}

/** Smallest number above `bound`. */
function above(bound: number | undefined): number {
  return bound === undefined ? Number.NEGATIVE_INFINITY : -below(-bound);
}

const float = new Float64Array(1);
const bits = new BigInt64Array(float.buffer);

/** Largest number below `bound`. */
function below(bound: number | undefined): number {
  if (bound === undefined) return Number.POSITIVE_INFINITY;
  if (bound === 0) return -Number.MIN_VALUE;
  float[0] = bound;
  // The bits of numbers of one sign ascend with their magnitude.
  bits[0] = (bits[0] as bigint) + (bound > 0 ? -1n : 1n);
  return float[0] as number;
}

/** Adds the documents that have a value from `low` to `high`. */
function markBetween(part: ColumnPart, low: number, high: number, set: Bitset): void {
  const { docOrds, values, valueCount } = part;
  if (values === null) return;
  const words = set.words;
  if (docOrds === null) {
    for (let i = 0; i < valueCount; i++) {
      const value = values[i] as number;
      if (value >= low && value <= high)
        words[i >>> 5] = (words[i >>> 5] as number) | (1 << (i & 31));
    }
    return;
  }
  for (let i = 0; i < valueCount; i++) {
    const value = values[i] as number;
    if (value >= low && value <= high) set.add(docOrds[i] as number);
  }
}

/** Adds the documents that have a string whose number is marked. */
function markWords(
  { docOrds, values, valueCount }: ColumnPart,
  isWanted: Uint8Array,
  set: Bitset,
): void {
  if (values === null) return;
  for (let i = 0; i < valueCount; i++) {
    if (isWanted[values[i] as number] === 1) set.add(docOrds === null ? i : (docOrds[i] as number));
  }
}

function markWhere(part: ColumnPart, isWanted: (value: number) => boolean, set: Bitset): void {
  const { docOrds, values, valueCount } = part;
  for (let i = 0; i < valueCount; i++) {
    if (isWanted(values?.[i] as number)) set.add(docOrds === null ? i : (docOrds[i] as number));
  }
}
