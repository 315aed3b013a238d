import { Buffer } from "node:buffer";
import type { Document } from "../corpus/document.js";
import { compareDocIds } from "../run/ranking.js";
import { visitLeaves } from "./document-leaves.js";
import {
  type Filter,
  type FilterRange,
  type FilterValue,
  maxFilterStringBytes,
  metadataField,
  wellFormed,
} from "./filter.js";

/** Does the filter hold for one document? The plain twin of `evaluateFilter`. */
export function matchesFilter(document: Document, filter: Filter): boolean {
  const leaves = new Map<string, FilterValue[]>();
  visitLeaves(document, (path, value) => {
    const values = leaves.get(path);
    if (values === undefined) leaves.set(path, [value]);
    else values.push(value);
  });
  const matches = (one: Filter): boolean => {
    switch (one.kind) {
      case "and":
        return one.clauses.every(matches);
      case "or":
        return one.clauses.some(matches);
      case "not":
        return !matches(one.clause);
      case "exists":
        return one.field === "_id" || exists(leaves, resolve(leaves, one.field));
      case "in":
        if (one.field === "_id") return one.values.includes(document._id);
        return comparable(leaves, one.field).some((value) => one.values.includes(value));
      case "range":
        return comparable(leaves, one.field).some((value) => isInRange(value, one.range));
      default:
        return one satisfies never;
    }
  };
  return matches(filter);
}

/** The path that a field name means in this document: its own field, or a member of metadata. */
function resolve(leaves: ReadonlyMap<string, FilterValue[]>, field: string): string {
  const first = field.split(".", 1)[0] ?? field;
  if (first === metadataField || exists(leaves, first)) return field;
  return `${metadataField}.${field}`;
}

function exists(leaves: ReadonlyMap<string, FilterValue[]>, path: string): boolean {
  return [...leaves.keys()].some((leaf) => leaf === path || leaf.startsWith(`${path}.`));
}

function comparable(leaves: ReadonlyMap<string, FilterValue[]>, field: string): FilterValue[] {
  return (leaves.get(resolve(leaves, field)) ?? [])
    .map((value) => (typeof value === "string" ? wellFormed(value) : value))
    .filter(
      (value) => typeof value !== "string" || Buffer.byteLength(value) <= maxFilterStringBytes,
    );
}

function isInRange(value: FilterValue, { gte, gt, lte, lt }: FilterRange): boolean {
  return (
    (gte === undefined || order(value, gte) >= 0) &&
    (gt === undefined || order(value, gt) > 0) &&
    (lte === undefined || order(value, lte) <= 0) &&
    (lt === undefined || order(value, lt) < 0)
  );
}

/** Negative, zero, positive; NaN, which no comparison holds for, between values of two types. */
function order(value: FilterValue, bound: number | string): number {
  if (typeof value === "string" && typeof bound === "string") return compareDocIds(value, bound);
  return typeof value === "number" && typeof bound === "number" ? value - bound : Number.NaN;
}
