import { parentPort, workerData } from "node:worker_threads";
import { SearchError } from "../errors.js";
import { ModelRunner } from "./model-runner.js";
import type { WorkerError, WorkerReply, WorkerRequest, WorkerSetup } from "./worker-protocol.js";

/**
 * Entry of a worker thread: one model, tasks one after another. Interactive tasks overtake bulk ones
 * between two batches.
 */
type RunRequest = Extract<WorkerRequest, { type: "run" }>;

if (parentPort === null) throw new Error("model-worker runs in a worker thread only");
const port = parentPort;
const setup = workerData as WorkerSetup; // set by ModelSession, the only one that starts this file

const interactive: RunRequest[] = [];
const bulk: RunRequest[] = [];
let closing = false;
let busy = false;

function reply(message: WorkerReply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function errorOf(error: unknown): WorkerError {
  return error instanceof SearchError
    ? { code: error.code, message: error.message, facts: error.facts }
    : { code: "MODEL_FAILED", message: String(error), facts: {} };
}

/** Lets messages in, serves whoever may overtake, and says whether `request` is still wanted. */
async function giveWay(runner: ModelRunner, request: RunRequest): Promise<boolean> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (!request.interactive) {
    for (let next = interactive.shift(); next !== undefined; next = interactive.shift()) {
      await serve(runner, next);
    }
  }
  return !closing && Atomics.load(request.cancelled, 0) === 0;
}

async function serve(runner: ModelRunner, request: RunRequest): Promise<void> {
  const { taskId } = request;
  try {
    const output = await runner.run(request.input, () => giveWay(runner, request));
    if (output === null) {
      const error = { code: "DEADLINE_EXCEEDED", message: "cancelled", facts: {} } as const;
      reply({ type: "failed", taskId, error });
      return;
    }
    const buffers = [output.values, output.tokenIds, output.tokenCounts]
      .map(({ buffer }) => buffer)
      .filter((buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer);
    reply({ type: "done", taskId, output }, buffers);
  } catch (error) {
    reply({ type: "failed", taskId, error: errorOf(error) });
  }
}

async function drain(runner: ModelRunner): Promise<void> {
  if (busy) return;
  busy = true;
  for (let next = interactive.shift() ?? bulk.shift(); next !== undefined && !closing; ) {
    await serve(runner, next);
    next = interactive.shift() ?? bulk.shift();
  }
  busy = false;
  if (closing) {
    await runner.release();
    port.close();
  }
}

try {
  const runner = await ModelRunner.open(setup);
  port.on("message", (request: WorkerRequest) => {
    if (request.type === "close") closing = true;
    else (request.interactive ? interactive : bulk).push(request);
    void drain(runner);
  });
  reply({ type: "ready" });
} catch (error) {
  reply({ type: "failed", taskId: null, error: errorOf(error) });
}
