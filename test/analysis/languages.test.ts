import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { analyzerNamed } from "../../src/analysis/analyzers.js";

/** Stems worked out with the reference implementation of each Snowball algorithm. */
const samples: Readonly<Record<string, readonly [text: string, terms: readonly string[]]>> = {
  danish: ["Katterne og husene", ["kat", "hus"]],
  dutch: ["De katten en hun huizen", ["kat", "huiz"]],
  finnish: ["Kissat ja talot", ["kis", "talo"]],
  french: ["L’été, les maisons d'autrefois", ["été", "maison", "autrefois"]],
  german: ["Die Häuser und ihre Möglichkeiten", ["haus", "moglich"]],
  hungarian: ["A házak és a könyvek", ["ház", "könyv"]],
  italian: ["Nell'acqua i gatti abbandonati", ["acqua", "gatt", "abbandon"]],
  norwegian: ["Kattene og husene", ["katt", "hus"]],
  portuguese: ["Os meninos rapidamente", ["menin", "rapid"]],
  romanian: ["Casele și pisicile", ["cas", "pisic"]],
  russian: ["Возможности и книгами", ["возможн", "книг"]],
  spanish: ["Las canciones de los niños", ["cancion", "niñ"]],
  swedish: ["Katterna och husen", ["katt", "hus"]],
  turkish: ["Evler ve kitaplar", ["ev", "kitap"]],
};

describe("language analyzers", () => {
  for (const [language, [text, terms]] of Object.entries(samples)) {
    it(`${language}@1 drops its stop words and stems`, () => {
      assert.deepEqual(analyzerNamed(`${language}@1`).terms(text), terms);
    });
  }
});

describe("standard@1", () => {
  it("folds words and keeps all of them", () => {
    assert.deepEqual(analyzerNamed("standard@1").terms("The Cats’ café RUNNING"), [
      "the",
      "cats",
      "café",
      "running",
    ]);
  });
});

describe("whitespace@1", () => {
  const whitespace = analyzerNamed("whitespace@1");

  it("leaves words as they are", () => {
    assert.deepEqual(whitespace.terms(" The\tx.y\n\u00a0Ünï-code "), ["The", "x.y", "Ünï-code"]);
  });

  it("writes half a surrogate pair as U+FFFD, because a term must be valid Unicode", () => {
    assert.deepEqual(whitespace.terms("a\ud800b"), ["a\ufffdb"]);
  });

  it("cuts endless words", () => {
    assert.deepEqual(
      whitespace.terms("x".repeat(300)).map((term) => term.length),
      [255, 45],
    );
  });
});

describe("english-code@1", () => {
  const code = analyzerNamed("english-code@1");

  it("gives the whole identifier at the position of its first part, then its parts", () => {
    assert.deepEqual(
      code.tokens("use express.Router safely").map(({ term, position }) => [term, position]),
      [
        ["us", 0],
        ["express.rout", 1],
        ["express", 1],
        ["router", 2],
        ["safe", 3],
      ],
    );
  });

  it("cuts camel case, acronyms, snake case, file names and colons", () => {
    const parts = (text: string) =>
      code
        .tokens(text)
        .slice(1)
        .map(({ term }) => term);
    assert.deepEqual(parts("safeParse"), ["safe", "pars"]);
    assert.deepEqual(parts("HTTPServer"), ["http", "server"]);
    assert.deepEqual(parts("max_depth"), ["max", "depth"]);
    assert.deepEqual(parts("node:fs"), ["node", "fs"]);
    assert.deepEqual(parts("index.test.ts"), ["index", "test", "ts"]);
    assert.deepEqual(parts("__proto__"), ["proto"]);
  });

  it("leaves numbers, versions and plain words whole", () => {
    assert.deepEqual(code.terms("3.14 1.2.3 HTTP Word don't"), [
      "3.14",
      "1.2.3",
      "http",
      "word",
      "don't",
    ]);
  });
});
