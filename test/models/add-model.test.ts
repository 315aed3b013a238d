import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { addModel } from "../../src/models/add-model.js";
import {
  bundledModelsDirectory,
  readModelDescription,
  verifyModelFiles,
} from "../../src/models/model-folder.js";

const bundled = path.join(bundledModelsDirectory(), "braid-mini");
let modelsDir = "";
before(() => {
  modelsDir = mkdtempSync(path.join(tmpdir(), "braid-add-model-"));
});
after(() => rmSync(modelsDir, { recursive: true, force: true }));

describe("addModel", () => {
  it("copies a model folder of ours as it is, so that its collections know the copy", async () => {
    const original = await readModelDescription(bundled);
    const copy = await addModel(bundled, { modelsDir, name: "copy" });
    assert.equal(copy.name, "copy");
    assert.equal(copy.fingerprint, original.fingerprint);
    assert.deepEqual(await verifyModelFiles(path.join(modelsDir, "copy")), copy);
  });

  it("refuses to change the number format of a model that is already imported", async () => {
    await assert.rejects(addModel(bundled, { modelsDir, name: "other", numberFormat: "fp16" }), {
      code: "INPUT_INVALID",
      message: /in int8.*import it again from its source/,
    });
  });

  it("names the short names where a source is nothing it knows", async () => {
    await assert.rejects(addModel("nothing", { modelsDir }), {
      code: "MODEL_MISSING",
      message: /gtr-base/,
    });
  });
});
