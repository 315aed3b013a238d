import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Document } from "../../src/corpus/document.js";
import { type CorpusOptions, type CorpusReader, openCorpus } from "../../src/corpus/open-corpus.js";
import { InputError, NotFoundError } from "../../src/errors.js";

const folder = mkdtempSync(path.join(tmpdir(), "braid-corpus-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let fileCount = 0;
function file(content: string | Uint8Array, extension: string): string {
  const place = path.join(folder, `c${fileCount++}${extension}`);
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, content);
  return place;
}

async function readAll(reader: CorpusReader): Promise<Document[]> {
  const documents: Document[] = [];
  for await (const document of reader) documents.push(document);
  return documents;
}

function read(content: string | Uint8Array, extension: string, options: CorpusOptions = {}) {
  return readAll(openCorpus(file(content, extension), options));
}

async function refuses(promise: Promise<unknown>, ...patterns: RegExp[]): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof InputError || error instanceof NotFoundError, String(error));
    assert.ok(!error.message.includes("\n"), "one line");
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  });
}

const two = [
  { _id: "1", title: "One", text: "first" },
  { _id: "2", title: "", text: "second", year: 2020 },
];
const jsonl = two.map((document) => `${JSON.stringify(document)}\n`).join("");

describe("JSON Lines", () => {
  it("are read with or without a last line end, with CRLF, blank lines and a byte order mark", async () => {
    assert.deepEqual(await read(jsonl, ".jsonl"), two);
    assert.deepEqual(await read(jsonl.trimEnd(), ".ndjson"), two);
    assert.deepEqual(await read(`\ufeff${jsonl.replaceAll("\n", "\r\n \r\n")}`, ".jsonl"), two);
  });

  it("stop at a bad line with file and line", async () => {
    const bad = `${jsonl}{"_id": "3", "text": oops}\n`;
    await refuses(read(bad, ".jsonl"), /c\d+\.jsonl:3: expected one JSON object/);
    await refuses(read('[\n{"_id":1}\n]', ".jsonl"), /:1: .*JSON array.*jq/);
  });

  it("with skipBad count and list what was skipped, and give the rest", async () => {
    const bytes = Buffer.concat([
      Buffer.from(`not json\n${jsonl}`),
      Buffer.from('{"_id":"x","text":"\xff"}\n', "latin1"),
      Buffer.from('{"_id":"3","text":"third"}\n{"_id":"","text":""}'),
    ]);
    const reader = openCorpus(file(bytes, ".jsonl"), { skipBad: true });
    assert.deepEqual(
      (await readAll(reader)).map((document) => document._id),
      ["1", "2", "3"],
    );
    const { documentCount, skippedCount, skipped, bytesRead, totalBytes } = reader.report;
    assert.deepEqual(
      [documentCount, skippedCount, bytesRead, totalBytes],
      [3, 3, bytes.length, bytes.length],
    );
    assert.match(skipped[0]?.where ?? "", /:1$/);
    assert.match(skipped[1]?.reason ?? "", /^expected UTF-8, got an invalid byte at offset/);
    assert.match(skipped[2]?.reason ?? "", /^expected an id/);
  });

  it("list at most a hundred skipped records", async () => {
    const reader = openCorpus(file(`${"{}\n".repeat(250)}${jsonl}`, ".jsonl"), { skipBad: true });
    await readAll(reader);
    assert.deepEqual([reader.report.skippedCount, reader.report.skipped.length], [250, 100]);
  });

  it("keep half surrogate pairs, duplicate ids and empty documents for the collection", async () => {
    const lines = '{"_id":"a","text":"\\ud800"}\n{"_id":"a","text":""}\n';
    assert.deepEqual(await read(lines, ".jsonl"), [
      { _id: "a", title: "", text: "\ud800" },
      { _id: "a", title: "", text: "" },
    ]);
  });

  it("may hold a document of 10 MB", async () => {
    const text = "word ".repeat(2_000_000);
    const documents = await read(`${jsonl}${JSON.stringify({ _id: "big", text })}\n`, ".jsonl");
    assert.equal(documents[2]?.text.length, text.length);
  });
});

describe("gzip", () => {
  it("is recognised by its bytes, whatever the name, and in several members", async () => {
    const packed = gzipSync(jsonl);
    assert.deepEqual(await read(packed, ".jsonl.gz"), two);
    assert.deepEqual(await read(packed, ".jsonl"), two);
    assert.deepEqual(await read(Buffer.concat([packed, packed]), ".gz"), [...two, ...two]);
  });

  it("that is damaged or cut off is named", async () => {
    const packed = gzipSync(jsonl.repeat(1000));
    await refuses(read(packed.subarray(0, packed.length - 20), ".jsonl.gz"), /whole gzip/);
    const damaged = Buffer.from(packed);
    damaged.fill(0xff, 30, 60);
    await refuses(read(damaged, ".jsonl.gz"), /whole gzip/);
  });

  it("counts packed bytes for the progress", async () => {
    const packed = gzipSync(jsonl);
    const reader = openCorpus(file(packed, ".jsonl.gz"));
    await readAll(reader);
    assert.deepEqual(
      [reader.report.bytesRead, reader.report.totalBytes],
      [packed.length, packed.length],
    );
  });
});

describe("CSV", () => {
  it("has quoted fields with commas, marks and line ends; further columns are metadata", async () => {
    const csv = '\ufeffid,title,text,year\r\n1,"a ""b"", c","two\r\nlines",2020\r\n\r\n2,,é,\r\n';
    assert.deepEqual(await read(csv, ".csv"), [
      { _id: "1", title: 'a "b", c', text: "two\nlines", year: "2020" },
      { _id: "2", title: "", text: "é", year: "" },
    ]);
  });

  it("may be separated by semicolons", async () => {
    assert.deepEqual(await read("_id;text\n1;a, b\n", ".csv"), [
      { _id: "1", title: "", text: "a, b" },
    ]);
  });

  it("names the line where a bad row starts, and skips only that row", async () => {
    const csv = '_id,text\n1,a\n2,b,c\n3,d"e\n4,"f" g\n5,"h\ni"\n6,j\n';
    await refuses(read(csv, ".csv"), /:3: expected 2 fields as in the header, got 3/);
    const reader = openCorpus(file(csv, ".csv"), { skipBad: true });
    assert.deepEqual(
      (await readAll(reader)).map(({ _id, text }) => [_id, text]),
      [
        ["1", "a"],
        ["5", "h\ni"],
        ["6", "j"],
      ],
    );
    assert.deepEqual(
      reader.report.skipped.map(({ where }) => where.split(":")[1]),
      ["3", "4", "5"],
    );
    assert.match(reader.report.skipped[1]?.reason ?? "", /stray one at line 4, column 4$/);
    assert.match(reader.report.skipped[2]?.reason ?? "", /stray one at line 5, column 5$/);
  });

  it("names an unclosed quotation mark by the line where its row starts", async () => {
    await refuses(
      read('_id,text\n1,a\n2,"b\nc\n', ".csv"),
      /:3: expected a closing quotation mark/,
    );
  });

  it("needs a header with id and text or title, each column once", async () => {
    await refuses(read("1,some text\n", ".csv"), /:1: expected a header line with _id/);
    await refuses(read("_id,text,text\n", ".csv"), /:1: expected every column/);
  });
});

describe("TSV", () => {
  it("has no quoting", async () => {
    assert.deepEqual(await read('id\ttext\n1\tsay "x\n2\t"\n', ".tsv"), [
      { _id: "1", title: "", text: 'say "x' },
      { _id: "2", title: "", text: '"' },
    ]);
  });

  it("names lines with another number of fields", async () => {
    await refuses(read("id\ttext\n1\ta\tb\n", ".tsv"), /:2: expected 2 fields/);
    await refuses(read("17\ta passage\n", ".tsv"), /:1: expected a header line/);
  });
});

describe("TREC", () => {
  const trec = [
    "<DOC>",
    "<DOCNO> FT-1 </DOCNO>",
    "<DATE>19920101</DATE>",
    "<HEADLINE>Profit &amp; loss</HEADLINE>",
    "<TEXT>",
    "<P>First &#x41; < 3</P>",
    "</TEXT><TEXT>second</TEXT>",
    "</DOC>",
    "<doc><docno>2</docno>",
    "plain <b>words</b> here",
    "</doc>",
  ].join("\n");

  it("gives number, title, text and the other elements", async () => {
    assert.deepEqual(await read(trec, ".trec"), [
      { _id: "FT-1", title: "Profit & loss", text: "First A < 3\nsecond", date: "19920101" },
      { _id: "2", title: "", text: "plain  words  here" },
    ]);
  });

  it("names the line of a document without number or end", async () => {
    await refuses(
      read(`${trec}\n<DOC>\n<TEXT>x</TEXT>\n</DOC>`, ".trec"),
      /:12: expected a <DOCNO>/,
    );
    await refuses(read("<DOC>\n<DOCNO>1</DOCNO>\n", ".trec"), /:1: expected <\/DOC>, got the end/);
    await refuses(read("hello\n<DOC>", ".trec"), /:1: expected <DOC>, got text/);
  });

  it("with skipBad goes on at the next document", async () => {
    const broken = `<DOC>\n<DOCNO>0</DOCNO>\nunclosed\n${trec}`;
    const reader = openCorpus(file(broken, ".trec"), { skipBad: true });
    assert.deepEqual(
      (await readAll(reader)).map((document) => document._id),
      ["FT-1", "2"],
    );
    assert.equal(reader.report.skippedCount, 1);
  });

  it("is read from every file of a folder, in the order of their paths", async () => {
    const place = path.join(folder, "trec-tree");
    mkdirSync(path.join(place, "b"), { recursive: true });
    writeFileSync(path.join(place, "b", "x"), "<DOC><DOCNO>2</DOCNO>x</DOC>");
    writeFileSync(path.join(place, "a.gz"), gzipSync("<DOC><DOCNO>1</DOCNO>x</DOC>"));
    writeFileSync(path.join(place, ".hidden"), "no");
    const documents = await readAll(openCorpus(place, { format: "trec" }));
    assert.deepEqual(
      documents.map((document) => document._id),
      ["1", "2"],
    );
  });

  it("reads a million unclosed tags in linear time", async () => {
    const markup = `<DOC><DOCNO>1</DOCNO>${"<TEXT><!--<DATE>".repeat(200_000)}</DOC>`;
    assert.equal((await read(markup, ".trec"))[0]?._id, "1");
  });
});

describe("openCorpus", () => {
  it("finds out the format from the first bytes where the name does not say it", async () => {
    assert.deepEqual(await read(jsonl, ""), two);
    assert.deepEqual((await read("id\ttext\n1\tx\n", ".txt"))[0]?._id, "1");
    assert.deepEqual((await read("\ufeffid,text\n1,x\n", ".txt"))[0]?._id, "1");
    assert.deepEqual((await read("\n\n<DOC><DOCNO>1</DOCNO>x</DOC>", ".xml"))[0]?._id, "1");
    await refuses(read("Dear reader,\n", ".txt"), /name the format with --format/);
  });

  it("reads a BEIR folder, packed or not", async () => {
    const place = path.join(folder, "beir");
    mkdirSync(place);
    assert.throws(() => openCorpus(place), /expected a BEIR folder with corpus\.jsonl/);
    writeFileSync(path.join(place, "corpus.jsonl.gz"), gzipSync(jsonl));
    assert.deepEqual(await readAll(openCorpus(place)), two);
    assert.deepEqual(await readAll(openCorpus(place, { format: "beir" })), two);
  });

  it("refuses wrong places, formats, foreign files and corpora without documents", async () => {
    assert.throws(() => openCorpus(path.join(folder, "nowhere")), NotFoundError);
    assert.throws(() => openCorpus(folder, { format: "xml" as "auto" }), /expected a format/);
    assert.throws(() => openCorpus(path.join(folder, "beir"), { format: "csv" }), NotFoundError);
    await refuses(read(Buffer.from("\xff\xfea\0", "latin1"), ".jsonl"), /UTF-16.*iconv/);
    await refuses(read(Buffer.from("\x28\xb5\x2f\xfd000", "latin1"), ".jsonl"), /zstd/);
    await refuses(read("", ".jsonl"), /expected documents, found none/);
    await refuses(read("_id,text\n", ".csv"), /expected documents, found none/);
  });

  it("stops when it is told to", async () => {
    const controller = new AbortController();
    const reader = openCorpus(file(jsonl.repeat(50_000), ".jsonl"), { signal: controller.signal });
    await assert.rejects(
      async () => {
        for await (const _ of reader) controller.abort();
      },
      { name: "AbortError" },
    );
    assert.ok(reader.report.bytesRead < (reader.report.totalBytes ?? 0));
  });

  it("reads standard input", () => {
    const code = `
      const { openCorpus } = await import("./src/corpus/open-corpus.ts");
      const reader = openCorpus("-");
      for await (const { _id } of reader) console.log(_id);
      console.log(reader.report.totalBytes);`;
    const child = spawnSync(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", code],
      {
        cwd: fileURLToPath(new URL("../..", import.meta.url)),
        input: gzipSync(jsonl),
        encoding: "utf8",
      },
    );
    assert.equal(child.stdout, "1\n2\nnull\n", child.stderr);
  });

  it("holds a bounded part of a corpus of 120 MB in memory", () => {
    const code = `
      const { openCorpus } = await import("./src/corpus/open-corpus.ts");
      const { createWriteStream } = await import("node:fs");
      let count = 0, peak = 0;
      for await (const batch of openCorpus("-").batches()) {
        count += batch.length;
        peak = Math.max(peak, process.memoryUsage().rss);
      }
      console.log(JSON.stringify({ count, peak }));`;
    const line = `${JSON.stringify({ _id: "x", text: "some words ".repeat(100) })}\n`;
    const child = spawnSync(
      process.execPath,
      ["--max-old-space-size=48", "--import", "tsx", "--input-type=module", "-e", code],
      {
        cwd: fileURLToPath(new URL("../..", import.meta.url)),
        input: gzipSync(line.repeat(110_000), { level: 1 }),
        encoding: "utf8",
      },
    );
    assert.equal(child.status, 0, child.stderr);
    const { count, peak } = JSON.parse(child.stdout) as { count: number; peak: number };
    assert.equal(count, 110_000);
    assert.ok(peak < 400e6, `peak ${peak} bytes`);
  });
});
