import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { killRounds } from "./kill-rounds.js";

describe("a service that is killed under load", () => {
  it("has lost nothing that it acknowledged", async () => {
    const { rounds, acknowledged } = await killRounds(3, { encoder: null });
    assert.equal(rounds, 3);
    assert.ok(acknowledged > 20, `only ${acknowledged} documents were acknowledged`);
  });
});
