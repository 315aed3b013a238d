// Encoding speed beside sentence-transformers and Python's onnxruntime on the same machine, one thread
// each: texts per CPU second at several lengths, CPU and wall time of one query, and the longest pause
// of the main loop while documents are encoded.
//   BRAID_PEERS_PYTHON=/venv/bin/python npx tsx scripts/bench/dense-encode.ts SOURCE=MODEL[,MODEL…] … [--lengths 16,128,350] [--texts 64]
// SOURCE is a sentence-transformers folder ("-" for none), MODEL a folder imported from it. Texts are
// words drawn by a seed from a list of common ones, cut by the tokenizer to the wanted length.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ModelSession } from "../../src/inference/model-session.js";
import { readModelDescription } from "../../src/models/model-folder.js";
import { median } from "./dense-workload.js";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    lengths: { type: "string", default: "16,128,350" },
    texts: { type: "string", default: "64" },
  },
});
const lengths = flags.lengths.split(",").map(Number);
const python = process.env["BRAID_PEERS_PYTHON"];

const words =
  "the results of this study show that patients with chronic disease respond to treatment when dose time and age are controlled in a large randomised trial of protein expression under stress".split(
    " ",
  );

function textsOf(count: number, wordCount: number): string[] {
  let state = 7;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 16_777_216;
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: wordCount }, () => words[Math.floor(next() * words.length)]).join(" "),
  );
}

/** Texts for a length: fewer of the long ones. */
function workOf(length: number): string[] {
  return textsOf(Math.max(8, Math.round((Number(flags.texts) * 16) / length) * 4), length + 8);
}

async function measure<T>(work: () => Promise<T>): Promise<{ cpuMs: number; wallMs: number }> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - start };
}

/** Longest time between two turns of the main loop while `work` runs. */
async function longestPauseMs(work: () => Promise<unknown>): Promise<number> {
  let done = false;
  let longest = 0;
  const watch = (async () => {
    for (let last = performance.now(); !done; ) {
      await nextTurn();
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
  })();
  await work();
  done = true;
  await watch;
  return longest;
}

async function ours(modelDir: string): Promise<void> {
  const description = await readModelDescription(modelDir);
  const label = `braid ${description.name} ${description.numberFormat}`;
  for (const length of lengths) {
    const maxTokens = Math.min(length, description.maxTokens);
    const session = await ModelSession.open(
      modelDir,
      { ...description, maxTokens },
      { workers: 1, threadsPerWorker: 1 },
    );
    const texts = workOf(maxTokens);
    await session.embed(texts.slice(0, 4));
    const bulk = await measure(() => session.embed(texts, { priority: "bulk" }));
    const rate = (texts.length / bulk.cpuMs) * 1000;
    let line = `${label}, ${maxTokens} tokens: ${rate.toFixed(1)} texts per CPU second`;
    if (length === lengths[0]) {
      const one = texts.slice(0, 1);
      const times: number[] = [];
      const total = await measure(async () => {
        for (let i = 0; i < 40; i++) times.push((await measure(() => session.embed(one))).wallMs);
      });
      times.sort((a, b) => a - b);
      const pause = await longestPauseMs(() => session.embed(texts, { priority: "bulk" }));
      const idle = await longestPauseMs(
        () => new Promise((resolve) => setTimeout(resolve, Math.min(2000, bulk.wallMs))),
      );
      line +=
        `; one query ${(total.cpuMs / 40).toFixed(2)} ms CPU, p50 ${median(times).toFixed(2)}, p95 ${times[37]?.toFixed(2)} ms` +
        `; longest pause of the main loop ${pause.toFixed(1)} ms (idle ${idle.toFixed(1)} ms)`;
    }
    console.log(line);
    await session.close();
  }
}

const peers = `
import json, sys, time, os
plan = json.load(open(sys.argv[1]))
import torch, numpy
torch.set_num_threads(1)
def rate(name, length, texts, encode):
    encode(texts[:4])
    t = time.process_time(); encode(texts); t = time.process_time() - t
    line = f"{name}, {length} tokens: {len(texts) / t:.1f} texts per CPU second"
    if length == plan["lengths"][0]:
        t = time.process_time(); w = []
        for i in range(40):
            a = time.perf_counter(); encode(texts[:1]); w.append(time.perf_counter() - a)
        t = (time.process_time() - t) / 40
        w.sort()
        line += f"; one query {t * 1000:.2f} ms CPU, p50 {w[20] * 1000:.2f}, p95 {w[37] * 1000:.2f} ms"
    print(line, flush=True)
from sentence_transformers import SentenceTransformer
st = SentenceTransformer(plan["source"], device="cpu").float()
for length, texts in plan["work"]:
    st.max_seq_length = length
    rate("sentence-transformers", length, texts, lambda x: st.encode(x, batch_size=32, show_progress_bar=False))
import onnxruntime
from tokenizers import Tokenizer
for model in plan["models"]:
    o = onnxruntime.SessionOptions(); o.intra_op_num_threads = 1; o.inter_op_num_threads = 1
    s = onnxruntime.InferenceSession(os.path.join(model["dir"], model["file"]), o, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(os.path.join(model["dir"], "tokenizer.json"))
    for length, texts in plan["work"]:
        tokenizer.enable_truncation(length); tokenizer.enable_padding()
        def encode(x):
            for i in range(0, len(x), 32):
                e = tokenizer.encode_batch(x[i:i + 32])
                columns = [[y.ids for y in e], [y.attention_mask for y in e], [y.type_ids for y in e]]
                s.run([model["output"]], {n: numpy.array(c, dtype="i8") for n, c in zip(model["inputs"], columns)})
        rate(f"Python onnxruntime {model['format']}", length, texts, encode)
`;

for (const argument of positionals) {
  const [source = "-", models = ""] = argument.split("=");
  const modelDirs = models.split(",");
  for (const modelDir of modelDirs) await ours(modelDir);
  if (python === undefined || source === "-") continue;
  const descriptions = await Promise.all(modelDirs.map((dir) => readModelDescription(dir)));
  const longest = Math.min(...descriptions.map(({ maxTokens }) => maxTokens));
  const work = lengths.map((length) => {
    const tokens = Math.min(length, longest);
    return [tokens, workOf(tokens)];
  });
  const plan = {
    source,
    lengths: work.map(([length]) => length),
    work,
    models: descriptions.map(({ onnxFile, inputs, output, numberFormat }, i) => ({
      dir: modelDirs[i],
      file: onnxFile,
      inputs,
      output,
      format: numberFormat,
    })),
  };
  const directory = mkdtempSync(path.join(os.tmpdir(), "braid-bench-"));
  writeFileSync(path.join(directory, "plan.json"), JSON.stringify(plan));
  const { stdout, stderr, status } = spawnSync(
    python,
    ["-c", peers, path.join(directory, "plan.json")],
    {
      encoding: "utf8",
      env: { ...process.env, HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false" },
    },
  );
  console.log(stdout.trim());
  if (status !== 0) console.log(stderr.trim().split("\n").slice(-3).join("\n"));
  rmSync(directory, { recursive: true, force: true });
}
