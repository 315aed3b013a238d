/**
 * Sparse engines side by side in one run: index, disk, memory, queries per CPU second, latencies.
 *
 *   tsx scripts/bench/sparse.ts --scratch DIR [--documents 10000,100000,1000000] [--rounds 5]
 *       [--engines braid,lucene,tantivy,bm25s,minisearch,orama,wink] [--positions] [--out FILE.json]
 *
 * Corpora: sparse-corpus.ts (seeded). Analysis is white space for all. One thread, one segment; an
 * index without positions is compared with others without, with `--positions` with others with
 * (braid, Lucene, tantivy). The best of `rounds` rounds counts. CPU seconds are the process's, all its
 * threads: a compiler or collector in the background is part of an engine. Latencies are wall time
 * and mean something on an idle machine only.
 *
 * Peers are optional; one that is missing is named and left out:
 * - lucene: java, javac and mvn on the path (9.12.1 from Maven, scripts/bench/lucene)
 * - tantivy, bm25s: BRAID_BENCH_PYTHON, a Python that has them
 * - minisearch, orama: BRAID_BENCH_PACKAGES, a folder with `npm install minisearch @orama/orama`
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensureCorpus } from "./sparse-corpus.js";

const here = path.dirname(fileURLToPath(import.meta.url));

/** One line that an engine printed. */
interface Row {
  readonly engine: string;
  readonly documents: number;
  readonly positions?: boolean;
  readonly indexCpuSeconds?: number;
  readonly diskBytes?: number;
  readonly peakMb?: number;
  readonly bytesPerPosting?: number;
  readonly coldOpenMs?: number;
  readonly queries?: string;
  readonly depth?: number;
  readonly qps?: number;
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
  readonly blocks?: number;
}

interface Engine {
  readonly name: string;
  /** Why it cannot run here, or null. */
  readonly missing: () => string | null;
  /** Larger corpora take it too long or too much memory. */
  readonly mostDocuments: number;
  readonly commands: (corpus: string, target: string) => string[][];
}

const { values: options } = parseArgs({
  options: {
    scratch: { type: "string" },
    documents: { type: "string", default: "10000,100000,1000000" },
    engines: { type: "string", default: "braid,lucene,tantivy,bm25s,minisearch,orama,wink" },
    rounds: { type: "string", default: "5" },
    positions: { type: "boolean", default: false },
    out: { type: "string" },
  },
});
const scratch = options.scratch;
if (scratch === undefined) {
  console.error(
    "usage: tsx scripts/bench/sparse.ts --scratch DIR [--documents 10000,…] [--engines …]",
  );
  process.exit(2);
}
const { rounds } = options;
const positions = options.positions ? ["positions"] : [];
const python = process.env["BRAID_BENCH_PYTHON"] ?? "";
const packages = process.env["BRAID_BENCH_PACKAGES"] ?? "";
const jars = path.join(scratch, "lucene-jars");

const works = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: "ignore" }).status === 0;
const indexAndSearch =
  (...start: string[]) =>
  (corpus: string, target: string): string[][] => [
    [...start, "index", corpus, target, ...positions],
    [...start, "search", corpus, target, rounds],
  ];
const inPython = (name: string): Engine => ({
  name,
  missing: () =>
    python !== "" && works(python, "-c", `import ${name}`)
      ? null
      : `set BRAID_BENCH_PYTHON to a Python that has ${name}`,
  mostDocuments: 1_000_000,
  commands: indexAndSearch(python, path.join(here, `sparse-engine-${name}.py`)),
});
const inPackage = (name: string, module: string, mostDocuments: number): Engine => ({
  name,
  missing: () =>
    name === "wink" || existsSync(path.join(packages, "node_modules", module))
      ? null
      : `set BRAID_BENCH_PACKAGES to a folder where ${module} is installed`,
  mostDocuments,
  commands: (corpus) => [
    [
      process.execPath,
      "--max-old-space-size=8000",
      path.join(here, "sparse-engine-packages.mjs"),
      name,
      corpus,
      "2",
    ],
  ],
});

const engines: readonly Engine[] = [
  {
    name: "braid",
    missing: () => null,
    mostDocuments: Number.POSITIVE_INFINITY,
    commands: indexAndSearch(
      process.execPath,
      "--import",
      "tsx",
      path.join(here, "sparse-engine-braid.ts"),
    ),
  },
  {
    name: "lucene",
    missing: prepareLucene,
    mostDocuments: Number.POSITIVE_INFINITY,
    commands: indexAndSearch(
      "java",
      "-Xmx2g",
      "-cp",
      `${jars}${path.delimiter}${path.join(jars, "*")}`,
      "LuceneBench",
    ),
  },
  inPython("tantivy"),
  inPython("bm25s"),
  inPackage("minisearch", "minisearch", 100_000),
  inPackage("orama", "@orama/orama", 100_000),
  inPackage("wink", "wink-bm25-text-search", 100_000),
];

/** Fetches the jars and compiles the program once. */
function prepareLucene(): string | null {
  if (!works("java", "-version") || !works("javac", "-version")) return "java and javac are needed";
  const source = path.join(here, "lucene");
  mkdirSync(jars, { recursive: true });
  if (!readdirSync(jars).some((name) => name.startsWith("lucene-core"))) {
    const copied = works(
      "mvn",
      "-q",
      "-f",
      path.join(source, "pom.xml"),
      "dependency:copy-dependencies",
      `-DoutputDirectory=${jars}`,
    );
    if (!copied) return "mvn could not fetch Lucene";
  }
  const compiled = works(
    "javac",
    "-d",
    jars,
    "-cp",
    path.join(jars, "*"),
    path.join(source, "LuceneBench.java"),
  );
  return compiled ? null : "LuceneBench.java does not compile";
}

function run(engine: Engine, documents: number): Row[] {
  const corpus = ensureCorpus(scratch ?? "", documents);
  const target = path.join(corpus, `${engine.name}${options.positions ? "-positions" : ""}`);
  const rows: Row[] = [];
  for (const [command = "", ...args] of engine.commands(corpus, target)) {
    const { status, stdout, stderr } = spawnSync(command, args, {
      encoding: "utf8",
      maxBuffer: 1 << 26,
      env: { ...process.env, BRAID_BENCH_PACKAGES: packages },
    });
    if (status !== 0) {
      console.error(`${engine.name} at ${documents} documents failed: ${stderr.slice(-400)}`);
      return rows;
    }
    for (const line of stdout.split("\n")) {
      if (line.startsWith("{")) rows.push({ ...JSON.parse(line), documents });
    }
  }
  return rows;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((cell, i) =>
    Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  for (const row of [head, ...rows]) {
    console.log(`| ${row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join(" | ")} |`);
  }
}

const number = (value: number | undefined, digits = 0): string =>
  value === undefined ? "-" : value.toFixed(digits);

function printSize(documents: number, rows: readonly Row[]): void {
  console.log(`\n${documents} documents${options.positions ? ", with positions" : ""}`);
  const indexed = rows.filter((row) => row.indexCpuSeconds !== undefined);
  table(
    ["engine", "docs / CPU s", "peak MB", "disk MB", "B / posting", "cold open ms"],
    indexed.map((row) => [
      row.engine,
      number(documents / (row.indexCpuSeconds ?? 1)),
      number(row.peakMb),
      number(row.diskBytes === undefined ? undefined : row.diskBytes / 1e6, 1),
      number(row.bytesPerPosting, 3),
      number(rows.find((r) => r.engine === row.engine && r.coldOpenMs !== undefined)?.coldOpenMs),
    ]),
  );
  for (const queries of ["topic", "hard"]) {
    for (const depth of [10, 100, 1000]) {
      const shown = rows.filter((row) => row.queries === queries && row.depth === depth);
      const ours = shown.find((row) => row.engine === "braid")?.qps;
      console.log(`\n${queries} queries, top ${depth}`);
      table(
        ["engine", "queries / CPU s", "braid is", "p50 ms", "p95 ms", "p99 ms"],
        shown.map((row) => [
          row.engine,
          number(row.qps),
          ours === undefined || row.qps === undefined ? "-" : `${(ours / row.qps).toFixed(2)}x`,
          number(row.p50Ms, 3),
          number(row.p95Ms, 3),
          number(row.p99Ms, 3),
        ]),
      );
    }
  }
}

/** Our cost a query against the number of documents, with bars on a logarithmic scale. */
function printCurve(rows: readonly Row[]): void {
  const ours = rows.filter((row) => row.engine === "braid" && row.qps !== undefined);
  console.log(
    "\nCost of a query as the corpus grows (bar: CPU time, one cell a quarter of an octave)",
  );
  table(
    ["queries", "depth", "documents", "CPU ms", "blocks decoded", "bar"],
    ours
      .toSorted(
        (a, b) => `${b.queries}`.localeCompare(`${a.queries}`) || (a.depth ?? 0) - (b.depth ?? 0),
      )
      .map((row) => {
        const ms = 1000 / (row.qps ?? 1);
        const cells = Math.max(1, Math.round(4 * Math.log2(ms / 0.01)));
        return [
          row.queries ?? "",
          number(row.depth),
          number(row.documents),
          number(ms, 3),
          number(row.blocks),
          "#".repeat(cells).padEnd(44),
        ];
      }),
  );
}

const wanted = options.engines.split(",");
const chosen = engines.filter(({ name }) => wanted.includes(name));
const present = chosen.filter((engine) => {
  const reason = engine.missing();
  if (reason !== null) console.error(`${engine.name} left out: ${reason}`);
  return reason === null;
});
const all: Row[] = [];
for (const documents of options.documents.split(",").map(Number)) {
  const rows: Row[] = [];
  for (const engine of present) {
    if (documents > engine.mostDocuments) {
      console.error(`${engine.name} left out at ${documents} documents: too slow or too large`);
    } else rows.push(...run(engine, documents));
  }
  printSize(documents, rows);
  all.push(...rows);
}
printCurve(all);
if (options.out !== undefined) {
  const machine = {
    cpu: os.cpus()[0]?.model ?? "",
    cores: os.cpus().length,
    node: process.version,
    load: os.loadavg(),
    date: new Date().toISOString(),
    version: JSON.parse(readFileSync(path.join(here, "../../package.json"), "utf8")).version,
  };
  writeFileSync(options.out, `${JSON.stringify({ machine, rows: all }, null, 1)}\n`);
}
