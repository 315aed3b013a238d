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

const once = process.argv.includes("--once");
const options = process.argv.slice(2).filter((option) => option !== "--once");

const command = path.join(root, "bin", "braid.mjs");
const sample = spawnSync(process.execPath, [command, "sample"], { stdio: "inherit" });
if (sample.status !== 0) process.exit(sample.status ?? 1);

if (once) console.log('Search it yourself: npx braid search package-docs "your question"');
else {
  // In this process, so that whoever stops `npm start` stops the service, and it can end in order.
  // npm passes a signal to the shell between it and this process, and the shell dies without
  // passing it on: then the parent is another one.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGTERM");
  }, 500);
  watch.unref();
  const { main } = await import(new URL("../dist/cli/main.js", import.meta.url).href);
  process.exitCode = await main(["serve", ...options]);
}
