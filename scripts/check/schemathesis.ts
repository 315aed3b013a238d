// Fuzzes a running service from its own OpenAPI document with schemathesis (all phases, stateful):
// no 5xx, no answer outside the description, bad requests refused. Loopback only.
//
//   npx tsx scripts/check/schemathesis.ts [--examples 200] [--seconds 600]
//
// SCHEMATHESIS names the program (4.x); default: schemathesis on the PATH.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { CollectionRegistry } from "../../src/server/collection-registry.js";
import { startServer } from "../../src/server/start-server.js";

const option = (name: string, otherwise: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise);
};
const home = mkdtempSync(path.join(os.tmpdir(), "braid-schemathesis-"));
const registry = new CollectionRegistry(home);
const failures: string[] = [];
const running = await startServer(registry, {
  port: 0,
  logLevel: "errors",
  writeLog: (text) => failures.push(text),
});
const docs = await registry.create("docs", {});
await docs.add([
  { _id: "a", title: "Fox", text: "the quick fox", year: 2020, tags: ["red"] },
  { _id: "b", title: "Dog", text: "the lazy dog", year: 2021, tags: ["brown", "old"] },
]);

/**
 * Not asked: that every request which fits the schema is accepted. The languages of filters, fusions
 * and analysers' names are finer than JSON Schema can say.
 */
const excluded = "positive_data_acceptance";
const status = await new Promise<number>((resolve) => {
  spawn(
    process.env["SCHEMATHESIS"] ?? "schemathesis",
    [
      ...["run", `${running.address}/openapi.json`, "--checks", "all"],
      ...["--exclude-checks", excluded, "--suppress-health-check", "all"],
      ...["--max-examples", option("examples", "200"), "--max-time", option("seconds", "600")],
      ...["--request-timeout", "20", "--workers", "1"],
    ],
    { stdio: "inherit" },
  ).on("exit", (code) => resolve(code ?? 1));
});
const count = await requestCount();
await running.stop(1000);
rmSync(home, { recursive: true, force: true });
console.log(`${count} requests; ${failures.length} entries in the error log`);
for (const failure of failures.slice(0, 5)) console.log(failure);
process.exitCode = status === 0 && failures.length === 0 && count > 1000 ? 0 : 1;

async function requestCount(): Promise<number> {
  const text = await (await fetch(`${running.address}/metrics`)).text();
  const counts = [...text.matchAll(/^braid_requests_total\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, value]) => sum + Number(value), 0);
}
