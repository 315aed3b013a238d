import { Buffer, isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { type Duplex, pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { InputError } from "../errors.js";

/** Media type of a request in lower case without its parameters; "" without one. */
export function mediaTypeOf(request: IncomingMessage): string {
  const header = request.headers["content-type"] ?? "";
  return (header.split(";", 1)[0] ?? "").trim().toLowerCase();
}

/** Whether a request says that it has content. */
export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers["content-length"];
  return request.headers["transfer-encoding"] !== undefined || (length ?? "0") !== "0";
}

/**
 * The content as it was before compression (gzip, deflate, br).
 *
 * @param idleMs a connection over which nothing comes for so long is cut
 * @throws {InputError} (415) another content encoding, or a charset that is not UTF-8
 */
export function decodedBody(request: IncomingMessage, idleMs: number): Readable {
  cutWhenIdle(request, idleMs);
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(
    request.headers["content-type"] ?? "",
  )?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new InputError(`expected content in UTF-8, got charset ${charset.slice(0, 40)}`, {
      httpStatus: 415,
    });
  }
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  switch (encoding) {
    case "identity":
      return request;
    case "gzip":
    case "x-gzip":
      return through(request, createGunzip());
    case "deflate":
      return through(request, createInflate());
    case "br":
      return through(request, createBrotliDecompress());
    default:
      throw new InputError(
        `expected content encoding gzip, deflate or br, got ${encoding.slice(0, 40)}`,
        { httpStatus: 415 },
      );
  }
}

/**
 * Cuts a request whose sender is silent while we wait for it. Time during which we do not read,
 * because documents are being written, does not count.
 */
function cutWhenIdle(request: IncomingMessage, idleMs: number): void {
  let silentMs = 0;
  let seen = request.socket.bytesRead;
  const stepMs = Math.max(1, Math.ceil(idleMs / 4));
  const timer = setInterval(() => {
    const now = request.socket.bytesRead;
    silentMs = now === seen && request.readableLength === 0 ? silentMs + stepMs : 0;
    seen = now;
    if (silentMs >= idleMs) {
      request.destroy(new InputError(`nothing came for ${idleMs} ms`, { httpStatus: 408 }));
    }
  }, stepMs).unref();
  const stop = (): void => clearInterval(timer);
  request.once("end", stop).once("close", stop).once("error", stop);
}

/** The stream behind a decoder, which fails with either of them. */
function through(request: IncomingMessage, decoder: Duplex): Readable {
  return pipeline(request, decoder, () => undefined) as Readable;
}

/**
 * Reads a whole JSON body.
 *
 * @param maxBytes most bytes after decompression
 * @param idleMs a connection over which nothing comes for so long is cut
 * @throws {InputError} too large (413), not UTF-8, not JSON, cut off
 */
export async function readJsonBody(
  request: IncomingMessage,
  maxBytes: number,
  idleMs: number,
): Promise<unknown> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const bytes = await readBytes(decodedBody(request, idleMs), maxBytes);
  if (bytes.length === 0) throw new InputError("expected a JSON body, got none", {});
  if (!isUtf8(bytes)) throw new InputError("expected a body in UTF-8, got other bytes", {});
  const text = bytes.toString("utf8");
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text) as unknown;
  } catch (cause) {
    // V8 quotes what it read: only the beginning of its words is kept.
    const reason = (cause as Error).message.replace(/\s+/g, " ").slice(0, 100);
    throw new InputError(`expected JSON in the body: ${reason}`, {}, { cause });
  }
}

function readBytes(stream: Readable, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        stream.removeAllListeners("data").pause();
        reject(tooLarge(maxBytes));
      } else {
        chunks.push(chunk);
      }
    });
    stream.on("end", () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)),
    );
    stream.on("error", (cause) => reject(brokenBody(cause)));
    stream.on("close", () => reject(new InputError("the body ended before it was complete", {})));
  });
}

/** A body that could not be read to its end. */
export function brokenBody(cause: unknown): InputError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new InputError(`the body cannot be read: ${reason.slice(0, 100)}`, {}, { cause });
}

function tooLarge(maxBytes: number): InputError {
  return new InputError(
    `expected a body of at most ${maxBytes} bytes: send documents as a stream of JSON lines`,
    { httpStatus: 413, maxBytes },
  );
}
