import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const entry = fileURLToPath(new URL("braid-entry.ts", import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in a process of its own, as a shell would. */
export function runBraid(
  args: readonly string[],
  options: { readonly home: string; readonly input?: string; readonly env?: NodeJS.ProcessEnv },
): Ran {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", "tsx", entry, ...args],
    {
      encoding: "utf8",
      input: options.input ?? "",
      env: { ...process.env, BRAID_HOME: options.home, ...options.env },
    },
  );
  return { status, stdout, stderr };
}

/** Starts the command line and leaves it running, to be fed, waited for or killed. */
export function startBraid(args: readonly string[], home: string): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ["--import", "tsx", entry, ...args], {
    env: { ...process.env, BRAID_HOME: home },
  });
}
