import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { logTicks, niceTicks, tickText } from "../../src/experiments/charts/chart-frame.js";
import { intervalChart } from "../../src/experiments/charts/interval-chart.js";
import { lineChart } from "../../src/experiments/charts/line-chart.js";
import { html } from "../../src/experiments/html.js";
import { checkStructure } from "./page-structure.js";

const text = { id: "c", title: "A <title>", description: "what & why" };

describe("markup", () => {
  it("escapes what is put into it and keeps what was made by it", () => {
    assert.equal(
      html`<p title="${'"x"'}">${html`<b>${"<&>"}</b>`}${[1, " ", null]}</p>`.text,
      '<p title="&quot;x&quot;"><b>&lt;&amp;&gt;</b>1 </p>',
    );
    assert.equal(html`${"a\u0000b\u001bc\ud800"}`.text, "a\ufffdb\ufffdc\ufffd");
  });

  it("lets no string open a tag or end an attribute", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const { text: made } = html`<p title="${value}">${value}</p>`;
        assert.match(made, /^<p title="[^"<>]*">[^<>]*<\/p>$/);
      }),
    );
  });
});

describe("charts", () => {
  it("have round ticks inside their range", () => {
    assert.deepEqual(niceTicks(0, 1), [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1]);
    assert.deepEqual(niceTicks(5, 5), [5]);
    assert.deepEqual(logTicks(1, 1000), [1, 10, 100, 1000]);
    assert.deepEqual(logTicks(10, 100), [10, 20, 50, 100]);
    assert.deepEqual([0, 0.6000000000000001, -0.25, 1000].map(tickText), [
      "0",
      ".6",
      "−.25",
      "1,000",
    ]);
  });

  it("draw any points with numbers only, titled and closed", () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    const point = fc.record({
      x: fc.double({ min: 1, max: 1e6, noNaN: true }),
      y: value,
      low: value,
      high: value,
    });
    fc.assert(
      fc.property(
        fc.array(point, { minLength: 1, maxLength: 6 }),
        fc.constantFrom("log" as const, "linear" as const),
        (points, xScale) => {
          const { text: made } = lineChart({
            ...text,
            xLabel: "x",
            yLabel: "y",
            xScale,
            series: [{ name: "s", style: 1, points }],
          });
          checkStructure(made);
          assert.doesNotMatch(made, /NaN|Infinity/);
          assert.match(made, /<title id="c-title">A &lt;title&gt;<\/title>/);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("say so when there is nothing to draw", () => {
    assert.match(
      lineChart({ ...text, xLabel: "x", yLabel: "y", xScale: "log", series: [] }).text,
      /nothing to show/,
    );
    assert.match(intervalChart({ ...text, xLabel: "x", groups: [] }).text, /nothing to show/);
  });
});
