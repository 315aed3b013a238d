import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { SearchableCollection } from "../../src/pipeline/searchable-collection.js";
import { startTestService, type TestService } from "./running-service.js";

describe("collections that another process writes", () => {
  let service: TestService;
  let other: SearchableCollection;
  before(async () => {
    service = await startTestService();
    // Another opening of the same folder stands for another process: the lock does not tell.
    const directory = path.join(service.home, "shared");
    other = await SearchableCollection.create(directory, { encoder: null });
    await other.add([{ _id: "a", text: "first hare" }]);
  });
  after(() => service.end());

  const search = async (): Promise<string[]> => {
    const { json } = await service.call("POST", "/v1/collections/shared/search", { query: "hare" });
    return json.hits.map(({ id }: { id: string }) => id).sort();
  };

  it("are searched, and followed within about a second", async () => {
    assert.deepEqual(await search(), ["a"]);
    await other.add([{ _id: "b", text: "second hare" }]);
    for (let wait = 0; wait < 50 && (await search()).length < 2; wait++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(await search(), ["a", "b"]);
  });

  it("are locked for writing until that process is done, and open afterwards", async () => {
    const where = "/v1/collections/shared/documents";
    const documents = [{ _id: "c", text: "third hare" }];
    const locked = await service.call("POST", where, documents);
    assert.deepEqual([locked.status, locked.json.code], [423, "INDEX_LOCKED"]);
    assert.equal(JSON.stringify(locked.json).includes(service.home), false);
    await other.close();
    const written = await service.call("POST", where, documents);
    assert.deepEqual([written.status, written.json.added], [200, 1]);
    assert.deepEqual(await search(), ["a", "b", "c"]);
  });

  it("that disappear are not there any more", async () => {
    await service.call("PUT", "/v1/collections/gone", { encoder: null });
    assert.equal((await service.call("DELETE", "/v1/collections/gone")).status, 200);
    assert.equal((await service.call("GET", "/v1/collections/gone")).status, 404);
    assert.equal((await service.call("PUT", "/v1/collections/gone", {})).status, 201);
  });
});
