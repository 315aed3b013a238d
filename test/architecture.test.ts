import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const srcDir = fileURLToPath(new URL("../src", import.meta.url));

/** Room -> rooms it may import. Each room may import itself. The table of ARCHITECTURE.md. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  numeric: ["errors"],
  run: ["errors", "numeric"],
  corpus: ["errors", "run"],
  store: ["errors", "numeric"],
  analysis: ["errors"],
  filter: ["errors", "numeric", "run", "store", "corpus"],
  sparse: ["errors", "numeric", "run", "store", "analysis"],
  models: ["errors", "numeric"],
  inference: ["errors", "numeric", "models"],
  dense: ["errors", "numeric", "run", "store", "models", "inference"],
  fusion: ["errors", "numeric", "run"],
  evaluation: ["errors", "numeric", "run"],
  rerank: ["errors", "numeric", "run", "models", "inference", "dense"],
};
const foundation = Object.keys(mayImport);
const layered: Readonly<Record<string, readonly string[]>> = {
  ...mayImport,
  collection: foundation.filter((room) => !["fusion", "evaluation", "rerank"].includes(room)),
  pipeline: [...foundation, "collection"],
  experiments: [...foundation, "collection", "pipeline"],
  opensearch: [...foundation, "collection", "pipeline"],
  web: ["client"],
  server: [...foundation, "collection", "pipeline", "experiments", "web"],
  client: ["errors"],
  cli: [...foundation, "collection", "pipeline", "experiments", "opensearch", "server"],
  index: [...foundation, "collection", "pipeline", "experiments"],
};

/** Outside package -> the only place in src/ that may name it (a room, or one file). */
const packageHome: Readonly<Record<string, string>> = {
  natural: "analysis/",
  "@orama/stemmers": "analysis/",
  "wink-bm25-text-search": "sparse/wink-engine.ts",
  "hnswlib-node": "dense/hnsw-index.ts",
  "onnxruntime-node": "inference/",
  "@huggingface/tokenizers": "inference/",
  express: "server/",
  commander: "cli/",
};

interface Import {
  readonly file: string;
  readonly target: string;
}

function sourceFiles(): string[] {
  return readdirSync(srcDir, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => name.split(path.sep).join("/"));
}

function importsOf(file: string): Import[] {
  const code = readFileSync(path.join(srcDir, file), "utf8").replace(/^\s*(\*|\/\/|\/\*).*$/gm, "");
  const pattern =
    /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+|\brequire\(\s*|\bresolve\(\s*)["']([^"']+)["']/g;
  return [...code.matchAll(pattern)].map((match) => ({ file, target: match[1] ?? "" }));
}

function roomOf(file: string): string {
  const slash = file.indexOf("/");
  return slash < 0 ? file.replace(/\.tsx?$/, "") : file.slice(0, slash);
}

const files = sourceFiles();
const imports = files.flatMap(importsOf);

describe("architecture", () => {
  it("looks at real files and imports", () => {
    assert.ok(files.length > 20, `only ${files.length} files found below ${srcDir}`);
    assert.ok(imports.length > 40, `only ${imports.length} imports found`);
  });

  it("every room is in the table", () => {
    const unknown = [...new Set(files.map(roomOf))].filter((room) => !(room in layered));
    assert.deepEqual(unknown, []);
  });

  it("imports point only to rooms that the table allows", () => {
    const wrong = imports
      .filter(({ target }) => target.startsWith("."))
      .map(({ file, target }) => ({
        file,
        from: roomOf(file),
        to: roomOf(path.posix.join(path.posix.dirname(file), target).replace(/\.js$/, ".ts")),
      }))
      .filter(({ from, to }) => from !== to && !(layered[from] ?? []).includes(to));
    assert.deepEqual(wrong, []);
  });

  it("each outside package is named in its own room only", () => {
    const wrong = imports.filter(({ file, target }) => {
      const name = Object.keys(packageHome).find((p) => target === p || target.startsWith(`${p}/`));
      return name !== undefined && !file.startsWith(packageHome[name] ?? "");
    });
    assert.deepEqual(wrong, []);
  });

  it("natural's main entry, which loads databases, is never imported", () => {
    assert.deepEqual(
      imports.filter(({ target }) => target === "natural"),
      [],
    );
  });
});
