import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseFilterText } from "../../src/filter/parse-filter-text.js";
import { filterText, initialState, searchOf, stateOf } from "../../src/web/page-state.js";

describe("the state of the page", () => {
  it("comes back from the address", () => {
    const state = {
      ...initialState,
      view: "compare",
      collection: "docs",
      query: "a & b = c?",
      filter: "year >= 2020",
      picked: { kind: ["guide", "a=b"], year: ["2020"] },
      rerank: "late-interaction",
      fusion: { method: "rrf", denseWeight: 0.25, rankConstant: 10 },
    } as const;
    assert.deepEqual(stateOf(searchOf(state)), state);
    assert.equal(searchOf(initialState), "");
  });

  it("is the initial one for an address that makes no sense", () => {
    assert.deepEqual(stateOf("?view=x&w=9&k=-1&fusion=?&pick=nothing"), initialState);
  });

  it("writes picked values so that the filter reads them back, as strings and as numbers", () => {
    const text = filterText({ filter: "a = 1 or b = 2", picked: { year: ["2020"], kind: ["x"] } });
    assert.equal(text, '(a = 1 or b = 2) and "year" in (2020, "2020") and "kind" in ("x")');
    assert.equal(parseFilterText(text).kind, "and");
    const value = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" });
    fc.assert(
      fc.property(value, (picked) => {
        const filter = parseFilterText(filterText({ filter: "", picked: { field: [picked] } }));
        assert.ok(filter.kind === "in" && filter.values.includes(picked));
      }),
      { numRuns: 200 },
    );
  });
});
