import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { UpstreamError } from "../../src/errors.js";
import { requestOnce } from "../../src/models/hub-request.js";

const folder = mkdtempSync(path.join(tmpdir(), "braid-tls-"));
const certificate = makeCertificate();

/** A self-signed certificate for localhost; null where there is no openssl. */
function makeCertificate(): { key: Buffer; cert: Buffer } | null {
  const [key, cert] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")];
  try {
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
      ].concat(["-keyout", key, "-out", cert]),
      { stdio: "ignore" },
    );
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } catch {
    return null;
  }
}

describe("https through a proxy", { skip: certificate === null && "openssl is not there" }, () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("opens a tunnel with CONNECT and checks the server's certificate inside it", async () => {
    const server = https.createServer(certificate ?? {}, (request, response) => {
      response.end(`${request.headers.host} ${request.headers.authorization}`);
    });
    const connects: string[] = [];
    const open: { destroy(): unknown }[] = [];
    const proxy = http.createServer().on("connect", (request, socket, head) => {
      connects.push(`${request.url} ${request.headers["proxy-authorization"]}`);
      const { port } = server.address() as AddressInfo;
      open.push(socket);
      const onward = net.connect(port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        onward.write(head);
        onward.pipe(socket).pipe(onward);
      });
      open.push(onward);
    });
    for (const one of [server, proxy]) {
      await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
    }
    const url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/x`);
    const env = { HTTPS_PROXY: `http://u:p@127.0.0.1:${(proxy.address() as AddressInfo).port}` };
    const request = {
      method: "GET",
      headers: { authorization: "Bearer t" },
      env,
      idleMs: 2000,
    } as const;
    try {
      await assert.rejects(
        requestOnce(url, request),
        (error: Error) => error instanceof UpstreamError && /self-signed/.test(error.message),
      );
      process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
      const response = await requestOnce(url, request);
      let text = "";
      for await (const chunk of response) text += String(chunk);
      assert.equal(text, `${url.host} Bearer t`);
      assert.deepEqual(
        [...new Set(connects)],
        [`${url.host} Basic ${Buffer.from("u:p").toString("base64")}`],
      );
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      for (const socket of open) socket.destroy();
      server.closeAllConnections();
      server.close();
      proxy.close();
    }
  });
});
