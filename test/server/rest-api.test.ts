import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { z } from "zod";
import {
  collectionListSchema,
  collectionSchema,
  comparisonSchema,
  documentExplanationSchema,
  problemSchema,
  searchAnswerSchema,
  similarAnswerSchema,
  suggestionsSchema,
  uploadSchema,
} from "../../src/server/answer-schemas.js";
import { foxes, startTestService, type TestService } from "./running-service.js";

const lines = (documents: readonly unknown[]): string =>
  documents.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");
const asLines = (body: string | Uint8Array, headers: Record<string, string> = {}): RequestInit => ({
  body,
  headers: { "Content-Type": "application/x-ndjson", ...headers },
});
const conforms = (schema: z.ZodType, value: unknown): void => {
  const { error } = schema.safeParse(value);
  assert.equal(error, undefined, error?.message);
};

describe("the REST service", () => {
  let service: TestService;
  before(async () => {
    service = await startTestService();
    const created = await service.call("PUT", "/v1/collections/foxes", {});
    assert.equal(created.status, 201);
    const { json } = await service.call("POST", "/v1/collections/foxes/documents", foxes);
    assert.deepEqual([json.added, json.failed], [3, 0]);
  });
  after(() => service.end());

  const search = (body: unknown) => service.call("POST", "/v1/collections/foxes/search", body);
  const problem = async (
    status: number,
    code: string,
    answer: ReturnType<TestService["call"]>,
  ): Promise<string> => {
    const { status: got, headers, json } = await answer;
    assert.deepEqual([got, json?.code], [status, code], JSON.stringify(json));
    assert.equal(headers.get("content-type"), "application/problem+json");
    assert.equal(json.status, status);
    conforms(problemSchema, json);
    return json.detail as string;
  };

  it("creates, lists, describes and drops collections", async () => {
    const created = await service.call("PUT", "/v1/collections/plain", {
      encoder: null,
      bm25: { k1: 0.9, b: 0.4 },
    });
    assert.equal(created.status, 201);
    assert.equal(created.headers.get("location"), "/v1/collections/plain");
    conforms(collectionSchema, created.json);
    assert.deepEqual(
      [created.json.encoder, created.json.settings.bm25.k1, created.json.docCount],
      [null, 0.9, 0],
    );

    const listed = await service.call("GET", "/v1/collections");
    conforms(collectionListSchema, listed.json);
    assert.deepEqual(
      listed.json.collections.map((one: { name: string }) => one.name),
      ["foxes", "plain"],
    );
    const described = await service.call("GET", "/v1/collections/foxes");
    conforms(collectionSchema, described.json);
    assert.deepEqual(described.json.fields, ["year"]);
    assert.equal(JSON.stringify(described.json).includes(service.home), false);

    const dropped = await service.call("DELETE", "/v1/collections/plain");
    assert.deepEqual([dropped.status, dropped.json], [200, { dropped: "plain" }]);
    assert.equal(existsSync(`${service.home}/plain`), false);
    await problem(404, "NOT_FOUND", service.call("GET", "/v1/collections/plain"));
  });

  it("creates a collection again with the same settings, and refuses others", async () => {
    const settings = { encoder: null, boosts: { title: 2 } };
    const statuses = [];
    for (let round = 0; round < 2; round++) {
      statuses.push((await service.call("PUT", "/v1/collections/twice", settings)).status);
    }
    assert.deepEqual(statuses, [201, 200]);
    await problem(
      409,
      "ALREADY_EXISTS",
      service.call("PUT", "/v1/collections/twice", { encoder: null }),
    );
    await service.call("DELETE", "/v1/collections/twice");
  });

  it("answers a search with hits, stages and explanations that add up", async () => {
    const { status, json } = await search({ query: "lazy fox", explain: true, highlight: true });
    assert.equal(status, 200);
    conforms(searchAnswerSchema, json);
    assert.deepEqual([json.mode, json.total, json.degraded], ["hybrid", 3, false]);
    assert.deepEqual(
      json.stages.map((stage: { name: string }) => stage.name),
      ["sparse", "encode", "dense", "fusion"],
    );
    for (const { score, explain } of json.hits) {
      const { sparse, dense } = explain.fusion.contributions;
      assert.ok(Math.abs(sparse + dense - score) < 1e-12);
    }
    assert.match(json.hits[0].highlights.text[0], /<mark>/);
  });

  it("filters and counts facets", async () => {
    const { json } = await search({
      query: "fox",
      mode: "sparse",
      filter: { year: { gte: 2021 } },
      facets: ["year"],
      fields: ["title"],
    });
    assert.deepEqual(json.facets, { year: { 2021: 1 } });
    assert.deepEqual(
      json.hits.map((hit: { document: unknown }) => hit.document),
      [{ _id: "den", title: "A den" }],
    );
  });

  it("searches by URL as by body, and knows when nothing has changed", async () => {
    const where =
      "/v1/collections/foxes/search?q=fox&mode=sparse&limit=2&fields=title,year&filter=year%20%3C%202022&fusion=rrf(k%3D60)";
    const first = await service.call("GET", where);
    const posted = await search({
      query: "fox",
      mode: "sparse",
      limit: 2,
      fields: ["title", "year"],
      filter: "year < 2022",
    });
    assert.deepEqual(first.json.hits, posted.json.hits);
    const tag = first.headers.get("etag") ?? "";
    assert.match(tag, /^W\/".+"$/);
    const again = await service.call("GET", where, undefined, {
      headers: { "If-None-Match": tag },
    });
    assert.deepEqual([again.status, again.json], [304, null]);

    await service.call("POST", "/v1/collections/foxes/documents", [
      { _id: "cub", text: "A fox cub." },
    ]);
    const changed = await service.call("GET", where, undefined, {
      headers: { "If-None-Match": tag },
    });
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.get("etag"), tag);
    await service.call("DELETE", "/v1/collections/foxes/documents/cub");
  });

  it("compares the modes side by side", async () => {
    const { status, json } = await service.call("POST", "/v1/collections/foxes/compare", {
      query: "sleeping fox",
    });
    assert.equal(status, 200);
    conforms(comparisonSchema, json);
    assert.equal(json.modes.hybrid.length, 3);
    const { common } = json.overlap.denseHybrid;
    assert.equal(common, 3);
  });

  it("pages by cursor, also while documents come and go", async () => {
    await service.call("PUT", "/v1/collections/pages", { encoder: null });
    const documents = Array.from({ length: 25 }, (_, i) => ({
      _id: `p${String(i).padStart(2, "0")}`,
      text: `hare ${"moss ".repeat(i)}`,
    }));
    await service.call("POST", "/v1/collections/pages/documents", documents);
    const ask = (more: object) =>
      service.call("POST", "/v1/collections/pages/search", { query: "hare", limit: 10, ...more });
    const idsOf = (answer: { json: { hits: { id: string }[] } }): string[] =>
      answer.json.hits.map(({ id }) => id);
    const all = idsOf(await ask({ limit: 25 }));

    const first = await ask({});
    assert.deepEqual(idsOf(first), all.slice(0, 10));
    await service.call("DELETE", `/v1/collections/pages/documents/${all[2]}`);
    await service.call("DELETE", `/v1/collections/pages/documents/${all[9]}`);
    const second = await ask({ cursor: first.json.cursor });
    assert.deepEqual(idsOf(second), all.slice(10, 20));
    // The page is cut from the state of the first one: what was deleted since still counts there.
    assert.equal(second.json.hits[0].rank, 11);
    const url = `/v1/collections/pages/search?q=hare&limit=10&cursor=${second.json.cursor}`;
    const third = await service.call("GET", url);
    assert.deepEqual(idsOf(third), all.slice(20));
    assert.equal(third.json.cursor, undefined);

    const { cursor } = first.json;
    await problem(400, "INPUT_INVALID", ask({ cursor: "nonsense" }));
    await problem(400, "INPUT_INVALID", ask({ cursor, query: "moss" }));
    await problem(400, "INPUT_INVALID", ask({ cursor, offset: 5 }));
    await service.call("DELETE", "/v1/collections/pages");
  });

  it("finds documents like another, never itself, under the filter", async () => {
    const where = "/v1/collections/foxes/documents/fox/similar";
    const { status, json } = await service.call("POST", where, { explain: true });
    assert.equal(status, 200);
    conforms(similarAnswerSchema, json);
    assert.deepEqual(json.hits.map(({ id }: { id: string }) => id).sort(), ["den", "dog"]);
    assert.ok(json.terms.includes("fox"));
    const filtered = await service.call("POST", where, { filter: "year = 2020" });
    assert.deepEqual(filtered.json.hits, []);
    // Its own vector is the query: similarity to itself would be 1, to others less.
    const dense = await service.call("POST", where, { mode: "dense" });
    assert.ok(dense.json.hits.every(({ score }: { score: number }) => score < 1));
    await problem(404, "NOT_FOUND", service.call("POST", where.replace("/fox/", "/cat/")));
    await problem(400, "INPUT_INVALID", service.call("POST", where, { query: "fox" }));
  });

  it("suggests titles for the beginning of a word", async () => {
    const suggest = async (typed: string) => {
      const url = `/v1/collections/foxes/suggest?q=${encodeURIComponent(typed)}`;
      const { json } = await service.call("GET", url);
      conforms(suggestionsSchema, json);
      return json.suggestions.map(({ title }: { title: string }) => title);
    };
    assert.deepEqual(await suggest("fo"), ["The fox"]);
    assert.deepEqual(await suggest("the d"), ["The dog", "A den"]);
    assert.deepEqual(await suggest('+"('), []);
    assert.deepEqual(await suggest(""), []);
  });

  it("says that a collection was dropped under a running request", async () => {
    await service.call("PUT", "/v1/collections/brief", {});
    await service.call("POST", "/v1/collections/brief/documents", foxes);
    const encoder = service.models.encoderUsed;
    const encode = encoder.encodeQueries;
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    encoder.encodeQueries = async (texts) => {
      await gate;
      return encode.call(encoder, texts);
    };
    try {
      const running = service.call("POST", "/v1/collections/brief/search", { query: "fox" });
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal((await service.call("DELETE", "/v1/collections/brief")).status, 200);
      release();
      const { status, json } = await running;
      // Either it had all it needed, or it says what happened.
      assert.ok(status === 200 || (status === 404 && json.code === "NOT_FOUND"), `${status}`);
    } finally {
      encoder.encodeQueries = encode;
    }
  });

  it("explains why a document is there or not", async () => {
    const explain = (body: unknown) => service.call("POST", "/v1/collections/foxes/explain", body);
    const there = await explain({ query: "fox", id: "fox", mode: "sparse" });
    conforms(documentExplanationSchema, there.json);
    assert.equal(there.json.onPage, true);
    const missing = await explain({ query: "fox", id: "dog", mode: "sparse" });
    assert.match(missing.json.shortfalls[0].reason, /none of the query's terms/);
    await problem(404, "NOT_FOUND", explain({ query: "fox", id: "cat" }));
    await problem(400, "INPUT_INVALID", explain({ query: "fox" }));
    await problem(400, "INPUT_INVALID", explain({ query: "fox", id: "fox", surprise: 1 }));
  });

  it("gives and deletes one document, with any id", async () => {
    const id = "a/b ü?#%";
    const where = `/v1/collections/foxes/documents/${encodeURIComponent(id)}`;
    const document = { _id: id, title: "", text: "odd id", nested: { list: [1, null, "x"] } };
    await service.call("POST", "/v1/collections/foxes/documents", [document]);
    assert.deepEqual((await service.call("GET", where)).json, document);
    assert.deepEqual((await service.call("DELETE", where)).json, { deleted: 1 });
    await problem(404, "NOT_FOUND", service.call("GET", where));
    await problem(404, "NOT_FOUND", service.call("DELETE", where));
    await problem(400, "INPUT_INVALID", service.call("GET", "/v1/collections/foxes/documents/%FF"));
  });

  it("takes a stream of lines, packed or not, and lists the bad ones", async () => {
    await service.call("PUT", "/v1/collections/stream", { encoder: null });
    const where = "/v1/collections/stream/documents";
    const body = lines([{ _id: "1", text: "one" }, "no json", "", { _id: "1", text: "uno" }, {}]);
    const plain = await service.call("POST", where, undefined, asLines(body));
    assert.equal(plain.status, 200);
    conforms(uploadSchema, plain.json);
    // Both good lines have the id 1: in one batch the later one counts.
    assert.deepEqual([plain.json.received, plain.json.failed], [4, 2]);
    assert.deepEqual(
      plain.json.errors.map(({ line }: { line: number }) => line),
      [2, 5],
    );
    const stored = await service.call("GET", `${where}/1`);
    assert.equal(stored.json.text, "uno");

    const many = Array.from({ length: 3000 }, (_, i) => ({ _id: `n${i}`, text: `number ${i}` }));
    const packed = await service.call(
      "POST",
      where,
      undefined,
      asLines(gzipSync(lines(many)), { "Content-Encoding": "gzip" }),
    );
    assert.deepEqual([packed.json.added, packed.json.replaced], [3000, 0]);
    const { json } = await service.call("GET", "/v1/collections/stream");
    assert.equal(json.docCount, 3001);
    await service.call("DELETE", "/v1/collections/stream");
  });

  it("refuses uploads in which nothing is good, and bodies that break", async () => {
    const where = "/v1/collections/foxes/documents";
    const all = await problem(400, "INPUT_INVALID", service.call("POST", where, [{}, { a: 1 }]));
    assert.match(all, /^all 2 documents are wrong/);
    await problem(
      400,
      "INPUT_INVALID",
      service.call("POST", where, { _id: "x", text: "no array" }),
    );
    await problem(
      400,
      "INPUT_INVALID",
      service.call("POST", where, undefined, asLines("no gzip", { "Content-Encoding": "gzip" })),
    );
    await problem(
      415,
      "INPUT_INVALID",
      service.call("POST", where, undefined, asLines("{}", { "Content-Encoding": "zstd" })),
    );
    await problem(
      415,
      "INPUT_INVALID",
      service.call("POST", where, undefined, {
        body: "{}",
        headers: { "Content-Type": "application/json; charset=latin1" },
      }),
    );
    const { json } = await service.call("GET", "/v1/collections/foxes");
    assert.equal(json.docCount, 3);
  });

  it("makes a problem of everything that cannot be", async () => {
    const foxesSearch = "/v1/collections/foxes/search";
    const raw = (body: string, headers = { "Content-Type": "application/json" }) =>
      service.call("POST", foxesSearch, undefined, { body, headers });
    await problem(404, "NOT_FOUND", service.call("GET", "/nothing/here"));
    await problem(404, "NOT_FOUND", service.call("GET", "/v1/collections/none"));
    await problem(404, "NOT_FOUND", service.call("PUT", "/V1/collections/upper"));
    await problem(405, "INPUT_INVALID", service.call("PATCH", "/v1/collections"));
    await problem(405, "INPUT_INVALID", service.call("DELETE", foxesSearch));
    await problem(415, "INPUT_INVALID", raw("{}", { "Content-Type": "text/plain" }));
    await problem(400, "INPUT_INVALID", raw('{"query":'));
    await problem(400, "INPUT_INVALID", raw("[]"));
    await problem(400, "INPUT_INVALID", raw(""));
    await problem(413, "INPUT_INVALID", raw(`{"query":"${"x".repeat(2 << 20)}"}`));
    await problem(400, "INPUT_INVALID", search({ query: "fox", limit: 10.5 }));
    await problem(400, "INPUT_INVALID", search({ query: "fox", depth: { sparse: 0 } }));
    await problem(400, "INPUT_INVALID", search({ query: "fox", fusion: { method: "magic" } }));
    await problem(400, "INPUT_INVALID", search({ query: "fox", filter: { year: {} } }));
    await problem(400, "INPUT_INVALID", search({ query: " " }));
    await problem(400, "INPUT_INVALID", search({ query: "fox", unknown: true }));
    await problem(400, "INPUT_INVALID", service.call("GET", `${foxesSearch}?q=fox&page=2`));
    await problem(400, "INPUT_INVALID", service.call("GET", `${foxesSearch}?q=fox&q=dog`));
    await problem(400, "INPUT_INVALID", service.call("GET", `${foxesSearch}?q=fox&explain=maybe`));
    await problem(400, "INPUT_INVALID", service.call("GET", "/v1/collections?x=1"));
    await problem(400, "INPUT_INVALID", service.call("DELETE", "/v1/collections/foxes", {}));
  });

  it("lets no name leave the home folder", async () => {
    const before = readdirSync(service.home);
    for (const name of ["..", "../x", "a/../../b", "A", ".hidden", "a..b", "x".repeat(65), "\0"]) {
      const { status } = await service.call("PUT", `/v1/collections/${encodeURIComponent(name)}`, {
        encoder: null,
      });
      assert.ok(status === 400 || status === 404, `${name} gave ${status}`);
    }
    for (const encoder of ["../models", "/etc", "a/b", ".."]) {
      await problem(
        400,
        "INPUT_INVALID",
        service.call("PUT", "/v1/collections/model", { encoder }),
      );
    }
    assert.deepEqual(readdirSync(service.home), before);
  });

  it("answers HEAD like GET without content, and OPTIONS with the methods", async () => {
    const head = await service.call("HEAD", "/v1/collections");
    assert.deepEqual([head.status, head.json], [200, null]);
    const options = await service.call("OPTIONS", "/v1/collections/foxes");
    assert.deepEqual(
      [options.status, options.headers.get("allow")],
      [204, "PUT, GET, DELETE, HEAD, OPTIONS"],
    );
    assert.equal(options.headers.get("access-control-allow-origin"), null);
  });

  it("keeps a caller's request id, and makes one otherwise", async () => {
    const headers = { "X-Request-Id": "trace-1.a" };
    const kept = await service.call("GET", "/healthz", undefined, { headers });
    assert.equal(kept.headers.get("x-request-id"), "trace-1.a");
    const made = await service.call("GET", "/healthz", undefined, {
      headers: { "X-Request-Id": "has spaces" },
    });
    assert.match(made.headers.get("x-request-id") ?? "", /^[\w-]{12}$/);
  });

  it("is healthy, ready and measured", async () => {
    assert.deepEqual((await service.call("GET", "/healthz")).json, { status: "ok" });
    const { status, json } = await service.call("GET", "/readyz");
    assert.deepEqual([status, json.ready, json.problems], [200, true, []]);
    const text = await (await fetch(`${service.address}/metrics`)).text();
    assert.match(text, /^braid_requests_total\{operation="search",status="200"\} \d+$/m);
    assert.match(text, /^braid_stage_seconds_count\{stage="sparse"\} \d+$/m);
    assert.match(text, /^braid_collection_documents\{collection="foxes"\} 3$/m);
    // Every line is a comment or a sample of the text format.
    for (const line of text.trimEnd().split("\n")) {
      assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? \S+)$/);
    }
  });
});
