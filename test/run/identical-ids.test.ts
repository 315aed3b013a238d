import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withoutIdenticalId, withoutIdenticalIds } from "../../src/run/identical-ids.js";
import type { QueryId } from "../../src/run/ranking.js";
import { parseTrecRun } from "../../src/run/trec-run.js";

describe("documents whose id is the query's", () => {
  it("are left out, of their own query only, and nothing else is touched", () => {
    const { run } = parseTrecRun("a Q0 b 1 3 t\na Q0 a 2 2 t\nb Q0 a 1 1 t\n");
    const cleaned = withoutIdenticalIds(run);
    assert.deepEqual(cleaned.get("a" as QueryId), [{ docId: "b", score: 3 }]);
    const untouched = run.get("b" as QueryId) ?? [];
    assert.equal(cleaned.get("b" as QueryId), untouched);
    assert.equal(withoutIdenticalId("b" as QueryId, untouched), untouched);
  });
});
