// Plain Node, no dependency: compiles src/ to dist/ when dist/ is missing or older than src/.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

/** What is compiled, one after the other: what runs in Node, then the web page, which has a DOM. */
const projects = ["tsconfig.build.json", "tsconfig.web.json"];

/**
 * Whether dist/ holds what src/ says: no source file or folder changed since the last good build.
 * Folders count because a deleted file shows in nothing else. An installed package has no src/ and
 * is always current.
 *
 * @param {string} root folder of package.json
 * @returns {boolean}
 */
export function isBuilt(root) {
  const source = path.join(root, "src");
  if (!existsSync(source)) return existsSync(path.join(root, "dist"));
  const stamp = statSync(path.join(root, "dist", ".built"), { throwIfNoEntry: false });
  if (stamp === undefined) return false;
  const inputs = [source, ...projects.map((name) => path.join(root, name))];
  inputs.push(path.join(root, "tsconfig.json"));
  for (const name of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    inputs.push(path.join(source, name));
  }
  return inputs.every((file) => {
    const input = statSync(file, { throwIfNoEntry: false });
    return input === undefined || input.mtimeMs <= stamp.mtimeMs;
  });
}

/**
 * Builds beside dist/ and swaps, so that a program that runs from dist/ never meets half a build.
 *
 * @param {string} root folder of package.json
 * @returns {string} empty when built; otherwise why not, for people
 */
export function build(root) {
  const compiler = path.join(root, "node_modules", "typescript", "bin", "tsc");
  if (!existsSync(compiler)) return "the TypeScript compiler is not installed: run npm ci";
  const startedAt = new Date();
  const fresh = path.join(root, `dist-${process.pid}.tmp`);
  for (const project of projects) {
    if (!existsSync(path.join(root, project))) continue;
    const result = spawnSync(
      process.execPath,
      [compiler, "-p", project, "--noEmit", "false", "--outDir", fresh, "--pretty", "false"],
      { cwd: root, encoding: "utf8" },
    );
    if (result.status === 0) continue;
    rmSync(fresh, { recursive: true, force: true });
    return `tsc failed:\n${result.stdout}${result.stderr}`.trimEnd();
  }
  // What is not TypeScript (a web page's style sheet, say) goes along as it is.
  cpSync(path.join(root, "src"), fresh, {
    recursive: true,
    filter: (file) => statSync(file).isDirectory() || !/\.tsx?$/.test(file),
  });
  // Dated to the start: a source saved while the compiler ran is newer than this build.
  const stamp = path.join(fresh, ".built");
  writeFileSync(stamp, "");
  utimesSync(stamp, startedAt, startedAt);

  const target = path.join(root, "dist");
  const old = path.join(root, `dist-old-${process.pid}.tmp`);
  if (existsSync(target)) renameSync(target, old);
  try {
    renameSync(fresh, target);
  } catch (error) {
    // Another process swapped its build in between: it was made from the same sources.
    if (!existsSync(path.join(target, ".built"))) throw error;
    rmSync(fresh, { recursive: true, force: true });
  }
  rmSync(old, { recursive: true, force: true });
  return "";
}

/**
 * Builds if needed and ends the process, with the compiler's words, if that fails.
 *
 * @param {string} root folder of package.json
 */
export function ensureBuilt(root) {
  if (isBuilt(root)) return;
  console.error("building dist/ …");
  const failure = build(root);
  if (failure === "") return;
  console.error(failure);
  process.exit(1);
}

if (process.argv[1] !== undefined && import.meta.filename === path.resolve(process.argv[1])) {
  const failure = build(path.resolve(import.meta.dirname, ".."));
  if (failure !== "") console.error(failure);
  process.exitCode = failure === "" ? 0 : 1;
}
