import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { buildComparison, detailedPairs } from "../../src/experiments/comparison.js";
import { comparisonHtml } from "../../src/experiments/comparison-html.js";
import { comparisonLatex, latexText } from "../../src/experiments/comparison-latex.js";
import { comparisonMarkdown } from "../../src/experiments/comparison-markdown.js";
import { fileName, writeComparison } from "../../src/experiments/write-comparison.js";
import { checkIds, checkStructure } from "./page-structure.js";
import { provenance, settings, system, tinyDataset } from "./tiny-comparison.js";

const report = buildComparison([tinyDataset()], settings, provenance);
const page = comparisonHtml(report);

describe("a comparison of systems", () => {
  it("gives each system's means over all judged queries", () => {
    const [dataset] = report.datasets;
    // sparse: q1 nDCG 1, q2 0, q3 0. hybrid: 1, 1, 0.
    assert.deepEqual(
      dataset?.systems.map(({ name, mean }) => [name, mean["nDCG@10"]?.toFixed(4)]),
      [
        ["sparse", "0.3333"],
        ["dense", "0.3333"],
        ["hybrid", "0.6667"],
      ],
    );
    assert.match(report.headline, /^On small, hybrid has the best nDCG@10, \.667 .*may be chance/);
  });

  it("says how much is unjudged and how far that could move a result", () => {
    const [sparse] = report.datasets[0]?.systems ?? [];
    // Both hits of q1 are judged, none of the other queries'.
    assert.equal(sparse?.unjudged.share.toFixed(4), (2 / 3).toFixed(4));
    assert.equal(sparse?.unjudged.low, sparse?.mean["nDCG@10"]);
    // q1 as it is, 1. q2: y and x count as relevant beside b: (1 + 1/log2 3) / (1 + 1/log2 3 + 1/2).
    // q3: x beside c: 1 / (1 + 1/log2 3).
    const second = 1 / Math.log2(3);
    const high = (1 + (1 + second) / (1.5 + second) + 1 / (1 + second)) / 3;
    assert.equal(sparse?.unjudged.high.toFixed(10), high.toFixed(10));
  });

  it("sets sparse and dense against each other unasked, and names what a wrong pair could be", () => {
    const dataset = tinyDataset();
    const names = detailedPairs(dataset).map((pair) => pair.map(({ name }) => name));
    assert.deepEqual(names, [["sparse", "dense"]]);
    assert.throws(
      () => detailedPairs({ ...dataset, pairs: [["sparse", "bm25"]] }),
      /sparse, dense, hybrid.*got "bm25"/,
    );
  });

  it("counts who finds the relevant documents and what choosing right would give", () => {
    const [pair] = report.datasets[0]?.headToHead ?? [];
    const first = pair?.found[0];
    assert.equal(first, undefined, "no ranking is ten long, so there is no depth of ten");
    assert.equal(pair?.oracle.toFixed(4), "0.6667");
    assert.equal(report.datasets[0]?.oracle.toFixed(4), "0.6667");
  });

  it("shows the queries that each side wins with the documents that make the difference", () => {
    const [pair] = report.datasets[0]?.headToHead ?? [];
    const [example] = pair?.firstWins ?? [];
    assert.equal(pair?.firstWins.length, 1);
    assert.equal(example?.queryId, "q1");
    assert.deepEqual(example?.relevant?.docId, "a");
    assert.deepEqual(example?.relevant?.sharedWords, ["moon", "tides"]);
    assert.equal(example?.relevant?.loserRank, null);
    assert.equal(example?.instead?.docId, "x");
    assert.equal(example?.instead?.grade, 0);
    assert.equal(pair?.secondWins[0]?.queryId, "q2");
  });

  it("is the same bytes for the same data", () => {
    const again = buildComparison([tinyDataset()], settings, provenance);
    assert.equal(comparisonHtml(again), page);
    assert.equal(JSON.stringify(again), JSON.stringify(report));
  });

  it("refuses a single system", () => {
    const alone = { ...tinyDataset(), systems: [system("sparse", "sparse", { q1: ["a"] })] };
    assert.throws(() => buildComparison([alone], settings, provenance), /two or more systems/);
  });

  it("speaks of all data sets where there are several", () => {
    const two = buildComparison([tinyDataset("one"), tinyDataset("two")], settings, provenance);
    assert.match(two.headline, /^Hybrid has the best nDCG@10 on all 2 data sets, though never/);
    checkIds(comparisonHtml(two));
  });
});

describe("the comparison's page", () => {
  it("never lets a document's or a query's text become markup", () => {
    const counts = checkStructure(page);
    assert.equal(counts.get("script"), undefined);
    assert.equal(counts.get("img"), undefined);
    assert.equal(counts.get("b"), countOf(page, /<b>\.\d/g) + countOf(page, /<b>1\.000/g));
    assert.match(page, /&lt;script&gt;alert\(&#39;x&#39;\)&lt;\/script&gt; &amp; more/);
  });

  it("needs no network and no script, and says so to the browser", () => {
    assert.match(page, /default-src 'none'/);
    assert.doesNotMatch(page, /(?:src|href)="(?!#)/);
    assert.doesNotMatch(page, /url\(|@import/);
  });

  it("names every chart and table, and every link leads somewhere", () => {
    checkIds(page);
    const charts = countOf(page, /<svg /g);
    assert.ok(charts >= 5);
    assert.equal(countOf(page, /<svg [^>]*role="img" aria-labelledby="[\w-]+ [\w-]+"/g), charts);
    assert.equal(countOf(page, /<desc id=/g), charts);
    assert.equal(countOf(page, /<caption>/g), countOf(page, /<table>/g));
  });

  it("draws no coordinate that is not a number", () => {
    assert.doesNotMatch(page, /NaN|Infinity|undefined|null/);
  });
});

describe("the comparison's other forms", () => {
  it("gives Markdown tables with as many cells in each row", () => {
    const markdown = comparisonMarkdown(report);
    const tables = markdown.split("\n\n").filter((block) => block.startsWith("|"));
    assert.ok(tables.length >= 3);
    for (const table of tables) {
      const widths = table.split("\n").map((row) => row.split(/(?<!\\)\|/).length);
      assert.equal(new Set(widths).size, 1, table);
    }
  });

  it("gives a LaTeX table with escaped names", () => {
    assert.equal(
      latexText("100 % of a_b & c\\d ~ {x} # $"),
      "100 \\% of a\\_b \\& c\\textbackslash{}d \\textasciitilde{} \\{x\\} \\# \\$",
    );
    const latex = comparisonLatex(report);
    for (const row of latex.split("\n").filter((line) => /^[abc]\\ /.test(line))) {
      assert.equal(row.split(" & ").length, settings.measures.length + 1);
    }
    assert.match(latex, /hybrid & \\textbf\{\.667\}/);
  });

  it("writes all of them and the runs, under names that stay in the folder", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "braid-compare-"));
    try {
      const written = await writeComparison(path.join(folder, "out"), report, [tinyDataset()]);
      assert.deepEqual(written.slice(0, 4), [
        "report.html",
        "report.md",
        "report.tex",
        "report.json",
      ]);
      assert.ok(written.includes("runs/small/hybrid.trec"));
      for (const name of written) assert.ok(existsSync(path.join(folder, "out", name)));
      const read = JSON.parse(readFileSync(path.join(folder, "out", "report.json"), "utf8")) as {
        format: string;
      };
      assert.equal(read.format, "braid-comparison@1");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    assert.equal(fileName("../../etc/passwd"), "etc-passwd");
    assert.equal(fileName("dense · scifact"), "dense-scifact");
    assert.equal(fileName("///"), "unnamed");
  });
});

function countOf(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
