import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface HubRepository {
  readonly id: string;
  readonly commit: string;
  readonly files: Readonly<Record<string, Buffer>>;
}

/** What one request was answered with, in order. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly host: string;
}

/** Misbehaviour of the server; each function may answer the request itself and return true. */
export type Fault = (request: http.IncomingMessage, response: http.ServerResponse) => boolean;

/**
 * A server that behaves like the hub: a listing with sizes and hashes, redirects of large files to
 * storage on another port that answers ranges, tokens for what is private.
 */
export class HubServer {
  readonly seen: SeenRequest[] = [];
  /** Tried in order before the normal answer. */
  faults: Fault[] = [];
  token: string | null = null;
  /** Leaves sizes and hashes out of the listing, as mirrors do. */
  bareListing = false;
  readonly #repository: HubRepository;
  readonly #hub: http.Server;
  readonly #storage: http.Server;

  constructor(repository: HubRepository) {
    this.#repository = repository;
    this.#hub = http.createServer((request, response) => this.#answer(request, response));
    this.#storage = http.createServer((request, response) => this.#store(request, response));
  }

  async start(): Promise<void> {
    for (const server of [this.#hub, this.#storage]) {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${portOf(this.#hub)}`;
  }

  get storage(): string {
    return `http://127.0.0.1:${portOf(this.#storage)}`;
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#storage]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  /** Paths asked for, without the storage's. */
  paths(method: string): string[] {
    return this.seen.filter((one) => one.method === method).map((one) => one.path);
  }

  #note(request: http.IncomingMessage, response: http.ServerResponse): boolean {
    this.seen.push({
      method: request.method ?? "",
      path: request.url ?? "",
      range: request.headers.range,
      authorization: request.headers.authorization,
      host: request.headers.host ?? "",
    });
    return this.faults.some((fault) => fault(request, response));
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (this.#note(request, response)) return;
    if (this.token !== null && request.headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401).end("Invalid username or password.");
      return;
    }
    const url = new URL(request.url ?? "/", this.endpoint);
    const { id, commit, files } = this.#repository;
    if (url.pathname.startsWith(`/api/models/${id}/revision/`)) {
      const siblings = Object.entries(files).map(([rfilename, bytes]) => ({
        rfilename,
        ...(!this.bareListing && describe(bytes)),
      }));
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ id, sha: commit, siblings }));
      return;
    }
    const prefix = `/${id}/resolve/${commit}/`;
    const name = decodeURIComponent(url.pathname.slice(prefix.length));
    const bytes = url.pathname.startsWith(prefix) ? files[name] : undefined;
    if (bytes === undefined) {
      response.writeHead(404).end("Entry not found");
      return;
    }
    if (isLarge(bytes)) {
      const { sha256, size } = describe(bytes).lfs ?? { sha256: "", size: 0 };
      response.writeHead(302, {
        location: `${this.storage}/${name}?signature=x`,
        "x-repo-commit": commit,
        "x-linked-etag": `"${sha256}"`,
        "x-linked-size": String(size),
      });
      response.end();
      return;
    }
    send(request, response, bytes, { etag: `"${describe(bytes).blobId}"` });
  }

  #store(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (this.#note(request, response)) return;
    if (request.headers.authorization !== undefined) {
      // As S3 does: a foreign token is an error here.
      response.writeHead(400).end("Only one auth mechanism allowed");
      return;
    }
    const name = decodeURIComponent(new URL(request.url ?? "/", this.storage).pathname.slice(1));
    const bytes = this.#repository.files[name];
    if (bytes === undefined) response.writeHead(404).end();
    else send(request, response, bytes, {});
  }
}

/** Files of 64 KiB and more are large here. */
export function isLarge(bytes: Buffer): boolean {
  return bytes.length >= 65_536;
}

function describe(bytes: Buffer): {
  size: number;
  blobId: string;
  lfs?: { sha256: string; size: number };
} {
  const blobId = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const size = bytes.length;
  return { size, blobId, ...(isLarge(bytes) && { lfs: { sha256, size } }) };
}

function send(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start > 0 && start >= bytes.length) {
    response.writeHead(416).end();
    return;
  }
  response.writeHead(start > 0 ? 206 : 200, {
    ...headers,
    "content-length": bytes.length - start,
    ...(start > 0 && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  response.end(request.method === "HEAD" ? undefined : bytes.subarray(start));
}

function portOf(server: http.Server): number {
  return (server.address() as AddressInfo).port;
}
