import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InputError } from "../../src/errors.js";
import { filterSchema } from "../../src/filter/filter-schema.js";
import { parseFilter } from "../../src/filter/parse-filter.js";
import { parseFilterText } from "../../src/filter/parse-filter-text.js";

function refuses(value: unknown, pattern: RegExp): void {
  assert.throws(
    () => parseFilter(value),
    (error: unknown) => {
      assert.ok(error instanceof InputError, String(error));
      assert.match(error.message, pattern);
      assert.ok(!error.message.includes("\n"));
      return true;
    },
  );
}

describe("parseFilter", () => {
  it("reads conditions, several of which must all hold", () => {
    assert.deepEqual(parseFilter({ year: 2020, draft: false }), {
      kind: "and",
      clauses: [
        { kind: "in", field: "year", values: [2020] },
        { kind: "in", field: "draft", values: [false] },
      ],
    });
    assert.deepEqual(parseFilter({}), { kind: "and", clauses: [] });
  });

  it("reads operators, several of which must all hold", () => {
    assert.deepEqual(parseFilter({ year: { gte: 2010, lt: 2020, exists: true, not: 2015 } }), {
      kind: "and",
      clauses: [
        { kind: "exists", field: "year" },
        { kind: "not", clause: { kind: "in", field: "year", values: [2015] } },
        { kind: "range", field: "year", range: { gte: 2010, lt: 2020 } },
      ],
    });
    assert.deepEqual(parseFilter({ year: { exists: false } }), {
      kind: "not",
      clause: { kind: "exists", field: "year" },
    });
    assert.deepEqual(parseFilter({ year: { not: { in: [1, 2] } } }), {
      kind: "not",
      clause: { kind: "in", field: "year", values: [1, 2] },
    });
  });

  it("reads and, or, not, nested", () => {
    assert.deepEqual(parseFilter({ or: [{ a: 1 }, { not: { b: "x" } }], and: [] }), {
      kind: "and",
      clauses: [
        {
          kind: "or",
          clauses: [
            { kind: "in", field: "a", values: [1] },
            { kind: "not", clause: { kind: "in", field: "b", values: ["x"] } },
          ],
        },
        { kind: "and", clauses: [] },
      ],
    });
  });

  it("takes a string as the text form", () => {
    assert.deepEqual(parseFilter("a=1"), parseFilter({ a: 1 }));
  });

  it("names the part that is wrong", () => {
    refuses([], /^filter: expected an object of conditions, got \[\]/);
    refuses(
      { or: [{ a: 1 }, { year: null }] },
      /^filter\.or\[1\]\.year: .*"exists": false.*got null/,
    );
    refuses({ year: [1, 2] }, /^filter\.year: .*\{"in": \[…\]\}.*got \[1,2\]/);
    refuses({ year: {} }, /^filter\.year: expected a value or at least one operator/);
    refuses({ year: { above: 3 } }, /operators in, gte, gt, lte, lt, exists, not, got "above"/);
    refuses({ year: { gte: 1, lt: "2" } }, /bounds of one type/);
    refuses({ year: { gte: true } }, /a number or a string as bound/);
    refuses({ year: { exists: 1 } }, /^filter\.year\.exists: expected true or false/);
    refuses({ and: { a: 1 } }, /^filter\.and: expected a list of filters/);
    refuses({ title: "x" }, /searched, not filtered/);
    refuses({ _id: { gte: "a" } }, /equality or in for _id/);
    refuses({ a: "x".repeat(1025) }, /at most 1024 bytes/);
    refuses({ a: Number.NaN }, /string, number or boolean/);
    refuses({ "": 1 }, /name of a field/);
  });

  it("refuses filters that are too deep, too many or too long", () => {
    let deep: unknown = { a: 1 };
    for (let i = 0; i < 15; i++) deep = { not: deep };
    parseFilter(deep);
    refuses({ not: deep }, /at most 16 levels/);
    refuses({ or: Array.from({ length: 300 }, () => ({ a: 1 })) }, /at most 256 conditions/);
    refuses({ a: { in: Array.from({ length: 10_001 }, (_, i) => i) } }, /at most 10000 values/);
  });

  it("refuses or takes any JSON, and never fails otherwise", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseFilter(value);
        } catch (error) {
          assert.ok(error instanceof InputError, String(error));
        }
      }),
    );
  });
});

describe("filterSchema", () => {
  it("gives the parsed filter, or an issue with the message", () => {
    assert.deepEqual(filterSchema.parse({ a: 1 }), parseFilter({ a: 1 }));
    const { error } = filterSchema.safeParse({ a: null });
    assert.match(error?.issues[0]?.message ?? "", /^filter\.a: /);
    assert.equal(filterSchema.safeParse(3).success, false);
  });
});

describe("parseFilterText", () => {
  it("means what the JSON form means", () => {
    const pairs: [string, unknown][] = [
      ["year>=2020", { year: { gte: 2020 } }],
      [
        "year>=2020 and package in (express, zod) and not draft=true",
        {
          and: [
            { year: { gte: 2020 } },
            { package: { in: ["express", "zod"] } },
            { not: { draft: true } },
          ],
        },
      ],
      ["a=1 or b=2 and c=3", { or: [{ a: 1 }, { and: [{ b: 2 }, { c: 3 }] }] }],
      ["(a=1 OR b=2) AND c=3", { and: [{ or: [{ a: 1 }, { b: 2 }] }, { c: 3 }] }],
      ["a != 1", { a: { not: 1 } }],
      ["a == -1.5e3", { a: -1500 }],
      ["a not in (1)", { a: { not: { in: [1] } } }],
      ["not a exists", { a: { exists: false } }],
      ["date < 2020-01-01", { date: { lt: "2020-01-01" } }],
      ['zip="01234"', { zip: "01234" }],
      ["zip=01234", { zip: "01234" }],
      ["n='2020'", { n: "2020" }],
      ['"a b"="say \\"x\\"" ', { "a b": 'say "x"' }],
      ["package=@orama/stemmers", { package: "@orama/stemmers" }],
      ["author.name = 'in'", { "author.name": "in" }],
      ["größe>3", { größe: { gt: 3 } }],
    ];
    for (const [text, json] of pairs) {
      assert.deepEqual(parseFilterText(text), parseFilter(json), text);
    }
  });

  it("names the column where something else was expected", () => {
    const wrong: [string, RegExp][] = [
      ["", /column 1: expected the name of a field, got the end/],
      ["year", /column 5: expected = != .*, got the end/],
      ["year >= ", /column 9: expected a value, got the end/],
      ["year => 3", /column 7: expected a value, got >/],
      ["a=1 b=2", /column 5: expected "and", "or" or the end, got b/],
      ["(a=1", /column 5: expected "\)", got the end/],
      ["a in (1 2)", /column 9: expected "\)", got 2/],
      ["a in ()", /column 7: expected a value, got \)/],
      ["a='x", /column 3: expected a closing quotation mark/],
      ["a=and", /column 3: expected a value, got and/],
      ["a ! 3", /column 3: expected a field, value or sign/],
      ["a not 3", /column 7: expected "in", got 3/],
      ["title=x", /column 1: .*searched, not filtered/],
      ["a>true", /column 2: expected a number or a string/],
      [`${"(".repeat(20)}a=1`, /at most 16 levels/],
    ];
    for (const [text, pattern] of wrong) {
      assert.throws(
        () => parseFilterText(text),
        (error: unknown) => error instanceof InputError && pattern.test(error.message),
        `${text}: ${pattern}`,
      );
    }
  });

  it("refuses or takes any text, and never fails otherwise", () => {
    const text = fc.array(
      fc.oneof(
        fc.constantFrom(
          "a",
          "1",
          "=",
          ">=",
          "(",
          ")",
          " ",
          "and",
          "not",
          "in",
          ",",
          '"',
          "'",
          "\\",
        ),
        fc.string(),
      ),
    );
    fc.assert(
      fc.property(text, (parts) => {
        try {
          parseFilterText(parts.join(""));
        } catch (error) {
          assert.ok(error instanceof InputError, String(error));
        }
      }),
    );
  });
});
