import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FeatureUnavailableError, InputError } from "../../src/errors.js";
import { parseSparseQuery } from "../../src/sparse/parse-query.js";
import { bagOfWords } from "../../src/sparse/sparse-query.js";
import { SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { sparseSettings } from "../../src/sparse/sparse-settings.js";
import { WinkEngine } from "../../src/sparse/wink-engine.js";
import {
  buildPart,
  namesOf,
  plainAnalyzer,
  plainSettings,
  type TestDoc,
} from "./tiny-collection.js";

const word = fc.constantFrom("red", "fox", "hen", "blue", "constructor", "__proto__", "length");
const text = fc.array(word, { maxLength: 9 }).map((words) => words.join(" "));

const build = (docs: readonly TestDoc[], settings = plainSettings): Promise<WinkEngine> =>
  WinkEngine.build(docs, namesOf(docs), plainAnalyzer, settings);

const numbered = (bodies: readonly { title: string; text: string }[]): TestDoc[] =>
  bodies.map((body, i) => ({ id: `d${i}`, ...body }));

describe("wink engine", () => {
  it("gives the scores of our searcher to 8 decimals, for fields and weights too", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ title: text, text }), { minLength: 3, maxLength: 12 }),
        fc.array(word, { minLength: 1, maxLength: 5 }),
        fc.constantFrom({ title: 1, text: 1 }, { title: 2, text: 1 }, { title: 0, text: 1 }),
        async (bodies, words, boosts) => {
          const docs = numbered([...bodies, { title: "red", text: "red" }]);
          const settings = sparseSettings({ analyzer: plainAnalyzer.id, boosts });
          const query = bagOfWords(words);
          const wink = (await build(docs, settings)).search(query, { depth: 99 });
          const part = buildPart(docs, [], settings);
          const ours = new SparseSearcher([part], settings).search(query, { depth: 99 });
          // A field of weight 0 leaves documents without terms, and wink still counts them: so do we.
          assert.equal(wink.total, ours.total);
          const scoreOf = new Map([...ours.docOrds].map((ord, i) => [ord, ours.scores[i] ?? -1]));
          for (let i = 0; i < wink.count; i++) {
            const expected = scoreOf.get(wink.docOrds[i] ?? -1) ?? -1;
            const got = wink.scores[i] ?? -1;
            // 9 decimals a term, and our float32: 6e-8 of a score of at most some 20.
            assert.ok(Math.abs(got - expected) < 2e-6, `${got} against ${expected}`);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("orders equal scores by docId descending and obeys depth and filter", async () => {
    const docs = numbered(
      ["red hen", "red fox", "blue", "red cow"].map((t) => ({ title: "", text: t })),
    );
    const engine = await build(docs);
    assert.deepEqual([...engine.search(bagOfWords(["red"]), { depth: 2 }).docOrds], [3, 1]);
    assert.equal(engine.search(bagOfWords([]), { depth: 2 }).count, 0);
  });

  it("says what it cannot do", async () => {
    const docs = numbered(["red hen", "red fox", "blue"].map((t) => ({ title: "", text: t })));
    await assert.rejects(build(docs.slice(0, 2)), InputError);
    const engine = await build(docs);
    const required = parseSparseQuery("+red hen", plainAnalyzer);
    assert.throws(() => engine.search(required, { depth: 1 }), FeatureUnavailableError);
    const settings = sparseSettings({ analyzer: plainAnalyzer.id, bm25: { variant: "atire" } });
    await assert.rejects(build(docs, settings), FeatureUnavailableError);
  });
});
