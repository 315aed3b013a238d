import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { InputError } from "../../src/errors.js";
import {
  defaultZipLimits,
  readZipDirectory,
  unpackEntry,
} from "../../src/experiments/datasets/zip-archive.js";
import { makeZip, type ZipFile } from "./make-zip.js";

let folder = "";
before(() => {
  folder = mkdtempSync(path.join(tmpdir(), "braid-zip-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function written(bytes: Buffer): string {
  const file = path.join(folder, `${count++}.zip`);
  writeFileSync(file, bytes);
  return file;
}
const directoryOf = (files: readonly ZipFile[], zip64 = false) =>
  readZipDirectory(written(makeZip(files, zip64)));

describe("a ZIP archive", () => {
  it("gives back its files, stored or deflated, also with 64-bit sizes", async () => {
    const files: ZipFile[] = [
      { name: "a/", text: "", method: 0 },
      { name: "a/stored.txt", text: "as it is", method: 0 },
      { name: "a/packed.txt", text: "again ".repeat(1000) },
      { name: "a/empty.txt", text: "" },
    ];
    for (const zip64 of [false, true]) {
      const archive = written(makeZip(files, zip64));
      const entries = await readZipDirectory(archive);
      assert.deepEqual(
        entries.map(({ name }) => name),
        ["a/stored.txt", "a/packed.txt", "a/empty.txt"],
      );
      for (const entry of entries) {
        const target = path.join(folder, `out-${zip64}`, entry.name);
        await unpackEntry(archive, entry, target);
        assert.equal(
          readFileSync(target, "utf8"),
          files.find(({ name }) => name === entry.name)?.text,
        );
      }
    }
  });

  it("is refused if a name would leave the folder, whatever the way", async () => {
    for (const name of [
      "../x",
      "a/../../x",
      "/etc/passwd",
      "C:/x",
      "a\\..\\x",
      "./x",
      "a/\0x",
      "",
    ]) {
      await assert.rejects(directoryOf([{ name, text: "x" }]), /would leave its folder/, name);
    }
  });

  it("is refused with symbolic links, encryption, other methods and names that come twice", async () => {
    await assert.rejects(
      directoryOf([{ name: "a", text: "/etc", unixMode: 0o120777 }]),
      /symbolic link/,
    );
    await assert.rejects(directoryOf([{ name: "a", text: "x", encrypted: true }]), /encrypted/);
    await assert.rejects(directoryOf([{ name: "a", text: "x", method: 99 }]), /method 99/);
    await assert.rejects(
      directoryOf([
        { name: "a", text: "x" },
        { name: "A", text: "y" },
      ]),
      /twice/,
    );
  });

  it("is refused before unpacking if it would fill the disk", async () => {
    const bomb = [{ name: "zeros", text: "0".repeat(20_000_000) }];
    await assert.rejects(directoryOf(bomb), /more than 100 to 1/);
    await assert.rejects(
      directoryOf([{ name: "huge", text: "x", says: { bytes: 2 ** 31 } }]),
      /more than 100 to 1/,
    );
    await assert.rejects(
      readZipDirectory(written(makeZip([{ name: "a", text: "xx" }])), {
        ...defaultZipLimits,
        totalBytes: 1,
      }),
      /more than 1$/m,
    );
    await assert.rejects(
      readZipDirectory(
        written(
          makeZip([
            { name: "a", text: "x" },
            { name: "b", text: "x" },
          ]),
        ),
        { ...defaultZipLimits, entryCount: 1 },
      ),
      /2 entries/,
    );
    // Two directory entries that unpack the same bytes.
    await assert.rejects(
      directoryOf([
        { name: "a", text: "same" },
        { name: "b", text: "same", says: { offset: 0 } },
      ]),
      /overlap/,
    );
  });

  it("stops an entry that gives other bytes than it said", async () => {
    for (const says of [{ bytes: 3 }, { bytes: 30 }, { crc32: 1 }]) {
      const archive = written(makeZip([{ name: "a", text: "four more", says }]));
      const [entry] = await readZipDirectory(archive);
      assert.ok(entry !== undefined);
      await assert.rejects(
        unpackEntry(archive, entry, path.join(folder, `lie-${count}`)),
        InputError,
      );
    }
  });

  it("that is damaged anywhere gives its files, or an InputError, and nothing else", async () => {
    const whole = makeZip([
      { name: "a.txt", text: "some text ".repeat(20) },
      { name: "b.txt", text: "more" },
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.nat(255),
        fc.boolean(),
        async (place, value, cut) => {
          const damaged = cut ? whole.subarray(0, place) : Buffer.from(whole);
          if (!cut) damaged[place] = value;
          const archive = written(damaged);
          try {
            for (const entry of await readZipDirectory(archive)) {
              await unpackEntry(archive, entry, path.join(folder, `damaged-${count++}`));
            }
          } catch (error) {
            assert.ok(error instanceof InputError, String(error));
          } finally {
            rmSync(archive);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
