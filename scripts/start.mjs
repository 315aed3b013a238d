// `npm start [-- --once] [-- options of braid serve]`: everything from a fresh clone to a running
// service. Plain Node up to the point where the packages are installed and dist/ is built.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { ensureBuilt } from "./ensure-built.mjs";
import { ensureInstalled } from "./ensure-installed.mjs";
import { linkCommand } from "./link-command.mjs";
import { showSample } from "./sample.mjs";

const root = path.resolve(import.meta.dirname, "..");
process.chdir(root);
ensureInstalled(root);
ensureBuilt(root);
linkCommand(root);

const home = path.resolve(process.env["BRAID_HOME"] ?? "indexes");
try {
  await showSample(root, home);
} catch (error) {
  const { reportFailure } = await import(new URL("../dist/cli/output.js", import.meta.url).href);
  process.exit(reportFailure(error, process.argv.includes("--debug")));
}

const options = process.argv.slice(2).filter((option) => option !== "--debug");
if (options.includes("--once")) {
  console.log('Search it yourself: npx braid search sample "your question"');
} else {
  const command = path.join(root, "bin", "braid.mjs");
  const served = spawnSync(process.execPath, [command, "serve", ...options], { stdio: "inherit" });
  process.exit(served.status ?? 1);
}
