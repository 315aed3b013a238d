import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import type { Environment } from "./hub-request.js";

/**
 * The hub's standard cache, shared with Python's huggingface_hub:
 *
 *     models--<owner>--<name>/
 *       refs/main                     a commit hash
 *       blobs/<etag>                  one file's bytes; <etag>.incomplete while it comes
 *       snapshots/<commit>/<path>     symbolic links to blobs (plain files where links are refused)
 */
export class HubCache {
  readonly #folder: string;

  constructor(cacheDir: string, repoId: string) {
    this.#folder = path.join(cacheDir, `models--${repoId.replaceAll("/", "--")}`);
  }

  /** Commit that a branch or tag pointed to when it was last fetched; null for none. */
  async commitOf(revision: string): Promise<string | null> {
    const text = await readFile(path.join(this.#folder, "refs", revision), "utf8").catch(() => "");
    if (isCommit(text.trim())) return text.trim();
    return isCommit(revision) && existsSync(this.snapshot(revision)) ? revision : null;
  }

  async pointTo(revision: string, commit: string): Promise<void> {
    if (revision === commit) return;
    const file = path.join(this.#folder, "refs", revision);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, commit);
  }

  snapshot(commit: string): string {
    return path.join(this.#folder, "snapshots", commit);
  }

  /** File of a snapshot, whether or not it is there. */
  entry(commit: string, file: string): string {
    return path.join(this.snapshot(commit), ...file.split("/"));
  }

  blob(etag: string): string {
    return path.join(this.#folder, "blobs", etag);
  }

  async makeFolders(): Promise<void> {
    await mkdir(path.join(this.#folder, "blobs"), { recursive: true });
  }

  /** Puts a complete blob into a snapshot. */
  async link(commit: string, file: string, etag: string): Promise<void> {
    const entry = this.entry(commit, file);
    await mkdir(path.dirname(entry), { recursive: true });
    await rm(entry, { force: true });
    const target = path.relative(path.dirname(entry), this.blob(etag));
    try {
      await symlink(target, entry);
    } catch {
      // Windows without the right to make links: a copy, placed whole.
      const partial = `${entry}.partial-${process.pid}`;
      await copyFile(this.blob(etag), partial);
      await rename(partial, entry);
    }
  }
}

export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** Where the hub's tools keep models: `HF_HUB_CACHE`, else `hub` below `HF_HOME`. */
export function hubCacheDirectory(env: Environment): string {
  return env["HF_HUB_CACHE"] || env["HUGGINGFACE_HUB_CACHE"] || path.join(hubHome(env), "hub");
}

/** `HF_HOME`, else `huggingface` below `XDG_CACHE_HOME` or `~/.cache`. */
export function hubHome(env: Environment): string {
  const cache = env["XDG_CACHE_HOME"] || path.join(homedir(), ".cache");
  return env["HF_HOME"] || path.join(cache, "huggingface");
}
