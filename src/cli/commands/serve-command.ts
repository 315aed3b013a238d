import path from "node:path";
import { CollectionRegistry } from "../../server/collection-registry.js";
import { packageVersion } from "../../server/package-version.js";
import { startServer } from "../../server/start-server.js";
import { type CommonOptions, printJson, printText, say } from "../output.js";
import { type ServiceOptions, serviceConfig } from "../service-config.js";

/** `braid serve`: REST and web page until SIGINT or SIGTERM; a second signal ends it at once. */
export async function serveCommand(options: CommonOptions & ServiceOptions): Promise<void> {
  const { config } = serviceConfig(options);
  const home = path.resolve(config.home);
  const running = await startServer(new CollectionRegistry(home), {
    host: config.host,
    port: config.port,
    apiKeyFile: config.apiKeyFile ?? undefined,
    insecure: config.insecure,
    logLevel: config.log,
    limits: { deadlineMs: config.deadlineMs, requestsPerSecond: config.rateLimit },
    version: packageVersion(),
  });
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
