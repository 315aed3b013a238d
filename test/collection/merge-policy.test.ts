import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { memoryMergePolicy, pickMerge } from "../../src/collection/merge-policy.js";

const policy = {
  segmentsPerTier: 3,
  smallestTierDocs: 10,
  deletedShare: 0.3,
  largestMergeDocs: 500,
};

function whole(...counts: number[]): { docCount: number; liveCount: number }[] {
  return counts.map((count) => ({ docCount: count, liveCount: count }));
}

describe("merge policy", () => {
  it("leaves segments alone until a tier is full", () => {
    assert.equal(pickMerge([], policy), null);
    // Tiers: up to 10, up to 30, up to 90.
    assert.equal(pickMerge(whole(5, 10, 11, 30, 31), policy), null);
  });

  it("merges the lowest full tier first, no more than a tier at once", () => {
    assert.deepEqual(pickMerge(whole(40, 20, 50, 4, 60, 12, 30), policy), [1, 5, 6]);
    assert.deepEqual(pickMerge(whole(1, 1, 1, 1, 1), policy), [0, 1, 2]);
  });

  it("rewrites a segment with many deleted documents when no tier is full", () => {
    assert.deepEqual(
      pickMerge(
        [
          { docCount: 100, liveCount: 71 },
          { docCount: 100, liveCount: 69 },
        ],
        policy,
      ),
      [1],
    );
  });

  it("leaves large segments to the user", () => {
    assert.equal(pickMerge(whole(501, 501, 501), policy), null);
  });

  it("merges each of n documents added one by one about log8(n) times", () => {
    let segments: number[] = [];
    let merged = 0;
    const count = 4096;
    for (let i = 0; i < count; i++) {
      segments.push(1);
      for (;;) {
        const picked = pickMerge(whole(...segments), memoryMergePolicy);
        if (picked === null) break;
        const sum = picked.reduce((total, at) => total + (segments[at] ?? 0), 0);
        merged += sum;
        segments = [...segments.filter((_, at) => !picked.includes(at)), sum];
      }
    }
    // log8(4096) = 4.
    assert.ok(merged <= 4 * count, `${merged / count} merges a document`);
    assert.ok(segments.length <= 7 * 5, `${segments.length} segments left`);
  });
});
