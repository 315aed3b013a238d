// `npm start [-- --once] [-- options of braid serve]`: everything from a fresh clone to a running
// service. Plain Node up to the point where the packages are installed and dist/ is built.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { ensureBuilt } from "./ensure-built.mjs";
import { ensureInstalled } from "./ensure-installed.mjs";
import { linkCommand } from "./link-command.mjs";

const root = path.resolve(import.meta.dirname, "..");
process.chdir(root);
ensureInstalled(root);
ensureBuilt(root);
linkCommand(root);

const options = process.argv.slice(2);
const braid = (/** @type {string[]} */ ...args) => {
  const result = spawnSync(process.execPath, [path.join(root, "bin", "braid.mjs"), ...args], {
    stdio: "inherit",
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
};
braid("sample");
if (!options.includes("--once")) braid("serve", ...options);
