import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { InputError, NotFoundError } from "../errors.js";
import type { LogLevel } from "../server/request-log.js";
import { defaultLimits } from "../server/service.js";
import { UsageError } from "./output.js";

/** Options of `braid serve` and `braid config` as commander gives them. */
export interface ServiceOptions {
  readonly config?: string;
  readonly home?: string;
  readonly host?: string;
  readonly port?: string;
  readonly apiKeyFile?: string;
  readonly insecure?: boolean;
  readonly log?: string;
  readonly deadlineMs?: string;
  readonly rateLimit?: string;
}

/** Settings of a service. */
export interface ServiceConfig {
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly apiKeyFile: string | null;
  readonly insecure: boolean;
  readonly log: LogLevel;
  readonly deadlineMs: number;
  /** Requests a second of one key; null: any. */
  readonly rateLimit: number | null;
}

/** Where a value came from: `--port`, `BRAID_PORT`, `braid.yaml`, or `default`. */
export type Origins = { readonly [Name in keyof ServiceConfig]: string };

interface Setting<Value> {
  readonly flag: string;
  readonly variable: string;
  readonly otherwise: Value;
  /** @throws {InputError} `where` names flag, variable or file */
  readonly parse: (value: unknown, where: string) => Value;
}

/** Each setting once: its flag, its environment variable, its default and its values. */
export const settings: { readonly [Name in keyof ServiceConfig]: Setting<ServiceConfig[Name]> } = {
  home: { flag: "--home", variable: "BRAID_HOME", otherwise: "indexes", parse: text },
  host: { flag: "--host", variable: "BRAID_HOST", otherwise: "127.0.0.1", parse: text },
  port: { flag: "--port", variable: "BRAID_PORT", otherwise: 7700, parse: whole(0, 65_535) },
  apiKeyFile: {
    flag: "--api-key-file",
    variable: "BRAID_API_KEY_FILE",
    otherwise: null,
    parse: text,
  },
  insecure: { flag: "--insecure", variable: "BRAID_INSECURE", otherwise: false, parse: truth },
  log: { flag: "--log", variable: "BRAID_LOG", otherwise: "errors", parse: logLevel },
  deadlineMs: {
    flag: "--deadline-ms",
    variable: "BRAID_DEADLINE_MS",
    otherwise: defaultLimits.deadlineMs,
    parse: whole(1, 3_600_000),
  },
  rateLimit: {
    flag: "--rate-limit",
    variable: "BRAID_RATE_LIMIT",
    otherwise: defaultLimits.requestsPerSecond,
    parse: whole(1, 1_000_000),
  },
};

const defaultFile = "braid.yaml";

/**
 * Settings by flag, else environment, else file (`--config`, else `BRAID_CONFIG`, else `braid.yaml`
 * where it is there), else default.
 *
 * @throws {UsageError} a flag's value that cannot be
 * @throws {InputError} a value of the environment or the file that cannot be, an unknown field
 * @throws {NotFoundError} the file that was named is not there
 */
export function serviceConfig(
  options: ServiceOptions,
  environment: NodeJS.ProcessEnv = process.env,
): { readonly config: ServiceConfig; readonly origins: Origins } {
  const file = readConfigFile(options.config ?? environment["BRAID_CONFIG"]);
  const config: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  const names = Object.keys(settings) as (keyof ServiceConfig)[];
  for (const name of names) {
    const { flag, variable, otherwise, parse: parseValue } = settings[name];
    const inEnvironment = environment[variable];
    if (options[name] !== undefined) {
      config[name] = usage(() => parseValue(options[name], flag));
      origins[name] = flag;
    } else if (inEnvironment !== undefined && inEnvironment !== "") {
      config[name] = parseValue(inEnvironment, variable);
      origins[name] = variable;
    } else if (file.values[name] !== undefined) {
      config[name] = parseValue(file.values[name], `${file.name}: ${name}`);
      origins[name] = file.name;
    } else {
      config[name] = otherwise;
      origins[name] = "default";
    }
  }
  // Every name of the type has been given a value of its type.
  return { config: config as unknown as ServiceConfig, origins: origins as unknown as Origins };
}

function readConfigFile(named: string | undefined): {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
} {
  const name = named ?? defaultFile;
  if (!existsSync(name)) {
    if (named === undefined) return { name, values: {} };
    throw new NotFoundError(`there is no configuration file ${name}`, { file: name });
  }
  let content: unknown;
  try {
    content = parse(readFileSync(name, "utf8"));
  } catch (cause) {
    const reason = (cause as Error).message.split("\n", 1)[0] ?? "";
    throw new InputError(`${name} is not YAML: ${reason}`, { file: name }, { cause });
  }
  if (content === null) return { name, values: {} };
  if (typeof content !== "object" || Array.isArray(content)) {
    throw new InputError(`expected fields in ${name}, got something else`, { file: name });
  }
  for (const field of Object.keys(content)) {
    if (!Object.hasOwn(settings, field)) {
      const known = Object.keys(settings).join(", ");
      throw new InputError(`${name}: there is no setting ${field} (there are ${known})`, {
        file: name,
        field,
      });
    }
  }
  return { name, values: content as Record<string, unknown> };
}

/** On the command line a wrong value is wrong use. */
function usage<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    throw error instanceof InputError ? new UsageError(error.message) : error;
  }
}

function text(value: unknown, where: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw wrong(where, "text", value);
}

function whole(least: number, most: number): (value: unknown, where: string) => number {
  return (value, where) => {
    const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
    if (
      typeof number === "number" &&
      Number.isInteger(number) &&
      number >= least &&
      number <= most
    ) {
      return number;
    }
    throw wrong(where, `a whole number from ${least} to ${most}`, value);
  };
}

function truth(value: unknown, where: string): boolean {
  if (value === true || value === "true" || value === "1") return true;
  if (value === false || value === "false" || value === "0") return false;
  throw wrong(where, "true or false", value);
}

function logLevel(value: unknown, where: string): LogLevel {
  if (value === "off" || value === "errors" || value === "all") return value;
  throw wrong(where, "off, errors or all", value);
}

function wrong(where: string, expected: string, got: unknown): InputError {
  const shown = JSON.stringify(got)?.slice(0, 80) ?? "nothing";
  return new InputError(`${where}: expected ${expected}, got ${shown}`, { field: where });
}
