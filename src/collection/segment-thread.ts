import { parentPort, workerData } from "node:worker_threads";
import { nodeFileSystem } from "../store/file-system.js";
import {
  type BuildRequest,
  failureOf,
  InlineIndexer,
  runMerge,
  type ThreadJob,
  type ThreadReply,
} from "./segment-work.js";

/** Entry of a thread that builds segments or merges them once. */
if (parentPort === null) throw new Error("segment-thread runs in a worker thread only");
const port = parentPort;
const job = workerData as ThreadJob; // set by SegmentThread, the only one that starts this file

function answer(reply: ThreadReply): void {
  port.postMessage(reply);
}

if (job.kind === "merge") {
  try {
    answer({ kind: "merged", docCount: runMerge(job) });
  } catch (error) {
    answer(failureOf(error));
  }
} else {
  const indexer = new InlineIndexer(job, nodeFileSystem);
  let docCount = 0;
  const serve = async (request: BuildRequest): Promise<void> => {
    if (request.kind === "add") {
      const memoryBytes = await indexer.add(request.batch);
      docCount += request.batch.offsets.length - 1;
      answer({ kind: "added", memoryBytes });
      return;
    }
    const finished = await indexer.finish(request.target);
    answer({ kind: "finished", docCount, superseded: finished?.superseded ?? [] });
    docCount = 0;
  };
  // Requests are served one after the other, in the order they came.
  let earlier = Promise.resolve();
  port.on("message", (request: BuildRequest) => {
    earlier = earlier.then(() => serve(request)).catch((error) => answer(failureOf(error)));
  });
}
