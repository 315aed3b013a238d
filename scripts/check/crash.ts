/*
 * Kills a writer with SIGKILL at random moments, by default 200 times, and checks after each death
 * that no acknowledged change is lost and no half of one is there.
 *
 *   npx tsx scripts/check/crash.ts [--kills 200] [--seed 1]
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { crashRounds } from "../../test/collection/crash-rounds.js";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const folder = mkdtempSync(path.join(os.tmpdir(), "braid-crash-"));
try {
  const summary = await crashRounds(
    path.join(folder, "collection"),
    { kills: Number(values.kills), seed: Number(values.seed), longestLifeMs: 1500 },
    (line) => console.error(line),
  );
  console.log(JSON.stringify({ seed: Number(values.seed), ...summary }));
} finally {
  rmSync(folder, { recursive: true });
}
