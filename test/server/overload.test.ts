import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { createApiKey } from "../../src/server/api-keys.js";
import { foxes, startTestService, type TestService } from "./running-service.js";

/** A service whose encoder answers queries only when told. */
async function slowService(options = {}): Promise<TestService & { release(): void }> {
  const service = await startTestService(options);
  await service.call("PUT", "/v1/collections/foxes", {});
  await service.call("POST", "/v1/collections/foxes/documents", foxes);
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const encoder = service.models.encoderUsed;
  const encode = encoder.encodeQueries.bind(encoder);
  encoder.encodeQueries = async (texts) => {
    await gate;
    return encode(texts);
  };
  return { ...service, release };
}
const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((r) => setTimeout(r, 10));
  assert.ok(condition());
};
const search = (service: TestService, more = {}, headers = {}) =>
  service.call("POST", "/v1/collections/foxes/search", undefined, {
    body: JSON.stringify({ query: "fox", ...more }),
    headers: { "Content-Type": "application/json", ...headers },
  });

describe("under load", () => {
  it("refuses what does not fit into the queue, and answers from the sparse leg where allowed", async () => {
    const service = await slowService({ limits: { encode: { running: 1, waiting: 1 } } });
    try {
      const slow = [search(service), search(service)];
      await until(() => service.service.stages.encode.waiting === 1);
      const refused = await search(service);
      assert.deepEqual([refused.status, refused.json.code], [503, "OVERLOADED"]);
      assert.equal(refused.headers.get("retry-after"), "1");

      const degraded = await search(service, { allowDegraded: true });
      assert.equal(degraded.status, 200);
      assert.equal(degraded.json.degraded, true);
      assert.match(degraded.json.degradedReason, /^dense leg: OVERLOADED/);
      assert.deepEqual(degraded.json.hits.map(({ id }: { id: string }) => id).sort(), [
        "den",
        "fox",
      ]);
      const url = "/v1/collections/foxes/search?q=fox&allowDegraded=true";
      const byUrl = await service.call("GET", url);
      assert.deepEqual(
        [byUrl.headers.get("etag"), byUrl.headers.get("cache-control")],
        [null, "no-store"],
      );

      const sparse = await search(service, { mode: "sparse" });
      assert.deepEqual([sparse.status, sparse.json.degraded], [200, false]);

      service.release();
      assert.deepEqual(
        (await Promise.all(slow)).map(({ status }) => status),
        [200, 200],
      );
    } finally {
      service.release();
      await service.end();
    }
  });

  it("ends a search at its deadline, the service's or the caller's shorter one", async () => {
    const service = await slowService({ limits: { deadlineMs: 400 } });
    try {
      const answer = search(service, {}, { "Braid-Deadline-Ms": "50" });
      const release = setTimeout(service.release, 2000);
      // This encoder does not look at the signal: the answer comes at the deadline all the same.
      const late = await Promise.race([
        answer,
        new Promise<null>((resolve) => setTimeout(() => resolve(null), 1500)),
      ]);
      clearTimeout(release);
      assert.equal(late?.status, 504);
      assert.deepEqual(
        [late?.json.code, late?.json.facts],
        ["DEADLINE_EXCEEDED", { deadlineMs: 50 }],
      );
      const wrong = await search(service, {}, { "Braid-Deadline-Ms": "soon" });
      assert.equal(wrong.status, 400);
    } finally {
      service.release();
      await service.end();
    }
  });

  it("limits the rate of each key", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "braid-rate-"));
    const file = path.join(folder, "keys");
    const [one, two] = [createApiKey("one", "read"), createApiKey("two", "read")];
    writeFileSync(file, `${one.line}\n${two.line}\n`);
    const service = await startTestService({ apiKeyFile: file, limits: { requestsPerSecond: 1 } });
    const list = (key: string) =>
      service.call("GET", "/v1/collections", undefined, {
        headers: { Authorization: `Bearer ${key}` },
      });
    try {
      const statuses = [];
      for (let i = 0; i < 4; i++) statuses.push((await list(one.key)).status);
      assert.deepEqual(statuses, [200, 200, 429, 429]);
      const refused = await list(one.key);
      assert.equal(refused.json.code, "OVERLOADED");
      assert.equal(refused.headers.get("retry-after"), "1");
      assert.equal((await list(two.key)).status, 200);
      assert.equal((await service.call("GET", "/healthz")).status, 200);
    } finally {
      await service.end();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("cuts a sender that stays silent in the middle of its stream", async () => {
    const service = await startTestService({ limits: { idleMs: 200 } });
    try {
      await service.call("PUT", "/v1/collections/slow", { encoder: null });
      const closed = await new Promise<boolean>((resolve) => {
        const socket = connect(service.port, "127.0.0.1", () => {
          socket.write(
            "POST /v1/collections/slow/documents HTTP/1.1\r\nHost: localhost\r\n" +
              "Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n" +
              '{"_id":"1","text":"one"}\n',
          );
        });
        socket.on("error", () => {});
        socket.on("close", () => resolve(true));
        setTimeout(() => resolve(false), 5000).unref();
      });
      assert.equal(closed, true);
      assert.equal((await service.call("GET", "/healthz")).status, 200);
    } finally {
      await service.end();
    }
  });

  it("finishes what was accepted when it is told to stop, and refuses what comes after", async () => {
    const service = await slowService();
    const running = search(service);
    await until(() => service.service.stages.encode.running === 1);
    const stopped = service.stop(5000);
    await assert.rejects(fetch(`${service.address}/healthz`), /fetch failed/);
    service.release();
    assert.equal((await running).status, 200);
    await stopped;
    rmSync(service.home, { recursive: true, force: true });
  });
});
