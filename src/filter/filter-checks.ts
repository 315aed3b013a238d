import { Buffer } from "node:buffer";
import { InputError } from "../errors.js";
import {
  type Filter,
  type FilterRange,
  type FilterValue,
  maxFilterClauses,
  maxFilterDepth,
  maxFilterStringBytes,
  maxFilterValues,
  wellFormed,
} from "./filter.js";

/** @throws {InputError} bounds of several types */
export function rangeOf(field: string, range: FilterRange, path: string): Filter {
  const types = new Set(Object.values(range).map((bound) => typeof bound));
  if (types.size > 1) throw wrong(path, "bounds of one type", Object.values(range));
  if (field === "_id") throw wrong(path, "equality or in for _id", "a range");
  return { kind: "range", field, range };
}

/** @throws {InputError} a field that is searched, not filtered, or no name at all */
export function checkField(field: string, path: string): void {
  if (field === "") throw wrong(path, "the name of a field", "");
  if (field === "title" || field === "text") {
    throw new InputError(
      `${path}: expected a metadata field or _id, got ${field}, which is searched, not filtered`,
      { field: path, value: field },
    );
  }
}

/** @throws {InputError} not a string, finite number or boolean, or a string too long to be compared */
export function filterValue(value: unknown, path: string): FilterValue {
  if (typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value !== "string") {
    const hint =
      value === null
        ? ' (for a missing field: {"exists": false})'
        : Array.isArray(value)
          ? ' (for one of several: {"in": […]})'
          : "";
    throw wrong(path, `a string, number or boolean${hint}`, value);
  }
  if (Buffer.byteLength(value) > maxFilterStringBytes) {
    throw wrong(path, `a string of at most ${maxFilterStringBytes} bytes`, value);
  }
  return wellFormed(value);
}

/** @throws {InputError} not a number or string */
export function rangeBound(value: unknown, path: string): number | string {
  const bound = filterValue(value, path);
  if (typeof bound === "boolean") throw wrong(path, "a number or a string as bound", value);
  return bound;
}

/** @throws {InputError} more clauses or values than one filter may have */
export function checkFilterLimits(filter: Filter): Filter {
  let clauseCount = 0;
  let valueCount = 0;
  const count = (one: Filter): void => {
    clauseCount++;
    if (one.kind === "and" || one.kind === "or") one.clauses.forEach(count);
    else if (one.kind === "not") count(one.clause);
    else if (one.kind === "in") valueCount += one.values.length;
  };
  count(filter);
  if (clauseCount > maxFilterClauses) {
    throw wrong("filter", `at most ${maxFilterClauses} conditions`, clauseCount);
  }
  if (valueCount > maxFilterValues) {
    throw wrong("filter", `at most ${maxFilterValues} values`, valueCount);
  }
  return filter;
}

export function allOf(clauses: readonly Filter[]): Filter {
  return clauses.length === 1 ? (clauses[0] as Filter) : { kind: "and", clauses };
}

export function not(clause: Filter): Filter {
  return { kind: "not", clause };
}

/** @throws {InputError} nested too deep */
export function checkDepth(depth: number, path: string): void {
  if (depth > maxFilterDepth) throw wrong(path, `at most ${maxFilterDepth} levels`, "more");
}

/** One line: where, what was expected, what came. */
export function wrong(path: string, expected: string, value: unknown): InputError {
  const text = JSON.stringify(value) ?? String(value);
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return new InputError(`${path}: expected ${expected}, got ${shown}`, { field: path });
}
