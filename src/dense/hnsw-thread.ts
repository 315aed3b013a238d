import { parentPort, workerData } from "node:worker_threads";
import { type HnswReply, type HnswRequest, type HnswThreadSetup, runHnsw } from "./hnsw-index.js";

/** Entry of the thread that holds one graph. */
if (parentPort === null) throw new Error("hnsw-thread runs in a worker thread only");
const port = parentPort;
const setup = workerData as HnswThreadSetup; // set by HnswIndex, the only one that starts this file
const report = (reply: HnswReply): void => port.postMessage(reply);

const search = await runHnsw(setup, report);
if (search === null) {
  port.close();
} else {
  port.on("message", (request: HnswRequest) => {
    const { requestId } = request;
    try {
      report({ type: "rows", requestId, rows: search(request) });
    } catch (error) {
      report({ type: "failed", requestId, message: String(error) });
    }
  });
}
