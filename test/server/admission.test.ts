import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Admission } from "../../src/server/admission.js";
import { RateLimiter } from "../../src/server/rate-limiter.js";

const never = new AbortController().signal;
const deferred = (): { promise: Promise<void>; resolve: () => void } => {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
};
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("admission", () => {
  it("runs so many, lets so many wait in order, and refuses the next at once", async () => {
    const stage = new Admission("test", { running: 2, waiting: 1 });
    const gates = [deferred(), deferred(), deferred()];
    const order: number[] = [];
    const calls = gates.map((gate, i) =>
      stage.run(async () => {
        order.push(i);
        await gate.promise;
      }, never),
    );
    await settle();
    assert.deepEqual([order, stage.running, stage.waiting, stage.isFull], [[0, 1], 2, 1, true]);
    await assert.rejects(
      stage.run(async () => {}, never),
      { name: "OverloadedError", facts: { stage: "test", running: 2, waiting: 1 } },
    );
    gates[0]?.resolve();
    await settle();
    assert.deepEqual([order, stage.running, stage.waiting], [[0, 1, 2], 2, 0]);
    for (const gate of gates) gate.resolve();
    await Promise.all(calls);
    assert.deepEqual([stage.running, stage.waiting, stage.refused], [0, 0, 1]);
  });

  it("gives the place on when a call fails", async () => {
    const stage = new Admission("test", { running: 1, waiting: 1 });
    const gate = deferred();
    const failing = stage.run(async () => {
      await gate.promise;
      throw new Error("broken");
    }, never);
    const after = stage.run(async () => "done", never);
    gate.resolve();
    await assert.rejects(failing, /broken/);
    assert.equal(await after, "done");
    assert.equal(stage.running, 0);
  });

  it("forgets a call that is aborted while it waits", async () => {
    const stage = new Admission("test", { running: 1, waiting: 1 });
    const gate = deferred();
    const first = stage.run(() => gate.promise, never);
    const controller = new AbortController();
    const reason = new Error("gone");
    const second = stage.run(async () => assert.fail("must not run"), controller.signal);
    controller.abort(reason);
    await assert.rejects(second, reason);
    assert.equal(stage.waiting, 0);
    gate.resolve();
    await first;
    assert.equal(stage.running, 0);
    await assert.rejects(
      new Admission("full", { running: 0, waiting: 1 }).run(async () => {}, controller.signal),
      reason,
    );
  });
});

describe("the rate limiter", () => {
  it("allows a burst, then so many a second, each caller alone", () => {
    // 2 a second, 3 at once: the fourth request at 0 ms must wait half a second.
    const limiter = new RateLimiter(2, 3);
    const allowed = [0, 0, 0, 0, 400, 500, 600, 1000].map(
      (nowMs) => limiter.take("a", nowMs).allowed,
    );
    assert.deepEqual(allowed, [true, true, true, false, false, true, false, true]);
    assert.equal(limiter.take("a", 1000).retryAfterS, 0.5);
    assert.equal(limiter.take("b", 1000).allowed, true);
  });
});
