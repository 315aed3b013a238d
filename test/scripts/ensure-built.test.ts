import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

interface EnsureBuilt {
  isBuilt(root: string): boolean;
  build(root: string): string;
}

const module = new URL("../../scripts/ensure-built.mjs", import.meta.url).href;
const { build, isBuilt } = (await import(module)) as EnsureBuilt;
const modules = fileURLToPath(new URL("../../node_modules", import.meta.url));

let project = "";
const file = (name: string) => path.join(project, name);

/** Puts a file's date ten seconds ahead, so that no clock resolution hides the change. */
function touch(name: string): void {
  const later = new Date(Date.now() + 10_000);
  utimesSync(file(name), later, later);
}

describe("ensure-built", () => {
  beforeEach(() => {
    project = mkdtempSync(path.join(os.tmpdir(), "braid-build-"));
    mkdirSync(file("src/room"), { recursive: true });
    symlinkSync(modules, file("node_modules"), "junction");
    writeFileSync(file("tsconfig.json"), "{}");
    const compilerOptions = { rootDir: "src", module: "NodeNext", types: [] };
    writeFileSync(
      file("tsconfig.build.json"),
      JSON.stringify({ compilerOptions, include: ["src"] }),
    );
    writeFileSync(file("package.json"), '{"type":"module"}');
    writeFileSync(file("src/room/one.ts"), "export const one: number = 1;\n");
    writeFileSync(file("src/room/page.css"), "p {}\n");
  });
  afterEach(() => rmSync(project, { recursive: true, force: true }));

  it("compiles, takes along what is not TypeScript, and leaves nothing beside dist/", () => {
    assert.equal(isBuilt(project), false);
    assert.equal(build(project), "");
    assert.match(readFileSync(file("dist/room/one.js"), "utf8"), /one = 1/);
    assert.equal(readFileSync(file("dist/room/page.css"), "utf8"), "p {}\n");
    assert.equal(existsSync(file("dist/room/one.ts")), false);
    assert.deepEqual(
      readdirSync(project).filter((name) => name.endsWith(".tmp")),
      [],
    );
    assert.equal(isBuilt(project), true);
  });

  it("sees a changed file, a deleted one and changed settings", () => {
    assert.equal(build(project), "");
    touch("src/room/one.ts");
    assert.equal(isBuilt(project), false);
    utimesSync(file("src/room/one.ts"), new Date(0), new Date(0));
    assert.equal(isBuilt(project), true);
    touch("tsconfig.build.json");
    assert.equal(isBuilt(project), false);
    utimesSync(file("tsconfig.build.json"), new Date(0), new Date(0));
    rmSync(file("src/room/page.css"));
    touch("src/room");
    assert.equal(isBuilt(project), false);
  });

  it("drops files of sources that are gone", () => {
    assert.equal(build(project), "");
    rmSync(file("src/room/one.ts"));
    writeFileSync(file("src/two.ts"), "export const two: number = 2;\n");
    assert.equal(build(project), "");
    assert.equal(existsSync(file("dist/room/one.js")), false);
    assert.equal(existsSync(file("dist/two.js")), true);
  });

  it("keeps the last good build when the compiler finds an error, and says what it found", () => {
    assert.equal(build(project), "");
    writeFileSync(file("src/room/one.ts"), 'export const one: number = "1";\n');
    assert.match(build(project), /tsc failed:[\s\S]*one\.ts.*TS2322/);
    assert.match(readFileSync(file("dist/room/one.js"), "utf8"), /one = 1/);
    assert.deepEqual(
      readdirSync(project).filter((name) => name.endsWith(".tmp")),
      [],
    );
  });

  it("takes an installed package, which has no src/, as built", () => {
    rmSync(file("src"), { recursive: true });
    assert.equal(isBuilt(project), false);
    mkdirSync(file("dist"));
    assert.equal(isBuilt(project), true);
  });
});
