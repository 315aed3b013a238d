import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type TieRule, TopKSelector } from "../../src/numeric/top-k-selector.js";

type Entry = readonly [score: number, major: number, minor: number];

/** Majors ascending, minors descending. */
const ties: TieRule = {
  rank: (_major, minor) => minor,
  compare: (aMajor, _aMinor, bMajor) => aMajor - bMajor,
};

function best(entries: readonly Entry[], capacity: number, greatest: number): Entry[] {
  const selector = new TopKSelector(capacity, greatest, ties);
  for (const [score, major, minor] of entries) selector.push(score, major, minor);
  const { scores, majors, minors } = selector.drain();
  return [...scores].map((score, i) => [score, majors[i] ?? -1, minors[i] ?? -1]);
}

function sorted(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => b[0] - a[0] || a[1] - b[1] || b[2] - a[2]);
}

/** Few distinct scores, so that ties are frequent; each place once. */
const entriesOf = (score: fc.Arbitrary<number>): fc.Arbitrary<Entry[]> =>
  fc
    .array(score, { maxLength: 300 })
    .map((scores) => scores.map((value, i) => [value, (i * 7) % 3, i] as const));

describe("top-k selector", () => {
  it("keeps what sorting everything would put first, ties included", () => {
    const score = fc.oneof(fc.constantFrom(-1.5, 0, 0.25, 2), fc.float({ noNaN: true }));
    fc.assert(
      fc.property(
        entriesOf(score.map((value) => value + 0)),
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom(0, 0.1, 2, 1e30),
        (entries, capacity, greatest) => {
          assert.deepEqual(best(entries, capacity, greatest), sorted(entries).slice(0, capacity));
        },
      ),
    );
  });

  it("sorts scores that are not float32 values as well", () => {
    const entries: Entry[] = [0.1, 0.3, 0.2, 0.30000001].map((score, i) => [score, 0, i]);
    assert.deepEqual(best(entries, 3, 1), sorted(entries).slice(0, 3));
  });

  it("has a threshold just below the worst kept score once it is full, and none before", () => {
    const selector = new TopKSelector(2, 4, ties);
    selector.push(1, 0, 0);
    assert.equal(selector.threshold, Number.NEGATIVE_INFINITY);
    selector.push(3, 0, 1);
    // 4,096 buckets over 0 .. 4: a bucket is 1 / 1024 wide.
    assert.ok(selector.threshold <= 1 && selector.threshold > 1 - 2 / 1024);
    selector.push(2, 0, 2);
    assert.ok(selector.threshold <= 2 && selector.threshold > 2 - 2 / 1024);
    selector.push(0.5, 0, 3);
    assert.equal(selector.size, 2);
    assert.deepEqual([...selector.drain().scores], [3, 2]);
  });

  it("keeps everything where fewer come than it may keep, and nothing where it may keep none", () => {
    const entries: Entry[] = [
      [0, 0, 0],
      [5, 1, 0],
    ];
    assert.deepEqual(best(entries, 9, 1), sorted(entries));
    assert.deepEqual(best(entries, 0, 1), []);
  });
});
