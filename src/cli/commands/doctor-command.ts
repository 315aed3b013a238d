import { accessSync, constants, existsSync } from "node:fs";
import { availableParallelism, freemem, totalmem } from "node:os";
import path from "node:path";
import { listCollections } from "../../collection/collection-home.js";
import { hnswAvailability } from "../../dense/hnsw-index.js";
import { ModelPool } from "../../pipeline/model-pool.js";
import { bundledEncoder } from "../../pipeline/searchable-collection.js";
import { homeDirectory } from "../options.js";
import { type CommonOptions, formatBytes, printJson, printText, SilentFailure } from "../output.js";

interface Check {
  readonly name: string;
  /** `missing` is a part that something else takes over for; `failed` is one that is needed. */
  readonly state: "ok" | "missing" | "failed";
  readonly detail: string;
}

/** `braid doctor`: what this installation can do; exit status 1 if a needed part fails. */
export async function doctorCommand(options: CommonOptions): Promise<void> {
  const checks: Check[] = [
    nodeCheck(),
    {
      name: "machine",
      state: "ok",
      detail: `${process.platform} ${process.arch}, ${availableParallelism()} cores, ${formatBytes(freemem())} of ${formatBytes(totalmem())} memory free`,
    },
    await encoderCheck(),
    await hnswCheck(),
    homeCheck(homeDirectory(options)),
  ];
  if (options.json === true) printJson({ checks });
  else {
    const width = Math.max(...checks.map(({ name }) => name.length));
    printText(
      checks
        .map(({ name, state, detail }) => `${state.padEnd(7)}  ${name.padEnd(width)}  ${detail}`)
        .join("\n"),
    );
  }
  if (checks.some(({ state }) => state === "failed")) throw new SilentFailure();
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major >= 24;
  return {
    name: "node",
    state: fits ? "ok" : "failed",
    detail: `${process.version}${fits ? "" : ": 20.19, 22.12 or 24 and later are needed"}`,
  };
}

/** Encodes a text with the bundled encoder: that loads onnxruntime and starts a worker. */
async function encoderCheck(): Promise<Check> {
  const models = new ModelPool();
  const startedMs = performance.now();
  try {
    const encoder = await models.encoder(bundledEncoder);
    const { values } = await encoder.encodeQueries(["is anybody there"]);
    const ms = performance.now() - startedMs;
    const finite = values.length > 0 && values.every(Number.isFinite);
    return {
      name: "dense leg",
      state: finite ? "ok" : "failed",
      detail: finite
        ? `${bundledEncoder} loaded and encoded in ${ms.toFixed(0)} ms, ${encoder.identity.dimension} dimensions`
        : `${bundledEncoder} gave a vector that is not finite`,
    };
  } catch (error) {
    return { name: "dense leg", state: "failed", detail: messageOf(error) };
  } finally {
    await models.close();
  }
}

async function hnswCheck(): Promise<Check> {
  const hnsw = await hnswAvailability();
  return hnsw.available
    ? { name: "hnsw", state: "ok", detail: "hnswlib-node is built" }
    : { name: "hnsw", state: "missing", detail: `${hnsw.reason}; exact search takes its place` };
}

function homeCheck(home: string): Check {
  try {
    const folder = existsSync(home) ? home : path.dirname(home);
    accessSync(folder, constants.W_OK);
    const collections = listCollections(home);
    const broken = collections.filter(({ problem }) => problem !== null);
    return {
      name: "collections",
      state: broken.length === 0 ? "ok" : "failed",
      detail:
        `${collections.length} in ${home}` +
        broken.map(({ name, problem }) => `; ${name}: ${problem}`).join(""),
    };
  } catch (error) {
    return { name: "collections", state: "failed", detail: `${home}: ${messageOf(error)}` };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\s*\n\s*/g, " ") : String(error);
}
