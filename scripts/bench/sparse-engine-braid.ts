/**
 * Our engine for scripts/bench/sparse.ts.
 *
 *   tsx sparse-engine-braid.ts index FOLDER TARGET [positions]
 *   tsx sparse-engine-braid.ts search FOLDER TARGET ROUNDS
 */
import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { analyzerNamed } from "../../src/analysis/analyzers.js";
import type { DocNames } from "../../src/run/doc-names.js";
import type { DocId } from "../../src/run/ranking.js";
import { mergeSparseSegments } from "../../src/sparse/merge-segments.js";
import { parseSparseQuery } from "../../src/sparse/parse-query.js";
import { SparseSegmentBuilder } from "../../src/sparse/segment-builder.js";
import { SparseSearcher } from "../../src/sparse/sparse-searcher.js";
import { openSparseSegment } from "../../src/sparse/sparse-segment.js";
import { sparseSettings } from "../../src/sparse/sparse-settings.js";
import { SegmentFile } from "../../src/store/segment-file.js";
import { SegmentFileWriter } from "../../src/store/segment-file-writer.js";

const [mode, folder = "", target = "", extra] = process.argv.slice(2);
const documentsPerSegment = 200_000;
const analyzer = analyzerNamed("whitespace@1");

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const print = (row: object): void => console.log(JSON.stringify({ engine: "braid", ...row }));

function* corpusLines(): Generator<string> {
  const descriptor = openSync(path.join(folder, "corpus.txt"), "r");
  const buffer = Buffer.alloc(1 << 20);
  let rest = "";
  for (;;) {
    const count = readSync(descriptor, buffer, 0, buffer.length, null);
    if (count === 0) break;
    const lines = (rest + buffer.toString("latin1", 0, count)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  closeSync(descriptor);
  if (rest !== "") yield rest;
}

function index(positions: boolean): void {
  const settings = sparseSettings({ analyzer: analyzer.id, positions });
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const start = cpuSeconds();
  const parts: string[] = [];
  let builder = new SparseSegmentBuilder(analyzer, settings);
  let documents = 0;
  const write = (): void => {
    const file = path.join(target, `part-${parts.length}.seg`);
    const writer = new SegmentFileWriter(file);
    builder.write(writer);
    writer.finish({});
    parts.push(file);
    builder = new SparseSegmentBuilder(analyzer, settings);
  };
  for (const line of corpusLines()) {
    builder.add("", line);
    documents++;
    if (builder.docCount === documentsPerSegment) write();
  }
  if (builder.docCount > 0) write();
  const whole = path.join(target, "whole.seg");
  const writer = new SegmentFileWriter(whole);
  const inputs = parts.map((file) => ({
    segment: openSparseSegment(SegmentFile.open(file)),
    keep: null,
  }));
  mergeSparseSegments(inputs, writer);
  writer.finish({});
  const indexCpuSeconds = cpuSeconds() - start;
  for (const part of parts) rmSync(part);
  const { postingCount } = openSparseSegment(SegmentFile.open(whole));
  const diskBytes = statSync(whole).size;
  const peakMb = process.resourceUsage().maxRSS / 1000;
  const bytesPerPosting = diskBytes / postingCount;
  print({
    documents,
    positions,
    indexCpuSeconds,
    diskBytes,
    peakMb,
    postingCount,
    bytesPerPosting,
  });
}

function search(rounds: number): void {
  const settings = sparseSettings({ analyzer: analyzer.id });
  const openStart = performance.now();
  const source = SegmentFile.open(path.join(target, "whole.seg"));
  const segment = openSparseSegment(source);
  const idRank = Uint32Array.from({ length: segment.docCount }, (_, docOrd) => docOrd);
  const names: DocNames = {
    docCount: segment.docCount,
    idRank,
    docId: (docOrd) => String(docOrd).padStart(9, "0") as DocId,
  };
  const searcher = new SparseSearcher(
    [{ segment, names, deleted: null, corrections: null }],
    settings,
  );
  const lines = (name: string): string[] =>
    readFileSync(path.join(folder, `${name}.txt`), "utf8")
      .trimEnd()
      .split("\n");
  const parse = (line: string) => parseSparseQuery(line, analyzer, { operators: false });
  searcher.search(parse(lines("topic")[0] ?? ""), { depth: 10 });
  print({ coldOpenMs: performance.now() - openStart, loadedBytes: source.loadedBytes });
  for (const queries of ["topic", "hard"]) {
    const parsed = lines(queries).map(parse);
    for (const depth of [10, 100, 1000]) {
      let qps = 0;
      let times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const roundTimes: number[] = [];
        const start = cpuSeconds();
        for (const query of parsed) {
          const before = performance.now();
          searcher.search(query, { depth });
          roundTimes.push(performance.now() - before);
        }
        const rate = parsed.length / (cpuSeconds() - start);
        if (rate > qps) [qps, times] = [rate, roundTimes.sort((a, b) => a - b)];
      }
      const at = (share: number): number =>
        times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0;
      let [blocks, candidates] = [0, 0];
      for (const query of parsed) {
        const { counters } = searcher.searchCounted(query, { depth });
        blocks += counters.blocks / parsed.length;
        candidates += counters.candidates / parsed.length;
      }
      const latency = { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
      print({ queries, depth, qps, ...latency, blocks, candidates });
    }
  }
}

if (mode === "index") index(extra === "positions");
else search(Number(extra));
