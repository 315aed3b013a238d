import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InputError } from "../../src/errors.js";
import { defaultFusion, fusionName, fusionSchema, parseFusion } from "../../src/fusion/index.js";
import { fusions, weightsFor } from "./random-legs.js";

describe("the text form of a fusion", () => {
  it("says what the JSON form says", () => {
    const same = (text: string, value: unknown): void =>
      assert.deepEqual(parseFusion(text), fusionSchema.parse(value));
    same("rrf", { method: "rrf", rankConstant: 60 });
    same("RRF( k = 30 , dense = 2 )", { method: "rrf", rankConstant: 30, weights: { dense: 2 } });
    same("weighted", {});
    same("weighted(dense=.5,norm=max)", { weights: { dense: 0.5 }, normalization: "max" });
    same("weighted(norm.sparse=max,norm.dense=none)", {
      normalization: { sparse: "max", dense: "none" },
    });
    same("weighted(adaptive=true)", { adaptive: true });
    same("combmnz(norm=min-max)", { method: "combmnz", normalization: "min-max" });
  });

  it("reads back every name that it prints", () => {
    fc.assert(
      fc.property(
        fusions,
        weightsFor(["dense", "sparse"]),
        fc.boolean(),
        (fusion, weights, with_) => {
          const whole = with_ ? { ...fusion, weights } : fusion;
          assert.deepEqual(parseFusion(fusionName(whole)), whole);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("prints everything that changes a number", () => {
    assert.equal(fusionName(defaultFusion), "weighted(norm=bounded)");
    assert.equal(fusionName(parseFusion("rrf(sparse=2,dense=1)")), "rrf(k=60,dense=1,sparse=2)");
  });

  it("refuses with the part that is wrong", () => {
    const refused: readonly (readonly [string, RegExp])[] = [
      ["", /such as/],
      ["rrf(k=60", /such as/],
      ["fancy", /method/],
      ["rrf(k)", /name=value.*"k"/],
      ["rrf(k=60,k=61)", /k once/],
      ["rrf(k=-1)", /number >= 0/],
      ["rrf(k=1e400)", /rankConstant/],
      ["rrf(norm=max)", /normalization/],
      ["weighted(adaptive=yes)", /adaptive=true/],
      ["weighted(adaptive=true,dense=.5)", /either weights or adaptive/],
      ["rrf(adaptive=true)", /adaptive/],
      ["weighted(norm=best)", /one of bounded/],
      ["weighted(norm=max,norm.dense=max)", /either/],
    ];
    for (const [text, message] of refused) {
      assert.throws(
        () => parseFusion(text),
        (error: unknown) => error instanceof InputError && message.test(error.message),
        text,
      );
    }
  });
});

describe("the JSON form of a fusion", () => {
  it("refuses unknown fields, fields of other methods and values out of range", () => {
    for (const value of [
      { method: "rrf", normalization: "max" },
      { method: "weighted", rankConstant: 60 },
      { method: "weighted", wieghts: {} },
      { method: "isr", normalization: "max" },
      { method: "best" },
      { weights: { dense: -0.1 } },
      { weights: { dense: Number.NaN } },
      { weights: [0.5, 0.5] },
      { normalization: "l2" },
      "rrf",
      null,
    ]) {
      assert.equal(fusionSchema.safeParse(value).success, false, JSON.stringify(value));
    }
  });
});
