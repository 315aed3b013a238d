import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { importModel } from "../../src/models/import-model.js";
import { largestDifference, openImported } from "./run-imported.js";

const golden = fileURLToPath(new URL("../golden/models/t5-gated", import.meta.url));
const { input_ids: ids, embeddings } = JSON.parse(
  readFileSync(path.join(golden, "expected.json"), "utf8"),
) as { input_ids: number[][]; embeddings: number[][] };

/** Would the golden tests notice? Each mistake an importer could make is made on purpose here. */
describe("the golden vectors catch", () => {
  let scratch = "";
  let count = 0;
  before(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), "braid-mutations-"));
  });
  after(() => rm(scratch, { recursive: true, force: true }));

  interface Mutation {
    /** Changes a JSON file of the source. */
    readonly json?: readonly [string, (value: Record<string, unknown>) => unknown];
    /** Changes the written graph. */
    readonly graph?: (bytes: Buffer) => void;
    /** Runs texts alone, or padded in one batch. */
    readonly padded?: boolean;
  }

  /** How far the worst text is from its golden vector; Infinity for another dimension. */
  async function distance(mutation: Mutation): Promise<number> {
    const source = path.join(scratch, String(++count));
    cpSync(golden, source, { recursive: true });
    if (mutation.json) {
      const [name, change] = mutation.json;
      const file = path.join(source, name);
      const value = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
      writeFileSync(file, JSON.stringify(change(value)));
    }
    const target = path.join(scratch, String(++count));
    const description = await importModel(source, target, { name: "mutant" });
    if (description.dimension !== embeddings[0]?.length) return Infinity;
    if (mutation.graph) {
      const file = path.join(target, "model.onnx");
      const bytes = readFileSync(file);
      mutation.graph(bytes);
      writeFileSync(file, bytes);
    }
    const model = await openImported(target, description);
    const got = mutation.padded
      ? await model.run(ids)
      : (await Promise.all(ids.map((row) => model.run([row])))).flat();
    return Math.max(...embeddings.map((row, i) => largestDifference(got[i] ?? [], row)));
  }

  /** Overwrites the 4 bytes of a scalar constant, which follow its name in the file. */
  function setConstant(bytes: Buffer, name: string, value: number): void {
    const at = bytes.indexOf(name, bytes.indexOf(`B${String.fromCharCode(name.length)}${name}`));
    assert.ok(at >= 0, `${name} is in the graph`);
    // raw_data: key 0x4a, length 4
    const raw = bytes.indexOf(Buffer.from([0x4a, 4]), at + name.length);
    assert.equal(raw, at + name.length, "its value follows");
    bytes.writeFloatLE(value, raw + 2);
  }

  it("nothing where nothing is wrong", async () => {
    assert.ok((await distance({})) < 1e-5);
    assert.ok((await distance({ padded: true })) < 1e-5);
  });

  it("distances put into the wrong buckets", async () => {
    for (const field of ["relative_attention_max_distance"]) {
      const change = (value: Record<string, unknown>) => ({ ...value, [field]: 64 });
      assert.ok((await distance({ json: ["config.json", change] })) > 1e-3);
    }
  });

  it("padding that is attended to", async () => {
    const graph = (bytes: Buffer) => setConstant(bytes, "float:-1000000000", 0);
    assert.ok((await distance({ graph })) < 1e-5, "a text alone has no padding");
    assert.ok((await distance({ graph, padded: true })) > 1e-3);
  });

  it("another pooling", async () => {
    for (const pooling of ["cls_token", "max_tokens", "lasttoken"]) {
      const json = [
        "1_Pooling/config.json",
        () => ({ [`pooling_mode_${pooling}`]: true }),
      ] as const;
      assert.ok((await distance({ json })) > 1e-3, pooling);
    }
  });

  it("a projection that is left out, or its activation", async () => {
    const modules = (keep: (type: string) => boolean) =>
      [
        "modules.json",
        (list: unknown) => (list as { type: string }[]).filter(({ type }) => keep(type)),
      ] as const;
    assert.equal(await distance({ json: modules((type) => !type.endsWith("Dense")) }), Infinity);
    const linear = (value: Record<string, unknown>) => ({
      ...value,
      activation_function: "torch.nn.modules.linear.Identity",
    });
    assert.ok((await distance({ json: ["2_Dense/config.json", linear] })) > 1e-3);
  });

  it("another feed-forward activation, epsilon or number of heads", async () => {
    for (const change of [{ feed_forward_proj: "gated-silu" }, { layer_norm_epsilon: 0.1 }]) {
      const json = [
        "config.json",
        (value: Record<string, unknown>) => ({ ...value, ...change }),
      ] as const;
      assert.ok((await distance({ json })) > 1e-4, JSON.stringify(change));
    }
  });
});
