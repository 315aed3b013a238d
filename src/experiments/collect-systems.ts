import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { analyzerNamed } from "../analysis/analyzers.js";
import type { Fusion } from "../fusion/fusion.js";
import { fusionName } from "../fusion/fusion-text.js";
import { fuseLegs } from "../pipeline/rank-candidates.js";
import { retrieve } from "../pipeline/retrieval.js";
import { parseSearchRequest } from "../pipeline/search-request.js";
import type { SearchableCollection } from "../pipeline/searchable-collection.js";
import { StageClock } from "../pipeline/stage-clock.js";
import { rerank } from "../rerank/rerank.js";
import { withoutIdenticalId } from "../run/identical-ids.js";
import type { QueryId, Ranking, Run } from "../run/ranking.js";
import type { Topics } from "../run/topics.js";
import { percentile } from "./evaluate-systems.js";
import type { TextSource } from "./query-features.js";

export type SystemKind = "sparse" | "dense" | "hybrid" | "reranked" | "run";

/** Times of one query, over all queries of a run; the first ten are warm-up and not counted. */
export interface Latency {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly meanMs: number;
}

/** A run that is compared, with what is known about how it was made. */
export interface ComparedSystem {
  readonly name: string;
  readonly kind: SystemKind;
  readonly run: Run;
  /** Settings that change a number. */
  readonly description: string;
  /** Null for a run that came as a file. */
  readonly latency: Latency | null;
}

/** What a report says about a collection that was searched. */
export interface CollectionFacts {
  readonly name: string;
  readonly documentCount: number;
  readonly segmentCount: number;
  readonly diskBytes: number;
  readonly analyzer: string;
  readonly bm25: string;
  readonly encoder: {
    readonly name: string;
    readonly fingerprint: string;
    readonly dimension: number;
  } | null;
}

export interface CollectOptions {
  /** Candidates per leg and longest ranking kept. */
  readonly depth: number;
  readonly keepIdentical: boolean;
  /** Fusions of the hybrid systems, the collection's own when empty. */
  readonly fusions: readonly Fusion[];
  /** Reranks the first fusion (of the sparse leg where there is no other); none when absent. */
  readonly rerank?: { readonly model: string; readonly depth: number };
  /** Added to the systems' names where several collections are compared on one data set. */
  readonly label?: string;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Queries whose times are not counted: code and caches are cold. */
const warmUpCount = 10;

/**
 * Runs of a collection's legs and of their fusions. Every query is retrieved once; the runs of the
 * legs and of all fusions come from the same candidates. Topics are plain bags of words, as TREC
 * tools ask; a blank topic has no hits.
 */
export async function collectSystems(
  collection: SearchableCollection,
  topics: Topics,
  options: CollectOptions,
): Promise<ComparedSystem[]> {
  const hasDense = collection.snapshot().settings.encoder !== null;
  const fusions = !hasDense
    ? []
    : options.fusions.length > 0
      ? options.fusions
      : [collection.defaultFusion()];
  const systems = [
    new SystemRun("sparse"),
    ...(hasDense ? [new SystemRun("dense")] : []),
    ...fusions.map((fusion) => new SystemRun("hybrid", fusion)),
  ];
  const reranked = options.rerank === undefined ? null : new SystemRun("reranked");
  const firstStage = systems.find(({ fusion }) => fusion !== null) ?? null;
  let done = 0;
  for (const [queryId, query] of topics) {
    options.onProgress?.(done++, topics.size);
    if (query.trim() === "") {
      for (const system of systems) system.add(queryId, [], null);
      reranked?.add(queryId, [], null);
      continue;
    }
    const { depth } = options;
    const request = parseSearchRequest({
      query,
      syntax: "plain",
      mode: hasDense ? "hybrid" : "sparse",
      depth: { sparse: depth + 1, dense: depth + 1 },
    });
    const clock = new StageClock();
    const retrieval = await retrieve(collection, request, clock);
    const ms = (stage: string): number => clock.stages.find(({ name }) => name === stage)?.ms ?? 0;
    const retrievedMs = clock.tookMs();
    const keep = (ranking: Ranking): Ranking => {
      const others = options.keepIdentical ? ranking : withoutIdenticalId(queryId, ranking);
      return others.slice(0, depth).map(({ docId, score }) => ({ docId, score }));
    };
    let first: { ranking: Ranking; ms: number } = {
      ranking: keep(retrieval.sparse?.ranking ?? []),
      ms: ms("sparse"),
    };
    for (const system of systems) {
      if (system.kind === "sparse") {
        system.add(queryId, keep(retrieval.sparse?.ranking ?? []), ms("sparse"));
      } else if (system.fusion === null) {
        system.add(queryId, keep(retrieval.dense?.ranking ?? []), ms("encode") + ms("dense"));
      } else {
        const startedMs = performance.now();
        const { ranking } = fuseLegs(retrieval, system.fusion);
        const ms = retrievedMs + performance.now() - startedMs;
        system.add(queryId, keep(ranking), ms);
        if (system === firstStage) first = { ranking: keep(ranking), ms };
      }
    }
    if (reranked !== null && options.rerank !== undefined) {
      const { model, depth: rerankDepth } = options.rerank;
      const snapshot = collection.snapshot();
      const { ranking, ms } = await rerank(
        first.ranking,
        query,
        (docIds) => docIds.map((docId) => snapshot.document(docId) ?? { title: "", text: "" }),
        await collection.reranker(model),
        { depth: rerankDepth },
      );
      reranked.add(queryId, ranking, first.ms + ms);
    }
  }
  const facts = collectionFacts(collection);
  const { label } = options;
  const rerankedBy =
    options.rerank === undefined
      ? ""
      : `${firstStage?.kind ?? "sparse"}, its first ${options.rerank.depth} reranked by ${options.rerank.model}`;
  const all = reranked === null ? systems : [...systems, reranked];
  return all.map((system) => {
    const name =
      fusions.length > 1 && system.fusion !== null
        ? `hybrid ${fusionName(system.fusion)}`
        : system.kind;
    return system.finish(
      label === undefined ? name : `${name} · ${label}`,
      facts,
      options.depth,
      rerankedBy,
    );
  });
}

class SystemRun {
  readonly kind: SystemKind;
  readonly fusion: Fusion | null;
  readonly #run = new Map<QueryId, Ranking>();
  readonly #tookMs: number[] = [];

  constructor(kind: SystemKind, fusion: Fusion | null = null) {
    this.kind = kind;
    this.fusion = fusion;
  }

  add(queryId: QueryId, ranking: Ranking, tookMs: number | null): void {
    this.#run.set(queryId, ranking);
    if (tookMs !== null) this.#tookMs.push(tookMs);
  }

  finish(name: string, facts: CollectionFacts, depth: number, rerankedBy: string): ComparedSystem {
    const counted =
      this.#tookMs.length > 2 * warmUpCount ? this.#tookMs.slice(warmUpCount) : this.#tookMs;
    const sum = counted.reduce((total, ms) => total + ms, 0);
    const encoder = facts.encoder?.name ?? "";
    const parts = {
      sparse: `${facts.bm25}, ${facts.analyzer}`,
      dense: encoder,
      hybrid:
        this.fusion === null ? "" : `${fusionName(this.fusion)} of ${facts.bm25} and ${encoder}`,
      reranked: rerankedBy,
      run: "",
    };
    return {
      name,
      kind: this.kind,
      run: this.#run,
      description: `${parts[this.kind]}, depth ${depth}`,
      latency:
        counted.length === 0
          ? null
          : {
              p50Ms: percentile(counted, 0.5),
              p95Ms: percentile(counted, 0.95),
              meanMs: sum / counted.length,
            },
    };
  }
}

/** Size, settings and fingerprints of a collection. */
export function collectionFacts(collection: SearchableCollection): CollectionFacts {
  const snapshot = collection.snapshot();
  const { analyzer, bm25, encoder } = snapshot.settings;
  const { directory } = collection.collection;
  return {
    name: collection.name,
    documentCount: snapshot.docCount,
    segmentCount: snapshot.segments.length,
    diskBytes: readdirSync(directory).reduce(
      (sum, file) => sum + statSync(path.join(directory, file)).size,
      0,
    ),
    analyzer,
    bm25: `bm25(${bm25.variant},k1=${bm25.k1},b=${bm25.b})`,
    encoder:
      encoder === null
        ? null
        : { name: encoder.name, fingerprint: encoder.fingerprint, dimension: encoder.dimension },
  };
}

/** Texts and term statistics of a collection, for worked examples and features of queries. */
export function textsOfCollection(collection: SearchableCollection): TextSource {
  const snapshot = collection.snapshot();
  const { statistics } = snapshot.sparse;
  return {
    analyzer: analyzerNamed(snapshot.settings.analyzer),
    documentCount: statistics.docCount,
    documentFrequency: (term) => statistics.documentFrequency(term, "all"),
    document: (docId) => snapshot.document(docId),
  };
}

/** `sha256:` over a run's queries, documents and order: two runs with one fingerprint rank alike. */
export function runFingerprint(run: Run): string {
  const hash = createHash("sha256");
  for (const queryId of [...run.keys()].sort()) {
    hash.update(`${queryId}\n`);
    for (const { docId } of run.get(queryId) ?? []) hash.update(`\t${docId}\n`);
  }
  return `sha256:${hash.digest("hex").slice(0, 16)}`;
}
