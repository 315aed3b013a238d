// Plain Node, no dependency: installs the packages when node_modules is missing or older than the
// lockfile says. A stamp holds the hash of package.json and the lockfile that were last installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/**
 * @param {string} root folder of package.json
 * @returns {boolean} true if an install was needed
 */
export function ensureInstalled(root) {
  const modules = path.join(root, "node_modules");
  const stamp = path.join(modules, ".braid-installed");
  const hash = createHash("sha256");
  for (const name of ["package.json", "package-lock.json"])
    hash.update(readFileSync(path.join(root, name)));
  const wanted = `${hash.digest("hex")} node-modules-abi ${process.versions.modules}\n`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return false;

  console.error("installing packages (npm ci) …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const run = (/** @type {string[]} */ args) =>
    spawnSync(npm, args, {
      cwd: root,
      stdio: ["ignore", 2, 2],
      shell: process.platform === "win32",
    });
  // Scripts are off for all packages: npm older than 12 ignores allowScripts and would run
  // onnxruntime-node's CUDA download, which needs a network of its own and is never used.
  const installed = run(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  if (installed.status !== 0) {
    console.error("npm ci failed: see the lines above; the network must reach the npm registry");
    process.exit(1);
  }
  const built = run([
    "rebuild",
    "hnswlib-node",
    "--ignore-scripts=false",
    "--foreground-scripts=false",
  ]);
  if (built.status !== 0) {
    console.error(
      "hnswlib-node was not built (no C++ compiler?): exact dense search takes its place",
    );
  }
  writeFileSync(stamp, wanted);
  return true;
}
