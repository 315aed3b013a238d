// The sample collection: builds it when it is missing or out of date, asks three questions in three
// modes, and measures the modes over all judged questions. Runs from dist/.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/**
 * Asked side by side, picked because the modes differ on them: one in the words of the documentation,
 * two in words of their own. The table of measures is over all questions, not over these.
 */
const shown = ["q28", "q67", "q37"];
const hitsShown = 5;
const modes = /** @type {const} */ (["sparse", "dense", "hybrid"]);
const measures = "nDCG@10,RR@10,R@10,R@100,Judged@10";

/**
 * @param {string} root folder of package.json, with node_modules/ and dist/ in place
 * @param {string} home folder of the collections
 */
export async function showSample(root, home) {
  const dist = (/** @type {string} */ name) =>
    import(new URL(`../dist/${name}.js`, import.meta.url).href);
  const { SearchableCollection } = await dist("pipeline/searchable-collection");
  const directory = path.join(home, "sample");
  const stamp = path.join(home, ".sample-corpus");

  await build(root, directory, stamp, dist);
  const collection = await SearchableCollection.open(directory);
  try {
    const questions = readQuestions(root);
    const { readQrels } = await dist("run/qrels");
    const { qrels } = await readQrels(path.join(root, "data/sample/qrels/test.tsv"));
    await showQuestions(collection, questions, qrels, dist);
    await showMeasures(collection, questions, qrels, dist);
  } finally {
    await collection.close();
  }
}

/** Builds the collection unless the stamp says that this corpus and encoder are in it already. */
async function build(root, directory, stamp, dist) {
  const { readPackageDocs } = await dist("corpus/package-docs");
  const { bundledEncoder, SearchableCollection } = await dist("pipeline/searchable-collection");
  const { ModelPool } = await dist("pipeline/model-pool");
  const { ProgressLine } = await dist("cli/progress");

  const documents = [...readPackageDocs(path.join(root, "node_modules"))];
  const models = new ModelPool({ modelsDir: path.join(root, "models") });
  const { fingerprint } = await models.describe(bundledEncoder);
  const hash = createHash("sha256").update(fingerprint);
  for (const document of documents) hash.update(JSON.stringify(document));
  const wanted = `${hash.digest("hex")}\n`;
  const isThere = existsSync(path.join(directory, "manifest.json"));
  if (isThere && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) {
    console.log(`The sample collection is up to date: ${count(documents)} sections.\n`);
    return;
  }
  if (isThere && !existsSync(stamp) && (await holdsDocuments(directory, SearchableCollection))) {
    console.error(
      `${directory} holds a collection that npm start did not build; it is left alone.\n` +
        'To have the sample, drop it ("npx braid drop sample") or name another folder in BRAID_HOME.',
    );
    process.exit(1);
  }
  const packages = new Set(documents.map((document) => document.package)).size;
  console.log(
    `Indexing ${count(documents)} sections of the documentation of ${packages} packages …`,
  );
  const startedMs = performance.now();
  // Until the stamp is written again, an interrupted build is known as ours and done anew.
  rmSync(stamp, { force: true });
  if (isThere) (await dist("collection/collection-home")).dropCollection(directory);
  mkdirSync(path.dirname(directory), { recursive: true });
  const collection = await SearchableCollection.create(directory, { models });
  const progress = new ProgressLine({});
  try {
    await collection.addAll(documents, {
      onProgress: (done) =>
        progress.update("sections", done.documents, done.documents / documents.length),
    });
  } finally {
    progress.finish();
    await collection.close();
    await models.close();
  }
  writeFileSync(stamp, wanted);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`Both indexes built in ${seconds} s with the bundled encoder ${bundledEncoder}.\n`);
}

async function holdsDocuments(directory, SearchableCollection) {
  const collection = await SearchableCollection.open(directory);
  try {
    return collection.snapshot().docCount > 0;
  } finally {
    await collection.close();
  }
}

async function showQuestions(collection, questions, qrels, dist) {
  const { ellipsis, textTable } = await dist("cli/output");
  const width = Math.max(24, Math.floor(((process.stdout.columns ?? 120) - 10) / modes.length));
  for (const id of shown) {
    const question = questions.find((candidate) => candidate._id === id);
    const grades = qrels.get(id);
    const columns = [];
    for (const mode of modes) {
      const { hits } = await collection.search({ query: question.text, mode, limit: hitsShown });
      columns.push(
        hits.map((hit) => {
          const mark = { 2: "●", 1: "○" }[grades.get(hit.id)] ?? " ";
          return `${mark} ${shortTitle(String(hit.document.title), width - 2, ellipsis)}`;
        }),
      );
    }
    const rows = Array.from({ length: hitsShown }, (_, i) => [
      String(i + 1),
      ...columns.map((column) => column[i] ?? ""),
    ]);
    console.log(question.text);
    console.log(`${textTable([{ title: "" }, ...modes.map((title) => ({ title }))], rows)}\n`);
  }
  console.log("● answers the question, ○ helps: judged by hand, see data/sample/README.md\n");
}

/** Package and innermost heading are what tells sections apart: the headings between go first. */
function shortTitle(title, width, ellipsis) {
  const parts = title.split(" › ");
  if (title.length <= width || parts.length < 3) return ellipsis(title, width);
  return ellipsis(`${parts[0]} › … › ${parts.at(-1)}`, width);
}

async function showMeasures(collection, questions, qrels, dist) {
  const { textTable } = await dist("cli/output");
  const { evaluateRun, parseMeasures } = await dist("evaluation/index");
  const { evaluateSystems } = await dist("experiments/evaluate-systems");
  const wanted = parseMeasures(measures);
  const topics = new Map(questions.map((question) => [question._id, question.text]));
  const systems = modes.map((mode) => ({ name: mode, request: { mode } }));
  const evaluated = await evaluateSystems(collection, topics, qrels, systems, wanted, {
    depth: 1000,
    keepIdentical: false,
  });
  const rows = [];
  for (const kind of ["all", "lexical", "paraphrase"]) {
    const ids = new Set(
      questions.filter((q) => kind === "all" || q.kind === kind).map((q) => q._id),
    );
    const judged = new Map([...qrels].filter(([id]) => ids.has(id)));
    for (const { name, run } of evaluated) {
      const part = new Map([...run].filter(([id]) => ids.has(id)));
      const { mean, queryCount } = evaluateRun(judged, part, wanted, { order: "given" });
      const values = wanted.map((measure) => mean[measure.name].toFixed(3));
      rows.push([name === modes[0] ? `${kind} (${queryCount})` : "", name, ...values]);
    }
  }
  const titles = wanted.map((measure) => ({ title: measure.name, align: "right" }));
  console.log(textTable([{ title: "questions" }, { title: "mode" }, ...titles], rows));
  console.log(
    "\nlexical: asked in the words of the documentation; paraphrase: in words it avoids.\n",
  );
}

function readQuestions(root) {
  const lines = readFileSync(path.join(root, "data/sample/queries.jsonl"), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line));
}

function count(documents) {
  return documents.length.toLocaleString("en-US");
}
