import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  complementaryErrorFunction,
  logGamma,
  normalCdf,
  normalQuantile,
  regularizedIncompleteBeta,
  studentTCdf,
  studentTQuantile,
  studentTSurvival,
} from "../../src/numeric/distributions.js";

const golden: {
  normalCdf: [number, number][];
  normalQuantile: [number, number][];
  studentTSurvival: [number, number, number][];
  studentTQuantile: [number, number, number][];
  incompleteBeta: [number, number, number, number][];
  logGamma: [number, number][];
} = JSON.parse(readFileSync(new URL("../golden/evaluation/scipy.json", import.meta.url), "utf8"));

describe("distributions against scipy", () => {
  /** Relative, so that the tails are held to it too. */
  const close = (ours: number, theirs: number, what: string) =>
    assert.ok(
      Math.abs(ours - theirs) <= 1e-11 * Math.abs(theirs) || ours === theirs,
      `${what}: ${ours} instead of ${theirs}`,
    );

  it("normal and Student's t agree, far tails too", () => {
    for (const [x, value] of golden.normalCdf) close(normalCdf(x), value, `Φ(${x})`);
    for (const [p, value] of golden.normalQuantile) close(normalQuantile(p), value, `Φ⁻¹(${p})`);
    for (const [t, df, value] of golden.studentTSurvival) {
      close(studentTSurvival(t, df), value, `P(T(${df}) > ${t})`);
    }
    for (const [p, df, value] of golden.studentTQuantile) {
      close(studentTQuantile(p, df), value, `t quantile(${p}, ${df})`);
    }
  });

  it("incomplete beta and log gamma agree", () => {
    for (const [a, b, x, value] of golden.incompleteBeta) {
      close(regularizedIncompleteBeta(a, b, x), value, `I_${x}(${a}, ${b})`);
    }
    for (const [x, value] of golden.logGamma) close(logGamma(x), value, `ln Γ(${x})`);
  });
});

describe("distributions at their edges", () => {
  it("are what the definitions say", () => {
    assert.equal(normalCdf(0), 0.5);
    assert.equal(normalCdf(Number.NEGATIVE_INFINITY), 0);
    assert.equal(normalCdf(Number.POSITIVE_INFINITY), 1);
    assert.equal(normalQuantile(0), Number.NEGATIVE_INFINITY);
    assert.equal(normalQuantile(1), Number.POSITIVE_INFINITY);
    assert.ok(Number.isNaN(normalQuantile(1.1)));
    // One degree of freedom is Cauchy: P(T <= 1) = 3/4.
    assert.ok(Math.abs(studentTCdf(1, 1) - 0.75) < 1e-15);
    assert.equal(studentTCdf(0, 9), 0.5);
    assert.equal(studentTSurvival(Number.POSITIVE_INFINITY, 9), 0);
    assert.ok(Number.isNaN(studentTQuantile(-0.1, 9)));
    assert.equal(regularizedIncompleteBeta(2, 3, 0), 0);
    assert.equal(regularizedIncompleteBeta(2, 3, 1), 1);
    assert.equal(complementaryErrorFunction(0), 1);
    assert.equal(complementaryErrorFunction(40), 0);
    for (const bad of [
      normalCdf(Number.NaN),
      studentTCdf(Number.NaN, 3),
      complementaryErrorFunction(Number.NaN),
    ]) {
      assert.ok(Number.isNaN(bad));
    }
  });
});
