import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { InputError, NotFoundError, UpstreamError } from "../../errors.js";
import { type Environment, requestOnce } from "../../models/hub-request.js";

/** `md5:` or `sha256:` and hex digits. */
export type Checksum = `md5:${string}` | `sha256:${string}`;

export interface DownloadOptions {
  /** What the whole file must hash to; unchecked when null. */
  readonly checksum: Checksum | null;
  readonly env?: Environment;
  readonly onProgress?: (doneBytes: number, totalBytes: number | null) => void;
  readonly signal?: AbortSignal;
  /** Most bytes taken; default 64 GiB. */
  readonly maxBytes?: number;
  /** Silence of this length ends a try; default 60 s. */
  readonly idleMs?: number;
}

const tryCount = 3;
const redirectCount = 5;

/**
 * Fetches an http(s) address into a file. A try that is cut short is resumed (`Range`, if the server
 * still has the same file), also by the next process; the checksum is over the whole file, and the
 * file stands under its name only when it is complete and right.
 *
 * @throws {InputError} not an http(s) address
 * @throws {NotFoundError} the server has no such file
 * @throws {UpstreamError} no answer, another status, too many redirects, bytes of another checksum
 */
export async function downloadFile(
  address: string,
  target: string,
  options: DownloadOptions,
): Promise<void> {
  const url = httpAddress(address);
  await mkdir(path.dirname(target), { recursive: true });
  const partial = `${target}.incomplete`;
  for (let attempt = 1; ; attempt++) {
    try {
      await fetchRest(url, partial, options);
      break;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (
        !(error instanceof UpstreamError) ||
        error.facts["final"] === true ||
        attempt === tryCount
      )
        throw error;
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt));
    }
  }
  const { checksum } = options;
  if (checksum !== null) {
    const [algorithm = "", expected] = checksum.split(":");
    const found = await hashFile(partial, algorithm);
    if (found !== expected) {
      await rm(partial, { force: true });
      throw new UpstreamError(
        `expected ${checksum} of ${url.href}, got ${algorithm}:${found}: the file changed or was damaged on its way`,
        { address: url.href, expected: checksum, got: `${algorithm}:${found}` },
      );
    }
  }
  await rm(`${partial}.json`, { force: true });
  await rename(partial, target);
}

function httpAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InputError(`expected an http(s) address, got "${address}"`, { address });
  }
  return url;
}

/** What the unfinished file is a part of. */
interface PartialState {
  readonly address: string;
  readonly etag: string;
}

async function fetchRest(url: URL, partial: string, options: DownloadOptions): Promise<void> {
  const state = await readState(partial);
  const have = state?.address === url.href && state.etag !== "" ? await sizeOf(partial) : 0;
  const response = await follow(
    url,
    have === 0 ? {} : { range: `bytes=${have}-`, "if-range": state?.etag ?? "" },
    options,
  );
  const resumed =
    response.statusCode === 206 &&
    String(response.headers["content-range"]).startsWith(`bytes ${have}-`);
  if (response.statusCode === 416 && have > 0) {
    // All of it is here already; the checksum says whether it is right.
    response.destroy();
    return;
  }
  if (response.statusCode !== 200 && !resumed) {
    response.destroy();
    throw statusError(url, response);
  }
  const etag = response.headers.etag;
  // A weak tag does not promise equal bytes, so it cannot be resumed by.
  const strong = etag !== undefined && !etag.startsWith("W/") ? etag : "";
  await writeFile(`${partial}.json`, JSON.stringify({ address: url.href, etag: strong }));
  const length = Number(response.headers["content-length"] ?? Number.NaN);
  const start = resumed ? have : 0;
  const total = Number.isFinite(length) ? start + length : null;
  const most = options.maxBytes ?? 64 * 2 ** 30;
  const handle = await open(partial, resumed ? "a" : "w");
  let done = start;
  try {
    for await (const chunk of response) {
      const bytes = chunk as Buffer;
      done += bytes.length;
      if (done > most)
        throw new UpstreamError(`${url.href} sends more than ${most} bytes`, {
          address: url.href,
          final: true,
        });
      await handle.writeFile(bytes);
      options.onProgress?.(done, total);
    }
    await handle.sync();
  } catch (cause) {
    options.signal?.throwIfAborted();
    if (cause instanceof UpstreamError) throw cause;
    throw new UpstreamError(
      `${url.host} broke off after ${done} bytes`,
      { address: url.href },
      { cause },
    );
  } finally {
    await handle.close();
    response.destroy();
  }
  if (total !== null && done < total) {
    throw new UpstreamError(`${url.host} promised ${total} bytes and sent ${done}`, {
      address: url.href,
    });
  }
}

async function follow(
  first: URL,
  headers: Readonly<Record<string, string>>,
  { env, signal, idleMs }: DownloadOptions,
): Promise<IncomingMessage> {
  let url = first;
  for (let i = 0; i <= redirectCount; i++) {
    const response = await requestOnce(url, {
      method: "GET",
      headers: { ...headers, "accept-encoding": "identity", "user-agent": "braid-search" },
      env: env ?? process.env,
      idleMs: idleMs ?? 60_000,
      signal,
    });
    const { statusCode = 0, headers: answered } = response;
    if (![301, 302, 303, 307, 308].includes(statusCode) || answered.location === undefined)
      return response;
    response.destroy();
    const next = URL.canParse(answered.location, url.href) ? new URL(answered.location, url) : null;
    if (
      next === null ||
      !/^https?:$/.test(next.protocol) ||
      (url.protocol === "https:" && next.protocol === "http:")
    ) {
      throw new UpstreamError(
        `${url.host} redirects to ${answered.location}, which is not followed`,
        { address: url.href, final: true },
      );
    }
    url = next;
  }
  throw new UpstreamError(`${first.host} redirects more than ${redirectCount} times`, {
    address: first.href,
    final: true,
  });
}

function statusError(url: URL, response: IncomingMessage): Error {
  const { statusCode = 0 } = response;
  if (statusCode === 404 || statusCode === 410) {
    return new NotFoundError(
      `${url.href} is not there (status ${statusCode}): name another address`,
      { address: url.href },
    );
  }
  const passing = statusCode === 429 || statusCode >= 500;
  return new UpstreamError(`${url.href} answered with status ${statusCode}`, {
    address: url.href,
    status: statusCode,
    final: !passing,
  });
}

async function readState(partial: string): Promise<PartialState | null> {
  try {
    return JSON.parse(await readFile(`${partial}.json`, "utf8")) as PartialState;
  } catch {
    // No state, or half a state: the download starts afresh.
    return null;
  }
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Hash of a file, in hex. */
export async function hashFile(file: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
