import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { InputError, ModelFailedError } from "../../src/errors.js";
import { type RerankDocument, rerank, ScoreCache } from "../../src/rerank/index.js";
import { compareScoredDocs, type DocId, type Ranking } from "../../src/run/ranking.js";
import { fakeReranker } from "./fake-reranker.js";

function ranking(...docs: readonly (readonly [string, number])[]): Ranking {
  return docs.map(([docId, score]) => ({ docId: docId as DocId, score }));
}

/** Documents whose text is their id. */
const byId = (docIds: readonly DocId[]): RerankDocument[] =>
  docIds.map((docId) => ({ title: "", text: docId }));

const first = ranking(["aaa", 9], ["b", 8], ["cccc", 7], ["dd", 6], ["e", 5]);

function ids(of: Ranking): string[] {
  return of.map(({ docId }) => docId);
}

describe("rerank", () => {
  it("puts the first depth documents into the reranker's order and leaves the rest below", async () => {
    const result = await rerank(first, "q", byId, fakeReranker(), { depth: 3 });
    // Lengths 3, 1, 4; below: lowest 1, less 1, less the distance to the best one below (6).
    assert.deepEqual(
      result.ranking,
      ranking(["cccc", 4], ["aaa", 3], ["b", 1], ["dd", 0], ["e", -1]),
    );
    assert.equal(result.reachedDepth, 3);
    assert.equal(result.reason, "complete");
    assert.deepEqual(
      [...result.scores],
      [
        ["aaa", 3],
        ["b", 1],
        ["cccc", 4],
      ],
    );
  });

  it("orders equal scores by docId descending", async () => {
    const equal = fakeReranker({ scoreOf: () => 1 });
    const result = await rerank(first, "q", byId, equal, { depth: 5 });
    assert.deepEqual(ids(result.ranking), ["e", "dd", "cccc", "b", "aaa"]);
  });

  it("mixes both stages' scores, min-max normalised over the reranked documents", async () => {
    const result = await rerank(first, "q", byId, fakeReranker(), {
      depth: 3,
      combine: { weight: 0.25 },
    });
    // First stage 1, .5, 0; lengths 3, 1, 4 -> 2/3, 0, 1. aaa .75 + 1/6, b .375, cccc .25.
    assert.deepEqual(ids(result.ranking), ["aaa", "b", "cccc", "dd", "e"]);
    assert.ok(Math.abs(result.ranking[0]!.score - (0.75 + 0.25 * (2 / 3))) < 1e-12);
    assert.equal(result.ranking[1]!.score, 0.375);
    assert.equal(result.ranking[2]!.score, 0.25);
    const kept = await rerank(first, "q", byId, fakeReranker(), {
      depth: 5,
      combine: { weight: 0 },
    });
    assert.deepEqual(ids(kept.ranking), ids(first));
  });

  it("never adds or drops a document, leaves the tail in order, and obeys THE tie rule", async () => {
    const docs = fc.uniqueArray(
      fc.tuple(
        fc.string({ minLength: 1, maxLength: 4 }),
        fc.double({ noNaN: true, min: -1e30, max: 1e30 }),
      ),
      { selector: ([docId]) => docId, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(
        docs,
        fc.nat({ max: 14 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom<"replace" | { weight: number }>("replace", { weight: 0.3 }, { weight: 1 }),
        fc.func(fc.float({ noNaN: true, noDefaultInfinity: true })),
        async (pairs, depth, batchSize, combine, scoreOf) => {
          const given = [...ranking(...pairs)].sort(compareScoredDocs);
          const reranker = fakeReranker({ scoreOf: (text) => scoreOf(text) });
          const options = { depth, batchSize, combine };
          const result = await rerank(given, "q", byId, reranker, options);
          assert.deepEqual([...ids(result.ranking)].sort(), [...ids(given)].sort());
          assert.deepEqual(ids(result.ranking).slice(depth), ids(given).slice(depth));
          assert.deepEqual(result.ranking, [...result.ranking].sort(compareScoredDocs));
          const again = await rerank(given, "q", byId, reranker, options);
          assert.deepEqual(again.ranking, result.ranking);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("scores in rank order, in batches", async () => {
    const batches: string[][] = [];
    const reranker = fakeReranker({ onBatch: (texts) => void batches.push([...texts]) });
    await rerank(first, "q", byId, reranker, { depth: 5, batchSize: 2 });
    assert.deepEqual(batches, [["aaa", "b"], ["cccc", "dd"], ["e"]]);
  });

  it("stops when time is up with the best order so far, and says how far it got", async () => {
    // A clock by hand: every batch takes 10 ms a text. Probe of 4 texts: 40 ms; then 60 ms are left,
    // and 6 texts fit, of which a second batch takes all; 0 ms are left.
    let clock = 0;
    const many = ranking(
      ...Array.from({ length: 30 }, (_, i): [string, number] => [
        `d${String(i).padStart(2, "0")}`,
        30 - i,
      ]),
    );
    const reranker = fakeReranker({
      scoreOf: (text) => Number(text.slice(1)),
      onBatch: (texts) => {
        clock += 10 * texts.length;
      },
    });
    const result = await rerank(many, "q", byId, reranker, {
      depth: 30,
      budgetMs: 100,
      now: () => clock,
    });
    assert.equal(result.reachedDepth, 10);
    assert.equal(result.reason, "budget");
    assert.equal(result.ms, 100);
    assert.deepEqual(ids(result.ranking).slice(0, 3), ["d09", "d08", "d07"]);
    assert.deepEqual(ids(result.ranking).slice(10), ids(many).slice(10));
  });

  it("gives up a batch that overruns, and then answers with the batches before", async () => {
    let batch = 0;
    const reranker = fakeReranker({
      onBatch: (_texts, signal) => {
        batch++;
        if (batch === 1) return;
        return new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason as Error));
        });
      },
    });
    const result = await rerank(first, "q", byId, reranker, {
      depth: 5,
      budgetMs: 30,
      batchSize: 2,
    });
    assert.equal(result.reason, "budget");
    assert.equal(result.reachedDepth, 2);
    assert.deepEqual(ids(result.ranking), ["aaa", "b", "cccc", "dd", "e"]);
  });

  it("gives the first stage's ranking when not one batch was done", async () => {
    const never = fakeReranker({
      onBatch: (_texts, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason as Error));
        }),
    });
    const result = await rerank(first, "q", byId, never, { depth: 5, budgetMs: 5 });
    assert.deepEqual(result.ranking, first);
    assert.equal(result.reachedDepth, 0);
  });

  it("ends with the caller's reason when the caller aborts", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const reranker = fakeReranker({ onBatch: () => controller.abort(reason) });
    const options = { depth: 5, batchSize: 1, budgetMs: 1000, signal: controller.signal };
    await assert.rejects(rerank(first, "q", byId, reranker, options), reason);
    await assert.rejects(rerank(first, "q", byId, fakeReranker(), options), reason);
  });

  it("fails with ModelFailedError when the model fails midway or talks nonsense", async () => {
    let batch = 0;
    const failing = fakeReranker({
      onBatch: () => {
        batch++;
        if (batch === 2) throw new Error("out of memory");
      },
    });
    await assert.rejects(
      rerank(first, "q", byId, failing, { depth: 5, batchSize: 2 }),
      (error: unknown) =>
        error instanceof ModelFailedError &&
        error.message.includes("out of memory") &&
        error.facts["scoredCount"] === 2,
    );
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const nonsense = fakeReranker({ scoreOf: () => bad });
      await assert.rejects(rerank(first, "q", byId, nonsense, { depth: 2 }), ModelFailedError);
    }
    const short = { ...fakeReranker(), score: async () => new Float32Array(1) };
    await assert.rejects(rerank(first, "q", byId, short, { depth: 2 }), /expected 2 scores/);
  });

  it("takes a long document's best passage", async () => {
    const documents = [
      { title: "T", text: "one two three four" },
      { title: "T", text: "short" },
    ];
    const asked: string[] = [];
    const reranker = fakeReranker({
      scoreOf: (text) => (text.includes("three") ? 5 : text.includes("short") ? 3 : 1),
      onBatch: (texts) => void asked.push(...texts),
    });
    const result = await rerank(ranking(["b", 2], ["a", 1]), "q", () => documents, reranker, {
      depth: 2,
      passages: { chars: 10, overlap: 0, limit: 8 },
    });
    assert.deepEqual(asked, ["T one two", "T three four", "T short"]);
    assert.deepEqual(result.ranking, ranking(["b", 5], ["a", 3]));
  });

  it("asks the model once for a query and text, and again for another query", async () => {
    const cache = new ScoreCache();
    const count = async (query: string, depth: number): Promise<[number, number]> => {
      const result = await rerank(first, query, byId, fakeReranker(), { depth, cache });
      return [result.scoredCount, result.cachedCount];
    };
    assert.deepEqual(await count("q", 2), [2, 0]);
    assert.deepEqual(await count("q", 4), [2, 2]);
    assert.deepEqual(await count("r", 2), [2, 0]);
    const fresh = await rerank(first, "q", byId, fakeReranker(), { depth: 4 });
    const cached = await rerank(first, "q", byId, fakeReranker(), { depth: 4, cache });
    assert.deepEqual(cached.ranking, fresh.ranking);
  });

  it("refuses options out of range", async () => {
    for (const wrong of [
      { depth: -1 },
      { depth: 1.5 },
      { depth: 1, budgetMs: 0 },
      { depth: 1, batchSize: 0 },
      { depth: 1, combine: { weight: 1.1 } },
      { depth: 1, combine: { weight: Number.NaN } },
    ]) {
      await assert.rejects(rerank(first, "q", byId, fakeReranker(), wrong), InputError);
    }
  });
});

describe("a cache of scores", () => {
  it("drops what was not used for longest", () => {
    const cache = new ScoreCache(2);
    cache.set("a", 1);
    cache.set("b", 2);
    assert.equal(cache.get("a"), 1);
    cache.set("c", 3);
    assert.equal(cache.get("b"), undefined);
    assert.equal(cache.get("a"), 1);
    assert.equal(cache.size, 2);
    assert.throws(() => new ScoreCache(0), InputError);
  });
});
