import { parentPort, workerData } from "node:worker_threads";
import { type HnswBuildSetup, runHnswBuild } from "./hnsw-index.js";

/** Entry of the thread that builds one graph. */
if (parentPort === null) throw new Error("hnsw-thread runs in a worker thread only");
const port = parentPort;
// Set by buildHnswGraph, the only one that starts this file.
await runHnswBuild(workerData as HnswBuildSetup, (reply) => port.postMessage(reply));
