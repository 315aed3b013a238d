import { availableParallelism } from "node:os";
import type { ResourceLimits, Worker } from "node:worker_threads";
import {
  DeadlineError,
  type ErrorCode,
  FeatureUnavailableError,
  InputError,
  InvalidModelError,
  ModelFailedError,
  OverloadedError,
  type SearchError,
} from "../errors.js";
import type { ModelDescription } from "../models/model-description.js";
import { checkDescription } from "./model-runner.js";
import { startThread } from "./start-thread.js";
import type { TokenBatchLimits } from "./token-batches.js";
import type {
  ModelInput,
  ModelOutput,
  WorkerError,
  WorkerReply,
  WorkerRequest,
  WorkerSetup,
} from "./worker-protocol.js";

export interface ModelSessionOptions {
  /** Worker threads, each with its own copy of the model; by default chosen from the cores. */
  readonly workers?: number;
  /** Threads inside one run of the model; by default chosen from the cores. */
  readonly threadsPerWorker?: number;
  /** Tasks that may wait; one more is refused with {@link OverloadedError}. Default 256. */
  readonly queueLimit?: number;
  /** Bound of each worker's JavaScript heap in MiB (the model lies outside it). Default: Node's. */
  readonly workerHeapMb?: number;
  /** How texts share a run. By default the one that makes a text's vector independent of the others. */
  readonly batching?: Partial<TokenBatchLimits>;
}

export interface RunOptions {
  /** Ends the wait with the signal's reason; a time-out (`AbortSignal.timeout`) as {@link DeadlineError}. */
  readonly signal?: AbortSignal | undefined;
  /** Bulk tasks let interactive ones overtake between two batches. Default interactive. */
  readonly priority?: "interactive" | "bulk";
}

/** What a session is doing, for metrics. */
export interface ModelSessionStats {
  readonly model: string;
  readonly workers: number;
  readonly threadsPerWorker: number;
  readonly queued: number;
  readonly inFlight: number;
  readonly completed: number;
  readonly failed: number;
  readonly restarts: number;
}

interface Task {
  readonly taskId: number;
  readonly input: ModelInput;
  readonly interactive: boolean;
  readonly cancelled: Int32Array;
  readonly resolve: (output: ModelOutput) => void;
  readonly reject: (error: unknown) => void;
  /** Set once the caller has its answer; the worker may still be at it. */
  settled: boolean;
}

interface Slot {
  worker: Worker | null;
  readonly inFlight: Map<number, Task>;
}

/** Tasks a worker holds at once: one it works on, one waiting, so that it never idles. */
const tasksPerWorker = 2;

/**
 * A model served by worker threads, one onnxruntime session in each for as long as the session
 * lives (creating and releasing them leaks). The calling thread never tokenises and never waits.
 *
 * - Tasks wait in a bounded queue, interactive before bulk.
 * - A worker that crashes fails what it held with {@link ModelFailedError}; the next task starts a
 *   new one.
 * - Idle workers do not keep the process alive.
 */
export class ModelSession {
  readonly description: ModelDescription;
  readonly #setup: WorkerSetup;
  readonly #slots: Slot[];
  readonly #queueLimit: number;
  readonly #resourceLimits: ResourceLimits;
  readonly #interactive: Task[] = [];
  readonly #bulk: Task[] = [];
  #nextTaskId = 1;
  #closed = false;
  #completed = 0;
  #failed = 0;
  #restarts = 0;

  private constructor(
    modelDir: string,
    description: ModelDescription,
    options: ModelSessionOptions,
  ) {
    checkDescription(description);
    const cores = availableParallelism();
    const defaults = chooseThreads(cores);
    const workers = positive("workers", options.workers ?? defaults.workers);
    const intraOpThreads = positive(
      "threadsPerWorker",
      options.threadsPerWorker ??
        (options.workers === undefined
          ? defaults.threadsPerWorker
          : Math.max(1, Math.floor(cores / workers))),
    );
    this.description = description;
    this.#queueLimit = positive("queueLimit", options.queueLimit ?? 256);
    this.#resourceLimits =
      options.workerHeapMb === undefined
        ? {}
        : { maxOldGenerationSizeMb: positive("workerHeapMb", options.workerHeapMb) };
    this.#setup = {
      modelDir,
      description,
      intraOpThreads,
      batchLimits: { ...defaultBatchLimits(description), ...options.batching },
    };
    this.#slots = Array.from({ length: workers }, () => ({
      worker: null,
      inFlight: new Map(),
    }));
  }

  /**
   * Starts the first worker and loads the model; the others start when there is work for them.
   *
   * @throws {InvalidModelError} files and description do not fit each other
   * @throws {FeatureUnavailableError} onnxruntime does not run here
   */
  static async open(
    modelDir: string,
    description: ModelDescription,
    options: ModelSessionOptions = {},
  ): Promise<ModelSession> {
    const session = new ModelSession(modelDir, description, options);
    await session.#submit({ kind: "tokens", texts: [] }, {});
    return session;
  }

  /**
   * Embeddings of texts as they stand (prompts are the caller's).
   *
   * @returns row-major `[texts, dimension]`, in input order
   */
  async embed(texts: readonly string[], options: RunOptions = {}): Promise<Float32Array> {
    if (texts.length === 0) return new Float32Array(0);
    return (await this.#submit({ kind: "embed", texts }, options)).values;
  }

  /** Logits of text pairs under a cross-encoder, in input order. */
  async scorePairs(
    pairs: readonly (readonly [string, string])[],
    options: RunOptions = {},
  ): Promise<Float32Array> {
    if (pairs.length === 0) return new Float32Array(0);
    return (await this.#submit({ kind: "pairs", pairs }, options)).values;
  }

  /**
   * One vector per token, for late interaction. Special tokens are included.
   *
   * @throws {InputError} the model has no token output
   */
  tokenVectors(texts: readonly string[], options: RunOptions = {}): Promise<ModelOutput> {
    return this.#submit({ kind: "token-vectors", texts }, options);
  }

  /** Token ids as the model reads them: cut, special tokens included. */
  tokenize(texts: readonly string[], options: RunOptions = {}): Promise<ModelOutput> {
    return this.#submit({ kind: "tokens", texts }, options);
  }

  stats(): ModelSessionStats {
    return {
      model: this.description.name,
      workers: this.#slots.length,
      threadsPerWorker: this.#setup.intraOpThreads,
      queued: this.#interactive.length + this.#bulk.length,
      inFlight: this.#slots.reduce((sum, { inFlight }) => sum + inFlight.size, 0),
      completed: this.#completed,
      failed: this.#failed,
      restarts: this.#restarts,
    };
  }

  /** Fails what waits, lets each worker end its batch, and stops the threads. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = (): SearchError =>
      new ModelFailedError(`the session of ${this.description.name} was closed`, {
        model: this.description.name,
      });
    for (const task of [...this.#interactive.splice(0), ...this.#bulk.splice(0)]) {
      this.#settle(task, error());
    }
    await Promise.all(
      this.#slots.map(async (slot) => {
        for (const task of slot.inFlight.values()) {
          Atomics.store(task.cancelled, 0, 1);
          this.#settle(task, error());
        }
        const { worker } = slot;
        if (worker === null) return;
        slot.worker = null;
        const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
        worker.ref();
        worker.postMessage({ type: "close" } satisfies WorkerRequest);
        const timer = setTimeout(() => void worker.terminate(), 5000);
        await exited;
        clearTimeout(timer);
      }),
    );
  }

  #submit(
    input: ModelInput,
    { signal, priority = "interactive" }: RunOptions,
  ): Promise<ModelOutput> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        throw new ModelFailedError(`the session of ${this.description.name} is closed`, {
          model: this.description.name,
        });
      }
      if (signal?.aborted) throw abortError(signal);
      const waiting = this.#interactive.length + this.#bulk.length;
      if (waiting >= this.#queueLimit) {
        throw new OverloadedError(
          `${waiting} tasks wait for ${this.description.name} already: try again later or raise queueLimit`,
          { model: this.description.name, waiting },
        );
      }
      const onAbort = (): void => {
        Atomics.store(task.cancelled, 0, 1);
        remove(this.#interactive, task);
        remove(this.#bulk, task);
        // The listener only exists with a signal.
        if (signal) this.#settle(task, abortError(signal));
      };
      const task: Task = {
        taskId: this.#nextTaskId++,
        input,
        interactive: priority === "interactive",
        cancelled: new Int32Array(new SharedArrayBuffer(4)),
        resolve: (output) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(output);
        },
        reject: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
        settled: false,
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      (task.interactive ? this.#interactive : this.#bulk).push(task);
      this.#dispatch();
    });
  }

  /** Hands waiting tasks to the workers that hold least. */
  #dispatch(): void {
    for (;;) {
      const task = this.#interactive[0] ?? this.#bulk[0];
      if (task === undefined) return;
      const slot = this.#slots.reduce((least, other) =>
        other.inFlight.size < least.inFlight.size ? other : least,
      );
      // An interactive task may join a worker full of bulk work, since it overtakes there.
      const held = task.interactive
        ? [...slot.inFlight.values()].filter(({ interactive }) => interactive).length
        : slot.inFlight.size;
      if (held >= tasksPerWorker) return;
      (task.interactive ? this.#interactive : this.#bulk).shift();
      this.#give(slot, task);
    }
  }

  #give(slot: Slot, task: Task): void {
    slot.inFlight.set(task.taskId, task);
    slot.worker ??= this.#startWorker(slot);
    slot.worker.ref();
    const { taskId, input, interactive, cancelled } = task;
    slot.worker.postMessage({
      type: "run",
      taskId,
      input,
      interactive,
      cancelled,
    } satisfies WorkerRequest);
  }

  #startWorker(slot: Slot): Worker {
    const worker = startThread("./model-worker", import.meta.url, {
      workerData: this.#setup,
      name: `braid ${this.description.name}`,
      resourceLimits: this.#resourceLimits,
    });
    worker.unref();
    worker.on("message", (reply: WorkerReply) => this.#receive(slot, worker, reply));
    worker.on("error", (cause) => this.#lose(slot, worker, String(cause), cause));
    worker.on("exit", (code) => this.#lose(slot, worker, `exit status ${code}`));
    return worker;
  }

  #receive(slot: Slot, worker: Worker, reply: WorkerReply): void {
    if (reply.type === "ready") {
      return;
    }
    if (reply.type === "failed" && reply.taskId === null) {
      const held = [...slot.inFlight.values()];
      slot.inFlight.clear();
      if (slot.worker === worker) slot.worker = null;
      for (const task of held) this.#settle(task, errorFrom(reply.error));
      this.#dispatch();
      return;
    }
    const task = slot.inFlight.get(reply.taskId ?? 0);
    if (task === undefined) return;
    slot.inFlight.delete(task.taskId);
    if (slot.inFlight.size === 0) worker.unref();
    if (reply.type === "done") {
      this.#completed++;
      if (!task.settled) task.resolve(reply.output);
      task.settled = true;
    } else {
      this.#settle(task, errorFrom(reply.error));
    }
    this.#dispatch();
  }

  /** A worker is gone: by its own fault, or the process ran it out of memory. */
  #lose(slot: Slot, worker: Worker, what: string, cause?: unknown): void {
    if (slot.worker !== worker) return;
    slot.worker = null;
    this.#restarts++;
    const held = [...slot.inFlight.values()];
    slot.inFlight.clear();
    for (const task of held) {
      const message = `the worker running ${this.description.name} ended unexpectedly (${what}); it is started anew for the next task`;
      this.#settle(
        task,
        new ModelFailedError(message, { model: this.description.name }, { cause }),
      );
    }
    if (!this.#closed) this.#dispatch();
  }

  #settle(task: Task, error: unknown): void {
    if (task.settled) return;
    task.settled = true;
    this.#failed++;
    task.reject(error);
  }
}

/**
 * Workers and threads for a number of cores. Few workers share the memory of few model copies;
 * several keep one long text from holding up all queries.
 */
export function chooseThreads(cores: number): { workers: number; threadsPerWorker: number } {
  const workers = cores <= 3 ? 1 : cores <= 8 ? 2 : 4;
  return { workers, threadsPerWorker: Math.max(1, Math.floor(cores / workers)) };
}

/**
 * Where activations are quantised over the whole batch, a text's vector would depend on its
 * neighbours: such models read every text alone.
 */
function defaultBatchLimits(description: ModelDescription): TokenBatchLimits {
  const grouping = description.batchInvariant ? "sorted" : "single";
  return { tokenBudget: 4096, maxTexts: 64, grouping };
}

const errorClasses: Partial<
  Record<ErrorCode, new (message: string, facts: WorkerError["facts"]) => SearchError>
> = {
  INPUT_INVALID: InputError,
  MODEL_INVALID: InvalidModelError,
  FEATURE_UNAVAILABLE: FeatureUnavailableError,
  DEADLINE_EXCEEDED: DeadlineError,
};

function errorFrom({ code, message, facts }: WorkerError): SearchError {
  return new (errorClasses[code] ?? ModelFailedError)(message, facts);
}

function abortError(signal: AbortSignal): unknown {
  const { reason } = signal;
  if (reason instanceof DOMException && reason.name === "TimeoutError") {
    return new DeadlineError(
      "the deadline passed before the model was done",
      {},
      { cause: reason },
    );
  }
  return reason;
}

function positive(field: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InputError(`${field} must be an integer >= 1, got ${value}`, { field, value });
}

function remove(tasks: Task[], task: Task): void {
  const at = tasks.indexOf(task);
  if (at >= 0) tasks.splice(at, 1);
}
