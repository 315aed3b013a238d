import { createApiKey } from "../../server/api-keys.js";
import type { Scope } from "../../server/operation.js";
import { type CommonOptions, printJson, printText, say } from "../output.js";

interface KeyOptions extends CommonOptions {
  readonly name: string;
  readonly scope: Scope;
}

/** `braid key`: the line for the key file on stdout, the key itself on stderr, once. */
export async function keyCommand(options: KeyOptions): Promise<void> {
  const { key, line } = createApiKey(options.name, options.scope);
  if (options.json === true) {
    printJson({ key, line });
    return;
  }
  say({ ...options, quiet: false }, `key (shown only now): ${key}`);
  printText(line);
}
