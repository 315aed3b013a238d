/**
 * The text form of a filter, for the command line and for URLs:
 *
 * ```text
 * filter     = all { "or" all }
 * all        = one { "and" one }
 * one        = "not" one | "(" filter ")" | condition
 * condition  = field ( "=" | "!=" | ">=" | ">" | "<=" | "<" ) value
 *            | field [ "not" ] "in" "(" value { "," value } ")"
 *            | field "exists"
 * field      = word | quoted
 * value      = word | quoted          quoted: "…" or '…', with \" \' \\
 * ```
 * A word is anything without white space, quotation marks, brackets, commas and `= ! < >`. A word
 * that is a JSON number, `true` or `false` is that value; quoted it is a string. Key words may be
 * written in capitals; quote them to use them as names.
 */
import { InputError } from "../errors.js";
import type { Filter, FilterValue } from "./filter.js";
import {
  checkDepth,
  checkField,
  checkFilterLimits,
  filterValue,
  not,
  rangeBound,
  rangeOf,
} from "./filter-checks.js";

interface Piece {
  readonly kind: "word" | "quoted" | "sign" | "end";
  readonly text: string;
  /** From 1. */
  readonly column: number;
}

/**
 * @param text for instance `year>=2020 and package in (express, zod) and not draft=true`
 * @throws {InputError} naming the column, from 1, where something else was expected
 */
export function parseFilterText(text: string): Filter {
  return checkFilterLimits(new TextParser(cut(text)).whole());
}

const sign = /^(?:>=|<=|!=|==|[=<>(),])/;
const word = /^[^\s"'(),=!<>]+/;
const quoted = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')/s;

function cut(text: string): Piece[] {
  const pieces: Piece[] = [];
  let i = 0;
  for (;;) {
    while (i < text.length && /\s/.test(text[i] as string)) i++;
    const column = i + 1;
    if (i >= text.length) {
      pieces.push({ kind: "end", text: "the end", column });
      return pieces;
    }
    // A bounded window: a value may be long, but not longer than what may be compared.
    const rest = text.slice(i, i + 8192);
    const mark = quoted.exec(rest);
    const match = mark ?? sign.exec(rest) ?? word.exec(rest);
    if (match === null) {
      const expected = /^["']/.test(rest) ? "a closing quotation mark" : "a field, value or sign";
      throw unexpected(column, expected, rest.slice(0, 20));
    }
    i += match[0].length;
    if (mark !== null) {
      const inner = (mark[1] ?? mark[2] ?? "").replace(/\\(.)/gs, "$1");
      pieces.push({ kind: "quoted", text: inner, column });
    } else {
      pieces.push({ kind: sign.test(match[0]) ? "sign" : "word", text: match[0], column });
    }
  }
}

class TextParser {
  readonly #pieces: readonly Piece[];
  #next = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  whole(): Filter {
    const filter = this.#any(1);
    const { kind, text, column } = this.#peek();
    if (kind !== "end") throw unexpected(column, '"and", "or" or the end', text);
    return filter;
  }

  #any(depth: number): Filter {
    const clauses = [this.#all(depth)];
    while (this.#takeWord("or")) clauses.push(this.#all(depth));
    return clauses.length === 1 ? (clauses[0] as Filter) : { kind: "or", clauses };
  }

  #all(depth: number): Filter {
    const clauses = [this.#one(depth)];
    while (this.#takeWord("and")) clauses.push(this.#one(depth));
    return clauses.length === 1 ? (clauses[0] as Filter) : { kind: "and", clauses };
  }

  #one(depth: number): Filter {
    checkDepth(depth, `filter, column ${this.#peek().column}`);
    if (this.#takeWord("not")) return not(this.#one(depth + 1));
    if (this.#takeSign("(")) {
      const filter = this.#any(depth + 1);
      this.#expectSign(")");
      return filter;
    }
    return this.#condition();
  }

  #condition(): Filter {
    const piece = this.#take();
    const isName = piece.kind === "quoted" || (piece.kind === "word" && !isKeyWord(piece.text));
    if (!isName) throw unexpected(piece.column, "the name of a field", piece.text);
    const field = piece.text;
    checkField(field, `filter, column ${piece.column}`);
    if (this.#takeWord("exists")) return { kind: "exists", field };
    if (this.#takeWord("in")) return { kind: "in", field, values: this.#list() };
    if (this.#takeWord("not")) {
      if (!this.#takeWord("in")) throw unexpected(this.#peek().column, '"in"', this.#peek().text);
      return not({ kind: "in", field, values: this.#list() });
    }
    return this.#comparison(field);
  }

  #comparison(field: string): Filter {
    const operator = this.#take();
    const place = `filter, column ${operator.column}`;
    const bound = (): number | string => rangeBound(this.#value(), place);
    switch (operator.kind === "sign" ? operator.text : "") {
      case "=":
      case "==":
        return { kind: "in", field, values: [this.#value()] };
      case "!=":
        return not({ kind: "in", field, values: [this.#value()] });
      case ">=":
        return rangeOf(field, { gte: bound() }, place);
      case ">":
        return rangeOf(field, { gt: bound() }, place);
      case "<=":
        return rangeOf(field, { lte: bound() }, place);
      case "<":
        return rangeOf(field, { lt: bound() }, place);
      default:
        throw unexpected(operator.column, "= != >= > <= <, in or exists", operator.text);
    }
  }

  #list(): FilterValue[] {
    this.#expectSign("(");
    const values = [this.#value()];
    while (this.#takeSign(",")) values.push(this.#value());
    this.#expectSign(")");
    return values;
  }

  #value(): FilterValue {
    const { kind, text, column } = this.#take();
    if (kind === "quoted") return filterValue(text, `filter, column ${column}`);
    if (kind !== "word" || isKeyWord(text)) throw unexpected(column, "a value", text);
    if (text === "true" || text === "false") return text === "true";
    const isNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text);
    return filterValue(isNumber ? Number(text) : text, `filter, column ${column}`);
  }

  #peek(): Piece {
    return this.#pieces[this.#next] as Piece;
  }

  #take(): Piece {
    const piece = this.#peek();
    // The end is never passed: whoever comes next sees it again.
    if (piece.kind !== "end") this.#next++;
    return piece;
  }

  #takeWord(keyWord: string): boolean {
    const { kind, text } = this.#peek();
    if (kind !== "word" || text.toLowerCase() !== keyWord) return false;
    this.#next++;
    return true;
  }

  #takeSign(text: string): boolean {
    const piece = this.#peek();
    if (piece.kind !== "sign" || piece.text !== text) return false;
    this.#next++;
    return true;
  }

  #expectSign(text: string): void {
    if (this.#takeSign(text)) return;
    const piece = this.#peek();
    throw unexpected(piece.column, `"${text}"`, piece.text);
  }
}

function isKeyWord(text: string): boolean {
  return /^(?:and|or|not|in|exists)$/i.test(text);
}

function unexpected(column: number, expected: string, got: string): InputError {
  const shown = got.length > 40 ? `${got.slice(0, 40)}…` : got;
  return new InputError(`filter, column ${column}: expected ${expected}, got ${shown}`, {
    field: "filter",
    column,
  });
}
