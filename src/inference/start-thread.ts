import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a worker thread from a module beside the caller: from compiled JavaScript, and from
 * TypeScript where the engine itself runs from source (tests, benchmarks), where a thread needs
 * the loader registered before its first import.
 *
 * @param name module without extension, relative to `callerUrl`, such as `./model-worker`
 * @param callerUrl the caller's `import.meta.url`
 */
export function startThread(name: string, callerUrl: string, options: WorkerOptions): Worker {
  // Flags of the main thread (`--test`, `--input-type`, `--eval`) mean nothing to a thread.
  const threadOptions = { ...options, execArgv: [] };
  if (!callerUrl.endsWith(".ts"))
    return new Worker(new URL(`${name}.js`, callerUrl), threadOptions);
  const loader = import.meta.resolve("tsx/esm/api");
  const entry = new URL(`${name}.ts`, callerUrl).href;
  const bootstrap = `import { register } from ${JSON.stringify(loader)}; register(); await import(${JSON.stringify(entry)});`;
  return new Worker(
    new URL(`data:text/javascript,${encodeURIComponent(bootstrap)}`),
    threadOptions,
  );
}
