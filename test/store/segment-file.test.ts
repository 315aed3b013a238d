import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { CorruptIndexError, IndexVersionError, StorageError } from "../../src/errors.js";
import { MemorySections } from "../../src/store/memory-sections.js";
import type { SectionSink } from "../../src/store/sections.js";
import { SegmentFile } from "../../src/store/segment-file.js";
import { SegmentFileWriter } from "../../src/store/segment-file-writer.js";
import { SimulatedDisk } from "./simulated-disk.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "braid-segment-"));
after(() => rmSync(folder, { recursive: true }));

function writeSample(sink: SectionSink): void {
  sink.add("numbers", Uint32Array.of(1, 2, 3));
  sink.add("empty", new Uint8Array(0));
  sink.stream(
    "pieces",
    (function* () {
      const piece = new Float32Array(1000);
      for (let i = 0; i < 300; i++) {
        piece.fill(i);
        yield piece;
      }
      yield new Int8Array(0);
    })(),
  );
}

function sampleFile(name: string): string {
  const file = path.join(folder, name);
  const writer = new SegmentFileWriter(file);
  writeSample(writer);
  writer.finish({ docCount: 7 });
  return file;
}

describe("segment file", () => {
  it("gives back every section, 64-byte aligned in shared memory, and the meta value", () => {
    const file = sampleFile("a.seg");
    const segment = SegmentFile.open(file);
    const memory = new MemorySections();
    writeSample(memory);
    assert.deepEqual(segment.meta, { docCount: 7 });
    assert.deepEqual(segment.names, ["numbers", "empty", "pieces"]);
    for (const name of segment.names) {
      const loaded = segment.load(name);
      assert.ok(loaded.buffer instanceof SharedArrayBuffer);
      assert.equal(loaded.byteOffset, 0);
      assert.deepEqual(loaded, memory.load(name));
      assert.equal(segment.byteLength(name), memory.byteLength(name));
      assert.strictEqual(segment.load(name), loaded);
    }
    assert.deepEqual(segment.read("pieces", 4000, 4), memory.read("pieces", 4000, 4));
    assert.deepEqual(new Float32Array(segment.read("pieces", 1_196_000, 4000).buffer)[7], 299);
    assert.deepEqual(segment.verify(), []);
    segment.close();
  });

  it("reads the footer only when it is opened", () => {
    const disk = new SimulatedDisk();
    disk.makeDirectory("/data");
    const writer = new SegmentFileWriter("/data/a.seg", disk);
    writeSample(writer);
    writer.finish(null);
    SegmentFile.open("/data/a.seg", disk);
    assert.ok(disk.bytesRead <= 4096, `${disk.bytesRead} bytes read`);
  });

  it("goes on reading after the file's name is gone", () => {
    const file = sampleFile("gone.seg");
    const segment = SegmentFile.open(file);
    rmSync(file);
    assert.equal(segment.load("numbers").byteLength, 12);
    segment.close();
    assert.throws(() => segment.load("pieces"), /is closed/);
  });

  it("names the place of any flipped byte", () => {
    const disk = new SimulatedDisk();
    disk.makeDirectory("/data");
    const file = "/data/a.seg";
    const writer = new SegmentFileWriter(file, disk);
    writer.add("numbers", Uint32Array.of(1, 2, 3));
    writer.add("text", Buffer.from("some text"));
    const length = writer.finish({ docCount: 1 });
    for (let at = 0; at < length; at++) {
      const damaged = disk.afterProcessDeath();
      damaged.damage(file, (content) => {
        content[at] = (content[at] ?? 0) ^ 0x40;
        return content;
      });
      let damages: readonly Error[];
      try {
        damages = SegmentFile.open(file, damaged).verify();
      } catch (error) {
        damages = [error as Error];
      }
      assert.equal(damages.length, 1, `byte ${at}`);
      const [damage] = damages;
      assert.ok(damage instanceof CorruptIndexError || damage instanceof IndexVersionError);
      assert.equal(damage.facts["path"], file);
      assert.ok(damage.message.includes(file));
    }
  });

  it("names a damaged section when it is loaded", () => {
    const file = sampleFile("damaged.seg");
    const content = readFileSync(file);
    content[64] = 9;
    writeFileSync(file, content);
    const segment = SegmentFile.open(file);
    assert.throws(
      () => segment.load("numbers"),
      /damaged\.seg: section numbers \(bytes 64\.\.76\)/,
    );
    assert.equal(segment.load("pieces").byteLength, 1_200_000);
    segment.close();
  });

  it("refuses a cut file, a foreign file, a missing file and a newer format", () => {
    const file = sampleFile("cut.seg");
    const content = readFileSync(file);
    writeFileSync(file, content.subarray(0, content.length - 1));
    assert.throws(() => SegmentFile.open(file), CorruptIndexError);
    writeFileSync(file, "hello");
    assert.throws(() => SegmentFile.open(file), CorruptIndexError);
    rmSync(file);
    assert.throws(() => SegmentFile.open(file), /cut\.seg is missing: restore it/);
    content[8] = 2;
    writeFileSync(file, content);
    assert.ok(SegmentFile.open(file).verify()[0] instanceof IndexVersionError);
  });

  it("refuses a read outside a section and a section that is not there", () => {
    const segment = SegmentFile.open(sampleFile("range.seg"));
    assert.throws(() => segment.read("numbers", 8, 5), CorruptIndexError);
    assert.throws(() => segment.read("numbers", -1, 2), CorruptIndexError);
    assert.throws(() => segment.load("nothing"), CorruptIndexError);
    segment.close();
  });

  it("never writes over a file and removes what it gave up", () => {
    const file = sampleFile("once.seg");
    assert.throws(() => new SegmentFileWriter(file), StorageError);
    const other = path.join(folder, "given-up.seg");
    const writer = new SegmentFileWriter(other);
    writer.add("numbers", Uint32Array.of(1));
    writer.abort();
    assert.throws(() => SegmentFile.open(other), CorruptIndexError);
  });
});
