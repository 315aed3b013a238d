import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { InvalidModelError, ModelMissingError, UpstreamError } from "../../src/errors.js";
import { type DownloadProgress, downloadFromHub } from "../../src/models/hub-download.js";
import { proxyFor } from "../../src/models/hub-request.js";
import { HubServer } from "./hub-server.js";

const commit = "0123456789abcdef0123456789abcdef01234567";
const weights = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 0xff));
const repository = {
  id: "braid-tests/tiny",
  commit,
  files: {
    "README.md": Buffer.from("---\nlicense: mit\n---\n"),
    "config.json": Buffer.from('{"model_type":"t5"}'),
    "modules.json": Buffer.from("[]"),
    "model.safetensors": Buffer.from(weights),
    "1_Pooling/config.json": Buffer.from("{}"),
    "2_Dense/model.safetensors": Buffer.from(weights.subarray(0, 70_000)),
    "pytorch_model.bin": Buffer.from("never fetched"),
    "onnx/model.onnx": Buffer.from("not fetched where there are safetensors"),
    "tf_model.h5": Buffer.from("never fetched"),
  },
};
const wantedFiles = [
  "README.md",
  "config.json",
  "modules.json",
  "model.safetensors",
  "1_Pooling/config.json",
  "2_Dense/model.safetensors",
];

describe("download from the hub", () => {
  let home = "";
  let server: HubServer;

  beforeEach(async () => {
    home = await mkdtemp(path.join(tmpdir(), "braid-hub-"));
    server = new HubServer(repository);
    await server.start();
  });
  afterEach(async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  });

  const fetchIt = (env: Record<string, string> = {}, more = {}) =>
    downloadFromHub("braid-tests/tiny", {
      env: { HF_ENDPOINT: server.endpoint, HF_HOME: home, ...env },
      firstWaitMs: 1,
      idleMs: 2000,
      ...more,
    });
  const repositoryFolder = () => path.join(home, "hub", "models--braid-tests--tiny");

  it("brings the files the importer reads, in the hub's own cache layout", async () => {
    const progress: DownloadProgress[] = [];
    const snapshot = await fetchIt({}, { onProgress: (p: DownloadProgress) => progress.push(p) });
    assert.equal(snapshot.folder, path.join(repositoryFolder(), "snapshots", commit));
    assert.deepEqual(snapshot.files, wantedFiles);
    assert.ok(readFileSync(path.join(snapshot.folder, "model.safetensors")).equals(weights));
    assert.ok(!existsSync(path.join(snapshot.folder, "pytorch_model.bin")));
    assert.equal(readFileSync(path.join(repositoryFolder(), "refs/main"), "utf8"), commit);
    const link = await readlink(path.join(snapshot.folder, "1_Pooling/config.json"));
    assert.match(link, /^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    const last = progress.at(-1);
    assert.equal(last?.totalDoneBytes, last?.totalBytes);
  });

  it("fetches nothing twice", async () => {
    await fetchIt();
    server.seen.length = 0;
    await fetchIt();
    assert.deepEqual(server.paths("GET"), [
      "/api/models/braid-tests/tiny/revision/main?blobs=true",
    ]);
  });

  it("asks for sizes and hashes file by file where the listing has none", async () => {
    server.bareListing = true;
    const snapshot = await fetchIt();
    assert.deepEqual(snapshot.files, wantedFiles);
    assert.ok(readFileSync(path.join(snapshot.folder, "model.safetensors")).equals(weights));
  });

  it("serves from the cache when told to be offline, and says so when it cannot", async () => {
    await assert.rejects(fetchIt({ HF_HUB_OFFLINE: "1" }), ModelMissingError);
    await fetchIt();
    server.seen.length = 0;
    const snapshot = await fetchIt({ HF_HUB_OFFLINE: "1" });
    assert.equal(snapshot.commit, commit);
    assert.equal(snapshot.offline, true);
    assert.deepEqual(server.seen, []);
  });

  it("falls back to the cache when the hub cannot be reached", async () => {
    await fetchIt();
    const snapshot = await fetchIt({ HF_ENDPOINT: "http://127.0.0.1:1" }, { attempts: 1 });
    assert.equal(snapshot.offline, true);
    await assert.rejects(
      downloadFromHub("braid-tests/other", {
        env: { HF_ENDPOINT: "http://127.0.0.1:1", HF_HOME: home },
        attempts: 1,
      }),
      (error: Error) => error instanceof UpstreamError && /127\.0\.0\.1:1/.test(error.message),
    );
  });

  it("finds what Python's huggingface_hub has cached", async () => {
    const snapshot = path.join(repositoryFolder(), "snapshots", commit);
    await mkdir(snapshot, { recursive: true });
    await mkdir(path.join(repositoryFolder(), "refs"), { recursive: true });
    await writeFile(path.join(repositoryFolder(), "refs/main"), commit);
    await writeFile(path.join(snapshot, "config.json"), "{}");
    const found = await fetchIt({ HF_HUB_OFFLINE: "1", HF_HUB_CACHE: path.join(home, "hub") });
    assert.equal(found.folder, snapshot);
  });

  it("sends the token to the hub and to nobody else", async () => {
    server.token = "secret";
    await assert.rejects(
      fetchIt(),
      (error: Error) => error instanceof ModelMissingError && /HF_TOKEN/.test(error.message),
    );
    server.seen.length = 0;
    await fetchIt({ HF_TOKEN: "secret" });
    const storage = new URL(server.storage).host;
    const sent = server.seen.filter((one) => one.host === storage);
    assert.equal(sent.length, 2);
    assert.deepEqual([...new Set(sent.map((one) => one.authorization))], [undefined]);
  });

  it("reads the token that the hub's own tools have saved", async () => {
    server.token = "saved";
    await writeFile(path.join(home, "token"), "saved\n");
    assert.equal((await fetchIt()).commit, commit);
  });

  it("says what is missing when the repository is not there", async () => {
    server.faults = [(_, response) => Boolean(response.writeHead(404).end())];
    await assert.rejects(
      fetchIt(),
      (error: Error) =>
        error instanceof ModelMissingError && /braid-tests\/tiny/.test(error.message),
    );
    assert.equal(server.seen.length, 1, "a refusal is not asked again");
  });

  it("waits as long as the server says when it asks too often, then goes on", async () => {
    let refused = 0;
    server.faults = [
      (request, response) => {
        if (!request.url?.includes("/resolve/") || refused >= 2) return false;
        refused++;
        response.writeHead(429, { "retry-after": "0.02" }).end();
        return true;
      },
    ];
    assert.deepEqual((await fetchIt()).files, wantedFiles);
    assert.equal(refused, 2);
  });

  it("gives up after the last attempt with the status", async () => {
    server.faults = [(_, response) => Boolean(response.writeHead(503).end())];
    await assert.rejects(
      fetchIt({}, { attempts: 3 }),
      (error: Error) => error instanceof UpstreamError && /503/.test(error.message),
    );
    assert.equal(server.seen.length, 3);
  });

  it("resumes where a cut connection left off", async () => {
    let cuts = 0;
    server.faults = [
      (request, response) => {
        if (request.url?.split("?")[0] !== "/model.safetensors" || cuts >= 2) return false;
        cuts++;
        const start = Number(/\d+/.exec(request.headers.range ?? "0")?.[0] ?? 0);
        const end = start + 100_000;
        response.writeHead(start > 0 ? 206 : 200, {
          "content-length": weights.length - start,
          "content-range": `bytes ${start}-${weights.length - 1}/${weights.length}`,
        });
        response.write(weights.subarray(start, end), () => response.destroy());
        return true;
      },
    ];
    const snapshot = await fetchIt();
    assert.ok(readFileSync(path.join(snapshot.folder, "model.safetensors")).equals(weights));
    const ranges = server.seen
      .filter((one) => one.path.startsWith("/model.safetensors"))
      .map((one) => one.range);
    assert.equal(ranges.length, 3);
    assert.equal(ranges[0], undefined);
    assert.match(ranges[1] ?? "", /^bytes=\d+-$/);
  });

  it("resumes what an earlier process left, unless the server starts from the beginning", async () => {
    const blobs = path.join(repositoryFolder(), "blobs");
    const name = (await import("node:crypto")).createHash("sha256").update(weights).digest("hex");
    for (const ignoresRanges of [false, true]) {
      await rm(repositoryFolder(), { recursive: true, force: true });
      await mkdir(blobs, { recursive: true });
      await writeFile(path.join(blobs, `${name}.incomplete`), weights.subarray(0, 50_000));
      server.seen.length = 0;
      server.faults = [
        (request, response) => {
          if (!ignoresRanges || request.url?.split("?")[0] !== "/model.safetensors") return false;
          response.writeHead(200, { "content-length": weights.length }).end(weights);
          return true;
        },
      ];
      const snapshot = await fetchIt();
      assert.ok(readFileSync(path.join(snapshot.folder, "model.safetensors")).equals(weights));
      assert.ok(server.seen.some((one) => one.range === "bytes=50000-"));
    }
  });

  it("throws a wrong beginning away and starts afresh", async () => {
    const blobs = path.join(repositoryFolder(), "blobs");
    const name = (await import("node:crypto")).createHash("sha256").update(weights).digest("hex");
    await mkdir(blobs, { recursive: true });
    for (const left of [
      Buffer.alloc(1000, 7),
      Buffer.alloc(400_000),
      Buffer.alloc(weights.length),
    ]) {
      await rm(path.join(blobs, name), { force: true });
      await writeFile(path.join(blobs, `${name}.incomplete`), left);
      const snapshot = await fetchIt();
      assert.ok(readFileSync(path.join(snapshot.folder, "model.safetensors")).equals(weights));
    }
  });

  it("never lets a file of another hash or length into the snapshot", async () => {
    const lies: readonly ((response: http.ServerResponse) => void)[] = [
      (response) => response.writeHead(200).end(Buffer.alloc(weights.length, 1)),
      (response) => response.writeHead(200, { "content-length": 5 }).end("short"),
      (response) => response.writeHead(200).end(Buffer.alloc(weights.length + 1, 1)),
      (response) =>
        response.writeHead(206, { "content-range": "bytes 9-10/11" }).end(weights.subarray(9, 11)),
    ];
    for (const lie of lies) {
      server.faults = [
        (request, response) => {
          if (request.url?.split("?")[0] !== "/model.safetensors") return false;
          lie(response);
          return true;
        },
      ];
      await assert.rejects(
        fetchIt({}, { attempts: 2 }),
        (error: Error) =>
          error instanceof UpstreamError && /model\.safetensors/.test(error.message),
      );
      const snapshot = path.join(repositoryFolder(), "snapshots", commit);
      assert.ok(!existsSync(path.join(snapshot, "model.safetensors")));
      assert.ok(!existsSync(path.join(repositoryFolder(), "refs/main")));
    }
    server.faults = [];
    await fetchIt();
    const left = await readdir(path.join(repositoryFolder(), "blobs"));
    assert.ok(left.every((name) => !name.endsWith(".incomplete")));
  });

  it("ends a request that falls silent", async () => {
    server.faults = [() => true];
    await assert.rejects(
      fetchIt({}, { attempts: 1, idleMs: 50 }),
      (error: Error) => error instanceof UpstreamError && /nothing for/.test(error.message),
    );
  });

  it("stops when it is told to", async () => {
    server.faults = [() => true];
    const signal = AbortSignal.timeout(30);
    await assert.rejects(fetchIt({}, { signal }), { name: "TimeoutError" });
  });

  it("refuses circles of redirects and redirects to other protocols", async () => {
    for (const location of [`${server.endpoint}/around`, "file:///etc/passwd"]) {
      server.faults = [(_, response) => Boolean(response.writeHead(302, { location }).end())];
      await assert.rejects(fetchIt({}, { attempts: 1 }), UpstreamError);
    }
  });

  it("refuses file names that lead out of the snapshot, and answers that are no listing", async () => {
    const answers = [
      JSON.stringify({ sha: commit, siblings: [{ rfilename: "0_x/../../../config.json" }] }),
      JSON.stringify({ sha: "../../etc", siblings: [] }),
      "<html>a login page</html>",
    ];
    for (const answer of answers) {
      server.faults = [(_, response) => Boolean(response.writeHead(200).end(answer))];
      await assert.rejects(fetchIt({}, { attempts: 1 }), UpstreamError);
    }
  });

  it("refuses a repository that has only pickles", async () => {
    const answer = { sha: commit, siblings: [{ rfilename: "pytorch_model.bin" }] };
    server.faults = [(_, response) => Boolean(response.writeHead(200).end(JSON.stringify(answer)))];
    await assert.rejects(
      fetchIt(),
      (error: Error) => error instanceof InvalidModelError && /pickle/.test(error.message),
    );
  });

  it("goes through an HTTP proxy, with its password, unless NO_PROXY excepts the host", async () => {
    const seen: string[] = [];
    const proxy = http.createServer((request, response) => {
      seen.push(request.headers["proxy-authorization"] ?? "");
      const onward = http.request(request.url ?? "", {
        method: request.method,
        headers: request.headers,
      });
      onward.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      onward.end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const { port } = proxy.address() as AddressInfo;
    const address = `http://user:p%40ss@127.0.0.1:${port}`;
    try {
      const through = await fetchIt({ http_proxy: address });
      assert.deepEqual(through.files, wantedFiles);
      assert.equal(seen[0], `Basic ${Buffer.from("user:p@ss").toString("base64")}`);
      const before = seen.length;
      await fetchIt({ HTTP_PROXY: address, NO_PROXY: "example.org, 127.0.0.1" });
      assert.equal(seen.length, before);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it("chooses the proxy by scheme and exceptions", () => {
    const hub = new URL("https://huggingface.co/x");
    const chosen = (env: Record<string, string>) => proxyFor(hub, env)?.host ?? null;
    assert.equal(chosen({ HTTPS_PROXY: "http://a:1" }), "a:1");
    assert.equal(chosen({ HTTP_PROXY: "http://a:1" }), null);
    assert.equal(chosen({ ALL_PROXY: "b:2" }), "b:2");
    assert.equal(chosen({ https_proxy: "c:3", NO_PROXY: "*" }), null);
    assert.equal(chosen({ https_proxy: "c:3", NO_PROXY: ".co" }), null);
    assert.equal(chosen({ https_proxy: "c:3", NO_PROXY: "face.co" }), "c:3");
    assert.equal(chosen({ https_proxy: "c:3", NO_PROXY: "huggingface.co:443" }), null);
    assert.equal(chosen({ https_proxy: "c:3", NO_PROXY: "huggingface.co:80" }), "c:3");
    assert.throws(() => chosen({ https_proxy: "socks5://c:3" }), UpstreamError);
  });
});
