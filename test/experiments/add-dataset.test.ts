import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { AlreadyExistsError, InputError, NotFoundError, UpstreamError } from "../../src/errors.js";
import { addBeirDataset, importDataset } from "../../src/experiments/datasets/add-dataset.js";
import { downloadFile } from "../../src/experiments/datasets/download-file.js";
import { datasetFilesOf, makeZip } from "./make-zip.js";

let scratch = "";
let server: http.Server;
let base = "";
const files = new Map<string, Buffer>();
const asked: { url: string; range: string | undefined }[] = [];
/** Bytes after which the next answer breaks off; null: none. */
let breakAfter: number | null = null;

before(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), "braid-datasets-"));
  server = http.createServer((request, response) => {
    const url = request.url ?? "";
    const { range } = request.headers;
    asked.push({ url, range });
    if (url.startsWith("/moved/")) {
      response.writeHead(302, { location: url.replace("/moved/", "/") }).end();
      return;
    }
    if (url === "/loop") {
      response.writeHead(302, { location: "/loop" }).end();
      return;
    }
    const body = files.get(url);
    if (body === undefined) {
      response.writeHead(url === "/broken" ? 503 : 404).end();
      return;
    }
    const etag = `"${createHash("md5").update(body).digest("hex")}"`;
    const from =
      range !== undefined && request.headers["if-range"] === etag
        ? Number(/^bytes=(\d+)-/.exec(range)?.[1])
        : 0;
    const part = body.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      etag,
      "content-length": part.length,
      ...(from > 0 ? { "content-range": `bytes ${from}-${body.length - 1}/${body.length}` } : {}),
    });
    if (breakAfter === null) response.end(part);
    else {
      // Later, so that what was sent is read before the connection breaks.
      response.write(part.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 50));
      breakAfter = null;
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(scratch, { recursive: true, force: true });
});
let to = "";
beforeEach(() => {
  asked.length = 0;
  breakAfter = null;
  to = mkdtempSync(path.join(scratch, "to-"));
});

const md5 = (bytes: Buffer): `md5:${string}` =>
  `md5:${createHash("md5").update(bytes).digest("hex")}`;
const env = {};

describe("adding a data set of BEIR", () => {
  it("downloads, checks, unpacks and reads it, and leaves nothing else behind", async () => {
    const archive = makeZip(datasetFilesOf("tiny"));
    files.set("/tiny.zip", archive);
    const added = await addBeirDataset("tiny", {
      to,
      env,
      address: `${base}/moved/{name}.zip`,
      checksum: md5(archive),
    });
    assert.deepEqual([added.documentCount, added.queryCount, added.splits], [2, 1, { test: 1 }]);
    assert.deepEqual(readdirSync(to), ["tiny"]);
    assert.deepEqual(readdirSync(path.join(to, "tiny")).sort(), [
      "corpus.jsonl",
      "dataset.json",
      "qrels",
      "queries.jsonl",
    ]);
    const told = JSON.parse(readFileSync(path.join(to, "tiny", "dataset.json"), "utf8")) as {
      sources: { verified: boolean }[];
    };
    assert.equal(told.sources[0]?.verified, true);
    await assert.rejects(
      addBeirDataset("tiny", { to, env, address: `${base}/{name}.zip` }),
      AlreadyExistsError,
    );
  });

  it("goes on where a broken download ended, and starts afresh if the file has changed", async () => {
    const archive = makeZip(datasetFilesOf("tiny"));
    files.set("/tiny.zip", archive);
    breakAfter = 100;
    await addBeirDataset("tiny", {
      to,
      env,
      address: `${base}/{name}.zip`,
      checksum: md5(archive),
    });
    assert.deepEqual(
      asked.map(({ range }) => range),
      [undefined, "bytes=100-"],
    );

    const target = path.join(to, "file");
    files.set("/file", Buffer.from("first version"));
    writeFileSync(`${target}.incomplete`, "another one");
    writeFileSync(
      `${target}.incomplete.json`,
      JSON.stringify({ address: `${base}/file`, etag: '"old"' }),
    );
    await downloadFile(`${base}/file`, target, { checksum: null, env });
    assert.equal(readFileSync(target, "utf8"), "first version");
  });

  it("throws a download of another checksum away", async () => {
    files.set("/tiny.zip", makeZip(datasetFilesOf("tiny")));
    await assert.rejects(
      addBeirDataset("tiny", {
        to,
        env,
        address: `${base}/{name}.zip`,
        checksum: `md5:${"0".repeat(32)}`,
      }),
      (error: unknown) => error instanceof UpstreamError && /expected md5:0000/.test(error.message),
    );
    assert.deepEqual(
      readdirSync(to).filter((name) => !name.endsWith(".json")),
      [],
    );
  });

  it("refuses an archive that leaves its folder, and one that holds no data set, and keeps neither", async () => {
    files.set(
      "/evil.zip",
      makeZip([...datasetFilesOf("evil"), { name: "../../evil.txt", text: "gotcha" }]),
    );
    await assert.rejects(
      addBeirDataset("evil", { to, env, address: `${base}/{name}.zip` }),
      /would leave its folder/,
    );
    files.set("/other.zip", makeZip([{ name: "a.txt", text: "x" }]));
    await assert.rejects(
      addBeirDataset("other", { to, env, address: `${base}/{name}.zip` }),
      /found 1 other files/,
    );
    assert.deepEqual(readdirSync(to), []);
    assert.equal(existsSync(path.join(scratch, "evil.txt")), false);
  });

  it("refuses a data set with a line that cannot be read", async () => {
    const [folder, , ...rest] = datasetFilesOf("bad");
    assert.ok(folder !== undefined);
    files.set(
      "/bad.zip",
      makeZip([
        folder,
        { name: "bad/corpus.jsonl", text: '{"_id":"1","text":"a"}\nnot json\n' },
        ...rest,
      ]),
    );
    await assert.rejects(
      addBeirDataset("bad", { to, env, address: `${base}/{name}.zip` }),
      /corpus\.jsonl:2/,
    );
    assert.deepEqual(readdirSync(to), []);
  });

  it("takes archives of several data sets apart", async () => {
    const parts = ["android", "unix"].flatMap((name) => datasetFilesOf(`many/${name}`).slice(1));
    files.set("/many.zip", makeZip(parts));
    const added = await addBeirDataset("many", { to, env, address: `${base}/{name}.zip` });
    assert.deepEqual(readdirSync(path.join(to, "many")).sort(), [
      "android",
      "dataset.json",
      "unix",
    ]);
    assert.deepEqual([added.documentCount, added.splits], [4, { test: 2 }]);
  });

  it("says what is not there, and gives up on what redirects for ever", async () => {
    await assert.rejects(
      addBeirDataset("gone", { to, env, address: `${base}/{name}.zip` }),
      NotFoundError,
    );
    await assert.rejects(addBeirDataset("nameless", { to, env }), /expected a data set of BEIR/);
    await assert.rejects(addBeirDataset("../up", { to, env, address: base }), InputError);
    await assert.rejects(
      downloadFile(`${base}/loop`, path.join(to, "x"), { checksum: null, env }),
      /redirects more than 5/,
    );
    await assert.rejects(
      downloadFile("file:///etc/passwd", path.join(to, "x"), { checksum: null, env }),
      InputError,
    );
    await assert.rejects(
      downloadFile(`${base}/broken`, path.join(to, "x"), { checksum: null, env }),
      /status 503/,
    );
    assert.equal(asked.filter(({ url }) => url === "/broken").length, 3);
  });
});

describe("importing a data set of other formats", () => {
  const parts = { corpusFormat: "auto" as const, topicField: "title" as const, split: "test" };

  it("reads MS MARCO's passages, topics and judgements, from files and addresses", async () => {
    files.set("/collection.tsv", Buffer.from('7\tA "quoted" passage\r\n8\tAnother\n'));
    files.set("/queries.tsv", Buffer.from("1\twhat is it\n"));
    writeFileSync(path.join(to, "qrels"), "1 0 7 1\n");
    const added = await importDataset(
      "passages",
      {
        ...parts,
        corpus: `${base}/collection.tsv`,
        corpusFormat: "msmarco",
        topics: `${base}/queries.tsv`,
        qrels: path.join(to, "qrels"),
        split: "dev",
      },
      { to, env },
    );
    assert.deepEqual([added.documentCount, added.queryCount, added.splits], [2, 1, { dev: 1 }]);
    assert.equal(
      readFileSync(path.join(to, "passages", "corpus.jsonl"), "utf8").split("\n")[0],
      '{"_id":"7","title":"","text":"A \\"quoted\\" passage"}',
    );
    assert.equal(existsSync(path.join(to, "passages", ".parts")), false);
  });

  it("reads MS MARCO's documents, and names the line that is neither", async () => {
    writeFileSync(path.join(to, "docs.tsv"), "D1\thttp://x\tTitle\tBody text\n");
    writeFileSync(path.join(to, "topics.tsv"), "1\tq\n");
    writeFileSync(path.join(to, "qrels"), "1 0 D1 1\n");
    const of = (corpus: string, name: string) =>
      importDataset(
        name,
        {
          ...parts,
          corpus: path.join(to, corpus),
          corpusFormat: "msmarco",
          topics: path.join(to, "topics.tsv"),
          qrels: path.join(to, "qrels"),
        },
        { to, env },
      );
    await of("docs.tsv", "docs");
    assert.deepEqual(JSON.parse(readFileSync(path.join(to, "docs", "corpus.jsonl"), "utf8")), {
      _id: "D1",
      title: "Title",
      text: "Body text",
      url: "http://x",
    });
    writeFileSync(path.join(to, "wrong.tsv"), "1\ta\nno tab\n");
    await assert.rejects(of("wrong.tsv", "wrong"), /wrong\.tsv:2/);
    assert.equal(existsSync(path.join(to, "wrong")), false);
  });

  it("reads TREC documents and topics", async () => {
    writeFileSync(
      path.join(to, "docs.trec"),
      "<DOC>\n<DOCNO> T1 </DOCNO>\n<TITLE>Tides</TITLE>\n<TEXT>The moon.</TEXT>\n</DOC>\n",
    );
    writeFileSync(
      path.join(to, "topics.trec"),
      "<top>\n<num> Number: 301\n<title> tides\n<desc> Description:\nWhy tides rise\n</top>\n",
    );
    writeFileSync(path.join(to, "qrels"), "301 0 T1 2\n");
    const added = await importDataset(
      "trec",
      {
        ...parts,
        corpus: path.join(to, "docs.trec"),
        corpusFormat: "trec",
        topics: path.join(to, "topics.trec"),
        qrels: path.join(to, "qrels"),
        topicField: "description",
      },
      { to, env },
    );
    assert.deepEqual([added.documentCount, added.splits], [1, { test: 1 }]);
    assert.match(readFileSync(path.join(to, "trec", "queries.jsonl"), "utf8"), /Why tides rise/);
    assert.match(readFileSync(path.join(to, "trec", "qrels", "test.tsv"), "utf8"), /301\tT1\t2/);
  });
});
