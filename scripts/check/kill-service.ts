// Kills a service under load again and again: everything acknowledged must be there afterwards and
// the collection whole, with and without a dense leg.
//
//   npx tsx scripts/check/kill-service.ts [rounds, default 50]
import { killRounds } from "../../test/server/kill-rounds.js";

const rounds = Number(process.argv[2] ?? 50);
const half = Math.ceil(rounds / 2);
for (const [name, settings] of [
  ["sparse only", { encoder: null }],
  ["both legs", {}],
] as const) {
  const { acknowledged, deletions } = await killRounds(half, settings);
  console.log(
    `${name}: killed ${half} times; ${acknowledged} acknowledged documents and ${deletions} deletions, none lost`,
  );
}
