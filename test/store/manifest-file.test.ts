import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CorruptIndexError, IndexVersionError, StorageError } from "../../src/errors.js";
import { readManifest, writeManifest } from "../../src/store/manifest-file.js";
import { PowerLost, SimulatedDisk } from "./simulated-disk.js";

const file = "/data/manifest.json";

function newDisk(): SimulatedDisk {
  const disk = new SimulatedDisk();
  disk.makeDirectory("/data");
  return disk;
}

describe("manifest file", () => {
  it("gives back what was written", () => {
    const disk = newDisk();
    const content = { generation: 3, names: ["ä", '"crc32": "00000000"'], nothing: null };
    writeManifest(file, content, disk);
    assert.deepEqual(readManifest(file, disk), content);
    assert.deepEqual(disk.files, [file]);
  });

  it("notices any flipped byte", () => {
    const disk = newDisk();
    writeManifest(file, { generation: 3 }, disk);
    const length = disk.contentOf(file).byteLength;
    for (let at = 0; at < length; at++) {
      for (const bit of [1, 0x20]) {
        const damaged = disk.afterProcessDeath();
        damaged.damage(file, (content) => {
          content[at] = (content[at] ?? 0) ^ bit;
          return content;
        });
        assert.throws(() => readManifest(file, damaged), CorruptIndexError, `byte ${at}`);
      }
    }
  });

  it("is the old or the new one, whole, after a power loss at any moment", () => {
    for (let lossAt = 1; lossAt < 12; lossAt++) {
      for (let round = 0; round < 20; round++) {
        const disk = newDisk();
        writeManifest(file, { generation: 1 }, disk);
        disk.changesUntilPowerLoss = lossAt;
        let finished = false;
        try {
          writeManifest(file, { generation: 2 }, disk);
          finished = true;
        } catch (error) {
          assert.ok(error instanceof PowerLost);
        }
        const { generation } = readManifest(file, disk.afterPowerLoss()) as { generation: number };
        assert.ok(finished ? generation === 2 : generation === 1 || generation === 2);
      }
    }
  });

  it("refuses a newer format, a foreign file and a missing file by name", () => {
    const disk = newDisk();
    assert.throws(() => readManifest(file, disk), StorageError);
    disk.close(disk.open(file, "create"));
    disk.damage(file, () => Buffer.from('{"name":"something else"}'));
    assert.throws(() => readManifest(file, disk), /is not the manifest of a braid collection/);
    // Format 2 with a right checksum, as a later version would write it.
    disk.damage(file, () =>
      Buffer.from(
        '{ "format": "braid-collection", "formatVersion": 2, "crc32": "90ebd551", "content": {} }',
      ),
    );
    assert.throws(() => readManifest(file, disk), IndexVersionError);
  });
});
