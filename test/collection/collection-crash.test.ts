import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { createCollection, openCollection } from "../../src/collection/open-collection.js";
import type { Document } from "../../src/corpus/document.js";
import { SearchError, StorageError } from "../../src/errors.js";
import { SimulatedDisk } from "../store/simulated-disk.js";
import { crashRounds } from "./crash-rounds.js";
import { HashEncoder } from "./hash-encoder.js";
import {
  applyChange,
  applyToModel,
  contentOf,
  scriptedChange,
  seededRandom,
} from "./scripted-changes.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "braid-crash-"));
after(() => rmSync(folder, { recursive: true }));

const directory = "/home/c";
const encoder = new HashEncoder();
const limits = { flushBytes: 1 << 13 };

describe("collection after a crash", () => {
  it("has every acknowledged change and no half of another after kill -9 at random moments", async () => {
    const summary = await crashRounds(path.join(folder, "killed"), {
      kills: 6,
      seed: 42,
      longestLifeMs: 600,
    });
    assert.equal(summary.kills, 6);
    assert.ok(summary.acknowledgedChanges > 0, "no change was acknowledged in any round");
  });

  it("has every acknowledged change after a power loss at any write, sync, rename or removal", async () => {
    let lostCount = 0;
    for (let lossAt = 1; lossAt <= 700; lossAt += 5) {
      const random = seededRandom(lossAt);
      const disk = new SimulatedDisk(random);
      let model = new Map<string, Document>();
      const possible: Map<string, Document>[] = [];
      try {
        const collection = await createCollection(
          directory,
          {},
          { encoder, limits, fileSystem: disk },
        );
        disk.changesUntilPowerLoss = lossAt;
        for (let number = 0; number < 60; number++) {
          const change = scriptedChange(lossAt % 11, number);
          const next = new Map(model);
          applyToModel(next, change);
          possible.splice(0, possible.length, model, next);
          await applyChange(collection, change);
          model = next;
          possible.splice(0, possible.length, model);
        }
        await collection.close();
      } catch (error) {
        assert.ok(disk.hasLostPower, String(error));
        lostCount++;
      }
      const survivor = disk.afterPowerLoss();
      survivor.remove(`${directory}/lock`);
      const reader = await openCollection(directory, { encoder, fileSystem: survivor });
      const content = contentOf(reader.exportDocuments());
      assert.ok(
        possible.some((state) => contentOf(state.values()) === content),
        `power lost at ${lossAt}: ${reader.snapshot().docCount} documents are none of the possible states`,
      );
      await reader.close();
      const writer = await openCollection(directory, {
        mode: "write",
        encoder,
        limits,
        fileSystem: survivor,
      });
      assert.equal(contentOf(writer.exportDocuments()), content);
      assert.deepEqual((await writer.verify()).problems, []);
      await writer.upsert([{ _id: "after", title: "", text: "the crash" } as unknown as Document]);
      await writer.compact();
      assert.deepEqual((await writer.verify()).problems, []);
      await writer.close();
    }
    assert.ok(lostCount > 60, `power was lost ${lostCount} times only`);
  });

  it("loses nothing on a full disk, refuses by name, and goes on once there is room", async () => {
    let refusals = 0;
    for (let round = 0; round < 40; round++) {
      const random = seededRandom(1000 + round);
      const disk = new SimulatedDisk(random);
      const collection = await createCollection(
        directory,
        {},
        { encoder, limits, fileSystem: disk },
      );
      const model = new Map<string, Document>();
      for (let number = 0; number < 30; number++) {
        if (number === 10) disk.freeBytes = Math.floor(random() * 20_000);
        if (number === 20) disk.freeBytes = Number.POSITIVE_INFINITY;
        const change = scriptedChange(round, number);
        try {
          await applyChange(collection, change);
          applyToModel(model, change);
        } catch (error) {
          assert.ok(error instanceof StorageError, String(error));
          assert.equal(error.facts["errno"], "ENOSPC");
          assert.match(error.message, /the disk is full/);
          assert.ok(number >= 10 && number < 20, `refused at change ${number}`);
          refusals++;
        }
        assert.equal(contentOf(collection.exportDocuments()), contentOf(model.values()));
      }
      assert.deepEqual((await collection.verify()).problems, []);
      await collection.close();
      const reader = await openCollection(directory, { encoder, fileSystem: disk });
      assert.equal(contentOf(reader.exportDocuments()), contentOf(model.values()));
      await reader.close();
    }
    assert.ok(refusals > 20, `only ${refusals} changes were refused`);
  });

  it("says what it did on opening", async () => {
    const disk = new SimulatedDisk();
    const collection = await createCollection(directory, {}, { encoder, fileSystem: disk });
    await applyChange(collection, scriptedChange(1, 0));
    const log = disk.files.find((file) => file.endsWith(".wal")) ?? "";
    const dead = disk.afterProcessDeath();
    dead.damage(log, (bytes) => Buffer.concat([bytes, Buffer.from("torn")]));
    dead.close(dead.open(`${directory}/seg-000099.seg`, "create"));
    dead.damage(`${directory}/lock`, () =>
      Buffer.from(
        '{"pid":999999999,"startedAt":null,"host":"HOST","token":"t"}'.replace(
          "HOST",
          os.hostname(),
        ),
      ),
    );
    const { recovery } = await openCollection(directory, {
      mode: "write",
      encoder,
      fileSystem: dead,
    });
    assert.deepEqual(recovery, {
      replayedChanges: 1,
      cutBytes: 4,
      removedFiles: ["seg-000099.seg"],
      deadWriter: { pid: 999999999, host: os.hostname() },
      damages: [],
    });
  });

  it("names any flipped byte of any file in verify or on opening", async () => {
    const disk = new SimulatedDisk();
    const collection = await createCollection(directory, {}, { encoder, fileSystem: disk });
    for (const number of [0, 1, 2, 3, 4]) {
      await collection.upsert([
        { _id: `d${number}`, title: "stone", text: "red cat", year: number },
      ] as unknown as Document[]);
    }
    await collection.flush();
    await collection.upsert([{ _id: "d1", title: "", text: "blue" }] as unknown as Document[]);
    await collection.flush();
    await collection.upsert([{ _id: "d9", title: "", text: "green" }] as unknown as Document[]);
    await collection.close();
    const kinds = [".seg", ".del-", ".wal", "manifest.json"];
    for (const kind of kinds)
      assert.ok(
        disk.files.some((file) => file.includes(kind)),
        kind,
      );
    let flips = 0;
    for (const file of disk.files) {
      const { byteLength } = disk.contentOf(file);
      // Every byte of short files, and a sample of long ones.
      const step = Math.max(1, Math.floor(byteLength / 60));
      for (let at = 0; at < byteLength; at += step) {
        const damaged = disk.afterProcessDeath();
        damaged.damage(file, (bytes) => {
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
          return bytes;
        });
        const named = await damagesOf(damaged);
        assert.ok(named.length > 0, `byte ${at} of ${file} was flipped and nothing was noticed`);
        assert.ok(
          named.every((message) => message.includes(file)),
          `byte ${at} of ${file}: ${named.join("; ")}`,
        );
        flips++;
      }
    }
    assert.ok(flips > 250, `only ${flips} bytes were flipped`);
  });
});

async function damagesOf(disk: SimulatedDisk): Promise<string[]> {
  try {
    const collection = await openCollection(directory, { encoder, fileSystem: disk });
    const { problems } = await collection.verify();
    await collection.close();
    return problems.map(({ file, message }) => `${file}: ${message}`);
  } catch (error) {
    assert.ok(error instanceof SearchError, String(error));
    return [error.message];
  }
}
