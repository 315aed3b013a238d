import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { RecoveryReport } from "../../src/collection/collection.js";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import type { Document } from "../../src/corpus/document.js";
import { HashEncoder } from "./hash-encoder.js";
import { applyToModel, contentOf, scriptedChange, seededRandom } from "./scripted-changes.js";

const writerFile = fileURLToPath(new URL("./crash-writer.ts", import.meta.url));
/** Changes that may be durable without having been acknowledged when the writer dies. */
const mostUnderWay = 7;

export interface CrashSummary {
  readonly kills: number;
  readonly acknowledgedChanges: number;
  /** Kills after which a change was there that had not been acknowledged. */
  readonly unacknowledgedKept: number;
  readonly cutLogs: number;
  readonly removedFiles: number;
}

/**
 * Kills a writer with SIGKILL at random moments and checks after each death, in a new process's
 * place: what is there equals the model after some number of changes, no fewer than were
 * acknowledged; `verify` finds nothing.
 */
export async function crashRounds(
  directory: string,
  { kills, seed, longestLifeMs }: { kills: number; seed: number; longestLifeMs: number },
  report: (line: string) => void = () => {},
): Promise<CrashSummary> {
  const random = seededRandom(seed);
  const encoder = new HashEncoder();
  await (await createCollection(directory, {}, { encoder })).close();
  const model = new Map<string, Document>();
  let next = 0;
  const summary = {
    kills: 0,
    acknowledgedChanges: 0,
    unacknowledgedKept: 0,
    cutLogs: 0,
    removedFiles: 0,
  };
  for (let round = 0; round < kills; round++) {
    const lifeMs = Math.floor(random() ** 2 * longestLifeMs);
    const { acknowledged, recovery } = await writeUntilKilled(directory, seed, next, lifeMs);
    if (recovery !== null) {
      if (recovery.cutBytes > 0) summary.cutLogs++;
      summary.removedFiles += recovery.removedFiles.length;
    }
    // A reader changes nothing, so the next writer still has everything to recover.
    const collection = await openCollection(directory, { encoder });
    const content = contentOf(collection.exportDocuments());
    let extra = 0;
    for (let i = 0; i < acknowledged; i++) applyToModel(model, scriptedChange(seed, next + i));
    while (content !== contentOf(model.values())) {
      assert.ok(
        extra < mostUnderWay,
        `kill ${round + 1}: after ${next + acknowledged} acknowledged changes the collection is none ` +
          "of the states that can be",
      );
      applyToModel(model, scriptedChange(seed, next + acknowledged + extra));
      extra++;
    }
    const { problems, liveDocuments } = await collection.verify();
    const torn = problems.filter(({ message }) => !message.includes("are no whole commit"));
    assert.deepEqual(torn, []);
    assert.equal(liveDocuments, model.size);
    await collection.close();
    next += acknowledged + extra;
    summary.kills++;
    summary.acknowledgedChanges += acknowledged;
    if (extra > 0) summary.unacknowledgedKept++;
    report(
      `kill ${round + 1}: after ${lifeMs} ms, ${acknowledged} acknowledged, ${extra} more kept`,
    );
  }
  const collection = await openCollection(directory, { mode: "write", encoder });
  assert.equal(contentOf(collection.exportDocuments()), contentOf(model.values()));
  assert.deepEqual((await collection.verify()).problems, []);
  await collection.close();
  return summary;
}

/** @returns how many changes, counted from `first`, the writer acknowledged before it died */
async function writeUntilKilled(
  directory: string,
  seed: number,
  first: number,
  lifeMs: number,
): Promise<{ acknowledged: number; recovery: RecoveryReport | null }> {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", writerFile, directory, String(seed), String(first)],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    // Its life counts from the moment it has opened the collection; recovery is cut short, too.
    timer ??= setTimeout(() => child.kill("SIGKILL"), lifeMs);
  });
  const signal = await new Promise((resolve) => child.once("close", (_, by) => resolve(by)));
  clearTimeout(timer);
  assert.equal(signal, "SIGKILL", `the writer ended by itself: ${errors}`);
  const opened = /^open (.*)$/m.exec(output)?.[1];
  const done = [...output.matchAll(/^done (\d+)$/gm)].map(([, number]) => Number(number) - first);
  // Changes of documents are acknowledged in their order; flushes and merges when they are done.
  const changing = done.filter((position) => {
    const { kind } = scriptedChange(seed, first + position);
    return kind !== "flush" && kind !== "compact";
  });
  const acknowledged = Math.max(-1, ...changing) + 1;
  return {
    acknowledged,
    recovery: opened === undefined ? null : (JSON.parse(opened) as RecoveryReport),
  };
}
