import { createHash, type Hash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InputError, InvalidModelError, ModelMissingError, UpstreamError } from "../errors.js";
import { HubCache, hubCacheDirectory, hubHome, isCommit } from "./hub-cache.js";
import { type Environment, requestOnce } from "./hub-request.js";

export interface DownloadProgress {
  readonly file: string;
  readonly fileBytes: number;
  readonly fileDoneBytes: number;
  readonly totalBytes: number;
  readonly totalDoneBytes: number;
}

export interface HubOptions {
  /** Branch, tag or commit; default main. */
  readonly revision?: string;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
  /**
   * Read for HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and the proxy variables;
   * default the process's own.
   */
  readonly env?: Environment;
  /** Tries per request; default 5, waiting 1, 2, 4, 8 s or as long as the server says. */
  readonly attempts?: number;
  readonly firstWaitMs?: number;
  readonly idleMs?: number;
}

export interface HubSnapshot {
  /** Folder of the snapshot in the hub's cache. */
  readonly folder: string;
  readonly commit: string;
  readonly files: readonly string[];
  /** True where nothing was asked of the network, or it could not be reached. */
  readonly offline: boolean;
}

interface RemoteFile {
  readonly path: string;
  /** SHA-256 of large files, git's SHA-1 of small ones, or whatever the server calls it. */
  readonly etag: string;
  readonly bytes: number;
}

/** What the importer reads; exports for other frameworks and pickles stay on the hub. */
const wanted =
  /^(README\.md|(config|modules|config_sentence_transformers|sentence_bert_config|tokenizer|tokenizer_config|special_tokens_map|model\.safetensors\.index)\.json|model(-\d+-of-\d+)?\.safetensors|\d+_\w+\/(config\.json|model\.safetensors)|0_\w+\/.*\.(json|safetensors))$/;
/** Taken where a repository has no safetensors. */
const wantedOnnx = /^(onnx\/)?model\.onnx([._]data)?$/;

/**
 * Brings the files of a model that the importer reads into the hub's standard cache and names the
 * snapshot's folder. Files that are there already are not fetched again; a download that was cut is
 * resumed; every file is checked against its size and its hash before it enters the snapshot.
 *
 * Offline (`HF_HUB_OFFLINE=1`), or when the hub cannot be reached, an earlier snapshot serves.
 *
 * @throws {ModelMissingError} no such repository, revision or file, or no access to it
 * @throws {UpstreamError} the hub fails, limits the rate, or sends other bytes than it promised
 */
export async function downloadFromHub(
  repoId: string,
  options: HubOptions = {},
): Promise<HubSnapshot> {
  if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(repoId)) {
    throw new InputError(`a hub id looks like owner/name, got "${repoId}"`, { repoId });
  }
  const env = options.env ?? process.env;
  const revision = options.revision ?? "main";
  if (!/^[\w][\w./-]*$/.test(revision) || revision.includes("..")) {
    throw new InputError(`"${revision}" is no branch, tag or commit`, { revision });
  }
  const cache = new HubCache(hubCacheDirectory(env), repoId);
  if (isSet(env["HF_HUB_OFFLINE"]) || isSet(env["TRANSFORMERS_OFFLINE"])) {
    const cached = await cachedSnapshot(cache, revision);
    if (cached !== null) return cached;
    throw new ModelMissingError(
      `${repoId} is not in the cache ${hubCacheDirectory(env)}, and HF_HUB_OFFLINE forbids to fetch it`,
      { repoId },
    );
  }
  const client = new HubClient(repoId, env, options);
  await client.readToken();
  let listing: { commit: string; files: RemoteFile[] };
  try {
    listing = await client.list(revision);
  } catch (error) {
    const cached = error instanceof UpstreamError ? await cachedSnapshot(cache, revision) : null;
    if (cached !== null) return cached;
    throw error;
  }
  const files = chooseFiles(repoId, listing.files);
  await cache.makeFolders();
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let doneBytes = 0;
  for (const file of files) {
    const report = (fileDoneBytes: number): void =>
      options.onProgress?.({
        file: file.path,
        fileBytes: file.bytes,
        fileDoneBytes,
        totalBytes,
        totalDoneBytes: doneBytes + fileDoneBytes,
      });
    if (!(await isThere(cache.blob(file.etag), file.bytes))) {
      await client.download(listing.commit, file, cache.blob(file.etag), report);
    }
    await cache.link(listing.commit, file.path, file.etag);
    report(file.bytes);
    doneBytes += file.bytes;
  }
  await cache.pointTo(revision, listing.commit);
  return {
    folder: cache.snapshot(listing.commit),
    commit: listing.commit,
    files: files.map((file) => file.path),
    offline: false,
  };
}

async function cachedSnapshot(cache: HubCache, revision: string): Promise<HubSnapshot | null> {
  const commit = await cache.commitOf(revision);
  if (commit === null) return null;
  const folder = cache.snapshot(commit);
  const complete = ["config.json", "modules.json"].some((name) =>
    existsSync(path.join(folder, name)),
  );
  return complete ? { folder, commit, files: [], offline: true } : null;
}

function chooseFiles(repoId: string, all: readonly RemoteFile[]): RemoteFile[] {
  const files = all.filter((file) => wanted.test(file.path));
  if (files.some((file) => file.path.endsWith(".safetensors") && !/^\d+_/.test(file.path))) {
    return files;
  }
  // A sentence-transformers folder may keep its encoder in 0_Transformer.
  if (files.some((file) => /^0_\w+\/.*\.safetensors$/.test(file.path))) return files;
  const onnx = all.filter((file) => wantedOnnx.test(file.path));
  if (onnx.length > 0) return [...files, ...onnx];
  const pickle = all.find((file) => /\.(bin|pt|pth|ckpt|pkl)$/.test(file.path));
  throw new InvalidModelError(
    pickle === undefined
      ? `${repoId} holds neither safetensors nor ONNX weights`
      : `${repoId} has its weights only as ${pickle.path}, a Python pickle, which can run code when ` +
          "read: ask for a revision with safetensors",
    { repoId },
  );
}

/** Requests to one repository: redirects, retries, checks. */
class HubClient {
  readonly #repoId: string;
  readonly #endpoint: URL;
  readonly #env: Environment;
  readonly #options: HubOptions;
  #token = "";

  constructor(repoId: string, env: Environment, options: HubOptions) {
    const endpoint = env["HF_ENDPOINT"] || "https://huggingface.co";
    if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
      throw new InputError(`HF_ENDPOINT must be an http(s) address, got "${endpoint}"`, {
        endpoint,
      });
    }
    this.#repoId = repoId;
    this.#endpoint = new URL(endpoint.endsWith("/") ? endpoint : `${endpoint}/`);
    this.#env = env;
    this.#options = options;
  }

  /** `HF_TOKEN`, else the file that `huggingface-cli login` wrote. */
  async readToken(): Promise<void> {
    const env = this.#env;
    const file = env["HF_TOKEN_PATH"] || path.join(hubHome(env), "token");
    const stated = env["HF_TOKEN"] || env["HUGGING_FACE_HUB_TOKEN"];
    this.#token = (stated || (await readFile(file, "utf8").catch(() => ""))).trim();
  }

  /** Files of a revision with sizes and hashes. */
  async list(revision: string): Promise<{ commit: string; files: RemoteFile[] }> {
    const place = `api/models/${this.#repoId}/revision/${encodeURIComponent(revision)}?blobs=true`;
    const url = new URL(place, this.#endpoint);
    const text = await this.#retrying(url, async () => {
      const response = await this.#open(url, "GET", {});
      this.#expect(response, url, [200]);
      return readText(response);
    });
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new UpstreamError(`${url.host} answered no JSON`, { host: url.host }, { cause: error });
    }
    const { sha, siblings } = (value ?? {}) as Record<string, unknown>;
    if (typeof sha !== "string" || !isCommit(sha) || !Array.isArray(siblings)) {
      throw new UpstreamError(`${url.host} did not list the files of ${this.#repoId}`, {
        host: url.host,
        repoId: this.#repoId,
      });
    }
    const files: RemoteFile[] = [];
    for (const sibling of siblings as Record<string, unknown>[]) {
      const name = sibling?.["rfilename"];
      if (typeof name !== "string" || !(wanted.test(name) || wantedOnnx.test(name))) {
        // Kept with no hash, so that an error can say what there is instead.
        if (typeof name === "string") files.push({ path: name, etag: "", bytes: 0 });
        continue;
      }
      if (name.split("/").includes("..")) {
        throw new UpstreamError(`${url.host} lists the file "${name}"`, { host: url.host });
      }
      files.push(await this.#identify(sha, name, sibling));
    }
    return { commit: sha, files };
  }

  /** Size and hash from the listing, else from the headers that the hub sends before redirecting. */
  async #identify(
    commit: string,
    name: string,
    sibling: Record<string, unknown>,
  ): Promise<RemoteFile> {
    const lfs = sibling["lfs"] as Record<string, unknown> | null | undefined;
    const etag = lfs?.["sha256"] ?? sibling["blobId"];
    const bytes = lfs?.["size"] ?? sibling["size"];
    if (typeof etag === "string" && /^[0-9a-f]{40,64}$/.test(etag) && isLength(bytes)) {
      return { path: name, etag, bytes };
    }
    const url = this.#resolveUrl(commit, name);
    return this.#retrying(url, async () => {
      const response = await this.#open(url, "HEAD", { "accept-encoding": "identity" }, false);
      response.resume();
      this.#expect(response, url, [200, 301, 302, 303, 307, 308]);
      const header = (key: string): string => String(response.headers[key] ?? "");
      const tag = (header("x-linked-etag") || header("etag"))
        .replace(/^W\//, "")
        .replaceAll('"', "");
      const size = Number(header("x-linked-size") || header("content-length") || Number.NaN);
      if (!/^[\w.-]+$/.test(tag) || !isLength(size)) {
        throw new UpstreamError(`${url.host} gives no size and hash for ${name}`, {
          host: url.host,
          file: name,
        });
      }
      return { path: name, etag: tag, bytes: size };
    });
  }

  /** Fetches into `<blob>.incomplete`, going on where an earlier try ended, and checks the whole. */
  async download(
    commit: string,
    file: RemoteFile,
    blob: string,
    report: (doneBytes: number) => void,
  ): Promise<void> {
    const partial = `${blob}.incomplete`;
    const url = this.#resolveUrl(commit, file.path);
    await this.#retrying(url, async () => {
      await this.#fetchRest(url, file, partial, report);
      await this.#check(url, file, partial);
    });
    await rename(partial, blob);
  }

  async #fetchRest(
    url: URL,
    file: RemoteFile,
    partial: string,
    report: (doneBytes: number) => void,
  ): Promise<void> {
    let have = await stat(partial).then(
      (found) => found.size,
      () => 0,
    );
    if (have > file.bytes) {
      await rm(partial);
      have = 0;
    }
    if (have === file.bytes && have > 0) return;
    const headers = { "accept-encoding": "identity", ...(have > 0 && { range: `bytes=${have}-` }) };
    const response = await this.#open(url, "GET", headers);
    // What is here does not fit what is there: start afresh.
    if (response.statusCode === 416) await rm(partial, { force: true });
    this.#expect(response, url, [200, 206]);
    const resumed = response.statusCode === 206;
    if (resumed && !String(response.headers["content-range"]).startsWith(`bytes ${have}-`)) {
      response.destroy();
      throw this.#lied(url, file, `sent the range ${response.headers["content-range"]}`);
    }
    if (!resumed) have = 0;
    const handle = await open(partial, resumed ? "a" : "w");
    try {
      for await (const chunk of response) {
        const bytes = chunk as Buffer;
        have += bytes.length;
        if (have > file.bytes) throw this.#lied(url, file, "sends more");
        await handle.writeFile(bytes);
        report(have);
      }
      await handle.sync();
    } finally {
      await handle.close();
      response.destroy();
    }
    if (have < file.bytes) throw this.#lied(url, file, `sent ${have} bytes and ended`);
  }

  /** Wrong bytes are thrown away, so that the next try starts afresh. */
  async #check(url: URL, file: RemoteFile, partial: string): Promise<void> {
    let hash: Hash | null = null;
    if (/^[0-9a-f]{64}$/.test(file.etag)) hash = createHash("sha256");
    else if (/^[0-9a-f]{40}$/.test(file.etag)) {
      hash = createHash("sha1").update(`blob ${file.bytes}\0`);
    }
    if (hash === null) return;
    for await (const chunk of createReadStream(partial)) hash.update(chunk as Buffer);
    if (hash.digest("hex") === file.etag) return;
    await rm(partial, { force: true });
    throw this.#lied(url, file, "sent bytes of another hash");
  }

  #lied(url: URL, file: RemoteFile, what: string): UpstreamError {
    return new UpstreamError(
      `${url.host} promised ${file.bytes} bytes of ${file.path} and ${what}`,
      { host: url.host, file: file.path, expectedBytes: file.bytes },
    );
  }

  #resolveUrl(commit: string, file: string): URL {
    const name = file.split("/").map(encodeURIComponent).join("/");
    return new URL(`${this.#repoId}/resolve/${commit}/${name}`, this.#endpoint);
  }

  /** The token goes to the endpoint's own host only: redirects lead to storage of others. */
  async #open(
    url: URL,
    method: "GET" | "HEAD",
    headers: Readonly<Record<string, string>>,
    follow = true,
  ): Promise<IncomingMessage> {
    let target = url;
    for (let hop = 0; hop < 10; hop++) {
      const own =
        target.host === this.#endpoint.host && target.protocol === this.#endpoint.protocol;
      const response = await requestOnce(target, {
        method,
        headers: {
          "user-agent": "braid-search",
          ...headers,
          ...(own && this.#token !== "" && { authorization: `Bearer ${this.#token}` }),
        },
        env: this.#env,
        idleMs: this.#options.idleMs ?? 30_000,
        signal: this.#options.signal,
      });
      const { statusCode = 0 } = response;
      const { location } = response.headers;
      if (!follow || statusCode < 300 || statusCode >= 400 || location === undefined) {
        return response;
      }
      response.resume();
      const next = URL.canParse(location, target.href) ? new URL(location, target) : null;
      if (next === null || !/^https?:$/.test(next.protocol)) {
        throw new UpstreamError(`${target.host} redirects to "${location}"`, { host: target.host });
      }
      if (target.protocol === "https:" && next.protocol === "http:") {
        throw new UpstreamError(`${target.host} redirects from https to ${next.href}`, {
          host: target.host,
        });
      }
      target = next;
    }
    throw new UpstreamError(`${url.host} redirects in circles`, { host: url.host });
  }

  #expect(response: IncomingMessage, url: URL, good: readonly number[]): void {
    const status = response.statusCode ?? 0;
    if (good.includes(status)) return;
    response.destroy();
    const facts = { host: url.host, repoId: this.#repoId, status };
    if (status === 401 || status === 403) {
      const way =
        this.#token === ""
          ? "set HF_TOKEN if it is private or gated, and check the name"
          : "the token has no access to it: accept its terms on the hub, or check the name";
      throw new ModelMissingError(
        `${url.host} refuses ${this.#repoId} with status ${status}: ${way}`,
        facts,
      );
    }
    if (status === 404) {
      throw new ModelMissingError(
        `${url.host} has no ${decodeURIComponent(url.pathname.slice(1))}: check name and revision`,
        facts,
      );
    }
    if (status === 416) throw new RetryError(`${url.host} refuses the range`, 0, facts);
    const wait = Number(response.headers["retry-after"]);
    if (status === 429 || status >= 500) {
      const message = `${url.host} answers ${status}${status === 429 ? " (too many requests: try later, or set HF_TOKEN)" : ""}`;
      throw new RetryError(message, Number.isFinite(wait) ? wait * 1000 : 0, facts);
    }
    throw new UpstreamError(`${url.host} answers ${status}`, facts);
  }

  /** Tries again after failures of the network and of the server; not after refusals. */
  async #retrying<T>(url: URL, action: () => Promise<T>): Promise<T> {
    const attempts = this.#options.attempts ?? 5;
    for (let attempt = 1; ; attempt++) {
      try {
        return await action();
      } catch (error) {
        const { signal } = this.#options;
        if (signal?.aborted) throw signal.reason;
        const known = error instanceof UpstreamError || error instanceof ModelMissingError;
        const failure = known ? error : cutShort(url, error);
        if (!(failure instanceof UpstreamError) || attempt >= attempts) throw failure;
        const grown = (this.#options.firstWaitMs ?? 1000) * 2 ** (attempt - 1);
        const asked = failure instanceof RetryError ? failure.waitMs : 0;
        await sleep(Math.min(60_000, Math.max(asked, grown)), undefined, {
          ...(signal && { signal }),
        });
      }
    }
  }
}

/** The server asks to wait and try again. */
class RetryError extends UpstreamError {
  readonly waitMs: number;

  constructor(message: string, waitMs: number, facts: Record<string, string | number>) {
    super(message, facts);
    this.name = "UpstreamError";
    this.waitMs = waitMs;
  }
}

/** A file system error is ours, anything else while a body comes is a cut connection. */
function cutShort(url: URL, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined && syscall !== "read" && syscall !== "connect") return error;
  return new UpstreamError(
    `the connection to ${url.host} was cut${code === undefined ? "" : ` (${code})`}`,
    { host: url.host },
    { cause: error },
  );
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > 50_000_000) throw new UpstreamError("the listing has more than 50 MB", {});
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function isThere(file: string, bytes: number): Promise<boolean> {
  return stat(file).then(
    (found) => found.size === bytes,
    () => false,
  );
}

function isLength(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isSet(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? "");
}
