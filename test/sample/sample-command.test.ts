import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

const main = new URL("../../src/cli/main.ts", import.meta.url).href;
let home = "";

/** Runs braid from its sources, with the collections in a scratch folder. */
function braid(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const script = `import { main } from ${JSON.stringify(main)};
    process.exitCode = await main(${JSON.stringify(args)});`;
  return spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, BRAID_HOME: home, NO_COLOR: "1" },
  });
}

describe("braid sample", () => {
  before(() => {
    home = mkdtempSync(path.join(os.tmpdir(), "braid-sample-"));
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  it("indexes the installed documentation and measures all modes over the questions", () => {
    const { status, stdout, stderr } = braid("sample", "--json");
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout) as {
      docCount: number;
      examples: { hits: Record<string, unknown[]> }[];
      systems: Record<string, Record<string, number>>;
    };
    assert.ok(report.docCount > 2000);
    assert.equal(report.examples.length, 3);
    for (const { hits } of report.examples) {
      assert.deepEqual(Object.keys(hits), ["sparse", "dense", "hybrid"]);
      for (const ranking of Object.values(hits)) assert.equal(ranking.length, 5);
    }
    // Far below what is measured: a broken leg or judgements that fit nothing fall under it.
    for (const mode of ["sparse", "dense", "hybrid"]) {
      assert.ok((report.systems[mode]?.["nDCG@10"] ?? 0) > 0.25, JSON.stringify(report.systems));
    }
  });

  it("uses what it built as long as corpus and encoder are the same", () => {
    const { status, stdout, stderr } = braid("sample");
    assert.equal(status, 0, stderr);
    assert.match(stderr, /up to date/);
    assert.match(stdout, /●/);
    assert.match(stdout, /paraphrase \(\d+\) +sparse/);
  });

  it("never replaces a collection of that name that it did not build", () => {
    rmSync(path.join(home, "package-docs.stamp"));
    const { status, stderr } = braid("sample");
    assert.equal(status, 1);
    assert.match(stderr, /^error ALREADY_EXISTS: .*braid drop package-docs/m);
  });
});
