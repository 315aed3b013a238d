import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { appendFile, cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { InvalidModelError, ModelMissingError } from "../../src/errors.js";
import { ModelSession } from "../../src/inference/model-session.js";
import { agreement, type OpenModel, verifyModel } from "../../src/models/certificate.js";
import { importModel } from "../../src/models/import-model.js";
import {
  bundledModelsDirectory,
  readModelDescription,
  resolveModelDir,
  verifyModelFiles,
} from "../../src/models/model-folder.js";
import { gtrFiles, writeFolder } from "./tiny-folder.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shared = process.env["BRAID_SHARED"] ?? path.join(root, "../shared");
const noShared = existsSync(path.join(shared, "goldens")) ? false : `${shared} is not there`;
const open: OpenModel = (folder, description) =>
  ModelSession.open(folder, description, { workers: 1, threadsPerWorker: 1 });

/** A model that gives vectors of length 3, each of one value. */
const fake =
  (value: (text: number, size: number) => number): OpenModel =>
  async () => ({
    embed: async (texts) =>
      Float32Array.from({ length: 3 * texts.length }, (_, i) =>
        value(Math.floor(i / 3), texts.length),
      ),
    scorePairs: async () => new Float32Array(),
    close: async () => {},
  });

let scratch = "";
let count = 0;
const fresh = (): string => path.join(scratch, String(++count));
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), "braid-certificate-"));
});
after(() => rm(scratch, { recursive: true, force: true }));

describe("the certificate of a model", () => {
  for (const [name, tolerance] of [
    ["gtr-tiny", 1e-5],
    ["minilm-tiny", 1e-5],
    ["tasb-tiny", 1e-4],
    ["crossencoder-tiny", 1e-4],
  ] as const) {
    it(`from text to vector, ${name} is what sentence-transformers computes`, {
      skip: noShared,
    }, async () => {
      const target = fresh();
      await importModel(path.join(shared, "goldens", name), target, { name });
      const certificate = await verifyModel(target, open);
      assert.deepEqual(certificate.problems, []);
      assert.equal(certificate.parity?.count, 20);
      assert.ok((certificate.parity?.largestDifference ?? 1) <= tolerance);
      assert.ok(certificate.probeCount >= 9);
    });
  }

  it("states what int8 costs against fp32", { skip: noShared }, async () => {
    const source = path.join(shared, "goldens/minilm-tiny");
    const [exact, small] = [fresh(), fresh()];
    await importModel(source, exact, { name: "exact" });
    await importModel(source, small, { name: "small", numberFormat: "int8" });
    const certificate = await verifyModel(small, open, { against: exact });
    assert.deepEqual(certificate.problems, []);
    const { meanCosine = 0, minCosine = 0 } = certificate.quantization ?? {};
    assert.ok(meanCosine > 0.999 && meanCosine < 1, String(meanCosine));
    assert.ok(minCosine > 0.99 && minCosine <= meanCosine, String(minCosine));
  });

  it("the bundled model is whole, agrees with its reference and does not depend on batches", async () => {
    const certificate = await verifyModel(path.join(bundledModelsDirectory(), "braid-mini"), open);
    assert.deepEqual(certificate.problems, []);
    assert.equal(certificate.numberFormat, "int8");
    assert.equal(certificate.batching.largestDifference, 0);
    // int8 rows: text 3, a single piece and </s>, is the furthest off
    assert.ok((certificate.parity?.meanCosine ?? 0) > 0.9994);
    assert.ok((certificate.parity?.minCosine ?? 0) > 0.9955);
  });

  it("the bundled model's bytes are what its command makes of its source", {
    skip: noShared,
  }, async () => {
    const target = fresh();
    const bundled = await readModelDescription(path.join(bundledModelsDirectory(), "braid-mini"));
    const made = await importModel(path.join(shared, "encoder"), target, {
      name: "braid-mini",
      numberFormat: "int8",
      source: bundled.source,
      licence: bundled.licence ?? "",
    });
    assert.deepEqual(made, bundled);
  });

  it("tells of vectors that are not what the reference says", async () => {
    const source = await writeFolder(fresh(), {
      ...gtrFiles(),
      "expected.json": {
        texts: ["t4", "t5"],
        embeddings: [
          [1, 0, 0],
          [0, 1, 0],
        ],
      },
    });
    const target = fresh();
    const description = await importModel(source, target, { name: "wrong" });
    assert.ok(description.files.some((file) => file.name === "reference.json"));
    const { problems, parity } = await verifyModel(
      target,
      fake(() => 0.6),
    );
    assert.equal(parity?.count, 2);
    assert.match(problems.join("; "), /differs from the reference by up to 0\.6/);
  });

  it("tells of vectors that are NaN, not of length 1, all the same, or the batch's", async () => {
    const target = fresh();
    await importModel(await writeFolder(fresh(), gtrFiles()), target, { name: "tiny" });
    const problems = async (value: (text: number, size: number) => number) =>
      (await verifyModel(target, fake(value))).problems.join("; ");
    assert.match(await problems(() => Number.NaN), /NaN/);
    assert.match(await problems(() => 5), /not of length 1.*same vector/);
    assert.match(
      await problems((text, size) => (size > 1 ? text : 0)),
      /what else is in the batch/,
    );
  });
});

describe("agreement", () => {
  it("is worked by hand", () => {
    // cos([1, 0], [1, 0]) = 1; cos([1, 1], [1, 0]) = 1 / √2
    const found = agreement(
      [
        [1, 0],
        [1, 1],
      ],
      [
        [1, 0],
        [1, 0],
      ],
    );
    assert.equal(found.largestDifference, 1);
    assert.ok(Math.abs(found.minCosine - Math.SQRT1_2) < 1e-12);
    assert.ok(Math.abs(found.meanCosine - (1 + Math.SQRT1_2) / 2) < 1e-12);
  });

  it("two zero vectors agree; NaN and a missing value never do", () => {
    assert.equal(agreement([[0, 0]], [[0, 0]]).minCosine, 1);
    assert.ok(Number.isNaN(agreement([[Number.NaN, 1]], [[0, 1]]).largestDifference));
    assert.ok(Number.isNaN(agreement([[0]], [[0, 1]]).largestDifference));
    assert.ok(
      Number.isNaN(
        agreement(
          [
            [Number.NaN, 1],
            [0, 1],
          ],
          [
            [0, 1],
            [0, 1],
          ],
        ).largestDifference,
      ),
    );
  });
});

describe("a model folder", () => {
  let good = "";
  before(async () => {
    good = fresh();
    await importModel(await writeFolder(fresh(), gtrFiles()), good, { name: "tiny" });
  });
  const copy = async (): Promise<string> => {
    const target = fresh();
    await cp(good, target, { recursive: true });
    return target;
  };

  it("is found by path, by name in the models folder, and among the bundled ones", () => {
    assert.equal(resolveModelDir(good), good);
    const places = { modelsDir: path.dirname(good) };
    assert.equal(resolveModelDir(path.basename(good), places), good);
    assert.equal(
      resolveModelDir("braid-mini", places),
      path.join(bundledModelsDirectory(), "braid-mini"),
    );
    assert.throws(() => resolveModelDir("no-such", places), ModelMissingError);
    assert.throws(() => resolveModelDir("./no-such", places), ModelMissingError);
  });

  it("with a file missing, of another size or with other bytes is refused", async () => {
    const missing = await copy();
    await rm(path.join(missing, "tokenizer.json"));
    await assert.rejects(readModelDescription(missing), /tokenizer\.json should have .* missing/);
    const longer = await copy();
    await appendFile(path.join(longer, "model.onnx"), "x");
    await assert.rejects(readModelDescription(longer), /model\.onnx should have/);
    const changed = await copy();
    const file = path.join(changed, "model.onnx.data");
    const bytes = readFileSync(file);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    await writeFile(file, bytes);
    await readModelDescription(changed);
    await assert.rejects(verifyModelFiles(changed), /model\.onnx\.data has changed/);
  });

  it("whose settings were edited by hand is refused", async () => {
    for (const [field, value] of [
      ["maxTokens", 8],
      ["similarity", "dot"],
      ["formatVersion", 2],
      ["kind", "other"],
      ["onnxFile", "../model.onnx"],
      ["files", "none"],
      ["dimension", -1],
      ["name", null],
    ] as const) {
      const edited = await copy();
      const file = path.join(edited, "model.json");
      const json = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
      await writeFile(file, JSON.stringify({ ...json, [field]: value }));
      await assert.rejects(readModelDescription(edited), InvalidModelError, field);
    }
  });

  it("that is none is a missing model", async () => {
    await assert.rejects(readModelDescription(fresh()), ModelMissingError);
  });
});
