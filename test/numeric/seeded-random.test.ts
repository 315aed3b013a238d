import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../../src/numeric/seeded-random.js";

describe("seeded random numbers", () => {
  it("are the same for the same seed, for ever, and differ between seeds", () => {
    const draw = (seed: number) => {
      const random = new SeededRandom(seed);
      return [random.uint32(), random.uint32(), random.uint32()];
    };
    assert.deepEqual(draw(1), draw(1));
    assert.notDeepEqual(draw(1), draw(2));
    assert.deepEqual(draw(42), [2837322924, 544945897, 479756282]);
  });

  it("fill their range evenly", () => {
    const random = new SeededRandom(7);
    const counts = new Array<number>(10).fill(0);
    let sum = 0;
    for (let i = 0; i < 100_000; i++) {
      const bin = random.below(10);
      counts[bin] = (counts[bin] ?? 0) + 1;
      const value = random.float64();
      assert.ok(value >= 0 && value < 1);
      sum += value;
    }
    // Standard deviation of a count is about 95, of the mean about 0.0009.
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, String(counts));
    assert.ok(Math.abs(sum / 100_000 - 0.5) < 0.005);
    assert.equal(random.below(1), 0);
  });
});
