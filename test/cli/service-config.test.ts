import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { UsageError } from "../../src/cli/output.js";
import { serviceConfig } from "../../src/cli/service-config.js";

describe("the configuration of the service", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "braid-config-"));
  const file = path.join(folder, "braid.yaml");
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("takes flags before environment before file before defaults, and says so", () => {
    writeFileSync(file, "port: 1\nhost: file.example\ndeadlineMs: 5000\n");
    const { config, origins } = serviceConfig(
      { config: file, port: "3" },
      { BRAID_PORT: "2", BRAID_HOST: "env.example", BRAID_INSECURE: "1" },
    );
    assert.deepEqual(
      [config.port, config.host, config.deadlineMs, config.insecure, config.log, config.rateLimit],
      [3, "env.example", 5000, true, "errors", null],
    );
    assert.deepEqual(
      [origins.port, origins.host, origins.deadlineMs, origins.insecure, origins.log],
      ["--port", "BRAID_HOST", file, "BRAID_INSECURE", "default"],
    );
  });

  it("refuses values that cannot be, naming where they stand", () => {
    assert.throws(() => serviceConfig({ port: "70000" }, {}), UsageError);
    assert.throws(() => serviceConfig({}, { BRAID_PORT: "x" }), {
      name: "InputError",
      message: 'BRAID_PORT: expected a whole number from 0 to 65535, got "x"',
    });
    writeFileSync(file, "log: loud\n");
    assert.throws(() => serviceConfig({ config: file }, {}), /braid\.yaml: log: expected off/);
    writeFileSync(file, "prot: 1\n");
    assert.throws(() => serviceConfig({ config: file }, {}), /there is no setting prot/);
    writeFileSync(file, "a: [\n");
    assert.throws(() => serviceConfig({ config: file }, {}), /is not YAML/);
    assert.throws(() => serviceConfig({ config: `${file}.none` }, {}), { name: "NotFoundError" });
  });
});
