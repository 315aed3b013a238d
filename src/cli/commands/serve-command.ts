import { CollectionRegistry } from "../../server/collection-registry.js";
import { packageVersion } from "../../server/package-version.js";
import type { LogLevel } from "../../server/request-log.js";
import { startServer } from "../../server/start-server.js";
import { countOption, defined, homeDirectory } from "../options.js";
import { type CommonOptions, printJson, printText, say, UsageError } from "../output.js";

interface ServeOptions extends CommonOptions {
  readonly port?: string;
  readonly host?: string;
  readonly apiKeyFile?: string;
  readonly insecure?: boolean;
  readonly log?: LogLevel;
}

/** `braid serve`: REST and web page until SIGINT or SIGTERM; a second signal ends it at once. */
export async function serveCommand(options: ServeOptions): Promise<void> {
  const port = countOption("--port", options.port, 0);
  if (port !== undefined && port > 65_535) {
    throw new UsageError(`--port must be at most 65535, got ${port}`);
  }
  const home = homeDirectory(options);
  const running = await startServer(
    new CollectionRegistry(home),
    defined({
      port,
      host: options.host,
      apiKeyFile: options.apiKeyFile,
      insecure: options.insecure,
      logLevel: options.log,
      version: packageVersion(),
    }),
  );
  if (options.json === true) printJson({ address: running.address, port: running.port, home });
  else printText(`Braid serves ${home} at ${running.address}`);
  await signalled();
  say(options, "finishing what was accepted …");
  const atOnce = signalled().then(() => process.exit(1));
  await Promise.race([running.stop(), atOnce]);
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}
