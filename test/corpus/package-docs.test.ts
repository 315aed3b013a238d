import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readPackageDocs } from "../../src/corpus/package-docs.js";
import { InputError, NotFoundError } from "../../src/errors.js";

let project = "";

/** Writes files below the scratch project; objects become JSON. */
function write(files: Readonly<Record<string, string | object>>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(project, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  }
}

function read() {
  return [...readPackageDocs(path.join(project, "node_modules"))];
}

describe("readPackageDocs", () => {
  before(() => {
    project = mkdtempSync(path.join(os.tmpdir(), "braid-package-docs-"));
    write({
      "node_modules/beta/package.json": { name: "beta", version: "2.0.0", license: "MIT" },
      "node_modules/beta/README.md":
        "# beta\nSecond letter.\n## Use\nCall it.\n## License\nMIT\n## Empty\n",
      "node_modules/beta/CHANGELOG.md":
        "# Changelog\nKept.\n## 2.0.0\n### Fixed\n- A leak.\n## 1.0.0\n- First.",
      "node_modules/beta/LICENSE.md": "You may.",
      "node_modules/beta/README.fr.md": "Deuxième lettre.",
      "node_modules/beta/docs/guide one.markdown": "Read me slowly.",
      "node_modules/beta/node_modules/alpha/package.json": { name: "alpha", version: "0.9.0" },
      "node_modules/beta/node_modules/alpha/README.md": "Old alpha.",
      "node_modules/@s/alpha/package.json": {
        name: "@s/alpha",
        version: "1.0.0",
        licenses: [{ type: "ISC" }, "BSD"],
      },
      "node_modules/@s/alpha/readme.md": "Scoped alpha.\n# Tests\nRun them.",
      "node_modules/alpha/package.json": { name: "alpha", version: "1.0.0" },
      "node_modules/alpha/README.md": "New alpha.\n# Tests\nRun them.",
      "node_modules/tool-linux/package.json": {
        name: "tool-linux",
        version: "1.0.0",
        os: ["linux"],
      },
      "node_modules/tool-linux/README.md": "Only here.",
      "node_modules/everywhere/package.json": {
        name: "everywhere",
        version: "1.0.0",
        os: ["win32", "darwin", "linux"],
        cpu: ["!mips"],
      },
      "node_modules/everywhere/README.md": "On all systems.",
      "node_modules/.cache/README.md": "Not a package.",
    });
  });
  after(() => rmSync(project, { recursive: true, force: true }));

  it("gives one document per section, ordered by package, page and place, with its metadata", () => {
    const documents = read();
    assert.deepEqual(
      documents.map(({ _id, title }) => [_id, title]),
      [
        ["@s/alpha/readme.md", "@s/alpha"],
        ["@s/alpha/readme.md#tests", "@s/alpha › Tests"],
        ["alpha/README.md", "alpha"],
        ["beta/CHANGELOG.md#200", "beta › Changelog › 2.0.0"],
        ["beta/CHANGELOG.md#100", "beta › Changelog › 1.0.0"],
        ["beta/README.md#beta", "beta"],
        ["beta/README.md#use", "beta › Use"],
        ["beta/docs/guide%20one.markdown", "beta › guide one"],
        ["everywhere/README.md", "everywhere"],
      ],
    );
    assert.deepEqual(documents[6], {
      _id: "beta/README.md#use",
      title: "beta › Use",
      text: "Call it.",
      package: "beta",
      version: "2.0.0",
      licence: "MIT",
      path: "README.md",
      line: 3,
      kind: "guide",
    });
    assert.equal(documents[0]?.licence, "ISC OR BSD");
    assert.equal(documents[3]?.text, "Fixed\n\n- A leak.");
    assert.equal(documents[3]?.kind, "changelog");
  });

  it("reads the version at the top when a package is installed twice", () => {
    const alpha = read().filter((document) => document.package === "alpha");
    assert.deepEqual(
      alpha.map(({ version, text }) => [version, text]),
      [["1.0.0", "New alpha."]],
    );
  });

  it("reads only what the lockfile beside the folder pins", () => {
    write({ "package-lock.json": { packages: { "": {}, "node_modules/everywhere": {} } } });
    try {
      assert.deepEqual(
        read().map((document) => document._id),
        ["everywhere/README.md"],
      );
    } finally {
      rmSync(path.join(project, "package-lock.json"));
    }
  });

  it("says what to do when the folder is missing or a manifest is broken", () => {
    assert.throws(() => [...readPackageDocs(path.join(project, "nowhere"))], NotFoundError);
    write({ "node_modules/zeta/package.json": "{" });
    try {
      assert.throws(read, (error) => error instanceof InputError && /zeta/.test(error.message));
    } finally {
      rmSync(path.join(project, "node_modules/zeta"), { recursive: true });
    }
  });

  it("makes a useful corpus of this project's own packages, with no id twice", () => {
    const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));
    const documents = [...readPackageDocs(modules)];
    assert.ok(documents.length > 2000, `only ${documents.length} sections`);
    assert.equal(new Set(documents.map((document) => document._id)).size, documents.length);
    for (const document of documents) {
      assert.doesNotMatch(document._id, /\s/);
      assert.notEqual(document.text.trim(), "");
    }
    for (const name of ["express", "zod", "commander", "typescript", "qs", "body-parser"]) {
      assert.ok(
        documents.some((document) => document.package === name),
        `nothing about ${name}`,
      );
    }
  });
});
