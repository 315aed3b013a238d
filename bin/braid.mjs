#!/usr/bin/env node
// The braid command. In a checkout it builds dist/ first when src/ is newer; in an installed
// package there is no src/ and nothing to build. Everything else is in src/cli/.
import { existsSync } from "node:fs";
import process from "node:process";

const root = new URL("../", import.meta.url);
const isCheckout = existsSync(new URL("src/", root)) && existsSync(new URL("scripts/", root));

if (isCheckout) {
  const { build, isBuilt } = await import(new URL("scripts/ensure-built.mjs", root).href);
  const { fileURLToPath } = await import("node:url");
  const folder = fileURLToPath(root);
  if (!isBuilt(folder)) {
    const failure = build(folder);
    if (failure !== "") {
      console.error(`braid is not built: ${failure}`);
      process.exit(1);
    }
  }
}

const { main } = await import(new URL("dist/cli/main.js", root).href);
process.exitCode = await main(process.argv.slice(2));
