import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rocchio } from "../../src/dense/rocchio.js";

describe("Rocchio's query vector", () => {
  const query = Float32Array.of(1, 0);
  const documents = [Float32Array.of(0, 1), Float32Array.of(0.5, 0.5)];

  it("moves towards the mean of the documents", () => {
    // .5 · (1, 0) + .5 · (.25, .75).
    assert.deepEqual(rocchio(query, documents, 0.5, "dot"), Float32Array.of(0.625, 0.375));
  });

  it("is scaled to length 1 under cosine similarity", () => {
    // .2 · (1, 0) + .8 · (.5, 1) = (.6, .8), whose length is 1; twice that has the same direction.
    const expected = Float32Array.of(0.6, 0.8);
    assert.deepEqual(rocchio(query, [Float32Array.of(0.5, 1)], 0.2, "cosine"), expected);
    const [x, y] = rocchio(query, documents, 0.5, "cosine");
    assert.ok(Math.abs(x! ** 2 + y! ** 2 - 1) < 1e-6);
    assert.ok(Math.abs(x! / y! - 0.625 / 0.375) < 1e-6);
  });

  it("is the plain average at weight 1 / (n + 1)", () => {
    const [x, y] = rocchio(query, documents, 1 / 3, "dot");
    assert.ok(Math.abs(x! - 0.5) < 1e-6);
    assert.ok(Math.abs(y! - 0.5) < 1e-6);
  });

  it("returns the query itself at weight 1, without documents, and where all cancels out", () => {
    assert.equal(rocchio(query, documents, 1, "cosine"), query);
    assert.equal(rocchio(query, [], 0.5, "cosine"), query);
    assert.equal(rocchio(query, [Float32Array.of(-1, 0)], 0.5, "cosine"), query);
  });

  it("refuses weights out of range and vectors of another dimension", () => {
    for (const weight of [-0.1, 1.1, Number.NaN]) {
      assert.throws(() => rocchio(query, documents, weight, "dot"), { code: "INPUT_INVALID" });
    }
    assert.throws(() => rocchio(query, [Float32Array.of(1)], 0.5, "dot"), {
      code: "INPUT_INVALID",
    });
  });
});
