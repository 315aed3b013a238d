import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Express, Request, Response } from "express";
import { NotFoundError } from "../errors.js";

/** One file of the page, ready to be sent. */
interface Asset {
  readonly type: string;
  readonly tag: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
  readonly brotli: Buffer;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Rooms whose compiled files the page loads. */
const rooms = ["web", "client"];

/** Nothing from elsewhere, nothing inline, no frame around it. */
const contentSecurityPolicy: string = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * The page at `/` and its files below `/assets/`, read from dist/ into memory at the start and
 * packed once. Only these names are served: no request reaches the file system.
 */
export function servePage(app: Express): void {
  const assets = readAssets();
  const page = assets.get("web/index.html");
  app.get("/", (request, response) => {
    response.locals["operation"] = "page";
    if (page === undefined) {
      throw new NotFoundError("the page is not built: npm run build builds it", {});
    }
    send(request, response, page);
  });
  app.get("/assets/*file", (request, response) => {
    response.locals["operation"] = "asset";
    const asset = assets.get(request.path.slice("/assets/".length));
    if (asset === undefined) throw new NotFoundError("there is no such file of the page", {});
    send(request, response, asset);
  });
}

function send(request: Request, response: Response, asset: Asset): void {
  response.setHeader("Content-Type", asset.type);
  response.setHeader("Cache-Control", "no-cache");
  response.setHeader("ETag", asset.tag);
  response.setHeader("Vary", "Accept-Encoding");
  response.setHeader("Content-Security-Policy", contentSecurityPolicy);
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  if (request.headers["if-none-match"] === asset.tag) {
    response.statusCode = 304;
    response.end();
    return;
  }
  const accepted = request.headers["accept-encoding"] ?? "";
  let body = asset.plain;
  if (/\bbr\b/.test(accepted)) {
    response.setHeader("Content-Encoding", "br");
    body = asset.brotli;
  } else if (/\bgzip\b/.test(accepted)) {
    response.setHeader("Content-Encoding", "gzip");
    body = asset.gzip;
  }
  response.setHeader("Content-Length", body.length);
  response.end(body);
}

/** Files by room and name. In a checkout that is not built there are none. */
function readAssets(): Map<string, Asset> {
  // src/server/ and dist/server/ both lie two levels below the package's root.
  const dist = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../dist");
  const assets = new Map<string, Asset>();
  for (const room of rooms) {
    const folder = path.join(dist, room);
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const type = types[path.extname(name)];
      if (type !== undefined) {
        assets.set(`${room}/${name}`, pack(type, readFileSync(path.join(folder, name))));
      }
    }
  }
  return assets;
}

function pack(type: string, plain: Buffer): Asset {
  const hash = createHash("sha256").update(plain).digest("base64url").slice(0, 22);
  return {
    type,
    tag: `"${hash}"`,
    plain,
    gzip: gzipSync(plain, { level: 9 }),
    brotli: brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  };
}
