import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import { parsePlan } from "../../src/experiments/experiment-plan.js";

let folder = "";
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "braid-plan-"));
  mkdirSync(path.join(folder, "data", "qrels"), { recursive: true });
  writeFileSync(path.join(folder, "data", "queries.jsonl"), "");
  for (const split of ["test", "train"])
    writeFileSync(path.join(folder, "data", "qrels", `${split}.tsv`), "");
});
after(() => rmSync(folder, { recursive: true, force: true }));

const plan = (text: string) => parsePlan(text, path.join(folder, "plan.yaml"));
const datasets = "datasets:\n  - folder: data\n    collection: small\n";

/** Lines that an error names, with its message. */
function linesOf(text: string): { lines: number[]; message: string } {
  try {
    plan(text);
  } catch (error) {
    assert.ok(error instanceof InputError);
    return {
      lines: [...error.message.matchAll(/plan\.yaml:(\d+):/g)].map((match) => Number(match[1])),
      message: error.message,
    };
  }
  return assert.fail("the plan was accepted");
}

describe("an experiment plan", () => {
  it("is read with its defaults, folders relative to it", () => {
    const read = plan(
      `${datasets}    dev: train\nfirstStages: [sparse, "rrf(k=60)"]\nrerankDepths: [20, 5, 20]\ncutoffs: [5]\n`,
    );
    assert.equal(read.name, "plan");
    assert.deepEqual(read.rerankDepths, [5, 20]);
    assert.deepEqual(
      read.measures.map(({ name }) => name),
      ["nDCG@10", "nDCG@5"],
    );
    assert.deepEqual(
      read.firstStages.map(({ kind }) => kind),
      ["sparse", "hybrid"],
    );
    const [dataset] = read.datasets;
    assert.equal(dataset?.test.qrels, path.join(folder, "data", "qrels", "test.tsv"));
    assert.ok(
      dataset?.dev !== null && dataset?.dev !== "half" && dataset?.dev.qrels.endsWith("train.tsv"),
    );
  });

  it("has no dev where none is named, or where it is the test split", () => {
    assert.equal(plan(`${datasets}firstStages: [sparse]\n`).datasets[0]?.dev, null);
    assert.equal(plan(`${datasets}    dev: test\nfirstStages: [sparse]\n`).datasets[0]?.dev, null);
  });

  it("is refused with every problem and its line", () => {
    const { lines, message } = linesOf(
      [
        "datasets:",
        "  - folder: data",
        "    collection: small",
        "    extra: 1",
        "firstStages:",
        "  - sparse",
        "  - rrf(k=minus)",
        "measures: [nDCG@10, nDGC@5]",
        "rerankDepths: [10, 0]",
        "",
      ].join("\n"),
    );
    assert.deepEqual(lines, [4, 7, 8, 9]);
    assert.match(message, /no field "extra".*firstStages\.1.*measures\.1.*rerankDepths\.1/);
  });

  it("is refused at the line of what lacks a field, of a folder that is not there, of YAML that is none", () => {
    assert.deepEqual(linesOf("firstStages: [sparse]\ndatasets:\n  - folder: data\n").lines, [3]);
    assert.deepEqual(
      linesOf("firstStages: [sparse]\ndatasets:\n  - folder: gone\n    collection: small\n").lines,
      [3],
    );
    assert.match(
      linesOf(`${datasets}    dev: validation\nfirstStages: [sparse]\n`).message,
      /validation\.tsv/,
    );
    assert.deepEqual(linesOf("a: 1\nb: [1\nc: 2\n").lines[0], 3);
    assert.deepEqual(linesOf("just words").lines, [1]);
    assert.deepEqual(linesOf("").lines, [1]);
  });

  it("names what comes twice", () => {
    assert.match(
      linesOf(`${datasets}firstStages: [sparse, sparse]\n`).message,
      /:4: firstStages\.1: "sparse" comes twice/,
    );
    assert.match(
      linesOf(
        "datasets:\n  - {folder: data, collection: a}\n  - {folder: data, collection: b}\nfirstStages: [sparse]\n",
      ).message,
      /:3: datasets\.1/,
    );
  });

  it("does not blow up on aliases that multiply", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`;
    assert.throws(() => plan(bomb), InputError);
  });
});
