import { analyzerNamed } from "../../src/analysis/analyzers.js";
import { parseMeasure } from "../../src/evaluation/measure.js";
import type { ComparedSystem } from "../../src/experiments/collect-systems.js";
import type {
  ComparedDataset,
  ComparisonSettings,
  Provenance,
} from "../../src/experiments/comparison.js";
import type { TextSource } from "../../src/experiments/query-features.js";
import type { DocId, Qrels, QueryId, Run } from "../../src/run/ranking.js";

/** Rankings written as lists of ids: the first scores highest. */
export function runOf(rankings: Readonly<Record<string, readonly string[]>>): Run {
  return new Map(
    Object.entries(rankings).map(([queryId, docIds]) => [
      queryId as QueryId,
      docIds.map((docId, i) => ({ docId: docId as DocId, score: docIds.length - i })),
    ]),
  );
}

export function qrelsOf(grades: Readonly<Record<string, Readonly<Record<string, number>>>>): Qrels {
  return new Map(
    Object.entries(grades).map(([queryId, byDoc]) => [
      queryId as QueryId,
      new Map(Object.entries(byDoc).map(([docId, grade]) => [docId as DocId, grade])),
    ]),
  );
}

export function system(
  name: string,
  kind: ComparedSystem["kind"],
  rankings: Readonly<Record<string, readonly string[]>>,
): ComparedSystem {
  return { name, kind, run: runOf(rankings), description: `${name} settings`, latency: null };
}

export function textsOf(
  documents: Readonly<Record<string, readonly [string, string]>>,
): TextSource {
  const analyzer = analyzerNamed("english@1");
  return {
    analyzer,
    documentCount: Object.keys(documents).length,
    documentFrequency: (term) =>
      Object.values(documents).filter(([title, text]) =>
        analyzer.terms(`${title} ${text}`).includes(term),
      ).length,
    document: (docId) => {
      const found = Object.hasOwn(documents, docId) ? documents[docId] : undefined;
      return found === undefined ? null : { title: found[0], text: found[1] };
    },
  };
}

export const settings: ComparisonSettings = {
  measures: ["nDCG@10", "R@10", "Judged@10"].map(parseMeasure),
  seed: 42,
  level: 0.05,
  margin: 0.02,
  exampleCount: 10,
};

export const provenance: Provenance = {
  command: "braid compare small --dataset small --out out",
  braidVersion: "0",
  nodeVersion: "v0",
  platform: "test",
  createdAt: "2000-01-01T00:00:00.000Z",
  files: [],
};

/** Three queries: sparse wins the first, dense the second, both find nothing for the third. */
export function tinyDataset(name = "small"): ComparedDataset {
  return {
    name,
    systems: [
      system("sparse", "sparse", { q1: ["a", "x"], q2: ["y", "x"], q3: ["x"] }),
      system("dense", "dense", { q1: ["x", "y"], q2: ["b", "a"], q3: ["y"] }),
      system("hybrid", "hybrid", { q1: ["a", "x", "y"], q2: ["b", "y"], q3: ["x", "y"] }),
    ],
    qrels: qrelsOf({ q1: { a: 1, x: 0 }, q2: { b: 1 }, q3: { c: 1 } }),
    topics: new Map([
      ["q1" as QueryId, "moon tides"],
      ["q2" as QueryId, "baking <b>loaves</b>"],
      ["q3" as QueryId, "zebra"],
    ]),
    texts: textsOf({
      a: ["Tides", "The moon pulls the sea."],
      b: ["Bread", "How to bake a loaf. <script>alert('x')</script> & more"],
      c: ["Nothing", "of note"],
      x: ["Moon <img src=x onerror=alert(1)>", "moon moon moon"],
      y: ["", "sea"],
    }),
    collections: [],
    notes: ["A <note>."],
    pairs: [],
  };
}
