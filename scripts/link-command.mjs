// Plain Node: puts `braid` among node_modules/.bin, so that `npx braid` runs this checkout. npm
// links the commands of dependencies there, but never a project's own.
import { chmodSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";

/** @param {string} root folder of package.json */
export function linkCommand(root) {
  const folder = path.join(root, "node_modules", ".bin");
  mkdirSync(folder, { recursive: true });
  if (process.platform === "win32") {
    const call = '@node "%~dp0\\..\\..\\bin\\braid.mjs" %*\r\n';
    writeFileSync(path.join(folder, "braid.cmd"), call);
    return;
  }
  const link = path.join(folder, "braid");
  const target = path.join("..", "..", "bin", "braid.mjs");
  chmodSync(path.join(root, "bin", "braid.mjs"), 0o755);
  try {
    if (readlinkSync(link) === target) return;
  } catch {
    // Not there, or not a link: made anew below.
  }
  rmSync(link, { force: true });
  symlinkSync(target, link);
}
