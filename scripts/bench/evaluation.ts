/**
 * Scoring 1,000,000 run lines and 10,000 randomisations over 300 queries, beside pytrec_eval,
 * ir-measures, ranx and scipy in the same minute:
 *
 *     npx tsx scripts/bench/evaluation.ts [python with the peers]
 *
 * Files are seeded and live in the temporary folder; reading them is part of scoring. Each line is
 * the median of several runs after one warm-up (which also compiles ranx's kernels). CPU time is what
 * to compare; peers that are not installed are skipped with a word.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  DEFAULT_MEASURES,
  evaluateRankings,
  evaluateRun,
  parseMeasure,
  randomizationTest,
  readQrels,
  readTrecRun,
  streamTrecRun,
} from "../../src/evaluation/index.js";
import { SeededRandom } from "../../src/numeric/seeded-random.js";

interface Timing {
  readonly task: string;
  readonly tool: string;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly result: string;
}

const QUERY_COUNT = 1000;
const DEPTH = 1000;
const REPEATS = 5;

const folder = mkdtempSync(path.join(tmpdir(), "braid-bench-evaluation-"));
try {
  const files = writeFiles(folder);
  const timings = [...(await timeOurs(files)), ...timePeers(files)];
  print(timings);
} finally {
  rmSync(folder, { recursive: true });
}

interface Files {
  readonly run: string;
  readonly qrels: string;
  readonly pairs: string;
  readonly measures: readonly string[];
  readonly values: readonly number[];
  readonly baseline: readonly number[];
}

function writeFiles(into: string): Files {
  const random = new SeededRandom(20261121);
  const runLines: string[] = [];
  const qrelsLines: string[] = [];
  for (let q = 0; q < QUERY_COUNT; q++) {
    let score = 30;
    for (let rank = 1; rank <= DEPTH; rank++) {
      // One of 8,192 slots a rank: no document twice in a ranking.
      const doc = `doc-${rank * 8192 + random.below(8192)}`;
      score -= random.below(40) / 1000;
      runLines.push(`q${q} Q0 ${doc} ${rank} ${score.toFixed(4)} bench`);
      if (random.below(60) === 0) qrelsLines.push(`q${q} 0 ${doc} ${random.below(4)}`);
    }
    for (let i = 0; i < 10; i++) qrelsLines.push(`q${q} 0 missed-${i} ${1 + random.below(3)}`);
  }
  const baseline = Array.from({ length: 300 }, () => random.float64());
  const values = baseline.map((value) => value + (random.float64() - 0.48) * 0.3);
  const files = {
    run: path.join(into, "run.trec"),
    qrels: path.join(into, "test.qrels"),
    pairs: path.join(into, "pairs.json"),
    measures: DEFAULT_MEASURES.filter((name) => !name.startsWith("Judged") && name !== "RR@10"),
    values,
    baseline,
  };
  writeFileSync(files.run, `${runLines.join("\n")}\n`);
  writeFileSync(files.qrels, `${qrelsLines.join("\n")}\n`);
  writeFileSync(files.pairs, JSON.stringify({ values, baseline }));
  return files;
}

async function timeOurs(files: Files): Promise<Timing[]> {
  const measures = files.measures.map(parseMeasure);
  const timings = [
    await time("score 1,000,000 lines", "braid", async () => {
      const { qrels } = await readQrels(files.qrels);
      const { run } = await readTrecRun(files.run);
      return evaluateRun(qrels, run, measures).mean["nDCG@10"]?.toFixed(6) ?? "";
    }),
    await time("score 1,000,000 lines", "braid, streamed", async () => {
      const { qrels } = await readQrels(files.qrels);
      const evaluation = await evaluateRankings(qrels, streamTrecRun(files.run), measures);
      return evaluation.mean["nDCG@10"]?.toFixed(6) ?? "";
    }),
    await time("10,000 randomisations, 300 queries", "braid", async () =>
      randomizationTest(files.values, files.baseline).pValue.toFixed(4),
    ),
  ];
  return timings;
}

async function time(task: string, tool: string, work: () => Promise<string>): Promise<Timing> {
  const walls: number[] = [];
  const loads: number[] = [];
  let result = "";
  for (let i = 0; i <= REPEATS; i++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    result = await work();
    const { user, system } = process.cpuUsage(cpu);
    if (i === 0) continue; // warm-up
    walls.push(performance.now() - start);
    loads.push((user + system) / 1000);
  }
  return { task, tool, wallMs: median(walls), cpuMs: median(loads), result };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function timePeers(files: Files): Timing[] {
  const python = process.argv[2] ?? process.env["BRAID_PYTHON"] ?? "python3";
  const script = fileURLToPath(new URL("evaluation-peers.py", import.meta.url));
  const peers = spawnSync(
    python,
    [script, files.run, files.qrels, files.pairs, files.measures.join(" ")],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (peers.status !== 0) {
    console.log(`peers skipped: ${python} ended with ${peers.status ?? peers.error?.message}`);
    return [];
  }
  const lines = peers.stdout.trim().split("\n");
  for (const line of lines) if (!line.startsWith("{")) console.log(line);
  return lines.filter((line) => line.startsWith("{")).map((line): Timing => JSON.parse(line));
}

function print(timings: readonly Timing[]): void {
  console.log(`node ${process.version}, ${cpus()[0]?.model}, ${cpus().length} cores`);
  for (const task of new Set(timings.map((timing) => timing.task))) {
    const rows = timings.filter((timing) => timing.task === task);
    const ours = rows[0]?.cpuMs ?? Number.NaN;
    console.log(`\n${task}`);
    for (const { tool, wallMs, cpuMs, result } of rows) {
      const ratio = (cpuMs / ours).toFixed(2);
      console.log(
        `  ${tool.padEnd(28)} CPU ${cpuMs.toFixed(0).padStart(7)} ms  wall ${wallMs.toFixed(0).padStart(7)} ms  ` +
          `${ratio.padStart(6)}x  ${result}`,
      );
    }
  }
}
