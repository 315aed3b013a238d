import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Bitset } from "../../src/numeric/bitset.js";
import { mergeSparseSegments } from "../../src/sparse/merge-segments.js";
import { parseSparseQuery } from "../../src/sparse/parse-query.js";
import type { SparseSnapshotPart } from "../../src/sparse/snapshot.js";
import { type SparseHits, SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { openSparseSegment } from "../../src/sparse/sparse-segment.js";
import { type SparseSettings, sparseSettings } from "../../src/sparse/sparse-settings.js";
import {
  buildPart,
  namesOf,
  plainAnalyzer,
  plainSettings,
  type TestDoc,
  TestSections,
} from "./tiny-collection.js";

/** Words "a" to "h", the first ones frequent. */
const word = fc
  .double({ min: 0, max: 1, noNaN: true })
  .map((x) => "abcdefgh"[Math.floor(8 * x * x)] ?? "a");
const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
const title = fc.oneof({ weight: 2, arbitrary: fc.constant("") }, { weight: 1, arbitrary: text });

interface World {
  readonly docs: readonly TestDoc[];
  readonly deleted: ReadonlySet<number>;
  readonly accepted: ReadonlySet<number> | null;
  readonly cuts: readonly number[];
}

/** Documents with ids out of order, some deleted, some filtered out, cut into segments. */
const world: fc.Arbitrary<World> = fc
  .array(fc.record({ title, text }), { minLength: 1, maxLength: 40 })
  .chain((bodies) =>
    fc.record({
      docs: fc.constant(bodies.map((body, i) => ({ id: `d${(i * 7919) % 1009}`, ...body }))),
      deleted: fc.array(fc.nat(bodies.length - 1)).map((ords) => new Set(ords)),
      accepted: fc.option(fc.array(fc.nat(bodies.length - 1)).map((ords) => new Set(ords))),
      cuts: fc.array(fc.nat(bodies.length), { maxLength: 3 }),
    }),
  );

const query = fc
  .array(
    fc.record({
      prefix: fc.constantFrom("", "", "", "", "+", "-", "title:", "text:"),
      word,
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.map(({ prefix, word }) => prefix + word).join(" "));

const settings: fc.Arbitrary<SparseSettings> = fc
  .record({
    variant: fc.constantFrom("lucene", "robertson", "atire", "bm25plus", "bm25l"),
    boosts: fc.constantFrom({ title: 1, text: 1 }, { title: 2.5, text: 1 }, { title: 0, text: 1 }),
    k1: fc.constantFrom(0, 0.9, 1.2),
    b: fc.constantFrom(0, 0.4, 1),
  })
  .map(({ variant, boosts, k1, b }) =>
    sparseSettings({
      analyzer: plainAnalyzer.id,
      boosts,
      bm25: { variant: variant as "lucene", k1, b },
    }),
  );

function segmentsOf({ docs, deleted, cuts }: World): SparseSnapshotPart[] {
  return ranges(docs.length, cuts).map(([from, to]) =>
    buildPart(
      docs.slice(from, to),
      [...deleted].filter((ord) => ord >= from && ord < to).map((ord) => ord - from),
    ),
  );
}

function acceptOf({ docs, accepted, cuts }: World): (Bitset | null)[] | undefined {
  if (accepted === null) return undefined;
  return ranges(docs.length, cuts).map(([from, to]) => {
    const set = new Bitset(to - from);
    for (const ord of accepted) if (ord >= from && ord < to) set.add(ord - from);
    return set;
  });
}

function ranges(length: number, cuts: readonly number[]): [number, number][] {
  const edges = [0, ...[...cuts].sort((a, b) => a - b), length];
  return edges.slice(1).map((to, i) => [edges[i] ?? 0, to]);
}

/** Hits by name, so that different layouts can be compared. */
function named(parts: readonly SparseSnapshotPart[], hits: SparseHits): [string, number][] {
  return [...hits.scores].map((score, i) => [
    parts[hits.segmentOrds[i] ?? -1]?.names.docId(hits.docOrds[i] ?? -1) ?? "",
    score,
  ]);
}

describe("pruned search", () => {
  it("returns exactly what exhaustive search returns", () => {
    fc.assert(
      fc.property(
        world,
        query,
        settings,
        fc.integer({ min: 1, max: 45 }),
        (world, text, settings, depth) => {
          const accept = acceptOf(world);
          const searcher = new SparseSearcher(segmentsOf(world), settings);
          const parsed = parseSparseQuery(text, plainAnalyzer);
          const options = { depth, ...(accept && { accept }), countTotal: true };
          assert.deepEqual(
            searcher.search(parsed, options),
            searcher.searchExhaustive(parsed, options),
          );
        },
      ),
      { numRuns: 400 },
    );
  });

  it("is explained, hit by hit, with the very scores", () => {
    fc.assert(
      fc.property(world, query, settings, (world, text, settings) => {
        const searcher = new SparseSearcher(segmentsOf(world), settings);
        const parsed = parseSparseQuery(text, plainAnalyzer);
        const hits = searcher.search(parsed, { depth: 50 });
        for (let i = 0; i < hits.count; i++) {
          const explained = searcher.explain(
            parsed,
            hits.segmentOrds[i] ?? -1,
            hits.docOrds[i] ?? -1,
          );
          assert.equal(explained.score, hits.scores[i]);
          assert.ok(explained.matches);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("gives the same names and scores whatever the segments, deleted documents merged away or not", () => {
    fc.assert(
      fc.property(world, query, settings, (world, text, settings) => {
        const split = segmentsOf(world);
        const live = world.docs.filter((_, ord) => !world.deleted.has(ord));
        const sections = new TestSections();
        mergeSparseSegments(
          split.map(({ segment, deleted }) => {
            const keep = Bitset.full(segment.docCount);
            if (deleted !== null) keep.subtract(deleted);
            return { segment, keep: deleted === null ? null : keep };
          }),
          sections,
        );
        const merged = { names: namesOf(live), deleted: null, corrections: null };
        const layouts = [
          split,
          [{ segment: openSparseSegment(sections), ...merged }],
          [buildPart(live)],
        ];
        const parsed = parseSparseQuery(text, plainAnalyzer);
        const [first, ...others] = layouts.map((parts) =>
          named(parts, new SparseSearcher(parts, settings).search(parsed, { depth: 50 })),
        );
        for (const other of others) assert.deepEqual(other, first);
      }),
      { numRuns: 300 },
    );
  });

  it("skips windows and agrees with exhaustive search on lists of many blocks", () => {
    // 20,000 documents: ten windows, lists of up to a hundred blocks, every 97th document long.
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state / 2 ** 32;
    };
    const docs = Array.from({ length: 20_000 }, (_, ord) => {
      const length = ord % 97 === 0 ? 700 : 3 + Math.floor(20 * random());
      const words = Array.from({ length }, () => `w${Math.floor(1000 * random() ** 3)}`);
      return { id: `d${ord}`, title: "", text: words.join(" ") };
    });
    const deleted = [...docs.keys()].filter(() => random() < 0.05);
    const part = buildPart(docs, deleted);
    const searcher = new SparseSearcher([part], plainSettings);
    // All documents, a third of them, a few: the last are probed one by one.
    const filters = [1, 0.33, 0.002].map((share) => {
      const accept = new Bitset(docs.length);
      for (const ord of docs.keys()) if (random() < share) accept.add(ord);
      return share === 1 ? null : accept;
    });
    // Table and kernel of plain factors, scaled ones, and the plain loops.
    const variants = ["lucene", "bm25plus", "bm25l"] as const;
    let skipped = 0;
    for (let i = 0; i < 36; i++) {
      const words = Array.from(
        { length: 1 + (i % 6) },
        () => `w${Math.floor(1000 * random() ** 2)}`,
      );
      const parsed = parseSparseQuery(words.join(" "), plainAnalyzer);
      const bm25 = { variant: variants[i % 3] ?? "lucene" };
      const accept = [filters[Math.floor(i / 3) % 3] ?? null];
      for (const depth of [1, 10, 1000, 20_000]) {
        const options = { depth, bm25, accept };
        const { hits, counters } = searcher.searchCounted(parsed, options);
        const exhaustive = searcher.searchExhaustive(parsed, options);
        assert.deepEqual(hits.scores, exhaustive.scores);
        assert.deepEqual(hits.docOrds, exhaustive.docOrds);
        skipped += counters.skippedWindows;
        const last = hits.count - 1;
        const explained = searcher.explain(parsed, 0, hits.docOrds[last] ?? 0, bm25);
        if (last >= 0) assert.equal(explained.score, hits.scores[last]);
      }
    }
    assert.ok(skipped > 0, "no window was skipped: pruning was not exercised");
  });
});
