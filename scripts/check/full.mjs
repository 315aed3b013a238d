// `npm run check:full`: what takes too long for every change, or needs tools that not every machine
// has. Each check runs in a process of its own; one whose tool is missing is skipped and named.
//
//   npm run check:full [-- --only crash,page]
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const root = path.resolve(import.meta.dirname, "../..");
process.chdir(root);

const onPath = (program) =>
  (process.env.PATH ?? "")
    .split(path.delimiter)
    .some((folder) => folder !== "" && existsSync(path.join(folder, program)));
const tsx = (script, ...args) => [process.execPath, "--import", "tsx", script, ...args];

/** @type {{ name: string; command: string[]; missing?: string | false }[]} */
const checks = [
  { name: "check", command: ["npm", "run", "check"] },
  { name: "crash", command: tsx("scripts/check/crash.ts", "--kills", "200") },
  {
    name: "page",
    command: tsx("scripts/check/page.ts"),
    missing:
      process.env.CHROMIUM === undefined && !onPath("chromium") && "Chromium (CHROMIUM names it)",
  },
  {
    name: "schemathesis",
    command: tsx("scripts/check/schemathesis.ts"),
    missing:
      process.env.SCHEMATHESIS === undefined &&
      !onPath("schemathesis") &&
      "schemathesis (SCHEMATHESIS names it)",
  },
];

const at = process.argv.indexOf("--only");
const only = at < 0 ? null : (process.argv[at + 1] ?? "").split(",");
const chosen = checks.filter(({ name }) => only === null || only.includes(name));
if (chosen.length === 0) {
  console.error(`--only must name some of ${checks.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const failed = [];
let skipped = 0;
for (const { name, command, missing } of chosen) {
  if (missing) {
    skipped++;
    console.log(`== ${name}: skipped, needs ${missing}`);
    continue;
  }
  console.log(`== ${name}: ${command.join(" ")}`);
  const [program = "", ...args] = command;
  const { status } = spawnSync(program, args, { stdio: "inherit" });
  if (status !== 0) failed.push(name);
}
const passed = chosen.length - skipped - failed.length;
console.log(`${passed} passed, ${failed.length} failed, ${skipped} skipped`);
if (failed.length > 0) console.log(`failed: ${failed.join(", ")}`);
process.exit(failed.length === 0 && passed > 0 ? 0 : 1);
