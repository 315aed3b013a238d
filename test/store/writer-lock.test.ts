import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { LockedError } from "../../src/errors.js";
import { livingHolder, WriterLock } from "../../src/store/writer-lock.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "braid-lock-"));
after(() => rmSync(folder, { recursive: true }));

describe("writer lock", () => {
  it("is held by one at a time, also within one process", () => {
    const file = path.join(folder, "one");
    const lock = WriterLock.acquire(file);
    assert.throws(
      () => WriterLock.acquire(file),
      (error: unknown) => {
        assert.ok(error instanceof LockedError);
        assert.equal(error.facts["pid"], process.pid);
        assert.match(error.message, /wait until it is done or stop it, or open for reading/);
        return true;
      },
    );
    assert.equal(livingHolder(file)?.pid, process.pid);
    lock.check();
    lock.release();
    assert.equal(existsSync(file), false);
    assert.equal(livingHolder(file), null);
    WriterLock.acquire(file).release();
  });

  it("is respected while the other process lives and taken over when it is dead", async () => {
    const file = path.join(folder, "other");
    const child = spawn(
      process.execPath,
      [
        "--import",
        "tsx",
        "--input-type=module",
        "-e",
        `const { WriterLock } = await import(${JSON.stringify(new URL("../../src/store/writer-lock.ts", import.meta.url).href)});
         WriterLock.acquire(${JSON.stringify(file)});
         console.log("held");
         setInterval(() => {}, 1000);`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    await new Promise((resolve) => child.stdout.once("data", resolve));
    assert.throws(() => WriterLock.acquire(file), LockedError);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    assert.equal(livingHolder(file), null);
    const lock = WriterLock.acquire(file);
    assert.equal(lock.takenOverFrom?.pid, child.pid);
    lock.release();
  });

  it("is not fooled by a pid that another process got later", () => {
    const file = path.join(folder, "reused");
    const dead = spawnSync(process.execPath, ["-e", ""]);
    assert.ok(dead.pid > 0);
    writeFileSync(
      file,
      JSON.stringify({ pid: process.pid, startedAt: "boot/1", host: os.hostname(), token: "t" }),
    );
    WriterLock.acquire(file).release();
  });

  it("waits for a holder on another host as long as that one touches its lock", () => {
    const file = path.join(folder, "far");
    const holder = { pid: 1, startedAt: null, host: "far-away.example", token: "t" };
    writeFileSync(file, JSON.stringify(holder));
    assert.throws(() => WriterLock.acquire(file), LockedError);
    const longAgo = new Date(Date.now() - 120_000);
    utimesSync(file, longAgo, longAgo);
    WriterLock.acquire(file).release();
  });

  it("tells a holder that lost its lock before it commits again", () => {
    const file = path.join(folder, "lost");
    const lock = WriterLock.acquire(file);
    writeFileSync(file, readFileSync(file, "utf8").replace(/"token":"[^"]*"/, '"token":"other"'));
    assert.throws(() => lock.check(), /was taken over/);
    lock.release();
    assert.equal(existsSync(file), true);
  });

  it("treats a fresh lock file without content as held, an old one as left behind", () => {
    const file = path.join(folder, "empty");
    writeFileSync(file, "");
    assert.throws(() => WriterLock.acquire(file), LockedError);
    const longAgo = new Date(Date.now() - 120_000);
    utimesSync(file, longAgo, longAgo);
    WriterLock.acquire(file).release();
  });
});
