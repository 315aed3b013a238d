import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  DeadlineError,
  InvalidModelError,
  ModelFailedError,
  OverloadedError,
} from "../../src/errors.js";
import { chooseThreads, ModelSession } from "../../src/inference/model-session.js";
import { tinyModel } from "./tiny-model.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("ModelSession", () => {
  it("embeds texts in input order, padded or not, cut at the token limit", async (t) => {
    const model = tinyModel();
    t.after(model.remove);
    const session = await ModelSession.open(model.dir, model.description);
    t.after(() => session.close());
    // Token w has the row (w, w % 2, 1); [CLS] 2, [SEP] 3, red 4, green 5, blue 6.
    // "red": (2+4+3)/3 = 3, (0+0+1)/3. "": (2+3)/2 = 2.5, .5. six times blue is cut to four by the
    // limit of 6: (2 + 4*6 + 3)/6 = 29/6, 1/6. "red green blue": (2+4+5+6+3)/5 = 4, (0+0+1+0+1)/5.
    const texts = ["red", "", "blue blue blue blue blue blue", "red green blue"];
    const values = await session.embed(texts);
    const expected = [3, 1 / 3, 1, 2.5, 0.5, 1, 29 / 6, 1 / 6, 1, 4, 0.4, 1];
    assert.equal(values.length, expected.length);
    for (const [i, value] of expected.entries()) {
      assert.ok(Math.abs((values[i] ?? Number.NaN) - value) < 1e-6, `value ${i}: ${values[i]}`);
    }
    assert.deepEqual(await session.embed([]), new Float32Array(0));
    const { tokenIds, tokenCounts } = await session.tokenize(["red", ""]);
    assert.deepEqual([...tokenIds], [2, 4, 3, 2, 3]);
    assert.deepEqual([...tokenCounts], [3, 2]);
  });

  it("answers an aborted signal at once and keeps serving others", async (t) => {
    const model = tinyModel();
    t.after(model.remove);
    const session = await ModelSession.open(model.dir, model.description, { workers: 1 });
    t.after(() => session.close());
    const many = Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? "red" : "blue green"));
    const controller = new AbortController();
    const stopped = session.embed(many, { signal: controller.signal, priority: "bulk" });
    const other = session.embed(["red"]);
    controller.abort(new Error("no longer wanted"));
    await assert.rejects(stopped, /no longer wanted/);
    assert.equal((await other).length, 3);
    await assert.rejects(
      session.embed(["red"], { signal: AbortSignal.abort(new Error("late")) }),
      /late/,
    );
    const signal = AbortSignal.timeout(1);
    await assert.rejects(session.embed(many, { signal }), DeadlineError);
  });

  it("refuses a task when too many wait", async (t) => {
    const model = tinyModel();
    t.after(model.remove);
    const options = { workers: 1, queueLimit: 2 };
    const session = await ModelSession.open(model.dir, model.description, options);
    t.after(() => session.close());
    // Two go to the worker, two wait, the fifth is refused.
    const tasks = [1, 2, 3, 4].map(() => session.embed(["red"]));
    await assert.rejects(session.embed(["red"]), OverloadedError);
    assert.equal((await Promise.all(tasks)).length, 4);
    assert.equal(session.stats().queued, 0);
  });

  it("lets a query overtake bulk work", async (t) => {
    const model = tinyModel();
    t.after(model.remove);
    const session = await ModelSession.open(model.dir, model.description, { workers: 1 });
    t.after(() => session.close());
    const order: string[] = [];
    const many = Array.from({ length: 5_000 }, () => "red green");
    const bulk = session.embed(many, { priority: "bulk" }).then(() => order.push("bulk"));
    const query = session.embed(["blue"]).then(() => order.push("query"));
    await Promise.all([bulk, query]);
    assert.deepEqual(order, ["query", "bulk"]);
  });

  it("fails what a lost worker held and starts a new one for the next task", async (t) => {
    const model = tinyModel();
    t.after(model.remove);
    const session = await ModelSession.open(model.dir, model.description, {
      workers: 1,
      workerHeapMb: 40,
    });
    t.after(() => session.close());
    // Two million texts do not fit into a heap of 40 MiB: the thread dies in the middle.
    const tooMany = new Array<string>(2_000_000).fill("red");
    await assert.rejects(session.embed(tooMany), ModelFailedError);
    assert.equal((await session.embed(["red"])).length, 3);
    assert.equal(session.stats().restarts, 1);
  });

  it("says what is wrong with a model folder", async (t) => {
    const model = tinyModel();
    t.after(model.remove);
    const { dir, description } = model;
    await assert.rejects(
      ModelSession.open(dir, { ...description, output: "nothing" }),
      (error: unknown) => error instanceof InvalidModelError && /nothing/.test(error.message),
    );
    await assert.rejects(
      ModelSession.open(dir, { ...description, inputs: ["input_ids"] }),
      /attention_mask/,
    );
    const onnx = readFileSync(path.join(dir, "model.onnx"));
    writeFileSync(path.join(dir, "model.onnx"), onnx.subarray(0, 50));
    await assert.rejects(ModelSession.open(dir, description), InvalidModelError);
    writeFileSync(path.join(dir, "model.onnx"), onnx);
    rmSync(path.join(dir, "tokenizer.json"));
    await assert.rejects(ModelSession.open(dir, description), /tokenizer\.json/);
  });

  it("does not keep a process alive that forgot to close it", (t) => {
    const model = tinyModel();
    t.after(model.remove);
    const script = `
      const { ModelSession } = await import("./src/inference/model-session.ts");
      const session = await ModelSession.open(${JSON.stringify(model.dir)}, ${JSON.stringify(model.description)});
      console.log((await session.embed(["red"])).length);`;
    const result = spawnSync(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", script],
      { cwd: root, encoding: "utf8", timeout: 60_000 },
    );
    assert.equal(result.stdout, "3\n", result.stderr);
    assert.equal(result.status, 0, result.stderr);
  });

  it("chooses workers and threads that fill the cores", () => {
    for (const cores of [1, 2, 4, 8, 16, 64]) {
      const { workers, threadsPerWorker } = chooseThreads(cores);
      assert.ok(workers >= 1 && threadsPerWorker >= 1 && workers * threadsPerWorker <= cores);
    }
  });
});
