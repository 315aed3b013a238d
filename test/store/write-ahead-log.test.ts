import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CorruptIndexError, StorageError } from "../../src/errors.js";
import { readLog, salvageLog, WriteAheadLog } from "../../src/store/write-ahead-log.js";
import { PowerLost, SimulatedDisk } from "./simulated-disk.js";

const file = "/data/log-000001.wal";

function newDisk(random?: () => number): SimulatedDisk {
  const disk = new SimulatedDisk(random);
  disk.makeDirectory("/data");
  return disk;
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

function texts(records: readonly Uint8Array[]): string[] {
  return records.map((record) => Buffer.from(record).toString("utf8"));
}

describe("write-ahead log", () => {
  it("gives back what was appended, in order", async () => {
    const disk = newDisk();
    const log = WriteAheadLog.create(file, disk);
    await log.append(bytes("one"));
    await log.append(bytes(""));
    await log.append(bytes("three"));
    await log.close();
    const contents = readLog(file, disk);
    assert.deepEqual(texts(contents.records), ["one", "", "three"]);
    assert.equal(contents.tornBytes, 0);
    assert.equal(contents.closedInOrder, true);
  });

  it("shares one sync between appends made at the same time", async () => {
    const disk = newDisk();
    const log = WriteAheadLog.create(file, disk);
    await Promise.all(Array.from({ length: 100 }, (_, i) => log.append(bytes(`record ${i}`))));
    assert.equal(log.commitCount, 1);
    const first = log.append(bytes("a"));
    await new Promise((resolve) => setImmediate(resolve));
    const others = Promise.all([log.append(bytes("b")), log.append(bytes("c"))]);
    await Promise.all([first, others]);
    assert.ok(log.commitCount <= 3, `${log.commitCount} commits`);
    assert.equal(readLog(file, disk).records.length, 103);
  });

  it("goes on after reopening", async () => {
    const disk = newDisk();
    const log = WriteAheadLog.create(file, disk);
    await log.append(bytes("one"));
    await log.close();
    const again = WriteAheadLog.open(file, readLog(file, disk), disk);
    await again.append(bytes("two"));
    await again.close();
    assert.deepEqual(texts(readLog(file, disk).records), ["one", "two"]);
  });

  it("keeps every acknowledged record and half of none through a power loss at any moment", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 4 }), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        async (lossAt, groups, chances) => {
          const disk = newDisk(() => chances.next().value ?? 0);
          const sent: string[] = [];
          const acknowledged: string[] = [];
          try {
            const log = WriteAheadLog.create(file, disk);
            disk.changesUntilPowerLoss = lossAt;
            for (const group of groups) {
              await Promise.all(
                group.map(async (length) => {
                  const text = `${sent.length}:${"x".repeat(length)}`;
                  sent.push(text);
                  await log.append(bytes(text));
                  acknowledged.push(text);
                }),
              );
            }
            await log.close();
          } catch (error) {
            assert.ok(error instanceof PowerLost);
          }
          const survivor = disk.afterPowerLoss();
          const contents = readLog(file, survivor);
          const found = texts(contents.records);
          assert.deepEqual(found, sent.slice(0, found.length));
          assert.ok(found.length >= acknowledged.length, "an acknowledged record is lost");
          const log = WriteAheadLog.open(file, contents, survivor);
          await log.append(bytes("after"));
          await log.close();
          assert.deepEqual(texts(readLog(file, survivor).records), [...found, "after"]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("reports damage before a whole commit instead of dropping what follows", async () => {
    const disk = newDisk();
    const log = WriteAheadLog.create(file, disk);
    for (const text of ["one", "two", "three"]) await log.append(bytes(text));
    const length = disk.contentOf(file).byteLength;
    // Header 32, then three frames of 20 + 4 + text: 27, 27, 29 bytes.
    assert.equal(length, 32 + 27 + 27 + 29);
    for (let at = 32; at < 32 + 27 + 27; at++) {
      const damaged = disk.afterProcessDeath();
      damaged.damage(file, (content) => {
        content[at] = (content[at] ?? 0) ^ 0x10;
        return content;
      });
      assert.throws(
        () => readLog(file, damaged),
        (error: unknown) => {
          assert.ok(error instanceof CorruptIndexError);
          assert.equal(error.facts["offset"], at < 59 ? 32 : 59);
          return true;
        },
      );
      assert.equal(salvageLog(file, damaged).records.length, 2);
    }
  });

  it("detects any flipped byte of a log that was closed in order, except as a torn last frame", async () => {
    const disk = newDisk();
    const log = WriteAheadLog.create(file, disk);
    await log.append(bytes("one"));
    await log.append(bytes("two"));
    await log.close();
    const length = disk.contentOf(file).byteLength;
    for (let at = 0; at < length; at++) {
      const damaged = disk.afterProcessDeath();
      damaged.damage(file, (content) => {
        content[at] = (content[at] ?? 0) ^ 1;
        return content;
      });
      if (at < length - 20) assert.throws(() => readLog(file, damaged), CorruptIndexError);
      else assert.equal(readLog(file, damaged).tornBytes, 20);
    }
  });

  it("reads a log cut anywhere as the whole frames before the cut", async () => {
    const disk = newDisk();
    const log = WriteAheadLog.create(file, disk);
    for (const text of ["one", "two", "three"]) await log.append(bytes(text));
    const length = disk.contentOf(file).byteLength;
    for (let cut = 32; cut <= length; cut++) {
      const torn = disk.afterProcessDeath();
      torn.damage(file, (content) => content.subarray(0, cut));
      const count = [59, 86, 115].filter((end) => end <= cut).length;
      const contents = readLog(file, torn);
      assert.equal(contents.records.length, count);
      assert.equal(contents.tornBytes, cut - contents.validBytes);
    }
  });

  it("takes frames inside a record for what they are", async () => {
    const disk = newDisk();
    const inner = newDisk();
    const innerLog = WriteAheadLog.create(file, inner);
    await innerLog.append(bytes("inner"));
    const log = WriteAheadLog.create(file, disk);
    await log.append(inner.contentOf(file).subarray(32));
    const length = disk.contentOf(file).byteLength;
    disk.damage(file, (content) => content.subarray(0, length - 1));
    assert.equal(readLog(file, disk).tornBytes, length - 1 - 32);
  });

  it("refuses a record on a full disk and goes on once there is room", async () => {
    const disk = newDisk();
    const log = WriteAheadLog.create(file, disk);
    await log.append(bytes("one"));
    disk.freeBytes = 10;
    await assert.rejects(log.append(bytes("does not fit")), (error: unknown) => {
      assert.ok(error instanceof StorageError);
      assert.equal(error.facts["errno"], "ENOSPC");
      return true;
    });
    assert.equal(readLog(file, disk).tornBytes, 0);
    disk.freeBytes = 1000;
    await log.append(bytes("two"));
    assert.deepEqual(texts(readLog(file, disk).records), ["one", "two"]);
  });

  it("takes nothing more after a failed sync", async () => {
    const disk = newDisk();
    const log = WriteAheadLog.create(file, disk);
    const syncLater = disk.syncLater.bind(disk);
    disk.syncLater = () => Promise.reject(new StorageError("cannot sync", { errno: "EIO" }));
    await assert.rejects(log.append(bytes("one")), StorageError);
    disk.syncLater = syncLater;
    await assert.rejects(log.append(bytes("two")), StorageError);
    assert.deepEqual(readLog(file, disk).records, []);
  });
});
