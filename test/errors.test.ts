import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as catalogue from "../src/errors.js";

type ErrorClass = new (
  message: string,
  facts?: catalogue.ErrorFacts,
  options?: ErrorOptions,
) => catalogue.SearchError;

const classes = Object.entries(catalogue)
  .filter(([name]) => name !== "SearchError")
  .map(([, value]) => value as unknown as ErrorClass);
const codes = classes.map((errorClass) => new errorClass("text").code).sort();

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

describe("the error catalogue", () => {
  it("has one class for every code of the type", () => {
    const union = /export type ErrorCode =([^;]*);/.exec(read("src/errors.ts"))?.[1] ?? "";
    const declared = [...union.matchAll(/"([A-Z_]+)"/g)].map((match) => match[1] ?? "").sort();
    assert.ok(declared.length > 10, `only ${declared.length} codes found`);
    assert.deepEqual(codes, declared);
  });

  it("is documented code by code, with causes and a way out, and nothing else is", () => {
    const sections = read("docs/errors.md").split(/^## /m).slice(1);
    assert.deepEqual(sections.map((section) => section.split("\n", 1)[0] ?? "").sort(), codes);
    for (const section of sections) {
      assert.match(section, /^\*\*Typical causes\.\*\* \S/m);
      assert.match(section, /^\*\*Way out\.\*\* \S/m);
    }
  });

  it("keeps message, facts, cause and the class's name", () => {
    const cause = new Error("below");
    const error = new catalogue.InputError("depth must be >= 1, got 0", { value: 0 }, { cause });
    assert.ok(error instanceof catalogue.SearchError && error instanceof Error);
    assert.deepEqual(
      [error.name, error.code, error.message, error.facts, error.cause],
      ["InputError", "INPUT_INVALID", "depth must be >= 1, got 0", { value: 0 }, cause],
    );
    assert.deepEqual(new catalogue.DeadlineError("late").facts, {});
  });
});
