// Runs the whole test suite (or the files and folders named on the command line) with node:test.
// Installs what is missing first, so that `npm test` works on a fresh clone. Finding no test fails.
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ensureInstalled } from "./ensure-installed.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
process.chdir(root);
ensureInstalled(root);

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const options = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const files = (asked.length > 0 ? asked : ["test"])
  .flatMap((place) =>
    statSync(place).isDirectory()
      ? readdirSync(place, { recursive: true, encoding: "utf8" }).map((name) =>
          path.join(place, name),
        )
      : [place],
  )
  .filter((name) => name.endsWith(".test.ts"))
  .sort();
if (files.length === 0) {
  console.error(`no test files found in ${asked.join(", ") || "test/"}`);
  process.exit(1);
}
const result = spawnSync(
  process.execPath,
  ["--import", "tsx", "--test", "--test-reporter=spec", ...options, ...files],
  { stdio: "inherit" },
);
process.exit(result.status ?? 1);
