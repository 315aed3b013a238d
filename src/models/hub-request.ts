import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import tls from "node:tls";
import { UpstreamError } from "../errors.js";

/** Environment variables, so that tests need not touch the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface HubRequest {
  readonly method: "GET" | "HEAD";
  readonly headers: Readonly<Record<string, string>>;
  readonly env: Environment;
  /** Silence of this length ends the request. */
  readonly idleMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One HTTP request without following redirects; bodies come as they were sent. Goes through the
 * proxy that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` name (lower case too) unless `NO_PROXY`
 * excepts the host. Node's fetch does neither on Node 20, and it hides a body cut short by decoding.
 *
 * @throws {UpstreamError} no connection, or silence for `idleMs`
 */
export async function requestOnce(url: URL, request: HubRequest): Promise<http.IncomingMessage> {
  const proxy = proxyFor(url, request.env);
  const options: https.RequestOptions = {
    method: request.method,
    headers: { ...request.headers, host: url.host },
    agent: false,
  };
  if (request.signal) options.signal = request.signal;
  try {
    let sent: http.ClientRequest;
    if (proxy === null) {
      sent = url.protocol === "https:" ? https.request(url, options) : http.request(url, options);
    } else if (url.protocol === "https:") {
      const tunnel = await openTunnel(url, proxy, request);
      sent = https.request(url, {
        ...options,
        createConnection: () => tls.connect({ socket: tunnel, servername: url.hostname }),
      });
    } else {
      sent = http.request({
        ...options,
        ...addressOf(proxy),
        headers: { ...options.headers, ...proxyAuthorization(proxy) },
        path: url.href,
      });
    }
    return await responseOf(sent, url, request.idleMs);
  } catch (error) {
    if (request.signal?.aborted || error instanceof UpstreamError) throw error;
    throw unreachable(url, proxy, error);
  }
}

function responseOf(
  sent: http.ClientRequest,
  url: URL,
  idleMs: number,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.setTimeout(idleMs, () =>
      sent.destroy(
        new UpstreamError(`${url.host} sent nothing for ${idleMs / 1000} s`, { host: url.host }),
      ),
    );
    sent.once("response", resolve);
    sent.once("error", reject);
    sent.end();
  });
}

/** CONNECT through the proxy. */
function openTunnel(url: URL, proxy: URL, request: HubRequest): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const target = `${url.hostname}:${url.port || 443}`;
    const sent = http.request({
      ...addressOf(proxy),
      method: "CONNECT",
      path: target,
      headers: { host: target, ...proxyAuthorization(proxy) },
      agent: false,
      ...(request.signal && { signal: request.signal }),
    });
    sent.setTimeout(request.idleMs, () => sent.destroy(new Error("the proxy did not answer")));
    sent.once("connect", (response, socket) => {
      if (response.statusCode === 200) resolve(socket);
      else {
        socket.destroy();
        reject(new Error(`the proxy refused with status ${response.statusCode}`));
      }
    });
    sent.once("error", reject);
    sent.end();
  });
}

/** Not the URL itself: Node would send its password on to the server as `Authorization`. */
function addressOf(proxy: URL): { readonly host: string; readonly port: string } {
  return { host: proxy.hostname.replace(/^\[(.*)\]$/, "$1"), port: proxy.port || "80" };
}

function proxyAuthorization(proxy: URL): Record<string, string> {
  if (proxy.username === "") return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** Proxy for a URL, or null for a direct connection. */
export function proxyFor(url: URL, env: Environment): URL | null {
  const variable = url.protocol === "https:" ? "https_proxy" : "http_proxy";
  const value = setting(env, variable) || setting(env, "all_proxy");
  if (value === "" || excepted(url, setting(env, "no_proxy"))) return null;
  try {
    const proxy = new URL(value.includes("://") ? value : `http://${value}`);
    if (proxy.protocol === "http:") return proxy;
  } catch {
    // fall through to the one message for all unusable values
  }
  throw new UpstreamError(
    `${variable.toUpperCase()} must be the http:// address of a proxy, got "${value}"`,
    { variable },
  );
}

function setting(env: Environment, name: string): string {
  return env[name] || env[name.toUpperCase()] || "";
}

/** `NO_PROXY`: host names, domains (".example.org" or "example.org"), "host:port", or "*". */
function excepted(url: URL, list: string): boolean {
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      const [, host = "", port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
      if (port !== undefined && port !== (url.port || (url.protocol === "https:" ? "443" : "80"))) {
        return false;
      }
      return url.hostname === host || url.hostname.endsWith(`.${host}`);
    });
}

function unreachable(url: URL, proxy: URL | null, error: unknown): UpstreamError {
  const cause = error as NodeJS.ErrnoException;
  const through = proxy === null ? "" : ` through the proxy ${proxy.host}`;
  return new UpstreamError(
    `cannot reach ${url.host}${through}: ${cause.message || cause.code || "connection failed"}`,
    { host: url.host },
    { cause: error },
  );
}
