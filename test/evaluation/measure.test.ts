import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InputError } from "../../src/errors.js";
import {
  type JudgedRanking,
  NOT_IN_POOL,
  NOT_JUDGED,
} from "../../src/evaluation/judged-ranking.js";
import { DEFAULT_MEASURES, parseMeasure, parseMeasures } from "../../src/evaluation/measure.js";

/** Grades down the ranking (`null` not in the pool, `undefined` in it but unjudged), and all grades. */
function judged(ranking: (number | null | undefined)[], all: number[]): JudgedRanking {
  return {
    grades: Float64Array.from(ranking, (grade) =>
      grade === null ? NOT_IN_POOL : (grade ?? NOT_JUDGED),
    ),
    idealGrades: Float64Array.from(all).sort().reverse(),
  };
}

function near(name: string, ranking: JudgedRanking, expected: number): void {
  const value = parseMeasure(name).evaluate(ranking);
  assert.ok(Math.abs(value - expected) < 1e-12, `${name}: ${value} instead of ${expected}`);
}

// Ranks 1-5 hold grades 2, not in the pool, 0, 1, in the pool but unjudged.
// The query has grades 3, 2, 1, 0, 0: three relevant documents, one of them (3) not retrieved.
const example = judged([2, null, 0, 1, undefined], [3, 2, 1, 0, 0]);

describe("measures, worked by hand", () => {
  it("nDCG discounts gains by log2(rank + 1)", () => {
    // (2/log2(2) + 1/log2(5)) / (3/log2(2) + 2/log2(3) + 1/log2(4))
    near("nDCG", example, (2 + 1 / Math.log2(5)) / (3 + 2 / Math.log2(3) + 0.5));
    near("nDCG@3", example, 2 / (3 + 2 / Math.log2(3) + 0.5));
    near("nDCG@1", example, 2 / 3);
    // gains 2^g - 1: 3 and 1 against 7, 3 and 1
    near("nDCG(dcg='exp-log2')", example, (3 + 1 / Math.log2(5)) / (7 + 3 / Math.log2(3) + 0.5));
  });

  it("binary measures divide by what their names say", () => {
    near("P@5", example, 2 / 5);
    near("P@10", example, 2 / 10);
    near("P(rel=2)@5", example, 1 / 5);
    near("R@3", example, 1 / 3);
    near("R(rel=2)@3", example, 1 / 2);
    near("Success@1", example, 1);
    near("Success(rel=3)@5", example, 0);
    near("Rprec", example, 1 / 3); // one relevant in the first three
    near("RR", judged([0, null, 1], [1, 0]), 1 / 3);
    near("RR@2", judged([0, null, 1], [1, 0]), 0);
    near("AP", example, (1 / 1 + 2 / 4) / 3);
    near("AP@3", example, 1 / 3);
    near("SetP", example, 2 / 5);
    near("SetR", example, 2 / 3);
    near("SetF", example, (2 * (2 / 5) * (2 / 3)) / (2 / 5 + 2 / 3));
    near("SetAP", example, (2 / 5) * (2 / 3));
  });

  it("judged_only passes over documents without a judgement", () => {
    near("P(judged_only=True)@3", example, 2 / 3); // 2, 0, 1 remain
    near("RR(judged_only=True)", judged([null, undefined, 1], [1]), 1);
  });

  it("Bpref counts judged non-relevant documents above, infAP estimates from the pool", () => {
    // R = 3, N = 2. Rank 1: nothing above, 1. Rank 4: one above, 1 - 1/min(2, 3) = 1/2.
    near("Bpref", example, (1 + 1 / 2) / 3);
    // Rank 4: 1/4 + 3/4 · (2 of the 3 above are in the pool) · (1 + e)/(2 + 2e) = 1/4 + 1/2 · 1/2.
    near("infAP", example, (1 + 1 / 4 + 1 / 4) / 3);
  });

  it("RBP weighs ranks by persistence, ERR by the reader not yet being satisfied", () => {
    near("RBP", example, 0.2 * (1 + 0.8 ** 3));
    near("RBP(p=0.5,rel=2)", example, 0.5);
    near("RBP@3", example, 0.2);
    // p(2) = 3/16 at rank 1, p(1) = 1/16 at rank 4.
    near("ERR", example, 3 / 16 + ((1 / 16) * (13 / 16)) / 4);
    near("ERR(max_rel=3)@2", example, 3 / 8);
  });

  it("Judged divides by what was retrieved, at most the cut-off", () => {
    near("Judged@10", example, 4 / 5);
    near("Judged@2", example, 1 / 2);
    near("Judged", example, 4 / 5);
  });

  it("every measure is 0 without hits and without relevant documents", () => {
    for (const name of [
      ...DEFAULT_MEASURES,
      "Rprec",
      "Bpref",
      "infAP",
      "RBP",
      "ERR",
      "SetF",
      "AP",
    ]) {
      near(name, judged([], [1, 0]), 0);
      if (!name.startsWith("Judged")) near(name, judged([0, null, undefined], [0]), 0);
    }
  });

  it("ERR refuses a grade above its scale and says how to name the scale", () => {
    assert.throws(
      () => parseMeasure("ERR@20").evaluate(judged([5], [5])),
      (error: unknown) => error instanceof InputError && /max_rel=5/.test(error.message),
    );
  });
});

describe("names of measures", () => {
  it("a name is printed with every parameter that is not the default", () => {
    const names: [string, string][] = [
      ["nDCG@10", "nDCG@10"],
      [" NDCG @ 10", "nDCG@10"],
      ["nDCG(dcg='log2')@10", "nDCG@10"],
      ['nDCG(dcg="exp-log2")@5', "nDCG(dcg='exp-log2')@5"],
      ["P(rel=2)@5", "P(rel=2)@5"],
      ["P(judged_only=True, rel=2)@5", "P(rel=2,judged_only=True)@5"],
      ["MAP", "AP"],
      ["MRR@10", "RR@10"],
      ["Recall@100", "R@100"],
      ["RBP", "RBP(rel=1)"],
      ["RBP(rel=2,p=0.95)", "RBP(p=0.95,rel=2)"],
      ["SetF(beta=0.5)", "SetF(beta=0.5)"],
      ["ndcg_cut_10", "nDCG@10"],
      ["ndcg_cut.10", "nDCG@10"],
      ["map", "AP"],
      ["map_cut_100", "AP@100"],
      ["recip_rank", "RR"],
      ["P_5", "P@5"],
      ["recall_1000", "R@1000"],
      ["set_F", "SetF"],
    ];
    for (const [given, printed] of names) {
      const { name } = parseMeasure(given);
      assert.equal(name, printed);
      assert.equal(parseMeasure(name).name, name);
    }
  });

  it("a list is split at blanks and commas outside parentheses", () => {
    assert.deepEqual(
      parseMeasures("nDCG@10, P(rel=2,judged_only=True)@5 AP").map(({ name }) => name),
      ["nDCG@10", "P(rel=2,judged_only=True)@5", "AP"],
    );
    assert.throws(() => parseMeasures(" , "), InputError);
  });

  it("unknown names, wrong parameters and wrong cut-offs are refused", () => {
    const wrong = [
      "",
      "nDGC@10",
      "constructor",
      "toString_5",
      "P",
      "P@0",
      "P@-1",
      "P@1.5",
      "P@x",
      "Rprec@5",
      "P(5)@5",
      "P(rel)@5",
      "P(rel=x)@5",
      "P(rel=-1)@5",
      "P(rel=1.5)@5",
      "nDCG(rel=2)@5",
      "nDCG(dcg='ln')",
      "RBP(p=1)",
      "RBP(p=0)",
      "SetF(beta=0)",
      "ERR(max_rel=0)",
      "P@5 P@10",
      "P(rel=2@5",
    ];
    for (const name of wrong) assert.throws(() => parseMeasure(name), InputError, name);
  });
});
