import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { BraidClient } from "../../src/client/index.js";
import { SearchableCollection } from "../../src/pipeline/searchable-collection.js";

export interface KillReport {
  readonly rounds: number;
  /** Documents that the service had acknowledged when it was killed, all rounds together. */
  readonly acknowledged: number;
  readonly deletions: number;
}

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/**
 * Starts the service in a process of its own, writes to it from several callers, kills it with
 * SIGKILL in the middle, and looks whether everything that was acknowledged is there, in all rounds
 * on one collection: each round begins with what the one before left.
 *
 * @param settings of the collection, for instance `{ encoder: null }`
 */
export async function killRounds(rounds: number, settings: object): Promise<KillReport> {
  const home = mkdtempSync(path.join(os.tmpdir(), "braid-kill-"));
  /** id -> text of acknowledged documents; null: its deletion was acknowledged. */
  const expected = new Map<string, string | null>();
  /** Ids whose last change was begun and not acknowledged: either state is right. */
  const open = new Map<string, string | null>();
  let acknowledged = 0;
  let deletions = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      const service = await start(home);
      const client = new BraidClient(service.address);
      if (round === 0) await client.createCollection("docs", settings);
      let alive = true;
      const write = async (writer: number): Promise<void> => {
        for (let i = 0; alive; i++) {
          const ids = [0, 1, 2].map((n) => `r${round % 3}-w${writer}-${(i * 3 + n) % 60}`);
          const text = `round ${round} writer ${writer} change ${i}`;
          const isDeletion = i % 7 === 6;
          const changed = isDeletion ? ids.slice(0, 1) : ids;
          for (const id of changed) open.set(id, isDeletion ? null : text);
          try {
            if (isDeletion) await client.deleteDocument("docs", changed[0] ?? "");
            else if (i % 2 === 0)
              await client.addDocuments(
                "docs",
                ids.map((_id) => ({ _id, text })),
              );
            else
              await client.addLines(
                "docs",
                ids.map((_id) => JSON.stringify({ _id, text })).join("\n"),
              );
          } catch (error) {
            if (alive && (error as { status?: number }).status !== 404) throw error;
            if (!alive) return;
          }
          for (const id of changed) {
            expected.set(id, isDeletion ? null : text);
            open.delete(id);
          }
          if (isDeletion) deletions++;
          else acknowledged += ids.length;
        }
      };
      const writers = [0, 1, 2].map(write);
      const searching = (async () => {
        while (alive) await client.search("docs", { query: "round" }).catch(() => {});
      })();
      // Not before something was acknowledged, then at any moment.
      const before = acknowledged;
      for (let wait = 0; wait < 600 && acknowledged < before + 6; wait++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await new Promise((resolve) => setTimeout(resolve, (round * 137) % 400));
      alive = false;
      service.process.kill("SIGKILL");
      await once(service.process, "exit");
      await Promise.all([...writers, searching]);

      const collection = await SearchableCollection.open(path.join(home, "docs"));
      try {
        const snapshot = collection.snapshot();
        for (const [id, text] of expected) {
          const found = snapshot.document(id)?.text ?? null;
          const pending = open.get(id);
          if (found !== text && (pending === undefined || found !== pending)) {
            assert.fail(`round ${round}: ${id} was acknowledged as ${text}, found ${found}`);
          }
          // What was begun has one of two outcomes; from now on it is the one that is there.
          if (pending !== undefined) expected.set(id, found);
        }
        open.clear();
        const { problems } = await collection.collection.verify();
        assert.deepEqual(problems, []);
      } finally {
        await collection.close();
      }
    }
    return { rounds, acknowledged, deletions };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function start(home: string): Promise<{ address: string; process: ChildProcess }> {
  const code = `import { main } from ${JSON.stringify(main)}; process.exitCode = await main(process.argv.slice(1));`;
  const child = spawn(
    process.execPath,
    [
      "--import",
      "tsx",
      "--input-type=module",
      "-e",
      code,
      "serve",
      "--json",
      "--port",
      "0",
      "--home",
      home,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { address: (JSON.parse(String(line)) as { address: string }).address, process: child };
}
