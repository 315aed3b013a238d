import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { depthCurves } from "../../src/experiments/depth-curves.js";
import { qrelsOf, system } from "./tiny-comparison.js";

const qrels = qrelsOf({ q1: { a: 1, b: 2, c: 0 }, q2: { d: 1 } });
const first = system("first", "run", { q1: ["a", "c", "b"], q2: ["x", "y", "z"] });
const second = system("second", "run", { q1: ["a", "b"], q2: ["y", "d"] });

describe("curves over depth", () => {
  it("give the mean recall of every judged query at each depth up to the longest ranking", () => {
    const { depths, recall } = depthCurves([first, second], qrels);
    assert.deepEqual(depths, [1, 2, 3]);
    // q1 has two relevant documents: found 1, 1, 2 by the first; q2 has one, which it never finds.
    assert.deepEqual(recall["first"], [0.25, 0.25, 0.5]);
    assert.deepEqual(recall["second"], [0.25, 1, 1]);
  });

  it("give the overlap of two systems", () => {
    const { overlap } = depthCurves([first, second], qrels);
    const { jaccard, rbo } = overlap(first, second);
    // Depth 1: q1 the same, q2 not. Depth 2: q1 {a,c} {a,b} 1/3, q2 {x,y} {y,d} 1/3.
    assert.deepEqual(jaccard.slice(0, 2), [0.5, (1 / 3 + 1 / 3) / 2]);
    assert.equal(rbo[0], 0.5);
    assert.ok(rbo.every((value) => value >= 0 && value <= 1));
    assert.deepEqual(
      overlap(first, first).rbo.map((value) => value.toFixed(9)),
      ["1.000000000", "1.000000000", "1.000000000"],
    );
  });
});
