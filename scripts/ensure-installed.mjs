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
  // Somebody ran npm themselves: what is there already must not be deleted and fetched anew.
  if (
    !existsSync(stamp) ||
    readFileSync(stamp, "utf8").split(" ").at(-1) === wanted.split(" ").at(-1)
  ) {
    if (matchesLockfile(root)) {
      writeFileSync(stamp, wanted);
      return false;
    }
  }

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
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund"];
  if (run(["ci", ...quiet]).status !== 0) {
    console.error("npm ci failed (see above); trying npm install, which is less strict …");
    if (run(["install", "--no-save", ...quiet]).status !== 0) {
      console.error("npm install failed too: the network must reach the npm registry");
      process.exit(1);
    }
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

/**
 * Whether npm's own record of what it installed has every package of the lockfile in its version.
 * Optional packages may be missing (they are for other platforms); native ones must be built.
 *
 * @param {string} root folder of package.json
 * @returns {boolean}
 */
function matchesLockfile(root) {
  const record = path.join(root, "node_modules", ".package-lock.json");
  const addon = path.join(root, "node_modules/hnswlib-node/build/Release/addon.node");
  if (!existsSync(record) || !existsSync(addon)) return false;
  const packagesOf = (/** @type {string} */ file) =>
    JSON.parse(readFileSync(file, "utf8")).packages;
  const installed = packagesOf(record);
  return Object.entries(packagesOf(path.join(root, "package-lock.json"))).every(
    ([folder, wanted]) =>
      folder === "" ||
      (installed[folder] === undefined
        ? wanted.optional === true
        : installed[folder].version === wanted.version),
  );
}

if (process.argv[1] !== undefined && import.meta.filename === path.resolve(process.argv[1])) {
  const wasNeeded = ensureInstalled(path.resolve(import.meta.dirname, ".."));
  console.log(wasNeeded ? "packages installed" : "packages are up to date");
}
