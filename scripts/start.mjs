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

const options = process.argv.slice(2).filter((option) => option !== "--once");
const once = process.argv.includes("--once");
const braid = (/** @type {string[]} */ ...args) => {
  const command = path.join(root, "bin", "braid.mjs");
  const { status } = spawnSync(process.execPath, [command, ...args], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};
braid("sample");
if (once) console.log('Search it yourself: npx braid search package-docs "your question"');
else braid("serve", ...options);
