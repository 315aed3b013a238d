import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readPackageDocs } from "../../src/corpus/package-docs.js";

interface Question {
  readonly _id: string;
  readonly text: string;
  readonly kind: string;
}

const root = new URL("../../", import.meta.url);

function lines(file: string): string[] {
  return readFileSync(new URL(`data/sample/${file}`, root), "utf8")
    .trimEnd()
    .split("\n");
}

describe("the sample test collection", () => {
  const questions = lines("queries.jsonl").map((line) => JSON.parse(line) as Question);
  const [header, ...rows] = lines("qrels/test.tsv");
  const judgements = rows.map((row) => row.split("\t"));
  let sectionIds: ReadonlySet<string> = new Set();

  before(() => {
    const modules = fileURLToPath(new URL("node_modules", root));
    sectionIds = new Set([...readPackageDocs(modules)].map((document) => document._id));
  });

  it("holds at least 60 questions, half of them worded unlike the documentation", () => {
    assert.ok(questions.length >= 60, `only ${questions.length} questions`);
    const paraphrases = questions.filter((question) => question.kind === "paraphrase");
    assert.ok(paraphrases.length * 2 >= questions.length, `only ${paraphrases.length} paraphrases`);
    for (const { kind } of questions) assert.match(kind, /^(?:lexical|paraphrase)$/);
    assert.equal(new Set(questions.map((question) => question._id)).size, questions.length);
    assert.equal(new Set(questions.map((question) => question.text)).size, questions.length);
  });

  it("judges every question, with at least one section that answers it", () => {
    assert.equal(header, "query-id\tcorpus-id\tscore");
    const known = new Set(questions.map((question) => question._id));
    const answered = new Set<string>();
    for (const [query = "", section = "", grade = ""] of judgements) {
      assert.ok(known.has(query), `${query} is judged but not asked`);
      assert.match(grade, /^[012]$/, `${query} ${section}`);
      if (grade === "2") answered.add(query);
    }
    assert.deepEqual(
      [...known].filter((id) => !answered.has(id)),
      [],
    );
    assert.equal(new Set(judgements.map(([q, s]) => `${q}\t${s}`)).size, judgements.length);
  });

  it("names only sections that the installed packages have", () => {
    assert.ok(sectionIds.size > 2000, `only ${sectionIds.size} sections`);
    // A section judged useless may go with an update; one that answers may not go unnoticed.
    const gone = judgements
      .filter(([, section = "", grade]) => grade !== "0" && !sectionIds.has(section))
      .map(([, section]) => section);
    assert.deepEqual(gone, []);
  });
});
