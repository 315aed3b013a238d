import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { apiTypes, apiTypesFile } from "../../scripts/client/api-types.js";
import { BraidClient, ProblemError } from "../../src/client/index.js";
import { foxes, startTestService, type TestService } from "../server/running-service.js";

describe("the client", () => {
  let service: TestService;
  let client: BraidClient;
  before(async () => {
    service = await startTestService();
    client = new BraidClient(`${service.address}/`);
  });
  after(() => service.end());

  it("has the types that the service's schemas give now", () => {
    // Words and their order: the formatter moves only breaks, commas and bars.
    const wordsOf = (text: string): string => (text.match(/[\w"?-]+/g) ?? []).join(" ");
    const committed = readFileSync(apiTypesFile, "utf8");
    assert.ok(committed.length > 1000);
    assert.ok(
      wordsOf(committed) === wordsOf(apiTypes()),
      "run: npx tsx scripts/client/api-types.ts && npx biome check --write src/client",
    );
  });

  it("makes, fills, searches, explains and drops a collection", async () => {
    const created = await client.createCollection("foxes", { analyzer: "english@1" });
    assert.equal(created.docCount, 0);
    const added = await client.addDocuments("foxes", foxes);
    assert.equal(added.added, 3);
    const lines = await client.addLines("foxes", '{"_id":"cub","text":"a fox cub"}\nnonsense');
    assert.deepEqual([lines.added, lines.failed, lines.errors[0]?.line], [1, 1, 2]);

    const answer = await client.search("foxes", "fox");
    assert.equal(answer.hits.length, 4);
    const explained = await client.explain("foxes", { query: "fox", id: "dog", mode: "sparse" });
    assert.equal(explained.rank, null);
    const compared = await client.compare("foxes", { query: "fox", candidates: 2 });
    assert.ok((compared.candidates?.length ?? 0) >= 2);

    assert.equal((await client.document("foxes", "cub")).text, "a fox cub");
    assert.deepEqual(await client.deleteDocument("foxes", "cub"), { deleted: 1 });
    assert.equal((await client.describeCollection("foxes")).docCount, 3);
    assert.equal((await client.collections()).collections.length, 1);
    assert.equal((await client.readiness()).ready, true);
    assert.deepEqual(await client.dropCollection("foxes"), { dropped: "foxes" });
  });

  it("throws what the service says is wrong", async () => {
    await assert.rejects(client.search("none", "fox"), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.deepEqual(
        [error.status, error.code, error.facts, error.message],
        [404, "NOT_FOUND", { collection: "none" }, "there is no collection none"],
      );
      assert.match(error.requestId ?? "", /^[\w-]{12}$/);
      return true;
    });
  });

  it("says so when what answers is not the service", async () => {
    const elsewhere = new BraidClient("http://h", {
      fetch: async () => new Response("<html>", { status: 502, headers: { "Retry-After": "3" } }),
    });
    await assert.rejects(elsewhere.collections(), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.deepEqual([error.status, error.code, error.retryAfterMs], [502, "UNEXPECTED", 3000]);
      return true;
    });
  });

  it("can be told to stop", async () => {
    const signal = AbortSignal.abort();
    await assert.rejects(client.collections({ signal }), { name: "AbortError" });
  });
});
