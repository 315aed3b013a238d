import type { Filter, FilterRange } from "./filter.js";
import {
  allOf,
  checkDepth,
  checkField,
  checkFilterLimits,
  filterValue,
  not,
  rangeBound,
  rangeOf,
  wrong,
} from "./filter-checks.js";
import { parseFilterText } from "./parse-filter-text.js";

/**
 * The JSON form of a filter:
 *
 * ```json
 * {"year": 2020}                            equals; several keys: all must hold; {}: everything
 * {"year": {"in": [2019, 2020]}}            one of
 * {"year": {"gte": 2010, "lt": 2020}}       range: gte, gt, lte, lt
 * {"year": {"exists": true}}                has a value; false: has none
 * {"year": {"not": 2020}}                   not equals; also {"not": {"gte": 2010}}
 * {"and": [ … ]}, {"or": [ … ]}, {"not": { … }}
 * ```
 * `and` of nothing is everything, `or` and `in` of nothing are nothing. A string is taken as the
 * text form. A field called `and`, `or` or `not` cannot be named, except as `metadata.not`.
 *
 * @throws {InputError} with the path of the part that is wrong, for instance `filter.or[1].year`
 */
export function parseFilter(value: unknown): Filter {
  if (typeof value === "string") return parseFilterText(value);
  return checkFilterLimits(filterAt(value, "filter", 1));
}

function filterAt(value: unknown, path: string, depth: number): Filter {
  checkDepth(depth, path);
  const clauses: Filter[] = [];
  for (const [key, condition] of entries(value, path, "conditions")) {
    const place = `${path}.${key}`;
    if (key === "and" || key === "or") {
      if (!Array.isArray(condition)) throw wrong(place, "a list of filters", condition);
      const inner = condition.map((one, i) => filterAt(one, `${place}[${i}]`, depth + 1));
      clauses.push({ kind: key, clauses: inner });
    } else if (key === "not") {
      clauses.push({ kind: "not", clause: filterAt(condition, place, depth + 1) });
    } else {
      checkField(key, place);
      clauses.push(conditionAt(key, condition, place, depth));
    }
  }
  return allOf(clauses);
}

function conditionAt(field: string, condition: unknown, path: string, depth: number): Filter {
  checkDepth(depth, path);
  if (typeof condition !== "object" || condition === null || Array.isArray(condition)) {
    return { kind: "in", field, values: [filterValue(condition, path)] };
  }
  const clauses: Filter[] = [];
  let range: FilterRange = {};
  for (const [operator, operand] of entries(condition, path, "operators")) {
    const place = `${path}.${operator}`;
    switch (operator) {
      case "in":
        if (!Array.isArray(operand)) throw wrong(place, "a list of values", operand);
        clauses.push({
          kind: "in",
          field,
          values: operand.map((one, i) => filterValue(one, `${place}[${i}]`)),
        });
        break;
      case "gte":
      case "gt":
      case "lte":
      case "lt":
        range = { ...range, [operator]: rangeBound(operand, place) };
        break;
      case "exists":
        if (typeof operand !== "boolean") throw wrong(place, "true or false", operand);
        clauses.push(operand ? { kind: "exists", field } : not({ kind: "exists", field }));
        break;
      case "not":
        clauses.push(not(conditionAt(field, operand, place, depth + 1)));
        break;
      default:
        throw wrong(path, "operators in, gte, gt, lte, lt, exists, not", operator);
    }
  }
  if (Object.keys(range).length > 0) clauses.push(rangeOf(field, range, path));
  if (clauses.length === 0) throw wrong(path, "a value or at least one operator", condition);
  return allOf(clauses);
}

function entries(value: unknown, path: string, what: string): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(path, `an object of ${what}`, value);
  }
  return Object.entries(value);
}
