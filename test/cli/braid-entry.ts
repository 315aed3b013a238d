import { main } from "../../src/cli/main.js";

process.exitCode = await main(process.argv.slice(2));

// Which modules were loaded, for tests of what a command may load.
if (process.env["BRAID_TEST_LOADED"] !== undefined) {
  const native = process.report.getReport() as unknown as { sharedObjects: string[] };
  process.stderr.write(`loaded: ${native.sharedObjects.join(" ")}\n`);
}
