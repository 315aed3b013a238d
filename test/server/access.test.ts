import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { NotFoundError } from "../../src/errors.js";
import { createApiKey } from "../../src/server/api-keys.js";
import { CollectionRegistry } from "../../src/server/collection-registry.js";
import { startServer } from "../../src/server/start-server.js";
import { HashModels, startTestService, type TestService } from "./running-service.js";

describe("access by key", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "braid-keys-"));
  const file = path.join(folder, "keys");
  const reader = createApiKey("reader", "read");
  const writer = createApiKey("writer", "write");
  const admin = createApiKey("admin", "admin");
  const writeKeys = (...lines: string[]): void =>
    writeFileSync(file, `# keys\n${lines.join("\n")}\n`);
  let service: TestService;
  before(async () => {
    writeKeys(reader.line, `${writer.line} # of the importer`, admin.line);
    service = await startTestService({ apiKeyFile: file });
  });
  after(async () => {
    await service.end();
    rmSync(folder, { recursive: true, force: true });
  });

  const status = async (
    key: string | null,
    method: string,
    where: string,
    body?: unknown,
  ): Promise<number> => {
    const headers: Record<string, string> = key === null ? {} : { Authorization: `Bearer ${key}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const init = { headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    return (await service.call(method, where, undefined, init)).status;
  };
  const where = "/v1/collections/keyed";
  const documents = [{ _id: "a", text: "one" }];

  it("needs a key that is known", async () => {
    const { headers, json } = await service.call("GET", "/v1/collections");
    assert.equal(json.code, "ACCESS_DENIED");
    assert.match(headers.get("www-authenticate") ?? "", /^Bearer/);
    assert.equal(await status(`${reader.key}x`, "GET", "/v1/collections"), 401);
    assert.equal(await status("", "GET", "/v1/collections"), 401);
  });

  it("lets each scope do its part and no more", async () => {
    assert.equal(await status(writer.key, "PUT", where, { encoder: null }), 403);
    assert.equal(await status(admin.key, "PUT", where, { encoder: null }), 201);
    assert.equal(await status(reader.key, "POST", `${where}/documents`, documents), 403);
    assert.equal(await status(writer.key, "POST", `${where}/documents`, documents), 200);
    assert.equal(await status(reader.key, "POST", `${where}/search`, { query: "one" }), 200);
    assert.equal(await status(reader.key, "DELETE", `${where}/documents/a`), 403);
    assert.equal(await status(writer.key, "DELETE", where), 403);
    assert.equal(await status(reader.key, "GET", "/metrics"), 200);
  });

  it("takes the key in X-Api-Key too", async () => {
    const headers = { "X-Api-Key": reader.key };
    const { status: got } = await service.call("GET", "/v1/collections", undefined, { headers });
    assert.equal(got, 200);
  });

  it("leaves health, readiness, the description and the page open", async () => {
    for (const open of ["/healthz", "/readyz", "/openapi.json"]) {
      assert.equal(await status(null, "GET", open), 200);
    }
  });

  it("answers to any name where keys are asked for", async () => {
    assert.equal(await statusWithHost(service.port, "search.example.org"), 200);
  });

  it("takes in changed keys while it runs, and keeps the old ones if the file is broken", async () => {
    const later = (ms: number): void => {
      const date = new Date(Date.now() + ms);
      utimesSync(file, date, date);
    };
    const fresh = createApiKey("fresh", "read");
    writeKeys(fresh.line);
    later(5000);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal(await status(fresh.key, "GET", "/v1/collections"), 200);
    assert.equal(await status(reader.key, "GET", "/v1/collections"), 401);
    writeKeys("not a key");
    later(10_000);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal(await status(fresh.key, "GET", "/v1/collections"), 200);
  });
});

describe("who the service listens to", () => {
  const registry = (): CollectionRegistry =>
    new CollectionRegistry(path.join(os.tmpdir(), "braid-no-home"), new HashModels());

  it("refuses other machines without keys, unless told", async () => {
    await assert.rejects(startServer(registry(), { host: "0.0.0.0", port: 0 }), {
      name: "InputError",
      message: /^host 0\.0\.0\.0 is reachable from other machines and no key file is given/,
    });
    const running = await startServer(registry(), { host: "0.0.0.0", port: 0, insecure: true });
    await running.stop();
  });

  it("refuses a key file that is not there, holds nothing or nonsense", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "braid-keys-"));
    const file = path.join(folder, "keys");
    try {
      await assert.rejects(startServer(registry(), { apiKeyFile: file, port: 0 }), NotFoundError);
      for (const content of ["# nothing\n", "ci read abc\n", "ci owner sha256:00\n"]) {
        writeFileSync(file, content);
        await assert.rejects(startServer(registry(), { apiKeyFile: file, port: 0 }), {
          name: "InputError",
        });
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("without keys answers only requests to names of this machine", async () => {
    const service = await startTestService();
    try {
      assert.equal(await statusWithHost(service.port, "rebound.example.org"), 421);
      assert.equal(await statusWithHost(service.port, `LOCALHOST:${service.port}`), 200);
    } finally {
      await service.end();
    }
  });

  it("says what to do about a port that is taken", async () => {
    const service = await startTestService();
    try {
      await assert.rejects(startServer(registry(), { port: service.port }), {
        name: "StorageError",
        message: /another program listens there: choose another --port$/,
      });
    } finally {
      await service.end();
    }
  });
});

/** fetch does not let a caller choose the Host header. */
function statusWithHost(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ port, path: "/healthz", headers: { Host: host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });
}
