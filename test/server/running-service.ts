import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Encoder } from "../../src/dense/encoder.js";
import type { ModelDescription } from "../../src/models/model-description.js";
import { ModelPool } from "../../src/pipeline/model-pool.js";
import { CollectionRegistry } from "../../src/server/collection-registry.js";
import {
  type RunningServer,
  type ServerOptions,
  startServer,
} from "../../src/server/start-server.js";
import { HashEncoder } from "../collection/hash-encoder.js";

/** Models of the tests: every name is an encoder that hashes words. */
export class HashModels extends ModelPool {
  readonly encoderUsed: HashEncoder = new HashEncoder("braid-mini");

  override async describe(): Promise<ModelDescription> {
    return this.encoderUsed.identity as unknown as ModelDescription;
  }
  override async encoder(): Promise<Encoder> {
    return this.encoderUsed;
  }
  override async encoderOf(): Promise<Encoder> {
    return this.encoderUsed;
  }
  override async lazyEncoder(): Promise<Encoder> {
    return this.encoderUsed;
  }
  override async close(): Promise<void> {}
}

/** A service on a free port over a folder that is removed at the end. */
export interface TestService extends RunningServer {
  readonly home: string;
  readonly models: HashModels;
  /** Requests JSON and gives status, headers and parsed content. */
  call(method: string, path: string, body?: unknown, init?: RequestInit): Promise<TestAnswer>;
  end(): Promise<void>;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers are checked field by field
  readonly json: any;
}

export async function startTestService(options: ServerOptions = {}): Promise<TestService> {
  const home = mkdtempSync(path.join(os.tmpdir(), "braid-server-"));
  const models = new HashModels();
  const registry = new CollectionRegistry(home, models);
  const running = await startServer(registry, { port: 0, logLevel: "off", ...options });
  return {
    ...running,
    home,
    models,
    call: (method, where, body, init) => call(running.address, method, where, body, init),
    end: async () => {
      await running.stop(2000);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function call(
  address: string,
  method: string,
  where: string,
  body: unknown,
  init: RequestInit = {},
): Promise<TestAnswer> {
  const response = await fetch(address + where, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    ...init,
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    json:
      /json/.test(response.headers.get("content-type") ?? "") && text !== ""
        ? JSON.parse(text)
        : null,
  };
}

/** Documents that the tests search: two of them about foxes, one in each year. */
export const foxes = [
  { _id: "fox", title: "The fox", text: "A quick brown fox jumps over the lazy dog.", year: 2020 },
  { _id: "dog", title: "The dog", text: "The lazy dog sleeps all day long.", year: 2021 },
  { _id: "den", title: "A den", text: "Where a fox sleeps: a den under the roots.", year: 2021 },
] as const;
